"""What is wrong with a policy is said before it takes effect, by its JSON pointer."""

from typing import Any

import pytest

from chalicelib.domain.errors import Invalid
from chalicelib.domain.limits.policy_document import parse
from tests.domain.limits.world import (
    ALWAYS,
    EVERYBODY,
    InProcessJq,
    apply,
    classifier,
    identifier,
    judged,
    limit,
    policy,
)

JQ = {"script": "."}
BAD_JQ = {"script": "nope("}
QUOTA = {"name": "q", "description": "", "of": "tasks", "most": 1, "window": "PT1H"}
MATCH = {"style": "regex", "match": "a"}


def _limit(kind: str, data: Any, **more: Any) -> dict[str, Any]:
    return policy(limits=[ALWAYS, limit(kind, data, **more)])


def _identifier(kind: str, data: Any) -> dict[str, Any]:
    return policy(identifiers=[EVERYBODY, identifier(kind, data)])


def _regex(text: str) -> dict[str, Any]:
    return _identifier("hint", {"hint": "server", "match": {"style": "regex", "match": text}})


def _clone(**more: Any) -> dict[str, Any]:
    return policy(limits=[ALWAYS, {"name": "copy", "description": "", "clone": "always", "data": {}, **more}])


def _without(name: str) -> dict[str, Any]:
    return {member: value for member, value in policy().items() if member != name}


