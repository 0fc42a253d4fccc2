from typing import Any

import pytest

from chalicelib.domain.errors import Invalid
from plugins.sdk.fields import Field, format_arguments, parse_arguments


def _read_pair(text: str) -> dict[str, int]:
    low, _, high = text.partition("-")
    return {"lower": int(low), "upper": int(high)}


def _write_pair(ports: dict[str, int]) -> list[str]:
    return ["--ports", f"{ports['lower']}-{ports['upper']}"]


FIELDS = (
    Field("host", "Host", "--host", help="Where to run"),
    Field("host-node", "URLHostPort", "--host-node", help="Node of the host"),
    Field("count", "Cardinal", "-c --count", kind="int", help="How many"),
    Field("rate", "Number", "--rate", kind="float"),
    Field("size", "CardinalZero", "--size", kind="si", since=2),
    Field("record", "String", "--record", kind="lower"),
    Field("data", "AnyJSON", "--data", kind="json"),
    Field("tags", "StringList", "-t --tag", kind="list", since=3),
    Field("quick", "Boolean", "-q --quick", kind="flag"),
    Field("names", "Boolean", "--names --no-names", kind="switch", help="Look names up"),
    Field("clean", "Boolean", "--clean --do-clean", kind="opt-out", help="Leave it"),
    Field("protocol", "String", "--protocol", level=lambda value: 1 if value == "icmp" else 4),
    Field("ports", "IPPortRange", "--ports", read=_read_pair, write=_write_pair),
    Field("no-delay", "Boolean", "--no-delay", kind="flag"),
    Field("silent", "String"),
)


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ([], {"schema": 1}),
        (["--host", "a"], {"schema": 1, "host": "a"}),
        (["--host=a"], {"schema": 1, "host": "a"}),
        (["--host", ""], {"schema": 1, "host": ""}),  # given, though empty
        (["--host", "a", "--host", "b"], {"schema": 1, "host": "b"}),  # the last counts
        (["--cou", "3"], {"schema": 1, "count": 3}),  # abbreviated
        (["--host", "a", "--host-n", "b"], {"schema": 1, "host": "a", "host-node": "b"}),
        (["-c", "3"], {"schema": 1, "count": 3}),
        (["-c3"], {"schema": 1, "count": 3}),
        (["-qc", "3"], {"schema": 1, "count": 3, "quick": True}),
        # Integers as in C: octal after a leading zero.
        (["-c", "010"], {"schema": 1, "count": 8}),
        (["-c", "0x10"], {"schema": 1, "count": 16}),
        (["-c", "0b10"], {"schema": 1, "count": 2}),
        (["-c", "-5"], {"schema": 1, "count": -5}),  # for the schema to refuse
        (["--rate", "1e-2"], {"schema": 1, "rate": 0.01}),
        (["--record", "AAAA"], {"schema": 1, "record": "aaaa"}),
        (["--data", '{"a": [1, null], "#b": 2}'], {"schema": 1, "data": {"a": [1, None]}}),  # comments go
        (["--data", "null"], {"schema": 1, "data": None}),
        (["--names"], {"schema": 1, "names": True}),
        (["--no-names"], {"schema": 1, "names": False}),
        (["--no-delay"], {"schema": 1, "no-delay": True}),  # its name begins so; it turns nothing off
        (["--clean"], {"schema": 1, "clean": False}),
        (["--do-clean"], {"schema": 1, "clean": True}),
        (["--ports", "5-7"], {"schema": 1, "ports": {"lower": 5, "upper": 7}}),
        # The schema rises as high as any member needs.
        (["--size", "2k"], {"schema": 2, "size": 2000}),
        (["--size", "1.5k"], {"schema": 2, "size": 1500}),
        (["-t", "a", "-t", "b"], {"schema": 3, "tags": ["a", "b"]}),
        (["-t", "a", "--size", "2Ki"], {"schema": 3, "tags": ["a"], "size": 2048}),
        (["--protocol", "icmp"], {"schema": 1, "protocol": "icmp"}),
        (["--protocol", "tcp"], {"schema": 4, "protocol": "tcp"}),
    ],
)
def test_arguments_become_a_spec(arguments: list[str], wanted: dict[str, Any]) -> None:
    assert parse_arguments("trial", FIELDS, arguments) == wanted


