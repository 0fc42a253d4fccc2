"""The simplestreamer tool: both its ends, over loopback."""

import concurrent.futures
import datetime as dt
import json
import socket
import threading
import time
from random import Random
from typing import Any

import pytest

from chalicelib.domain.errors import Cancelled
from chalicelib.domain.times import parse_duration
from chalicelib.infrastructure.machine import Machine
from plugins.sdk.jobs import Job, PluginFailed
from plugins.tests.simplestream import TEST
from plugins.tools.throughput.two_ended import free_port
from plugins.tools.transfer import simplestreamer
from plugins.tools.transfer.simplestreamer import TOOL
from tests.builders import seconds
from tests.chance import by_chance
from tests.plugins.garbage import changed, value
from tests.plugins.jobs import FakeHost
from tests.plugins.two_ends import needs_ipv6, outcome

GOOD = (
    {"succeeded": True, "result": {"dawdled": "P0D", "sent": "hello"}, "error": None, "diags": ""},
    {"succeeded": True, "result": {"received": "hello", "elapsed-time": "PT1S"}, "error": None, "diags": ""},
)
PATIENCE = 20.0
"""Seconds that only a broken test takes."""


def end(spec: dict[str, Any], participant: int, port: Any, host: Machine | None = None) -> Job:
    machine = host or Machine()
    data = [{}, {"listen-port": port}]
    planned = TOOL.duration("simplestream", spec)
    return Job("simplestream", spec, machine, machine.now(), planned, participant, data)


def stream(**spec: Any) -> dict[str, Any]:
    """The merged result of both ends."""
    whole = {"dest": "127.0.0.1", "timeout": f"PT{PATIENCE}S", **spec}
    port = free_port()
    with concurrent.futures.ThreadPoolExecutor(2) as both:
        ends = [both.submit(outcome, TOOL, end(whole, number, port)) for number in (0, 1)]
        merged = TOOL.merge(whole, [ending.result() for ending in ends])
    assert merged is not None
    return dict(merged)


def test_a_text_passes_from_one_end_to_the_other() -> None:
    merged = stream(**{"test-material": "hello, wörld"})

    assert TEST.result_versions.problem(merged) is None
    assert (merged["succeeded"], merged["sent"], merged["received"]) == (True, "hello, wörld", "hello, wörld")
    assert merged["dawdled"] == "P0D"


@needs_ipv6
def test_the_text_tells_the_time_where_none_is_given() -> None:
    merged = stream(dest="::1", source="::1")

    assert merged["sent"].startswith("Data sent at 2")
    assert merged["received"] == merged["sent"]


def test_dawdles_for_as_long_as_it_says() -> None:
    merged = stream(dawdle="PT0.5S")

    dawdled, elapsed = (parse_duration(merged[name]) for name in ("dawdled", "elapsed-time"))
    assert seconds(0) <= dawdled <= seconds(0.5)
    assert elapsed + seconds(0.2) >= dawdled  # the ends do not begin at quite the same moment


def test_a_text_longer_than_any_buffer_arrives_whole() -> None:
    text = "0123456789" * 100_000

    assert stream(**{"test-material": text})["received"] == text


def test_characters_that_cannot_be_sent_are_replaced() -> None:
    merged = stream(**{"test-material": "a\ud800b"})

    assert merged["sent"] == merged["received"] == "a?b"


@pytest.mark.parametrize("participant", [0, 1])
def test_fails_where_that_is_asked_for(participant: int) -> None:
    with pytest.raises(PluginFailed, match="on purpose"):
        TOOL.run(end({"dest": "127.0.0.1", "fail": 1}, participant, 1))


def test_the_sender_tries_until_somebody_listens() -> None:
    port = free_port()
    spec = {"dest": "127.0.0.1", "timeout": f"PT{PATIENCE}S", "test-material": "late"}
    with concurrent.futures.ThreadPoolExecutor(1) as aside:
        sending = aside.submit(TOOL.run, end(spec, 0, port))
        time.sleep(0.3)
        received = TOOL.run(end(spec, 1, port))
        sent = sending.result()

    assert received["result"]["received"] == "late"
    assert sent["diags"].startswith("Try 1 failed: ")
    assert sent["diags"].endswith("succeeded")


def test_a_receiver_nobody_connects_to_is_a_failure() -> None:
    with pytest.raises(PluginFailed, match="nothing arrived in time"):
        TOOL.run(end({"dest": "127.0.0.1", "timeout": "PT0.5S"}, 1, free_port()))


def test_a_sender_nobody_listens_to_is_a_failure() -> None:
    with pytest.raises(PluginFailed, match="Could not send") as failed:
        TOOL.run(end({"dest": "127.0.0.1", "timeout": "PT0.5S"}, 0, free_port()))

    assert failed.value.diags.startswith("Try 1 failed: ")


def test_a_sender_that_never_ends_is_a_failure() -> None:
    port = free_port()
    spec = {"dest": "127.0.0.1", "timeout": "PT1S"}
    with concurrent.futures.ThreadPoolExecutor(1) as aside:
        receiving = aside.submit(TOOL.run, end(spec, 1, port))
        with connected(port), pytest.raises(PluginFailed, match="nothing arrived in time"):
            receiving.result()


