"""The dnspy tool, against a name server on loopback."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from chalicelib.domain.times import parse_duration
from plugins.sdk.jobs import PluginFailed
from plugins.tests.dns import TEST
from plugins.tools.web import dnspy
from tests.builders import seconds

ZONE = {
    ("www.example.org.", "A"): ["192.0.2.1", "192.0.2.2"],
    ("www.example.org.", "AAAA"): ["2001:db8::1"],
    ("example.org.", "NS"): ["ns1.example.org.", "ns2.example.org."],
    ("alias.example.org.", "CNAME"): ["www.example.org."],
    ("1.2.0.192.in-addr.arpa.", "PTR"): ["www.example.org."],
    ("example.org.", "MX"): ["10 mail.example.org."],
    ("example.org.", "SOA"): ["ns1.example.org. admin.example.org. 2026112301 7200 3600 1209600 300"],
    ("example.org.", "TXT"): ['"two " "parts"', '"grüße"'],
}


def reply(query: dns.message.Message) -> dns.message.Message | None:
    """What the name server says; None to say nothing."""
    (question,) = query.question
    name, kind = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
    answer = dns.message.make_response(query)
    answer.flags |= dns.flags.AA | dns.flags.RA
    if name == "silent.example.org.":
        return None
    if name == "broken.example.org.":
        answer.set_rcode(dns.rcode.SERVFAIL)
    elif name == "refused.example.org.":
        answer.set_rcode(dns.rcode.REFUSED)
    elif (name, kind) in ZONE:
        answer.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *ZONE[name, kind]))
    elif not any(name == known for known, _ in ZONE):
        answer.set_rcode(dns.rcode.NXDOMAIN)
    return answer


def serve(end: socket.socket) -> None:
    while True:
        message, peer = end.recvfrom(4096)
        if not message:
            return
        answer = reply(dns.message.from_wire(message))
        if answer is not None:
            end.sendto(answer.to_wire(), peer)


@pytest.fixture
def resolver() -> Iterator[Any]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.bind(("127.0.0.1", 0))
        server = threading.Thread(target=serve, args=(end,))
        server.start()
        yield dnspy.make_resolver(seconds(2), "127.0.0.1", port=end.getsockname()[1])
        end.sendto(b"", end.getsockname())
        server.join()


@pytest.mark.parametrize(
    ("query", "record", "expected"),
    [
        ("www.example.org", "a", ["192.0.2.1", "192.0.2.2"]),
        ("www.example.org", "aaaa", ["2001:db8::1"]),
        ("example.org", "ns", ["ns1.example.org.", "ns2.example.org."]),
        ("alias.example.org", "cname", "www.example.org."),
        ("1.2.0.192.in-addr.arpa", "ptr", "www.example.org."),
        ("192.0.2.1", "ptr", "www.example.org."),
        ("example.org", "mx", [{"pref": 10, "mx": "mail.example.org."}]),
        # As in a zone file: archives hold them with their quotes.
        ("example.org", "txt", ['"two " "parts"', r'"gr\195\188\195\159e"']),
        (
            "example.org",
            "soa",
            {
                "nameserver": "ns1.example.org.",
                "owner": "admin.example.org.",
                "serial": 2026112301,
                "refresh": 7200,
                "retry": 3600,
                "expire": 1209600,
                "minimum": 300,
            },
        ),
    ],
)
def test_reads_every_type_of_record(resolver: Any, query: str, record: str, expected: Any) -> None:
    answer = dnspy.ask(resolver, query, record)

    result = dnspy.local_result(answer, always_succeed=False)["result"]
    assert in_any_order(result["record"]) == in_any_order(expected)
    assert TEST.result_versions.problem(result) is None


def in_any_order(records: Any) -> Any:
    # Records of a set have no order: servers and resolvers shuffle them.
    return sorted(records, key=str) if isinstance(records, list) else records


def test_knows_every_type_of_record_of_the_test() -> None:
    (field,) = (field for field in TEST.fields if field.name == "record")

    assert set(field.schema(1)["enum"]) == set(dnspy.RECORDS)


@pytest.mark.parametrize(
    ("query", "rcode", "said"),
    [
        ("nowhere.example.org", "NXDOMAIN", "NXDOMAIN: the domain nowhere.example.org does not exist"),
        ("example.org", "NOERROR", "example.org has no a record"),
        ("broken.example.org", "SERVFAIL", "SERVFAIL: no name server had an answer"),
        ("refused.example.org", "REFUSED", "REFUSED: no name server had an answer"),
    ],
)
def test_an_answer_without_a_record_is_timed(resolver: Any, query: str, rcode: str, said: str) -> None:
    answer = dnspy.ask(resolver, query, "a")

    failed, told = (dnspy.local_result(answer, always) for always in (False, True))
    assert (answer.rcode, answer.record) == (rcode, None)
    assert seconds(0) < parse_duration(failed["result"]["time"]) < seconds(5)
    assert (failed["succeeded"], failed["error"], failed["result"]["error"]) == (False, said, said)
    assert (told["result"]["succeeded"], told["result"]["rcode"]) == (True, rcode)
    assert not [r for r in (failed, told) if TEST.result_versions.problem(r["result"])]


def test_the_code_of_an_answer_with_a_record_is_told_where_it_is_asked_for(resolver: Any) -> None:
    told = dnspy.local_result(dnspy.ask(resolver, "www.example.org", "a"), always_succeed=True)["result"]

    assert (told["schema"], told["rcode"], len(told["record"])) == (2, "NOERROR", 2)
    assert TEST.result_versions.problem(told) is None


def test_a_question_that_cannot_be_asked_is_a_failure(resolver: Any) -> None:
    with pytest.raises(PluginFailed, match="could not be sent"):
        dnspy.ask(resolver, "a..b", "a")


def test_gives_up_in_time(resolver: Any) -> None:
    resolver.lifetime = resolver.timeout = 0.1

    with pytest.raises(PluginFailed, match=r"in 0\.1 seconds"):
        dnspy.ask(resolver, "silent.example.org", "a")


def test_shares_its_time_among_the_servers() -> None:
    resolver = dnspy.make_resolver(seconds(6), "192.0.2.1")

    assert (resolver.lifetime, resolver.timeout) == (6, 6)
    assert dnspy.duration("dns", {}) == seconds(6)
    assert dnspy.duration("dns", {"timeout": "PT2S"}) == seconds(3)