def test_members_that_depend_on_each_other_are_amended_before_the_schema_is_chosen() -> None:
    spec = parse_arguments("trial", FIELDS, ["--size", "0"], lambda given: {"count": given["size"]})

    assert spec == {"schema": 1, "count": 0}


def test_a_whole_number_from_a_fraction_is_an_integer() -> None:
    spec = parse_arguments("trial", FIELDS, ["--size", "1.5k"])

    assert type(spec["size"]) is int


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["stray"], "Unexpected argument: stray"),
        (["--bogus"], "no such option: --bogus"),
        (["--silent", "x"], "no such option: --silent"),  # a member that has no option
        (["--ho", "a"], "ambiguous option: --ho"),
        (["-c", "x"], "invalid integer value"),
        (["-c", "09"], "invalid integer value"),  # not octal
        (["-c", "9" * 5000], "invalid integer value"),
        (["--host"], "requires 1 argument"),
        (["--quick=yes"], "does not take a value"),
        (["--rate", "x"], "invalid floating-point value"),
        (["--rate", "nan"], "invalid floating-point value: 'nan'"),
        (["--rate", "-inf"], "invalid floating-point value: '-inf'"),
        (["--rate", "1_0"], "invalid floating-point value: '1_0'"),
        (["-c", "1_0"], "invalid integer value: '1_0'"),
        (["-c", " 5"], "invalid integer value: ' 5'"),
        (["-c", "٣"], "invalid integer value: '٣'"),
        (["-c", "0x_5"], "invalid integer value: '0x_5'"),
        (["--size", "2x"], '--size: "2x" is not a number with an optional SI suffix'),
        (["--size", "9" * 5000], '--size: "999'),
        (["--size", "9" * 400 + ".5Y"], '--size: "999'),
        (["--data", "{"], "--data: not valid JSON"),
        (["--data", "NaN"], "--data: not valid JSON"),
        (["--data", "[" * 100_000], "--data: n"),
    ],
)
def test_bad_arguments_are_refused_with_the_reason(arguments: list[str], complaint: str) -> None:
    with pytest.raises(Invalid) as error:
        parse_arguments("trial", FIELDS, arguments)

    assert complaint in str(error.value)


@pytest.mark.parametrize("flag", ["-h", "--help", "--he"])
def test_help_lists_every_option_with_its_text(flag: str) -> None:
    with pytest.raises(Invalid) as shown:
        parse_arguments("trial", FIELDS, [flag])

    text = str(shown.value)
    assert "trial" in text.splitlines()[0]
    assert all(word in text for word in ("--host-node", "-c COUNT, --count=COUNT", "--no-names", "How many"))


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({"schema": 3}, []),
        ({"count": 3, "host": "a"}, ["--host", "a", "--count", "3"]),  # in the order of the fields
        ({"silent": "x"}, []),
        # Integers that JSON wrote as fractions still read as integers.
        ({"count": 5.0}, ["--count", "5"]),
        ({"size": 2e3}, ["--size", "2000"]),
        ({"rate": 0.5}, ["--rate", "0.5"]),
        ({"data": {"a": [None, True, "x"]}}, ["--data", '{"a": [null, true, "x"]}']),
        ({"tags": ["a", "b"]}, ["--tag", "a", "--tag", "b"]),
        ({"quick": True}, ["--quick"]),
        ({"quick": False}, []),  # there is no option to say so
        ({"names": True}, ["--names"]),
        ({"names": False}, ["--no-names"]),
        ({"ports": {"lower": 5, "upper": 7}}, ["--ports", "5-7"]),
    ],
)
def test_a_spec_becomes_arguments(spec: dict[str, Any], wanted: list[str]) -> None:
    assert format_arguments(FIELDS, spec) == wanted


def test_a_field_is_in_the_versions_it_was_made_for() -> None:
    field = Field("old", "String", since=2, until=3)

    assert [field.exists_in(version) for version in (1, 2, 3, 4)] == [False, True, True, False]


def test_a_field_keeps_its_type_until_a_version_changes_it() -> None:
    field = Field("host", "String", retyped={2: "StringList", 4: "AnyJSON"})

    assert field.schema(1) == {"type": "string"}
    assert field.schema(2) == field.schema(3) == {"type": "array", "items": {"type": "string"}}
    assert field.schema(4) == {}