def test_more_than_anybody_needs_is_a_failure() -> None:
    port = free_port()
    spec = {"dest": "127.0.0.1", "timeout": f"PT{PATIENCE}S", "test-material": "x" * (2**20 + 1)}
    with concurrent.futures.ThreadPoolExecutor(1) as aside:
        receiving = aside.submit(TOOL.run, end(spec, 1, port))
        outcome(TOOL, end(spec, 0, port))
        with pytest.raises(PluginFailed, match="More than"):
            receiving.result()


def connected(port: int) -> socket.socket:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def test_a_port_that_is_taken_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        job = end({"dest": "127.0.0.1"}, 1, taken.getsockname()[1])
        with pytest.raises(PluginFailed, match="Could not listen"):
            TOOL.run(job)


@pytest.mark.parametrize("participant", [0, 1])
def test_a_run_that_is_cancelled_ends_soon(participant: int) -> None:
    machine = Machine()
    threading.Timer(0.3, machine.cancel).start()
    spec = {"dest": "127.0.0.1", "timeout": "PT1H"}
    begun = time.monotonic()

    with pytest.raises(Cancelled):
        TOOL.run(end(spec, participant, free_port(), machine))

    assert time.monotonic() - begun < PATIENCE


@pytest.mark.parametrize("port", [None, "5890", 0, 70000, True])
def test_a_receiver_that_told_no_port_is_a_failure(port: Any) -> None:
    with pytest.raises(PluginFailed, match="did not report the port"):
        TOOL.run(end({"dest": "127.0.0.1"}, 0, port))


def test_the_receiver_tells_the_port_it_will_listen_on() -> None:
    host = FakeHost()

    assert TOOL.participant_data(0, {}, host) == {}
    assert TOOL.participant_data(1, {"schema": 3, "port": 5999}, host) == {"listen-port": 5999}
    chosen = {TOOL.participant_data(1, {"schema": 1, "port": "x"}, host)["listen-port"] for _ in range(200)}
    assert chosen == set(range(5890, 5900))


@pytest.mark.parametrize(
    ("spec", "planned"),
    [({}, 5), ({"timeout": "PT9S"}, 9), ({"dawdle": "PT2S"}, 4), ({"dawdle": "P0D"}, 5)],
)
def test_plans_for_as_long_as_it_may_take(spec: dict[str, Any], planned: float) -> None:
    assert simplestreamer.duration("simplestream", spec) == seconds(planned)


@pytest.mark.parametrize(
    ("spec", "declined"),
    [
        ({"dawdle": "PT2.5S"}, False),
        ({"dawdle": "PT2.6S"}, True),  # the timeout is five seconds
        ({"dawdle": "PT6S", "timeout": "PT12S"}, False),
        ({"dawdle": "PT6S", "timeout": "PT11S"}, True),
    ],
)
def test_declines_to_dawdle_for_more_than_half_its_time(spec: dict[str, Any], declined: bool) -> None:
    assert bool(simplestreamer.declines("simplestream", spec)) is declined


def test_what_both_ends_found_is_the_result() -> None:
    assert simplestreamer.merge({}, GOOD) == {
        "schema": 1,
        "succeeded": True,
        "dawdled": "P0D",
        "sent": "hello",
        "received": "hello",
        "elapsed-time": "PT1S",
    }


@pytest.mark.parametrize(
    ("results", "error"),
    [
        ((GOOD[0], None), "Participant 1: there is no result"),
        ((None, GOOD[1]), "Participant 0: there is no result"),
        ((GOOD[0],), "Participant 1: there is no result"),
        ((GOOD[0], {"succeeded": False, "result": None, "error": "Nobody"}), "Participant 1: Nobody"),
        ((GOOD[0], {**GOOD[1], "succeeded": "yes"}), "Participant 1: there is no result"),
        ((GOOD[0], {"succeeded": True, "result": {}}), "There is no received and no elapsed-time"),
        (({"succeeded": True, "result": {"sent": 5, "dawdled": "P0D"}}, GOOD[1]), "There is no sent"),
    ],
)
def test_an_end_that_has_no_result_fails_the_test(results: Any, error: str) -> None:
    assert simplestreamer.merge({}, results) == {"succeeded": False, "error": error}


@by_chance
def test_whatever_other_nodes_say_there_is_a_result(chance: Random) -> None:
    results = [
        changed(chance, chance.choice(GOOD)) if chance.randrange(3) else value(chance)
        for _ in range(chance.randrange(4))
    ]

    merged = simplestreamer.merge({}, results)

    assert merged["succeeded"] is True or isinstance(merged["error"], str)
    assert json.loads(json.dumps(merged)) == merged


def test_waits_no_longer_than_was_planned() -> None:
    machine = Machine()
    spec = {"dest": "127.0.0.1", "timeout": "PT1H"}
    short = Job(
        "simplestream",
        spec,
        machine,
        machine.now(),
        dt.timedelta(seconds=0.4),
        1,
        [{}, {"listen-port": free_port()}],
    )

    with pytest.raises(PluginFailed, match="nothing arrived in time"):
        TOOL.run(short)
