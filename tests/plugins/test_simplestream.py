from typing import Any

import pytest

from plugins.sdk.show import TEXT, render
from plugins.tests.simplestream import TEST


@pytest.mark.parametrize(
    ("arguments", "spec"),
    [
        (["-e", "a", "-s", "b"], {"schema": 1, "dest": "a", "source": "b"}),
        (["-e", "a", "-d", "PT2S", "-f", "0.5"], {"schema": 1, "dest": "a", "dawdle": "PT2S", "fail": 0.5}),
        (["--dest", "a", "-m", "hi", "-t", "PT9S"],
         {"schema": 1, "dest": "a", "test-material": "hi", "timeout": "PT9S"}),
        (["--dest", "a", "-i", "6"], {"schema": 2, "dest": "a", "ip-version": 6}),
        (["--dest", "a", "-p", "5999", "-i", "4"],
         {"schema": 3, "dest": "a", "ip-version": 4, "port": 5999}),
    ],
)  # fmt: skip
def test_arguments_become_a_spec(arguments: list[str], spec: dict[str, Any]) -> None:
    assert TEST.parse(arguments) == spec
    assert TEST.problem(spec) is None


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ({"fail": 1.1}, "/fail"),
        ({"dawdle": "2"}, '/dawdle: "2" is not an ISO 8601 duration'),
        ({"schema": 2, "ip-version": 5}, "/ip-version: 5 is not one of [4, 6]"),
        ({"schema": 3, "port": 65536}, "/port"),
        ({"dest-node": "::1"}, "/dest-node"),
    ],
)
def test_a_bad_member_is_named(members: dict[str, Any], complaint: str) -> None:
    problem = TEST.problem({"dest": "192.0.2.1", **members})

    assert complaint in str(problem)


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({}, [None, "a"]),
        ({"source": "b"}, ["b", "a"]),
        ({"source": "b", "source-node": "c", "dest-node": "d"}, ["c", "d"]),
    ],
)
def test_the_sender_and_the_receiver_take_part(spec: dict[str, Any], wanted: list[str | None]) -> None:
    assert TEST.participants({"dest": "a", **spec}) == wanted


def test_a_result_shows_both_texts_and_both_times() -> None:
    text = render(TEST.show({"dest": "a"}, TEST.result_examples[0]), TEXT)

    assert text.splitlines() == [
        "Dawdled ....... PT0.5S",
        "Text Sent ..... hello",
        "Text Received . hello",
        "Elapsed Time .. PT0.75S",
    ]
