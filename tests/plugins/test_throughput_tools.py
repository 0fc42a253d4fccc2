"""What the throughput tools share: their ends, their times, their parts."""

import time
from typing import Any

import pytest

from plugins.sdk.jobs import Completed, Job, PluginFailed
from plugins.support.host_lookup import Ends
from plugins.tools.throughput import two_ended
from tests.builders import at, seconds
from tests.plugins.jobs import FakeHost


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, Ends(None, "127.0.0.1", 4)),
        ({"source": "127.0.0.2"}, Ends("127.0.0.2", "127.0.0.1", 4)),
        ({"source": "127.0.0.2", "local-address": "127.0.0.3"}, Ends("127.0.0.3", "127.0.0.1", 4)),
        ({"dest": "::1", "ip-version": 6}, Ends(None, "::1", 6)),
    ],
)
def test_ends_are_addresses_of_one_version(spec: dict[str, Any], expected: Ends) -> None:
    assert two_ended.find_ends({"dest": "127.0.0.1", **spec}) == expected


@pytest.mark.parametrize("spec", [{"source": "::1"}, {"ip-version": 6}])
def test_ends_that_cannot_talk_to_each_other_are_a_failure(spec: dict[str, Any]) -> None:
    with pytest.raises(PluginFailed, match=r"IPv6|same version"):
        two_ended.find_ends({"dest": "127.0.0.1", **spec})


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, 4),  # a fifth of a second there and back
        ({"link-rtt": "PT0.1S"}, 2),
        ({"link-rtt": "PT0.01S"}, 1),  # a second at least
        ({"link-rtt": "PT0.6S"}, 12),
    ],
)
def test_connecting_is_given_twenty_round_trips(spec: dict[str, Any], expected: float) -> None:
    assert two_ended.set_up(spec) == seconds(expected)


@pytest.mark.parametrize(("given", "whole"), [(0, 1), (0.2, 1), (1, 1), (1.000001, 2), (10, 10)])
def test_programs_without_fractions_are_told_the_next_whole_second(given: float, whole: int) -> None:
    assert two_ended.whole_seconds(seconds(given)) == whole


def test_options_are_left_away_where_there_is_nothing_to_say() -> None:
    pairs = [("-a", None), ("-b", False), ("-c", True), ("-d", 0), ("-e", 1e6), ("-f", "x")]

    assert two_ended.options(pairs) == ["-c", "-d", "0", "-e", "1000000", "-f", "x"]


def perform(spec: dict[str, Any], participant: int = 0, data: Any = ({}, {"server_port": 1})) -> Any:
    own = Job("throughput", {"dest": "127.0.0.1", **spec}, FakeHost(), at(0), seconds(10), participant, data)
    return two_ended.perform(
        own,
        5201,
        client=lambda job, told: ("client", told),
        server=lambda job, told, unwanted: ("server", told, unwanted()),
    )


def test_the_first_participant_is_the_client_and_the_second_the_server() -> None:
    assert perform({}, 0) == ("client", {"server_port": 1})
    assert perform({}, 1) == ("server", {"server_port": 1}, False)


@pytest.mark.parametrize(
    ("spec", "port"),
    [
        ({"single-ended": True}, "5201"),
        ({"single-ended": True, "single-ended-port": 9}, "9"),
        ({"single-ended": True, "single-ended-port": 9.0}, "9"),  # JSON may write an integer so
    ],
)
def test_a_single_ended_test_has_its_server_elsewhere(spec: dict[str, Any], port: str) -> None:
    role, told = perform(spec, data=({},))

    assert (role, str(told["server_port"])) == ("client", port)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ((), "two participants, not 0"),
        (({},), "two participants, not 1"),
        (({}, {}, {}), "two participants, not 3"),
        (({}, None), "did not report the port"),
        (({}, {"server_port": "5201"}), "did not report the port"),
        (({}, {"server_port": True}), "did not report the port"),
    ],
)
def test_a_test_without_its_two_participants_is_a_failure(data: Any, error: str) -> None:
    with pytest.raises(PluginFailed, match=error):
        perform({}, data=data)


