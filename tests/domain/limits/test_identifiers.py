"""What identifiers are made of a policy's data, and what each asks for."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pytest

from chalicelib.domain.errors import Invalid
from chalicelib.domain.jq_scripts import ScriptFailed
from chalicelib.domain.limits import rewriter
from chalicelib.domain.limits.identifiers import KINDS, Identifier
from chalicelib.domain.limits.name_lookups import MOST_NAMES
from chalicelib.domain.limits.policy_scripts import Script
from chalicelib.domain.limits.surroundings import ListSource
from tests.domain.limits.world import InProcessJq, World

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
LIST: dict[str, Any] = {"source": "https://lists.test/ren", "update": "P1D", "retry": "PT1H"}
ASN: dict[str, Any] = {"asns": [64500], "fail-result": True}
BOGON: dict[str, Any] = {"fail-result": True}
REVERSE: dict[str, Any] = {"match": {"style": "exact", "match": "a.example.org"}, "timeout": "PT2S"}


def prepared(kind: str, data: dict[str, Any]) -> Any:
    return KINDS[kind].prepare(data, "/identifiers/0/data", InProcessJq())


def test_a_list_is_loaded_as_its_data_says() -> None:
    whole = {
        **LIST,
        "transform": {"script": ".[]", "args": {"b": 1, "a": 2}},
        "bind": "192.0.2.1",
        "proxy": "http://proxy.example:3128",
        "exclude": ["10.0.0.0/8"],
        "fail-state": True,
    }
    found = prepared("ip-cidr-list-url", whole)

    assert found.source.url == "https://lists.test/ren"
    assert (found.source.update, found.source.retry) == (DAY, HOUR)
    assert ".[]" in found.source.script
    assert found.source.args == '{"a": 2, "b": 1}'
    assert (found.source.bind, found.source.proxy) == ("192.0.2.1", "http://proxy.example:3128")
    assert found.fail_state is True


def test_a_list_that_says_little_is_loaded_as_it_is_and_identifies_nobody_where_it_cannot_be() -> None:
    found = prepared("ip-cidr-list-url", LIST)

    assert found.source == ListSource(
        url="https://lists.test/ren", update=DAY, retry=HOUR, script=None, args="{}", bind=None, proxy=None
    )
    assert found.fail_state is False


@pytest.mark.parametrize("kind", ["ip-cymru-asn", "ip-cymru-bogon", "ip-reverse-dns"])
@pytest.mark.parametrize(("text", "wait"), [("PT1S", 1), ("PT5S", 5), ("PT6S", 5)])
def test_a_look_up_gets_five_seconds_at_most(kind: str, text: str, wait: float) -> None:
    data = {"ip-cymru-asn": ASN, "ip-cymru-bogon": BOGON, "ip-reverse-dns": REVERSE}[kind]
    found = prepared(kind, {**data, "timeout": text})

    assert (found[1] if kind == "ip-reverse-dns" else found.timeout) == dt.timedelta(seconds=wait)


@pytest.mark.parametrize(("kind", "data"), [("ip-cymru-asn", ASN), ("ip-cymru-bogon", BOGON)])
def test_a_look_up_gets_two_seconds_where_its_data_does_not_say(kind: str, data: dict[str, Any]) -> None:
    assert prepared(kind, data).timeout == dt.timedelta(seconds=2)
    assert prepared(kind, data).fail_result is True


@pytest.mark.parametrize(
    ("kind", "data", "pointer", "sentence"),
    [
        (
            "ip-cidr-list-url",
            {**LIST, "source": "ftp://lists.test/ren"},
            "source",
            "must begin with https://, http:// or file:///",
        ),
        ("ip-cidr-list-url", {**LIST, "update": "soon"}, "update", '"soon" is not an ISO 8601 duration'),
        ("ip-cidr-list-url", {**LIST, "retry": "soon"}, "retry", '"soon" is not an ISO 8601 duration'),
        ("ip-cymru-asn", {**ASN, "timeout": "soon"}, "timeout", '"soon" is not an ISO 8601 duration'),
        ("ip-cymru-bogon", {**BOGON, "timeout": "soon"}, "timeout", '"soon" is not an ISO 8601 duration'),
        ("ip-reverse-dns", {**REVERSE, "timeout": "soon"}, "timeout", '"soon" is not an ISO 8601 duration'),
        (
            "iam",
            {"principals": ["a", "*" * 3]},
            "principals/1",
            "must have at most 2048 characters, and at most two *",
        ),
        (
            "iam",
            {"principals": ["a" * 2049]},
            "principals/0",
            "must have at most 2048 characters, and at most two *",
        ),
    ],
)
def test_data_that_is_wrong_is_named(kind: str, data: dict[str, Any], pointer: str, sentence: str) -> None:
    with pytest.raises(Invalid) as refusal:
        prepared(kind, data)

    assert refusal.value.pointer == f"/identifiers/0/data/{pointer}"
    assert refusal.value.sentence == sentence


@pytest.mark.parametrize(
    ("data", "hints", "identifies"),
    [
        ({}, {"api-key": "probe"}, True),
        ({}, {}, False),
        ({"names": ["probe"]}, {"api-key": "probe"}, True),
        ({"names": ["desk"]}, {"api-key": "probe"}, False),
        ({"scopes": ["measure"]}, {"api-key": "probe", "api-key-scopes": ["read", "measure"]}, True),
        ({"scopes": ["measure", "administer"]}, {"api-key": "probe", "api-key-scopes": ["measure"]}, False),
        ({"scopes": ["measure"]}, {"api-key": "probe"}, False),
    ],
)
def test_a_key_is_known_by_its_name_and_all_the_scopes_it_has_to_have(
    data: dict[str, Any], hints: dict[str, Any], identifies: bool
) -> None:
    one = Identifier("keys", "api-key", prepared("api-key", data))

    assert one.identifies(hints, World().around()) is identifies


@pytest.mark.parametrize("number", [MOST_NAMES, MOST_NAMES + 1])
def test_of_the_names_of_an_address_only_the_first_are_looked_up(number: int) -> None:
    names = [f"n{each}.example.org." for each in range(number - 1)] + ["a.example.org."]
    world = World(name={"198.51.100.7": names}, address={"a.example.org.": ["198.51.100.7"]})
    one = Identifier("names", "ip-reverse-dns", prepared("ip-reverse-dns", REVERSE))

    found = one.identifies({"requester": "198.51.100.7"}, world.around())

    assert found is (number == MOST_NAMES)


def test_a_script_without_an_output_says_so() -> None:
    with pytest.raises(ScriptFailed) as refusal:
        Script("empty", {}).first(InProcessJq(), {})

    assert str(refusal.value) == "The script has no output"
    assert Script("1, 2", {}).first(InProcessJq(), {}) == 1


def test_no_more_than_a_hundred_messages_of_a_thousand_characters_are_kept_of_a_rewriter() -> None:
    task = {"test": {"type": "idle", "spec": {}}}
    text = f'.{rewriter.PRIVATE}.diags = [range(101) | "x" * 1001] | .{rewriter.PRIVATE}.changed = true'

    found = rewriter.rewrite(Script(text, {}), task, {}, [], InProcessJq())

    assert [len(message) for message in found.messages] == [1000] * 100
    assert found.task == task


def test_a_network_to_be_left_out_of_a_list_that_is_none_is_named() -> None:
    with pytest.raises(Invalid) as refusal:
        prepared("ip-cidr-list-url", {**LIST, "exclude": ["10.0.0.0/8", "10.0.0.1/8"]})

    assert refusal.value.pointer == "/identifiers/0/data/exclude/1"


@pytest.mark.parametrize(("asking", "version"), [("198.51.100.7", 4), ("2001:db8::7", 6)])
def test_a_name_is_looked_up_for_addresses_of_the_same_version(asking: str, version: int) -> None:
    versions: list[int | None] = []

    class Noting(World):
        def addresses(self, name: str, timeout: dt.timedelta, version: int | None = None) -> Sequence[str]:
            versions.append(version)
            return [asking]

    one = Identifier("names", "ip-reverse-dns", prepared("ip-reverse-dns", REVERSE))

    assert one.identifies({"requester": asking}, Noting(name={asking: ["a.example.org."]}).around())
    assert versions == [version]
