"""Policies, tasks and requesters, and whether they pass: a row a rule of the contract, quirks included."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from tests.domain.limits.world import (
    ALWAYS,
    EVERYBODY,
    IDLE,
    NEVER,
    World,
    apply,
    classifier,
    identifier,
    identifying,
    judged,
    limit,
    limiting,
    policy,
)


class Case(NamedTuple):
    rule: str
    policy: dict[str, Any]
    passes: bool
    task: Any = IDLE
    hints: Mapping[str, Any] = MappingProxyType({})
    world: World | None = None


def _run(start: str, duration: str = "PT10S") -> dict[str, Any]:
    return {**IDLE, "run_schedule": {"start": start, "duration": duration}}


def _from(address: str) -> dict[str, Any]:
    return {"requester": address}


def _match(text: str, style: str = "exact", **more: Any) -> dict[str, Any]:
    return {"style": style, "match": text, **more}


CIDRS = identifying(identifier("ip-cidr-list", {"cidrs": ["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"]}))
INVERTED = identifying(identifier("ip-cidr-list", {"cidrs": ["10.0.0.0/8"]}, invert=True))
LIST = {"source": "https://lists.test/ren", "update": "P1D", "retry": "PT4H", "exclude": ["10.9.0.0/16"]}
LISTED = World(lists={"https://lists.test/ren": ["10.0.0.0/8"]})
ASN = {"asns": [64500], "timeout": "PT1S", "fail-result": False}
ASN_NAME = "7.100.51.198.origin.asn.cymru.com"
SIX_NAME = "1." + "0." * 23 + "8.b.d.0.1.0.0.2.origin6.asn.cymru.com"
BOGON = {"exclude": ["10.0.0.0/8"], "timeout": "PT1S", "fail-result": False}
BOGON_NAME = "7.100.51.198.v4.fullbogons.cymru.com"
REVERSE = {"match": _match(r"\.example\.org$", "regex"), "timeout": "PT1S"}
NAMED = World(name={"198.51.100.7": ["a.example.org."]}, address={"a.example.org.": ["198.51.100.7"]})

IDENTIFIERS = [
    Case("always identifies", identifying(identifier("always", {})), True),
    Case("a hint matches exactly", identifying(identifier("hint", {"hint": "server", "match": _match("a")})), True, hints={"server": "a"}),
    Case("a hint that differs in case does not match", identifying(identifier("hint", {"hint": "server", "match": _match("A")})), False, hints={"server": "a"}),
    Case("a hint matches in any case where told", identifying(identifier("hint", {"hint": "server", "match": _match("A", **{"case-insensitive": True})})), True, hints={"server": "a"}),
    Case("a hint contains", identifying(identifier("hint", {"hint": "server", "match": _match("xamp", "contains")})), True, hints={"server": "example"}),
    Case("a regular expression is searched for", identifying(identifier("hint", {"hint": "server", "match": _match("am.l", "regex")})), True, hints={"server": "example"}),
    Case("a match is inverted", identifying(identifier("hint", {"hint": "server", "match": _match("b", invert=True)})), True, hints={"server": "a"}),
    Case("a missing hint does not identify, inverted match or not", identifying(identifier("hint", {"hint": "server", "match": _match("b", invert=True)})), False),
    Case("jq on hints gives true", identifying(identifier("jq", {"script": '.requester == "198.51.100.7"'})), True),
    Case("jq that gives no boolean does not identify", identifying(identifier("jq", {"script": '"true"'})), False),
    Case("jq without output does not identify", identifying(identifier("jq", {"script": "empty"})), False),
    Case("jq that fails does not identify", identifying(identifier("jq", {"script": '.requester | error("no")'})), False),
    Case("only the first output of jq counts", identifying(identifier("jq", {"script": "false, true"})), False),
    Case("jq has arguments", identifying(identifier("jq", {"script": ["$a", "== 1"], "args": {"a": 1}})), True),
    Case("an address in a network", CIDRS, True, hints=_from("10.200.1.1")),
    Case("an IPv6 address in a network", CIDRS, True, hints=_from("2001:db8::7")),
    Case("an address that is listed", CIDRS, True, hints=_from("192.0.2.7")),
    Case("an IPv4 address in IPv6's clothes", CIDRS, True, hints=_from("::ffff:10.1.1.1")),
    Case("an address outside", CIDRS, False),
    Case("a requester that is no address", CIDRS, False, hints=_from("example.org")),
    Case("an inverted identifier identifies nobody inside", INVERTED, False, hints=_from("10.1.1.1")),
    Case("an inverted identifier identifies nobody outside", INVERTED, False),
    Case("an inverted always identifies nobody", identifying(identifier("always", {}, invert=True)), False),
    Case("an address in a list by URL", identifying(identifier("ip-cidr-list-url", LIST)), True, hints=_from("10.1.1.1"), world=LISTED),
    Case("an excluded one", identifying(identifier("ip-cidr-list-url", LIST)), False, hints=_from("10.9.1.1"), world=LISTED),
    Case("a list never loaded fails", identifying(identifier("ip-cidr-list-url", LIST)), False, hints=_from("10.1.1.1")),
    Case("a list never loaded gives its fail-state", identifying(identifier("ip-cidr-list-url", {**LIST, "fail-state": True})), True),
    Case("an empty list gives its fail-state", identifying(identifier("ip-cidr-list-url", {**LIST, "fail-state": True})), True, world=World(lists={"https://lists.test/ren": []})),
    Case("an address of an AS", identifying(identifier("ip-cymru-asn", ASN)), True, world=World(text={ASN_NAME: ["64496 64500 | 198.51.100.0/24 | ZZ"]})),
    Case("an address of another AS", identifying(identifier("ip-cymru-asn", ASN)), False, world=World(text={ASN_NAME: ["64499 | 64500 | ZZ"]})),
    Case("an IPv6 address of an AS", identifying(identifier("ip-cymru-asn", ASN)), True, hints=_from("2001:db8::1"), world=World(text={SIX_NAME: ["64500 | 2001:db8::/32"]})),
    Case("an address of no AS, whatever fail-result says", identifying(identifier("ip-cymru-asn", {**ASN, "fail-result": True})), False),
    Case("no answer about an AS gives fail-result", identifying(identifier("ip-cymru-asn", {**ASN, "fail-result": True})), True, world=World(text={ASN_NAME: None})),
    Case("an address of a peer of an AS", identifying(identifier("ip-cymru-asn", {**ASN, "peers": True})), True, world=World(text={"7.100.51.198.peer.asn.cymru.com": ["64500 | x"]})),
    Case("a bogon", identifying(identifier("ip-cymru-bogon", BOGON)), True, world=World(address={BOGON_NAME: ["127.0.0.2"]})),
    Case("no bogon", identifying(identifier("ip-cymru-bogon", BOGON)), False),
    Case("another answer about a bogon", identifying(identifier("ip-cymru-bogon", BOGON)), False, world=World(address={BOGON_NAME: ["127.0.0.9"]})),
    Case("an excluded bogon", identifying(identifier("ip-cymru-bogon", BOGON)), False, hints=_from("10.1.1.1"), world=World(address={"1.1.1.10.v4.fullbogons.cymru.com": ["127.0.0.2"]})),
    Case("no answer about a bogon gives fail-result", identifying(identifier("ip-cymru-bogon", {**BOGON, "fail-result": True})), True, world=World(address={BOGON_NAME: None})),
    Case("a name that leads back", identifying(identifier("ip-reverse-dns", REVERSE)), True, world=NAMED),
    Case("a name with its dot matches too", identifying(identifier("ip-reverse-dns", {**REVERSE, "match": _match("a.example.org.")})), True, world=NAMED),
    Case("a name that leads elsewhere", identifying(identifier("ip-reverse-dns", REVERSE)), False, world=World(name=NAMED.name, address={"a.example.org.": ["198.51.100.8"]})),
    Case("a name that does not match", identifying(identifier("ip-reverse-dns", {**REVERSE, "match": _match("b.example.org")})), False, world=NAMED),
    Case("no answer about a name", identifying(identifier("ip-reverse-dns", REVERSE)), False, world=World(name={"198.51.100.7": None})),
    Case("an address of this machine", identifying(identifier("localif", {})), True, hints=_from("192.0.2.10")),
    Case("an address of another", identifying(identifier("localif", {})), False, hints=_from("192.0.2.11")),
    Case("a neighbour's address", identifying(identifier("local-subnet", {})), True, hints=_from("192.0.2.11")),
    Case("no neighbour's address", identifying(identifier("local-subnet", {})), False),
    Case("an API key", identifying(identifier("api-key", {"names": ["probe"], "scopes": ["measure"]})), True, hints={"api-key": "probe", "api-key-scopes": ["read", "measure"]}),
    Case("an API key without the scope", identifying(identifier("api-key", {"scopes": ["administer"]})), False, hints={"api-key": "probe", "api-key-scopes": ["measure"]}),
    Case("another API key", identifying(identifier("api-key", {"names": ["probe"]})), False, hints={"api-key": "other"}),
    Case("no API key", identifying(identifier("api-key", {})), False),
    Case("an IAM principal", identifying(identifier("iam", {"principals": ["arn:aws:iam::123456789012:user/*"]})), True, hints={"iam-principal": "arn:aws:iam::123456789012:user/a"}),
    Case("another account's principal", identifying(identifier("iam", {"principals": ["arn:aws:iam::123456789012:*"]})), False, hints={"iam-principal": "arn:aws:iam::999999999999:user/a"}),
]  # fmt: skip


def _classified(require: str | None, *identifiers: str, schema: int = 4) -> dict[str, Any]:
    more = {} if require is None else {"require": require}
    return policy(
        schema=schema,
        identifiers=[
            EVERYBODY,
            identifier("always", {}, "also"),
            identifier("ip-cidr-list", {"cidrs": []}, "nobody"),
        ],
        classifiers=[classifier("them", *identifiers, **more)],
        applications=[apply("always", classifier="them")],
    )


CLASSIFIERS = [
    Case("any of several", _classified("any", "everybody", "nobody"), True),
    Case("any of none that were made", _classified("any", "nobody"), False),
    Case("all of them", _classified("all", "everybody", "also"), True),
    Case("not all of them", _classified("all", "everybody", "nobody"), False),
    Case("one of them", _classified("one", "everybody", "nobody"), True),
    Case("more than one", _classified("one", "everybody", "also"), False),
    Case("none of them", _classified("none", "nobody"), True),
    Case("one where none may be", _classified("none", "everybody"), False),
    Case("all of nothing", _classified("all"), True),
    Case("none of nothing", _classified("none"), True),
    Case("any of nothing", _classified("any"), False),
    Case("one of nothing", _classified("one"), False),
    Case("any is meant where nothing is said", _classified(None, "everybody", "nobody", schema=1), True),
    Case("whom no identifier is about is refused, classifier none or not", policy(identifiers=[identifier("always", {}, "nobody", invert=True)], classifiers=[classifier("them", "nobody", require="none")]), False),
    Case("who is in no class is refused", policy(classifiers=[]), False),
]  # fmt: skip

RANGE = {"start": "2026-11-23T12:00:00Z", "end": "2026-11-23T13:00:00Z"}
OVERLAP = {**RANGE, "overlap": True}
MONDAY = "2026-11-23T12:00:00Z"


def _page(*answer: Any, **data: Any) -> dict[str, Any]:
    return limiting(limit("url-fetch", {"url": "https://judge.test/", **data}))


def _server(status: int, text: str) -> World:
    return World(pages={"https://judge.test/": (status, text)})


LIMITS = [
    Case("pass-fail passes", limiting(ALWAYS), True),
    Case("pass-fail fails", limiting(NEVER), False),
    Case("a limit is inverted", limiting({**NEVER, "invert": True}), True),
    Case("a limit that passes is inverted", limiting({**ALWAYS, "invert": True}), False),
    Case("a type of test that is listed", limiting(limit("test-type", {"types": ["idle", "rtt"]})), True),
    Case("a type of test that is not", limiting(limit("test-type", {"types": ["rtt"]})), False),
    Case("no type of test", limiting(limit("test-type", {"types": ["rtt"]})), False, task={"test": {}}),
    Case("no type of test, inverted", limiting(limit("test-type", {"types": ["rtt"]}, invert=True)), True, task={}),
    Case("jq on the task", limiting(limit("jq", {"script": '.test.spec.duration == "PT2S"'})), True),
    Case("jq gives false", limiting(limit("jq", {"script": "false"})), False),
    Case("jq gives a reason", limiting(limit("jq", {"script": '"too long"'})), False),
    Case("jq gives a number", limiting(limit("jq", {"script": "1"})), False),
    Case("jq gives nothing", limiting(limit("jq", {"script": "empty"})), False),
    Case("jq fails", limiting(limit("jq", {"script": "error"})), False),
    Case("jq that fails is inverted", limiting(limit("jq", {"script": "error"}, invert=True)), True),
    Case("jq knows no hints", limiting(limit("jq", {"script": ".requester == null"})), True),
    Case("jq sees when a run is", limiting(limit("jq", {"script": '.run_schedule.duration == "PT10S"'})), True, task=_run(MONDAY)),
    Case("a run in a range", limiting(limit("run-daterange", RANGE)), True, task=_run("2026-11-23T12:30:00Z")),
    Case("a run before a range", limiting(limit("run-daterange", RANGE)), False, task=_run("2026-11-23T11:59:55Z")),
    Case("a run that ends as the range does", limiting(limit("run-daterange", RANGE)), False, task=_run("2026-11-23T12:59:50Z")),
    Case("a run that begins as the range does", limiting(limit("run-daterange", RANGE)), True, task=_run("2026-11-23T12:00:00Z")),
    Case("a run in another zone", limiting(limit("run-daterange", RANGE)), True, task=_run("2026-11-23T07:30:00-05:00")),
    Case("a run over the start of a range", limiting(limit("run-daterange", OVERLAP)), True, task=_run("2026-11-23T11:59:55Z")),
    Case("a run over the end of a range", limiting(limit("run-daterange", OVERLAP)), True, task=_run("2026-11-23T12:59:55Z")),
    Case("a run after a range", limiting(limit("run-daterange", OVERLAP)), False, task=_run("2026-11-23T13:00:01Z")),
    Case("a run without a zone cannot be compared", limiting(limit("run-daterange", RANGE)), False, task=_run("2026-11-23T12:30:00")),
    Case("a limit on a time passes where there is none", limiting(limit("run-daterange", RANGE)), True),
    Case("and so before it is inverted", limiting(limit("run-daterange", RANGE, invert=True)), False),
    Case("a limit on fields passes where there is no time", limiting(limit("run-schedule", {"hour": [3]})), True),
    Case("an hour that is listed", limiting(limit("run-schedule", {"hour": [12]})), True, task=_run(MONDAY)),
    Case("an hour that is not", limiting(limit("run-schedule", {"hour": [13]})), False, task=_run(MONDAY)),
    Case("an hour in a range", limiting(limit("run-schedule", {"hour": [{"lower": 9, "upper": 17}]})), True, task=_run(MONDAY)),
    Case("a range backwards is empty", limiting(limit("run-schedule", {"hour": [{"lower": 17, "upper": 9}]})), False, task=_run(MONDAY)),
    Case("a run into an hour that is not listed", limiting(limit("run-schedule", {"hour": [12]})), False, task=_run("2026-11-23T12:59:55Z")),
    Case("the same, where it need only overlap", limiting(limit("run-schedule", {"hour": [12], "overlap": True})), True, task=_run("2026-11-23T12:59:55Z")),
    Case("all fields have to match", limiting(limit("run-schedule", {"hour": [12], "month": [12]})), False, task=_run(MONDAY)),
    Case("Monday is 1", limiting(limit("run-schedule", {"weekday": [1]})), True, task=_run(MONDAY)),
    Case("Sunday is 7", limiting(limit("run-schedule", {"weekday": [7]})), True, task=_run("2026-11-22T12:00:00Z")),
    Case("Sunday is not 0", limiting(limit("run-schedule", {"weekday": [0]})), False, task=_run("2026-11-22T12:00:00Z")),
    Case("the run's own zone counts", limiting(limit("run-schedule", {"hour": [7]})), True, task=_run("2026-11-23T07:00:00-05:00")),
    Case("a run over midnight from Sunday needs 7 and 1 and 0", limiting(limit("run-schedule", {"weekday": [7, 1]})), False, task=_run("2026-11-22T23:59:55Z")),
    Case("and has them", limiting(limit("run-schedule", {"weekday": [7, 1, 0]})), True, task=_run("2026-11-22T23:59:55Z")),
    Case("a run over the end of a month never matches its days", limiting(limit("run-schedule", {"day": [{"lower": 1, "upper": 31}]})), False, task=_run("2026-11-30T23:59:55Z")),
    Case("a run over the hour needs minute 59 and 0", limiting(limit("run-schedule", {"minute": [59, 0]})), True, task=_run("2026-11-23T12:59:55Z")),
    Case("a week of the calendar", limiting(limit("run-schedule", {"week": [48]})), True, task=_run(MONDAY)),
    Case("a time that cannot be read", limiting(limit("run-schedule", {"hour": [12]})), False, task={**IDLE, "run_schedule": {"start": "noon", "duration": "PT1S"}}),
    Case("a server passes", _page(), True, world=_server(200, '{"passed": true}')),
    Case("a server refuses", _page(), False, world=_server(200, '{"passed": false, "message": "no"}')),
    Case("a server fails", _page(), False, world=_server(500, "")),
    Case("a server fails, and that counts as a pass", _page(**{"fail-result": True}), True, world=_server(500, "")),
    Case("a server is not there", _page(**{"fail-result": True}), True),
    Case("a server answers something else", _page(**{"fail-result": True}), True, world=_server(200, "{}")),
    Case("a server answers no object, whatever fail-result says", _page(**{"fail-result": True}), False, world=_server(200, "[]")),
    Case("a server's success is enough", _page(**{"success-only": True}), True, world=_server(200, "")),
    Case("a server has it not", _page(**{"success-only": True, "fail-result": True}), False, world=_server(404, "")),
    Case("a URL is made from the task", _page(**{"url-transform": {"script": '.url + .run.task.test.type + hint("requester")'}}), True, world=World(pages={"https://judge.test/idle198.51.100.7": (200, '{"passed": true}')})),
    Case("a URL cannot be made", _page(**{"url-transform": {"script": "error"}}), False, world=_server(200, '{"passed": true}')),
    Case("a clone merges its data", limiting(limit("run-schedule", {"hour": [3], "minute": [0]}), {"name": "clone", "description": "", "clone": "limit", "data": {"hour": [12]}}, applications=[apply("clone")]), True, task=_run(MONDAY)),
    Case("a clone replaces lists", limiting(limit("test-type", {"types": ["idle"]}), {"name": "clone", "description": "", "clone": "limit", "data": {"types": ["rtt"]}}, applications=[apply("clone")]), False),
    Case("a clone does not inherit inversion", limiting({**NEVER, "invert": True}, {"name": "clone", "description": "", "clone": "never", "data": {}}, applications=[apply("clone")]), False),
    Case("a clone cannot be inverted", limiting(NEVER, {"name": "clone", "description": "", "clone": "never", "data": {}, "invert": True}, applications=[apply("clone")]), False),
    Case("other members of a limit are let through", limiting({**ALWAYS, "colour": "green"}), True),
]  # fmt: skip


def _group(require: str, *limits: str) -> dict[str, Any]:
    return policy(applications=[apply(*limits, require=require)])


APPLICATIONS = [
    Case("all pass", _group("all", "always", "always"), True),
    Case("not all pass", _group("all", "always", "never"), False),
    Case("any passes", _group("any", "never", "always"), True),
    Case("none passes", _group("any", "never"), False),
    Case("one passes", _group("one", "never", "always"), True),
    Case("two pass where one may", _group("one", "always", "always"), False),
    Case("none may, none does", _group("none", "never"), True),
    Case("none may, one does", _group("none", "always", "never"), False),
    Case("all of nothing", _group("all"), True),
    Case("none of nothing", _group("none"), True),
    Case("any of nothing", _group("any"), False),
    Case("one of nothing", _group("one"), False),
    Case("no groups pass", policy(applications=[{"apply": []}]), True),
    Case("a second group fails", policy(applications=[{"apply": [*apply("always")["apply"], *apply("never")["apply"]]}]), False),
    Case("no applications refuse", policy(applications=[]), False),
    Case("an application for others does not count", policy(classifiers=[classifier("all", "everybody"), classifier("others")], applications=[apply("always", classifier="others")]), False),
    Case("an application is inverted", policy(applications=[apply("never", invert=True)]), True),
    Case("one that passes is inverted", policy(applications=[apply("always", invert=True)]), False),
    Case("the first that passes ends it", policy(applications=[apply("always"), apply("never", **{"stop-on-failure": True})]), True),
    Case("one that fails is followed by others", policy(applications=[apply("never"), apply("always")]), True),
    Case("unless it says to stop", policy(applications=[apply("never", **{"stop-on-failure": True}), apply("always")]), False),
    Case("inverted failure stops too", policy(applications=[apply("always", invert=True, **{"stop-on-failure": True}), apply("always")]), False),
]  # fmt: skip

CASES = [*IDENTIFIERS, *CLASSIFIERS, *LIMITS, *APPLICATIONS]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule.replace(" ", "-"))
def test_a_proposal_is_judged_as_the_contract_says(case: Case) -> None:
    ruling = judged(case.policy, case.task, case.world, **case.hints)

    assert ruling.passed is case.passes, ruling.diags
