"""The pstimer tool, against a web server with a certificate of its own on loopback."""

import ssl
from collections.abc import Iterator
from typing import Any

import pytest
import trustme

from chalicelib.domain.times import parse_duration
from plugins.tests.psresponse import TEST
from plugins.tools.host import pstimer
from tests.builders import at, seconds
from tests.plugins.jobs import FakeHost, job
from tests.plugins.web import WebServer, serving


@pytest.fixture
def node() -> Iterator[WebServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("node.example.org").configure_cert(context)
    with serving({"/pscheduler/": (200, {}, b'"This is pScheduler"')}, context) as server:
        yield server


def measure(node: WebServer, limit: float = 10, **more: Any) -> dict[str, Any]:
    found = pstimer.measure("127.0.0.1", limit, port=node.server_address[1], **more)
    assert TEST.result_versions.problem({"schema": 1, "succeeded": True, **found}) is None
    return found


def test_times_an_answer_whatever_the_certificate(node: WebServer) -> None:
    found = measure(node)

    assert seconds(0) < parse_duration(found["time"]) < seconds(10)
    assert [(method, path) for method, path, *_ in node.asked] == [("GET", "/pscheduler/")]


def test_asks_from_the_source(node: WebServer) -> None:
    assert measure(node, source="127.0.0.2")["time"] is not None
    assert {address for address, _ in node.peers} == {"127.0.0.2"}


def test_a_silent_node_has_no_time_but_a_reason(node: WebServer) -> None:
    node.stalls = {"/pscheduler/"}

    found = measure(node, limit=1.5)  # cut before the handshake, Python leaves a socket to its collector

    assert found["time"] is None
    assert found["reason"]


def test_another_status_than_200_is_no_answer(node: WebServer) -> None:
    node.answers = {}

    assert measure(node) == {"time": None, "reason": "127.0.0.1 answered with status 404"}


def test_a_refusal_is_no_answer(closed_port: int) -> None:
    found = pstimer.measure("127.0.0.1", 10, port=closed_port)

    assert found == {"time": None, "reason": "127.0.0.1 did not answer: Connection refused"}


def test_no_time_at_all_is_no_answer(node: WebServer) -> None:
    assert measure(node, limit=0)["time"] is None


@pytest.mark.parametrize("dest", ["nowhere.invalid", "256.1.1.1"])
def test_a_name_without_an_address_is_no_answer(dest: str) -> None:
    found = pstimer.measure(dest, 10)

    assert found["time"] is None
    assert dest in found["reason"]


def test_a_source_of_another_version_is_no_answer(node: WebServer) -> None:
    assert "same version" in measure(node, source="::1")["reason"]


def test_waits_for_the_start_and_its_result_is_the_test_s() -> None:
    host = FakeHost()
    spec = {"dest": "nowhere.invalid", "timeout": "PT2S"}

    local = pstimer.run(job(pstimer.TOOL, spec, host))
    merged = pstimer.merge(spec, [local])

    assert host.slept_until == [at(2)]
    assert merged == local
    assert TEST.result_versions.problem(merged) is None


def test_merges_a_failure_to_nothing() -> None:
    assert pstimer.merge({}, [None]) is None
    assert pstimer.merge({}, [{"succeeded": False, "result": None}]) is None


@pytest.mark.parametrize(("spec", "planned"), [({}, 10), ({"timeout": "PT2.5S"}, 2.5)])
def test_plans_for_as_long_as_it_waits(spec: dict[str, Any], planned: float) -> None:
    assert pstimer.duration("psresponse", spec) == seconds(planned)
