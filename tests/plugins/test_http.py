from typing import Any

import pytest

from chalicelib.domain.echoes import shown
from chalicelib.domain.errors import Invalid
from plugins.sdk.show import HTML, TEXT, render
from plugins.tests.http import TEST

URL = "https://www.example.org/"


@pytest.mark.parametrize(
    ("texts", "headers"),
    [
        (["A:b"], {"A": "b"}),
        (["Name:  value "], {"Name": "value"}),
        (
            ["Referer: https://example.org:8443/a:b"],
            {"Referer": "https://example.org:8443/a:b"},
        ),  # first colon
        (["A: b", "C: d", "A: e"], {"A": "e", "C": "d"}),
        (["A:"], {"A": ""}),
    ],
)
def test_headers_are_split_at_their_first_colon(texts: list[str], headers: dict[str, str]) -> None:
    spec = TEST.parse(["--url", URL, *(argument for text in texts for argument in ("--header", text))])

    assert spec == {"schema": 4, "url": URL, "headers": headers}
    assert TEST.problem(spec) is None


def test_a_header_without_a_colon_is_refused() -> None:
    with pytest.raises(
        Invalid, match='--header: must have a colon between name and value, as "Name value" does not'
    ):
        TEST.parse(["--url", URL, "--header", "Name value"])


@pytest.mark.parametrize("name", ["", "a b", "a_b", "_a", "é", "A\n", "a:b"])
def test_what_is_no_token_is_no_name_of_a_header(name: str) -> None:
    problem = TEST.problem({"schema": 4, "url": URL, "headers": {name: "x"}})

    assert problem == f"/headers: {shown(name)} is not the name of a header"


@pytest.mark.parametrize(
    ("arguments", "schema"),
    [
        ([], 1),
        (["--parse", "x"], 1),
        (["--always-succeed"], 2),
        (["--keep-content", "0"], 2),
        (["--ip-version", "6"], 3),
        (["--ip-version", "6", "--keep-content", "2k"], 3),
        (["--header", "A: b", "--ip-version", "6"], 4),
        (["--phases"], 5),
    ],
)
def test_the_schema_is_the_lowest_that_knows_the_options(arguments: list[str], schema: int) -> None:
    spec = TEST.parse(["--url", URL, *arguments])

    assert spec["schema"] == schema
    assert TEST.problem(spec) is None


@pytest.mark.parametrize(("text", "count"), [("0", 0), ("1.5k", 1500), ("2 Ki", 2048), ("1M", 1_000_000)])
def test_content_to_keep_is_counted_in_bytes(text: str, count: int) -> None:
    spec = TEST.parse(["--url", URL, "--keep-content", text])

    assert (spec["keep-content"], type(spec["keep-content"])) == (count, int)


def test_content_to_keep_must_be_a_number() -> None:
    with pytest.raises(Invalid, match='--keep-content: "lots"'):
        TEST.parse(["--url", URL, "--keep-content", "lots"])


def test_half_a_byte_cannot_be_kept() -> None:
    spec = TEST.parse(["--url", URL, "--keep-content", "0.5"])

    assert str(TEST.problem(spec)).startswith("/keep-content: ")


def test_always_succeed_that_is_off_needs_no_argument() -> None:
    assert TEST.arguments({"schema": 2, "url": URL, "always-succeed": False}) == ["--url", URL]


@pytest.mark.parametrize(
    ("result", "valid"),
    [
        ({"succeeded": True, "time": "PT1S"}, True),  # no schema is schema 1
        ({"schema": 1, "succeeded": True, "time": "PT1S", "status": 200}, False),
        ({"schema": 2, "succeeded": True, "time": "PT1S", "status": 200}, True),
        ({"schema": 3, "succeeded": True, "time": "PT1S", "content": ""}, True),
        ({"schema": 4, "succeeded": True, "time": "PT1S", "headers": {"A": "b"}}, True),
        ({"schema": 4, "succeeded": True, "time": "PT1S", "phases": {"total": "PT1S"}}, False),
        ({"schema": 5, "succeeded": True, "time": "PT1S", "phases": {"total": "PT1S"}}, True),
        ({"schema": 5, "succeeded": True, "time": "PT1S", "phases": {"more": "PT1S"}}, False),
        ({"schema": 6, "succeeded": True, "time": "PT1S"}, False),
        ({"schema": 2, "succeeded": True}, False),
    ],
)
def test_results_follow_their_own_versions(result: dict[str, Any], valid: bool) -> None:
    assert (TEST.result_versions.problem(result) is None) is valid


@pytest.mark.parametrize(
    ("spec", "result", "wanted"),
    [
        ({}, {"time": "PT1S"}, "Time . PT1S"),
        ({}, {"time": "PT1S", "status": 404}, "Time ... PT1S\nStatus . 404"),
        # Whether something was found matters only where it was looked for.
        ({}, {"time": "PT1S", "found": False}, "Time . PT1S"),
        ({"parse": "x"}, {"time": "PT1S", "found": True}, "Time .. PT1S\nFound . 'x': yes"),
        ({"parse": "x"}, {"time": "PT1S"}, "Time .. PT1S\nFound . 'x': no"),
        ({}, {"time": "PT1S", "headers": {"A-B": "c"}}, "Time . PT1S\n\nA-B . c"),
        (
            {},
            {"time": "PT1S", "phases": {"dns": "P0D", "total": "PT1S"}},
            "Time . PT1S\n\nLooking Up . P0D\nTotal ...... PT1S",
        ),
        ({}, {"time": "PT1S", "content": "a\nb"}, "Time . PT1S\n\na\nb"),
    ],
)
def test_a_result_as_text(spec: dict[str, Any], result: dict[str, Any], wanted: str) -> None:
    assert render(TEST.show(spec, result), TEXT) == wanted


def test_content_does_not_become_part_of_the_page() -> None:
    shown = render(TEST.show({}, {"time": "PT1S", "content": "<h1>Hello</h1>"}), HTML)

    assert "<pre>&lt;h1&gt;Hello&lt;/h1&gt;</pre>" in shown