WRONG: list[tuple[Any, str]] = [
    ([], "/: must be an object"),
    (_without("schema"), "/schema: must be a number"),
    (policy(schema="1"), "/schema: must be a number"),
    (policy(schema=True), "/schema: must be a number"),
    (policy(schema=6), "/schema: must be a number from 1 to 5"),
    (_without("identifiers"), '"identifiers" is a required property'),
    (_without("limits"), '"limits" is a required property'),
    (policy(extra=1), '"extra" was unexpected'),
    (policy(schema=1, rewrite=JQ), '"rewrite" was unexpected'),
    (policy(schema=2, priority=JQ), '"priority" was unexpected'),
    (policy(schema=3, classifiers=[classifier("all", require="any")]), "/classifiers/0: "),
    (policy(quotas=[]), '"quotas" was unexpected'),
    (policy(identifiers=[{**EVERYBODY, "more": 1}]), "/identifiers/0: "),
    (policy(identifiers=[EVERYBODY, EVERYBODY]), "/identifiers/1/name: "),
    (_identifier("nothing", {}), "/identifiers/1/type: must be one of "),
    (_identifier("always", {"a": 1}), "/identifiers/1/data: "),
    (_identifier("ip-cidr-list", {"cidrs": ["10.0.0.0/8", "10.0.0.1/8"]}), "/identifiers/1/data/cidrs/1: "),
    (_identifier("ip-cidr-list", {"cidrs": ["ten"]}), "/identifiers/1/data/cidrs/0: "),
    (_identifier("jq", BAD_JQ), "/identifiers/1/data/script: must be a jq script that compiles: "),
    (_identifier("jq", {**JQ, "args": []}), "/identifiers/1/data/args: must be an object"),
    (_identifier("ip-cymru-asn", {"fail-result": True}), '"asns" is a required property'),
    (_identifier("ip-cymru-bogon", {}), '"fail-result" is a required property'),
    (_identifier("ip-reverse-dns", {"match": MATCH}), '"timeout" is a required property'),
    (_identifier("ip-reverse-dns", {"match": MATCH, "timeout": "soon"}), "/identifiers/1/data/timeout: "),
    (
        _identifier("ip-cidr-list-url", {"source": "gopher://x", "update": "P1D", "retry": "PT1H"}),
        "/identifiers/1/data/source: must begin with",
    ),
    (_identifier("iam", {"principals": ["*" * 9]}), "/identifiers/1/data/principals/0: "),
    (_regex("("), "/identifiers/1/data/match/match: must be a regular expression"),
    (_regex("(a+)+$"), "no alternatives inside a repetition"),
    (_regex("(a|aa)+$"), "no alternatives inside a repetition"),
    (_regex("(a?){30}a{30}"), "no alternatives inside a repetition"),
    (_regex(".*a.*b.*c.*d"), "must have at most 3 repetitions"),
    (
        policy(classifiers=[classifier("all", "nobody")]),
        "/classifiers/0/identifiers: must be defined in this policy; there is no identifier",
    ),
    (policy(classifiers=[classifier("a"), classifier("a")]), "/classifiers/1/name: "),
    (policy(limits=[{}]), '/limits/0: "name" is a required property'),
    (policy(limits=[{"name": 7}]), "/limits/0/name: must be a string"),
    (policy(limits=[{"name": "a", "data": {}}]), '/limits/0: "type" is a required property'),
    (policy(limits=[{"name": "a", "type": "pass-fail"}]), '/limits/0: "data" is a required property'),
    (policy(limits=["a"]), "/limits/0: "),
    (policy(limits=[ALWAYS, ALWAYS]), "/limits/1/name: "),
    (policy(limits=[{**ALWAYS, "invert": "yes"}]), "/limits/0/invert: must be true or false"),
    (
        _limit("test", {"test": "rtt"}),
        "/limits/1/type: limits of type test are no longer supported: use one of type jq",
    ),
    (_limit("nothing", {}), "/limits/1/type: must be one of "),
    (_limit("pass-fail", {"pass": 1}), "/limits/1/data/pass: "),
    (_limit("jq", BAD_JQ), "/limits/1/data/script: must be a jq script that compiles"),
    (_limit("run-daterange", {"start": "2026-11-23T12:00:00Z"}), '"end" is a required property'),
    (
        _limit("run-daterange", {"start": "2026-11-23T12:00:00Z", "end": "2026-11-23"}),
        '/limits/1/data/end: "2026-11-23" is not a date and time',
    ),
    (
        _limit("run-daterange", {"start": "2026-11-23T12:00:00Z", "end": "2026-11-22T12:00:00Z"}),
        "/limits/1/data/end: must not be before start",
    ),
    (
        _limit("run-daterange", {"start": "2026-11-23T12:00:00Z", "end": "2026-11-24T12:00:00"}),
        "/limits/1/data/end: must have a time zone",
    ),
    (_limit("run-schedule", {"hour": [24]}), "/limits/1/data/hour/0: 24 is neither a number from 0 to 23"),
    (_limit("run-schedule", {"fortnight": [1]}), "/limits/1/data: "),
    (_limit("url-fetch", {}), '"url" is a required property'),
    (
        _limit("url-fetch", {"url": "https://x/", "proxy": "socks5://x:1080"}),
        "/limits/1/data/proxy: must be the URL of an HTTP proxy",
    ),
    (_limit("url-fetch", {"url": "https://x/", "proxy": "proxy:3128"}), "/limits/1/data/proxy: must be"),
    (
        _identifier(
            "ip-cidr-list-url",
            {"source": "https://x/", "update": "P1D", "retry": "PT1H", "proxy": "http://x:99999"},
        ),
        "/data/proxy: must be the URL of an HTTP proxy",
    ),
    (_limit("url-fetch", {"url": "ftp://x/"}), "/limits/1/data/url: must begin with"),
    (
        _limit("url-fetch", {"url": "https://x/", "headers-transform": BAD_JQ}),
        "/limits/1/data/headers-transform/script: must be a jq script that compiles",
    ),
    (
        _clone(clone="nobody"),
        '/limits/1/clone: must be defined before this limit; there is no limit "nobody" before it',
    ),
    (
        _clone(clone="copy"),
        '/limits/1/clone: must be defined before this limit; there is no limit "copy" before it',
    ),
    (_clone(data={"pass": 7}), "/limits/1/data/pass: "),
    (
        policy(limits=[ALWAYS, {"name": "copy", "clone": "always", "data": {}}]),
        '/limits/1: "description" is a required property',
    ),
    (policy(applications=[{}]), '/applications/0: "apply" is a required property'),
    (
        policy(applications=[apply("a", "always", "b")]),
        '/applications/0/apply/0/limits: must be defined in this policy; there is no limit "a", "b"',
    ),
    (
        policy(applications=[apply(classifier="no")]),
        '/applications/0/classifier: must be defined in this policy; there is no classifier "no"',
    ),
    (policy(applications=[apply(require="two")]), "/applications/0/apply/0/require: "),
    (policy(rewrite=BAD_JQ), "/rewrite/script: must be a jq script that compiles"),
    (policy(priority=BAD_JQ), "/priority/script: must be a jq script that compiles"),
    (policy(schema=5, quotas=[{**QUOTA, "window": "P1Y"}]), "/quotas/0/window: "),
    (policy(schema=5, quotas=[{**QUOTA, "window": "PT0S"}]), "/quotas/0/window: must be from a second"),
    (policy(schema=5, quotas=[QUOTA, QUOTA]), "/quotas/1/name: "),
    (policy(schema=5, quotas=[{**QUOTA, "classifier": "no"}]), "/quotas/0/classifier: "),
    (policy(schema=5, quotas=[{**QUOTA, "most": -1}]), "/quotas/0/most: "),
    (policy(note="x" * 300_000), "must have at most 262144 characters"),
]


@pytest.mark.parametrize(("written", "complaint"), WRONG, ids=[complaint for _, complaint in WRONG])
def test_a_mistake_is_named(written: Any, complaint: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(written, InProcessJq())

    assert complaint in caught.value.message
    assert caught.value.message.startswith(("/", "A policy must"))


@pytest.mark.parametrize("schema", [1, 2, 3, 4, 5])
def test_every_schema_takes_what_it_has(schema: int) -> None:
    since: dict[str, tuple[int, Any]] = {"rewrite": (2, JQ), "priority": (3, JQ), "quotas": (5, [QUOTA])}
    more = {name: value for name, (first, value) in since.items() if schema >= first}

    assert judged(policy(schema=schema, **more)).passed


@pytest.mark.parametrize(
    "text", [r"^(www\.)?[a-z]+\.example\.org$", r"\.(edu|org)$", "a{3}", r"[0-9]{1,3}\.net"]
)
def test_ordinary_regular_expressions_are_taken(text: str) -> None:
    assert parse(_regex(text), InProcessJq())
