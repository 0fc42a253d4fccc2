"""Where the settings of archives lead."""

from typing import Any

import pytest

from chalicelib.domain.destinations import destination, lane


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ({"_url": "https://user:secret@Sink.example/a?b"}, "https://sink.example:"),
        ({"_url": "http://sink.example:8080/"}, "http://sink.example:8080"),
        ({"url": "amqp://sink.example"}, "amqp://sink.example:"),
        ({"endpoint": "https://[2001:db8::1]:9/"}, "https://2001:db8::1:9"),
        ({"_url": "https://one.example", "url": "https://two.example"}, "https://one.example:"),
        ({"_url": "nowhere", "host": "sink.example"}, "sink.example:"),
        ({"_url": "https://[", "host": "sink.example"}, "sink.example:"),
        ({"_url": 5, "dest": "Sink.Example.", "port": 514}, "sink.example:514"),
        ({"server": ".sink.example", "port": 9092}, ".sink.example:9092"),
        ({"host": None, "server": "sink.example:9092"}, "sink.example:9092:"),
        ({"b": 1, "a": "x"}, '{"a": "x", "b": 1}'),
        ([1], "[1]"),
        ("text", '"text"'),
        (None, "null"),
    ],
)
def test_settings_name_a_place_or_are_one_by_themselves(data: Any, place: str) -> None:
    assert destination(data) == place


def test_a_lane_is_that_of_an_archiver_and_a_place_and_says_neither() -> None:
    one = lane("http", {"_url": "https://sink.example/a"})

    assert one == lane("http", {"_url": "https://sink.example/b"})
    assert len({one, lane("tcp", {"_url": "https://sink.example/a"}), lane("http", {})}) == 3
    assert len(one) == 32
    assert "sink" not in one
