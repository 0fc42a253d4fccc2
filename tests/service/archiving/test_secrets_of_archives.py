"""What is private in an archive's settings is in nothing that is told or logged of its failures."""

import json
import logging
from typing import Any

import pytest

from chalicelib.domain.delivery import Delivery
from chalicelib.service.archiving import attempt as archiving
from plugins.sdk.jobs import Outcome
from tests.builders import NODE, NOON
from tests.plugins.everything import ARCHIVERS
from tests.plugins.results import DOCUMENT
from tests.secret_archives import CANARY, FAILS_ALONE, echo, settings, silence, sink


def delivery(name: str, data: dict[str, Any]) -> Delivery:
    return Delivery(NODE, "run", 0, "task", {"archiver": name, "data": data, "runs": "all"}, NOON, attempts=1)


def test_every_archiver_with_private_settings_is_tried() -> None:
    private = {name for name, found in ARCHIVERS.items() if '"_' in json.dumps(list(found.data.values()))}

    assert private <= set(settings(1))
    assert set(settings(1)) | set(FAILS_ALONE) == set(ARCHIVERS)


@pytest.mark.parametrize("answer", [echo, silence])
@pytest.mark.parametrize("name", list(settings(1)))
def test_a_failing_sink_gives_nothing_away(name: str, answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with sink(answer) as port:
        for data in settings(port)[name]:
            outcome = archiving._send(delivery(name, data), DOCUMENT)

            assert CANARY not in json.dumps(outcome.reply()), (data, outcome)
            assert outcome.succeeded == (name == "tcp"), outcome
            assert outcome.succeeded or outcome.error
    assert CANARY not in caplog.text


@pytest.mark.parametrize("name", list(settings(1)))
def test_nobody_there_gives_nothing_away(
    name: str, caplog: pytest.LogCaptureFixture, closed_port: int
) -> None:
    caplog.set_level(logging.DEBUG)
    for data in settings(closed_port)[name]:
        outcome = archiving._send(delivery(name, data), DOCUMENT)

        assert CANARY not in json.dumps(outcome.reply()), (data, outcome)
    assert CANARY not in caplog.text


@pytest.mark.parametrize("name", list(settings(1)))
def test_settings_that_are_not_valid_are_complained_of_without_them(name: str) -> None:
    for data in settings(9)[name]:
        for wrong in ({**data, "schema": 99}, {**data, "nonsense": 1}, {**data, "_url": {"a": CANARY}}, data):
            assert CANARY not in (ARCHIVERS[name].problem(wrong) or "")


def test_an_archiver_that_breaks_gives_nothing_away(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(parcel: Any) -> Outcome:
        raise ZeroDivisionError(f"{parcel.data}")

    one = delivery("http", settings(9)["http"][0])
    monkeypatch.setitem(ARCHIVERS["http"].__dict__, "deliver", broken)

    outcome = archiving._send(one, {})

    assert "ZeroDivisionError" in (outcome.error or "")
    assert CANARY not in (outcome.error or "")
    assert "ZeroDivisionError" in caplog.text
    assert CANARY not in caplog.text
