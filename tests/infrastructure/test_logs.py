"""Structured lines: what is in them, and what is not."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.infrastructure import logs


@pytest.fixture
def written() -> Iterator[Any]:
    """What a handler writes once it is structured, line by line."""
    stream = io.StringIO()
    handler, logger = logging.StreamHandler(stream), logging.getLogger("tests.structured")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    for each in (logs.REQUESTS, logs.CHANGES):
        each.addHandler(handler)
    logs.structure(logger)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    for each in (logger, logs.REQUESTS, logs.CHANGES):
        each.removeHandler(handler)
        each.setLevel(logging.WARNING)


def test_a_line_says_what_it_is_about(written: Any) -> None:
    with logs.about(correlation="c1", task="t1"), logs.about(run="r1", request=None):
        logging.getLogger("tests.structured").info("Here")
    logging.getLogger("tests.structured").info("There")

    here, there = written()
    assert (here["message"], here["level"], here["logger"]) == ("Here", "INFO", "tests.structured")
    assert (here["correlation"], here["task"], here["run"]) == ("c1", "t1", "r1")
    assert "request" not in here
    assert "task" not in there


def test_requests_and_changes_are_lines_of_their_own(written: Any) -> None:
    logs.request("GET", "/tasks", 200, 0.0123)
    logs.change("run", "r1", "finished", task="t1")

    request, change = written()
    assert (request["method"], request["path"], request["status"], request["ms"]) == (
        "GET",
        "/tasks",
        200,
        12.3,
    )
    assert (change["run"], change["state"], change["task"]) == ("r1", "finished", "t1")


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer psk.name.Secret-1",
        "X-API-Key psk.name.Secret-1 was refused",
        "basic U2VjcmV0LTE=",
        "posted to https://user:Secret-1@example.net/?key=Secret-1",
    ],
)
def test_what_is_private_is_left_out(written: Any, text: str) -> None:
    logger = logging.getLogger("tests.structured")
    logger.info("%s", text)
    try:
        raise RuntimeError(text)
    except RuntimeError:
        logger.exception("It broke")

    for line in written():
        assert "Secret-1" not in json.dumps(line)
        assert "U2VjcmV0LTE" not in json.dumps(line)
    assert "RuntimeError" in written()[1]["exception"]


@pytest.mark.parametrize("told", [None, "", "a b", "x" * 65, "a\nb", '"'])
def test_a_correlation_id_that_cannot_stand_in_a_log_is_replaced(told: str | None) -> None:
    assert logs.correlation_of(told) != told
    assert logs.correlation_of("abc-1") == "abc-1"


def test_lines_of_text_have_what_they_are_about_in_brackets() -> None:
    record = logging.LogRecord("x", logging.INFO, "f", 1, "Here", (), None)

    with logs.about(correlation="c1"):
        logs.Context().filter(record)

    assert record.__dict__["context"] == "[correlation=c1] "
