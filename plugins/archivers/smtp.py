"""smtp: sends what happened by e-mail (an addition to the contract); RFC 5321, TLS as in RFC 8314 and 3207.

It is for whoever operates the node, in alert rules and default archives: strangers would have the node write
to whom they like.
"""

import contextlib
import datetime as dt
import json
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING

from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import JSON, closed, pattern
from chalicelib.domain.types import TYPES
from plugins.sdk.archiver import Archiver
from plugins.sdk.jobs import Outcome, Parcel, retry_after
from plugins.support import guarded_connections, sayings

if TYPE_CHECKING:
    import smtplib
    import ssl
    from email.message import EmailMessage

SECONDS = 30.0
"""That a message may take, all in all."""
MOST_RECIPIENTS = 10
LONGEST_SUBJECT = 150
PORTS = {"starttls": 587, "tls": 465, "none": 25}
"""The usual ports, by how the connection is secured."""
_TEMPORARY = range(400, 500)

_ADDRESS = pattern(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\-]{1,64}@[A-Za-z0-9.\-]{1,253}", "{value!r} is not an e-mail address"
)
_LINE = pattern(r"[^\x00-\x1f\x7f]{1,200}", "{value!r} is not one line of text")


def deliver(parcel: Parcel) -> Outcome:
    """Send a message with the document in it; it counts once the server has taken it for somebody.

    What the server refuses for good fails for good, all else as the retry policy says.
    """
    import smtplib

    data = parcel.data
    again = retry_after(data.get("retry-policy", ()), parcel.attempts)
    try:
        with guarded_connections.ending(SECONDS):
            refused = _sent(data, message(parcel))
    except (guarded_connections.Refused, guarded_connections.Unresolvable) as error:
        return Outcome(False, error.message)
    except smtplib.SMTPRecipientsRefused as error:
        return _refusal(list(error.recipients.values()), again)
    except smtplib.SMTPResponseException as error:
        return _refusal([(error.smtp_code, error.smtp_error)], again)
    except smtplib.SMTPNotSupportedError as error:
        return Outcome(False, str(error))
    except (OSError, smtplib.SMTPException) as error:
        return Outcome(False, sayings.said(error), again)
    return Outcome(True, f"Refused for {refused} of {len(data['_to'])}" if refused else None)


def _sent(data: Mapping[str, JSON], made: "EmailMessage") -> int:
    """Send a message; for how many it was not taken, where it was for others."""
    import smtplib

    server = _connected(data)
    try:
        refused = server.send_message(made)
        with contextlib.suppress(
            OSError, smtplib.SMTPException
        ):  # it has the message, however it says goodbye
            server.quit()
        return len(refused)
    finally:
        server.close()


def _refusal(answers: list[tuple[int, bytes | str]], again: dt.timedelta | None) -> Outcome:
    code, text = answers[0]
    said = text.decode(errors="replace") if isinstance(text, bytes) else text
    can_work_later = any(each in _TEMPORARY for each, _ in answers)
    return Outcome(False, f"The server answered {code} {said[:500]}", again if can_work_later else None)


def message(parcel: Parcel) -> "EmailMessage":
    """What is sent: a document that has a summary begins with that, and the whole of it follows as JSON."""
    from email.message import EmailMessage
    from email.utils import format_datetime

    data, document = parcel.data, parcel.result
    summary = _summary(document)
    made = EmailMessage()
    made["From"], made["To"] = data["from"], ", ".join(data["_to"])
    made["Subject"] = data.get("subject") or summary[:LONGEST_SUBJECT]
    made["Date"] = format_datetime(dt.datetime.now(dt.timezone.utc))
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday notice answers it
    if parcel.delivery:
        made["Message-ID"] = f"<{parcel.delivery}@{_domain(data)}>"  # so that what comes twice is seen once
    links = [document[name] for name in ("path", "href") if name in document] if _is_notice(document) else []
    made.set_content("\n\n".join([summary, *links, json.dumps(document, indent=2), ""]))
    return made


def _is_notice(document: JSON) -> bool:
    return isinstance(document, dict) and isinstance(document.get("summary"), str)


def _summary(document: JSON) -> str:
    """A line that says what it is about."""
    if isinstance(document, str):
        return " ".join(document.split()) or "pScheduler"
    if _is_notice(document):
        return " ".join(document["summary"].split())
    test = document.get("test") if isinstance(document, dict) else None
    return f"A result of {test['type']}" if isinstance(test, dict) and "type" in test else "A result"


def _domain(data: Mapping[str, JSON]) -> str:
    domain: str = data["from"].rpartition("@")[2]
    return domain


def _connected(data: Mapping[str, JSON]) -> "smtplib.SMTP":
    """A server that is ready for a message. Raises OSError, SMTPException, Refused, Unresolvable."""
    import smtplib

    how = data.get("security", "starttls")
    tls = _tls(data) if how != "none" else None

    class Guarded(smtplib.SMTP):
        def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
            end = guarded_connections.create_connection(host, port, timeout)
            return tls.wrap_socket(end, server_hostname=host) if tls and how == "tls" else end

    server = Guarded(
        data["host"], data.get("port", PORTS[how]), local_hostname=_domain(data), timeout=SECONDS
    )
    try:
        if tls and how == "starttls":
            server.starttls(context=tls)
        if "user" in data:
            server.login(data["user"], data.get("_password", ""))
    except BaseException:
        server.close()
        raise
    return server


def _tls(data: Mapping[str, JSON]) -> "ssl.SSLContext":
    import ssl

    context = ssl.create_default_context(cadata=data.get("ca") or None)
    if not data.get("verify-ssl", True):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def check(data: Mapping[str, JSON]) -> None:
    """Raise Invalid for what goes wrong whenever it is tried."""
    if "user" in data and data.get("security") == "none":
        raise Invalid("a password is not sent without TLS: must be starttls or tls", "/security")
    try:
        _tls(data)
    except (OSError, ValueError) as error:
        raise Invalid("must be certificates as PEM text", "/ca") from error


ARCHIVER = Archiver(
    name="smtp",
    label="E-mail",
    description="Send alerts and results by e-mail",
    data={
        1: closed(
            {
                "schema": TYPES["Cardinal"],
                "host": TYPES["Host"],
                "port": TYPES["IPPort"],
                "security": {"enum": list(PORTS)},
                "verify-ssl": TYPES["Boolean"],
                "ca": {"type": "string", "maxLength": 65536},
                "user": _LINE,
                "_password": {"type": "string", "maxLength": 1024},
                "from": _ADDRESS,
                "_to": {
                    "type": "array",
                    "items": _ADDRESS,
                    "minItems": 1,
                    "maxItems": MOST_RECIPIENTS,
                    "uniqueItems": True,
                },
                "subject": _LINE,
                "retry-policy": TYPES["RetryPolicy"],
            },
            required=("host", "from", "_to"),
        )
    },
    deliver=deliver,
    check=check,
    for_operators=True,
)
