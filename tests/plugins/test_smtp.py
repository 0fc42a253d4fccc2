"""The archiver smtp, at a mail server of this machine."""

import datetime as dt
import email
import email.policy
import ssl
from email.message import EmailMessage
from typing import Any

import pytest
import trustme

from chalicelib.domain.errors import Invalid
from chalicelib.service.archiving import archive_specs
from plugins.archivers import smtp
from plugins.sdk.jobs import Outcome, Parcel
from tests.plugins.mail_server import MailServer, serving

NOTICE = {
    "type": "alert",
    "summary": "critical: rtt a to b (loss) since noon: loss.ratio is 1, above 0.05",
    "path": "https://node.example/pscheduler/ui/#/path?source=a&destination=b",
    "href": "https://node.example/pscheduler/alerts/loss.0123",
    "series": {"source": "a", "destination": "b"},
}
POLICY = [{"attempts": 5, "wait": "PT1M"}]
AGAIN = dt.timedelta(minutes=1)


def settings(server: MailServer, **changes: Any) -> dict[str, Any]:
    return {
        "host": "127.0.0.1",
        "port": server.port,
        "security": "none",
        "from": "node@example.org",
        "_to": ["one@example.net", "two@example.net"],
        "retry-policy": POLICY,
        **changes,
    }


def deliver(server: MailServer, document: Any = NOTICE, **changes: Any) -> Outcome:
    return smtp.deliver(Parcel(settings(server, **changes), document, delivery="0123-0"))


def received(server: MailServer) -> EmailMessage:
    (text,) = server.messages
    found = email.message_from_string(text, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def test_a_notification_says_in_its_subject_what_is_wrong_and_leads_to_the_path() -> None:
    with serving() as server:
        outcome = deliver(server)

    message = received(server)
    text = message.get_content().replace("\r\n", "\n")
    assert outcome == Outcome(True)
    assert message["Subject"] == NOTICE["summary"]
    assert (message["From"], message["To"]) == ("node@example.org", "one@example.net, two@example.net")
    assert message["Message-ID"] == "<0123-0@example.org>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert text.startswith(f"{NOTICE['summary']}\n\n{NOTICE['path']}\n\n{NOTICE['href']}\n\n{{")
    assert server.recipients == ["one@example.net", "two@example.net"]


@pytest.mark.parametrize(
    ("document", "subject"),
    [
        ({"test": {"type": "rtt", "spec": {}}}, "A result of rtt"),
        ("two\r\nBcc: lines@example.net", "two Bcc: lines@example.net"),  # no header of its own
        ("", "pScheduler"),
        ([1], "A result"),
        ({"summary": "a\nb"}, "a b"),
    ],
)
def test_whatever_a_transform_left_can_be_sent(document: Any, subject: str) -> None:
    with serving() as server:
        assert deliver(server, document) == Outcome(True)

    assert received(server)["Subject"] == subject
    assert received(server)["Bcc"] is None


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_password_goes_over_tls_that_is_checked(authority: trustme.CA, security: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    known = authority.cert_pem.bytes().decode()

    with serving(context=context, is_tls_at_once=security == "tls") as server:
        trusting = deliver(server, security=security, ca=known, user="node", _password="secret")
    with serving(context=context, is_tls_at_once=security == "tls") as other:
        wary = deliver(other, security=security, user="node", _password="secret")

    assert (trusting, server.credentials, server.secured) == (Outcome(True), ["\0node\0secret"], 1)
    assert (wary.succeeded, other.credentials, other.messages) == (False, [], [])
    assert "certificate" in (wary.error or "")


def test_a_server_without_tls_gets_neither_password_nor_message() -> None:
    with serving() as server:
        outcome = deliver(server, security="starttls", user="node", _password="secret")

    assert not outcome.succeeded
    assert (server.credentials, server.messages) == ([], [])


@pytest.mark.parametrize(
    ("answers", "retry"),
    [
        ({"": "421 busy"}, AGAIN),
        ({"": "554 go away"}, None),
        ({"MAIL": "550 not from you"}, None),
        ({"RCPT": "550 nobody here"}, None),
        ({"RCPT": "451 later"}, AGAIN),
        ({".": "452 full"}, AGAIN),
        ({".": "554 spam"}, None),
    ],
)
def test_what_a_server_refuses_for_now_is_tried_again(
    answers: dict[str, str], retry: dt.timedelta | None
) -> None:
    with serving(answers=answers) as server:
        outcome = deliver(server)

    assert (outcome.succeeded, outcome.retry) == (False, retry)
    assert next(iter(answers.values())) in (outcome.error or "")


def test_a_message_that_one_of_two_gets_is_sent() -> None:
    with serving(answers={"RCPT TO:<one@example.net>": "550 nobody here"}) as server:
        outcome = deliver(server)

    assert outcome == Outcome(True, "Refused for 1 of 2")
    assert server.recipients == ["two@example.net"]


def test_a_server_that_says_no_goodbye_has_the_message() -> None:
    with serving(answers={"QUIT": "500 what"}) as server:
        assert deliver(server) == Outcome(True)


def test_where_nobody_listens_it_is_tried_again() -> None:
    with serving() as server:
        pass

    assert deliver(server).retry == AGAIN


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"from": "node"}, "/from"),
        ({"_to": []}, "/_to"),
        ({"_to": ["a@b.example\nBcc: c@d.example"]}, "/_to/0"),
        ({"subject": "two\nlines"}, "/subject"),
        ({"user": "node", "security": "none"}, "/security"),
        ({"ca": "no certificate"}, "/ca"),
    ],
)
def test_settings_that_cannot_work_are_refused(changes: dict[str, Any], pointer: str) -> None:
    fault = smtp.ARCHIVER.fault(settings(MailServer(25), **changes))

    assert fault is not None
    assert fault.pointer == pointer


def test_tasks_cannot_have_the_node_write_to_anybody() -> None:
    archive = {"archiver": "smtp", "data": settings(MailServer(25))}

    with pytest.raises(Invalid, match="/archives/0/archiver: smtp is reserved for the node's operator"):
        archive_specs.require_valid([archive])
    archive_specs.require_valid([archive], "/notify", by_operator=True)