def test_loopback_runs_both_ends_and_ends_the_server_with_the_client() -> None:
    waits = []

    def server(job: Job, told: Any, unwanted: Any) -> dict[str, Any]:
        while not unwanted():
            time.sleep(0.01)
        waits.append(told)
        return {}

    own = Job("throughput", {"loopback": True}, FakeHost(), at(0), seconds(10), 0, [{}])
    told = two_ended.perform(own, 5201, lambda job, told: told, server)

    assert waits == [told]
    assert told["server_port"] != told["data_port_start"]


def test_loopback_tells_of_the_server_where_that_is_why_the_client_failed() -> None:
    def fail(message: str) -> Any:
        raise PluginFailed(message)

    own = Job("throughput", {"loopback": True}, FakeHost(), at(0), seconds(10), 0, [{}])

    with pytest.raises(PluginFailed, match="cannot listen"):
        two_ended.perform(
            own, 5201, lambda job, told: fail("refused"), lambda job, told, unwanted: fail("cannot listen")
        )


class Serving(FakeHost):
    """A host whose program never ends by itself: it runs, second by second, until it is to stop."""

    def execute(self, argv: Any, timeout: float, *more: Any, **named: Any) -> Completed:
        limit = self.time + seconds(timeout)
        while not named["until"]():
            self.time += seconds(1)
            assert self.time < limit, "a program over its limit has failed"
        return Completed(-15, "", "", stopped=True)


@pytest.mark.parametrize(
    ("needed", "end"),
    [
        (60, 12),  # its ten seconds are up
        (5, 5),
        (1, 2),  # not needed any longer before the start
    ],
)
def test_a_server_runs_from_the_start_on_until_its_time_is_up_or_nobody_needs_it(
    needed: float, end: float
) -> None:
    host = Serving()
    own = Job("throughput", {}, host, at(2), seconds(20), 1)

    local = two_ended.serve(own, ["iperf", "-s"], seconds(10), lambda: host.time >= at(needed))

    assert local["succeeded"]
    assert (host.slept_until, host.time) == ([at(2)], at(end))


class Says(Serving):
    """A host whose programs end at once, saying what they are told to."""

    def __init__(self, done: Completed) -> None:
        super().__init__()
        self.done = done

    def execute(self, argv: Any, timeout: float, *more: Any, **named: Any) -> Completed:
        return self.done


def _served(done: Completed, ends_itself: bool) -> dict[str, Any]:
    own = Job("throughput", {}, Says(done), at(2), seconds(20), 1)
    return two_ended.serve(
        own, ["iperf", "-s"], seconds(10), lambda: False, ends_itself=ends_itself, note="note\n"
    )


@pytest.mark.parametrize(
    ("done", "ends_itself"),
    [
        (Completed(-15, "out\n", "err\n", stopped=True), False),
        (Completed(-15, "out\n", "err\n", stopped=True), True),
        (Completed(0, "out\n", "err\n"), True),  # its client has left
    ],
)
def test_a_server_has_no_figures_but_what_it_said(done: Completed, ends_itself: bool) -> None:
    local = _served(done, ends_itself)

    assert local == {"schema": 1, "succeeded": True, "diags": "note\niperf -s\n\nout\nerr\n"}


@pytest.mark.parametrize(
    ("status", "ends_itself"),
    [
        (0, False),  # one that never ends by itself has, though it says that all is well
        (1, False),
        (1, True),
    ],
)
def test_a_server_that_failed_says_why(status: int, ends_itself: bool) -> None:
    with pytest.raises(PluginFailed, match="bind failed") as error:
        _served(Completed(status, "", "bind failed\n"), ends_itself)

    assert error.value.diags == "note\niperf -s\n\nbind failed\n"


def test_output_that_cannot_be_read_is_a_failure_with_all_of_it() -> None:
    def parse(printed: str) -> dict[str, Any]:
        if not printed:
            raise PluginFailed("no figures")
        return {"summary": printed}

    assert two_ended.read(parse, "fast", "said") == two_ended.result({"summary": "fast"}, "said")
    with pytest.raises(PluginFailed, match="no figures") as error:
        two_ended.read(parse, "", "said")
    assert error.value.diags == "said"


def test_what_a_program_complains_of_is_its_first_line_of_errors() -> None:
    command = ["iperf"]

    assert two_ended.complaint(command, Completed(1, "out\n", "\n first \nsecond\n")) == "first"
    assert two_ended.complaint(command, Completed(1, "\nout\n", "")) == "out"
    assert two_ended.complaint(command, Completed(3, "", "")) == "iperf ended with status 3"
