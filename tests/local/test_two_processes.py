"""A node whose clocks and queues have a process of their own."""

import contextlib
import http.client
import json
import os
import pathlib
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local import node_options
from local.start_checks import CannotStart
from tests.local.test_node import Node, nodes, post_idle

pytestmark = [pytest.mark.slow(20), pytest.mark.usefixtures("nodes")]
__all__ = ["nodes"]

OVER = ("finished", "failed", "missed", "nonstart", "overdue")


@pytest.fixture
def served(nodes: list[Node], tmp_path: pathlib.Path) -> Iterator[Node]:
    nodes.append(served := Node(tmp_path, "--no-first", "--processes=2", "--period=1"))
    served.until("Ctrl-C stops")
    yield served
    if served.process.poll() is None:
        assert served.end(signal.SIGTERM) == 0
        assert served.said.endswith("Stopped.\n")


def children(process: int) -> list[int]:
    found = pathlib.Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(word) for word in found.split()]


def is_there(process: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        state = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z"
    return False


def until(condition: Callable[[], Any], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def has_performed(served: Node) -> None:
    """Have a run performed; another where a busy machine came to it too late."""
    states = []
    for _ in range(5):
        task = post_idle(served)
        until(lambda task=task: first_run(served, task).get("state") in OVER, 60)
        states.append(first_run(served, task)["state"])
        if states[-1] == "finished":
            return
    raise AssertionError(f"five runs became {states}")


def first_run(served: Node, task: str) -> Any:
    return served.get(f"/tasks/{task}/runs/first?wait=0")[1]


def test_runs_are_performed_by_the_second_and_both_stop_when_told(served: Node) -> None:
    (second,) = children(served.process.pid)

    has_performed(served)
    ended = served.end(signal.SIGINT)

    assert ended == 0
    assert served.said.endswith("Stopped.\n")
    assert not is_there(second)


def test_events_tell_of_what_the_second_did(served: Node) -> None:
    status, begin = lines(served, "/events")
    has_performed(served)

    def told() -> set[str]:
        return {each["state"] for each in lines(served, f"/events?since={begin[0]['cursor']}&type=run")[1]}

    assert status == 200
    until(lambda: {"running", "finished"} <= told())  # a run is seen before the second has told of it


def test_metrics_count_what_the_second_did(served: Node) -> None:
    has_performed(served)

    until(lambda: counted(served, 'pscheduler_run_changes_total{state="finished",cause=""}'))
    pending = counted(served, 'pscheduler_run_changes_total{state="pending",cause=""}')
    assert 1 <= pending <= 5  # one for each run that was posted, and not one for each process
    assert counted(served, 'pscheduler_run_changes_total{state="running",cause=""}') >= 1
    assert counted(served, "pscheduler_run_lateness_seconds") >= 0
    assert counted(served, 'pscheduler_requests_total{status="200"}') >= 1


def counted(served: Node, metric: str) -> float:
    """What /metrics says of a metric with its labels; 0 where it says nothing."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", "/pscheduler/metrics")
        text = connection.getresponse().read().decode()
    found = [line for line in text.splitlines() if line.startswith(f"{metric} ")]
    return float(found[0].rpartition(" ")[2]) if found else 0.0


def lines(served: Node, path: str) -> tuple[int, list[Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", f"/pscheduler{path}")
        answer = connection.getresponse()
        return answer.status, [json.loads(line) for line in answer.read().splitlines()]


def test_the_first_goes_on_with_both_when_the_second_ends(served: Node) -> None:
    (second,) = children(served.process.pid)
    os.kill(second, signal.SIGKILL)
    served.until("this one goes on with both")

    has_performed(served)


def test_the_second_ends_with_the_first_and_nothing_is_lost(served: Node, nodes: list[Node]) -> None:
    (second,) = children(served.process.pid)
    task = post_idle(served)

    served.end(signal.SIGKILL)

    until(lambda: not is_there(second), 5)
    nodes.append(again := Node(served.state, "--no-first", "--processes=2"))
    again.until("Ctrl-C stops")
    assert again.get(f"/tasks/{task}")[0] == 200


def test_moto_has_no_second_process(nodes: list[Node], tmp_path: pathlib.Path) -> None:
    nodes.append(node := Node(tmp_path, "--engine=moto", "--processes=2"))

    assert node.end() == 1
    assert node.said == "A node on moto is one process: leave PROCESSES= out\n"


@pytest.mark.parametrize("option", ["--processes=٢", "--processes= 2", "--processes=2_0"])
def test_an_option_that_is_no_number_is_refused(
    option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["node", option])

    with pytest.raises(SystemExit):
        node_options.arguments()
    assert option.partition("=")[0] in capsys.readouterr().err


@pytest.mark.parametrize("port", ["٨٠", "8_0", " 80", "+80", "9" * 5000, "0", "65536"])
def test_a_port_is_ascii_digits(port: str) -> None:
    with pytest.raises(CannotStart, match="There is no port"):
        node_options.port(port)


@pytest.mark.parametrize(("cores", "processes"), [(1, 1), (2, 2), (64, 2)])
def test_a_node_has_a_second_process_where_it_has_a_second_core(
    cores: int, processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node_options, "cores", lambda: cores)
    monkeypatch.setattr(sys, "argv", ["node"])

    assert node_options.arguments().processes == processes
    monkeypatch.setattr(sys, "argv", ["node", "--processes=1"])
    assert node_options.arguments().processes == 1
    monkeypatch.setattr(sys, "argv", ["node", "--engine=moto"])
    assert node_options.arguments().processes == 1
