"""What the throughput tools share: their ends, their times, and what is merged of both."""

import copy
import json
import pathlib
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.base import Completed, Job, PluginFailed
from plugins.tools import _affinity, _configured, _merging, _throughput
from plugins.tools._throughput import Ends
from tests.builders import at, seconds
from tests.plugins.everything import TOOLS
from tests.plugins.garbage import VALUES, changed
from tests.plugins.jobs import FakeHost, job
from tests.plugins.two_ends import Programs

MEASURED = {"intervals": [], "summary": {"streams": [], "summary": {"throughput-bits": 5, "sent": 9}}}
GOOD = {"schema": 1, "succeeded": True, "diags": "client said", **MEASURED}
SERVED = {"schema": 1, "succeeded": True, "diags": "server said"}
BROKEN = {"succeeded": False, "result": None, "error": "Address already in use", "diags": "bind"}


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
    assert _throughput.find_ends({"dest": "127.0.0.1", **spec}) == expected


@pytest.mark.parametrize("spec", [{"source": "::1"}, {"ip-version": 6}])
def test_ends_that_cannot_talk_to_each_other_are_a_failure(spec: dict[str, Any]) -> None:
    with pytest.raises(PluginFailed, match=r"IPv6|same version"):
        _throughput.find_ends({"dest": "127.0.0.1", **spec})


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
    assert _throughput.set_up(spec) == seconds(expected)


@pytest.mark.parametrize(("given", "whole"), [(0, 1), (0.2, 1), (1, 1), (1.000001, 2), (10, 10)])
def test_programs_without_fractions_are_told_the_next_whole_second(given: float, whole: int) -> None:
    assert _throughput.whole_seconds(seconds(given)) == whole


def test_options_are_left_away_where_there_is_nothing_to_say() -> None:
    pairs = [("-a", None), ("-b", False), ("-c", True), ("-d", 0), ("-e", 1e6), ("-f", "x")]

    assert _throughput.options(pairs) == ["-c", "-d", "0", "-e", "1000000", "-f", "x"]


def perform(spec: dict[str, Any], participant: int = 0, data: Any = ({}, {"server_port": 1})) -> Any:
    own = Job("throughput", spec, FakeHost(), at(0), seconds(10), participant, data)
    return _throughput.perform(
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
    ("data", "trouble"),
    [
        ((), "two participants, not 0"),
        (({},), "two participants, not 1"),
        (({}, {}, {}), "two participants, not 3"),
        (({}, None), "did not tell the port"),
        (({}, {"server_port": "5201"}), "did not tell the port"),
        (({}, {"server_port": True}), "did not tell the port"),
    ],
)
def test_a_test_without_its_two_participants_is_a_failure(data: Any, trouble: str) -> None:
    with pytest.raises(PluginFailed, match=trouble):
        perform({}, data=data)


def test_loopback_runs_both_ends_and_ends_the_server_with_the_client() -> None:
    waits = []

    def server(job: Job, told: Any, unwanted: Any) -> dict[str, Any]:
        while not unwanted():
            time.sleep(0.01)
        waits.append(told)
        return {}

    own = Job("throughput", {"loopback": True}, FakeHost(), at(0), seconds(10), 0, [{}])
    told = _throughput.perform(own, 5201, lambda job, told: told, server)

    assert waits == [told]
    assert told["server_port"] != told["data_port_start"]


def test_loopback_tells_of_the_server_where_that_is_why_the_client_failed() -> None:
    def fail(message: str) -> Any:
        raise PluginFailed(message)

    own = Job("throughput", {"loopback": True}, FakeHost(), at(0), seconds(10), 0, [{}])

    with pytest.raises(PluginFailed, match="cannot listen"):
        _throughput.perform(
            own, 5201, lambda job, told: fail("refused"), lambda job, told, unwanted: fail("cannot listen")
        )


def test_what_a_program_complains_of_is_its_first_line_of_errors() -> None:
    command = ["iperf"]

    assert _throughput.complaint(command, Completed(1, "out\n", "\n first \nsecond\n")) == "first"
    assert _throughput.complaint(command, Completed(1, "\nout\n", "")) == "out"
    assert _throughput.complaint(command, Completed(3, "", "")) == "iperf ended with status 3"


# --- merging ---------------------------------------------------------------------------------------


def test_the_clients_measurement_is_the_result() -> None:
    merged = _merging.merge({}, [{**GOOD, "mss": 1448, "strange": 1}, SERVED])

    assert merged == {
        **GOOD,
        "mss": 1448,
        "diags": "Participant 0:\nclient said\n\nParticipant 1:\nserver said",
    }


@pytest.mark.parametrize(
    ("results", "error"),
    [
        ([GOOD, BROKEN], "Participant 1: Address already in use"),  # measured to somebody else's server
        ([BROKEN, SERVED], "Participant 0: Address already in use"),
        ([None, SERVED], "Participant 0: there is no measurement"),
        ([SERVED, SERVED], "Participant 0: there is no measurement"),
        ([{**GOOD, "intervals": 5}, SERVED], "Participant 0: there is no measurement"),
        ([{**GOOD, "summary": [1]}], "Participant 0: there is no measurement"),
        ([{"succeeded": "yes"}], "Participant 0: failed without saying why"),
        ([{"succeeded": False, "error": 5, "diags": 5}], "Participant 0: failed without saying why"),
    ],
)
@pytest.mark.parametrize("merge", [_merging.merge, _merging.merge_by_sender])
def test_a_failure_of_either_end_is_one_of_the_test(merge: Any, results: list[Any], error: str) -> None:
    merged = merge({}, results)

    assert (merged["succeeded"], merged["error"]) == (False, error)
    assert isinstance(merged["diags"], str)


def test_a_server_nobody_could_ask_does_no_harm_to_what_the_client_measured() -> None:
    merged = _merging.merge({}, [GOOD, None])

    assert merged["succeeded"]
    assert merged["diags"].endswith("Participant 1:\n")


def test_in_reverse_the_result_is_the_senders_with_what_arrived() -> None:
    total = {"receiver-throughput-bits": 4, "lost": 2, "jitter": 0.5, "throughput-bits": 1}
    client = {**GOOD, "summary": {"streams": [], "summary": total}}
    server = {
        **GOOD,
        "summary": {"streams": [{"stream-id": 5}], "summary": {"throughput-bits": 5, "lost": 0}},
    }

    merged = _merging.merge_by_sender({"reverse": True}, [client, server])

    assert merged["summary"] == {
        "streams": [{"stream-id": 5}],
        "summary": {"throughput-bits": 5, "receiver-throughput-bits": 4, "lost": 2, "jitter": 0.5},
    }
    assert server["summary"]["summary"] == {"throughput-bits": 5, "lost": 0}  # which is kept as it is


@pytest.mark.parametrize("server", [None, SERVED, BROKEN])
def test_in_reverse_a_sender_without_a_measurement_is_a_failure(server: Any) -> None:
    merged = _merging.merge_by_sender({"reverse": True}, [GOOD, server])

    assert not merged["succeeded"]
    assert merged["error"].startswith("Participant 1: ")


def test_in_reverse_one_end_alone_has_the_whole_result() -> None:
    assert _merging.merge_by_sender({"reverse": True}, [GOOD])["summary"] == MEASURED["summary"]


OTHERS = st.sampled_from([GOOD, SERVED, BROKEN]).flatmap(changed) | VALUES


@given(st.lists(OTHERS, min_size=1, max_size=3), st.booleans())
def test_whatever_other_nodes_say_there_is_a_result(results: list[Any], reverse: bool) -> None:
    for merge in (_merging.merge, _merging.merge_by_sender):
        merged = merge({"reverse": reverse}, copy.deepcopy(results))

        assert isinstance(merged["diags"], str)
        assert merged["succeeded"] is True or isinstance(merged["error"], str)


# --- what an operator has set ------------------------------------------------------------------------

PROGRAMS = {"iperf3": "iperf3", "iperf2": "iperf", "nuttcp": "nuttcp", "ethr": "ethr"}


@pytest.fixture
def conf(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.setattr(_configured, "FOLDER", tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    return tmp_path


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_that_is_nowhere_is_a_reason_to_decline(conf: pathlib.Path, name: str) -> None:
    reasons = TOOLS[name].reasons_against("throughput", {"dest": "127.0.0.1"})

    assert reasons == [f"The program {PROGRAMS[name]} is missing"]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_may_be_anywhere_and_a_server_at_any_port(conf: pathlib.Path, name: str) -> None:
    program = conf / "program"
    program.touch(mode=0o755)
    (conf / f"{name}.conf").write_text(f"[{name}]\n{name}_cmd = {program}\nserver_port = 7000\n")
    host, tool = Programs(), TOOLS[name]
    spec = {"dest": "127.0.0.1"}

    told = tool.participant_data(1, spec, host)
    data = [tool.participant_data(0, spec, host), {**told, "_auth": None}]
    for number in (0, 1):
        with pytest.raises(PluginFailed, match="cannot be started"):
            tool.run(job(tool, spec, host, participant=number, participant_data=data))

    assert tool.reasons_against("throughput", spec) == []
    assert told["server_port"] == 7000
    assert {words[0] for words in host.executed} - {"ip"} == {str(program)}


def test_nuttcp_has_two_ports_to_set(conf: pathlib.Path) -> None:
    (conf / "nuttcp.conf").write_text("[nuttcp]\ndata_port_start: 7100\n")

    told = TOOLS["nuttcp"].participant_data(1, {}, Programs())

    assert told == {"server_port": 5001, "data_port_start": 7100}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[other]\nserver_port = 1",
        "server_port = 1",
        "[iperf2]\nserver_port = 0",
        "[iperf2]\nserver_port = 99999",
        "[iperf2]\nserver_port = \u0663",
        "[iperf2]\nserver_port = %(x)s",
        "[iperf2]\n[iperf2]",
        "\udcff",
    ],
)
def test_what_makes_no_sense_is_passed_over(conf: pathlib.Path, text: str) -> None:
    (conf / "iperf2.conf").write_bytes(text.encode(errors="surrogateescape"))

    assert _configured.port("iperf2", "server_port", 5001) == 5001


# --- processors ------------------------------------------------------------------------------------


@pytest.fixture
def numa(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A machine with interfaces eth0, next to node 1, and eth1, which is next to none."""
    for name, node in (("eth0", "1\n"), ("eth1", "-1\n"), ("eth2", "what\n")):
        (tmp_path / name / "device").mkdir(parents=True)
        (tmp_path / name / "device" / "numa_node").write_text(node)
    monkeypatch.setattr(_affinity, "INTERFACES", tmp_path)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    return tmp_path


def says(answer: Any) -> Completed:
    return Completed(0, json.dumps(answer), "")


@pytest.mark.usefixtures("numa")
@pytest.mark.parametrize(
    ("address", "answer", "words"),
    [
        ("192.0.2.1", [{}, {"ifname": "eth0"}], ["numactl", "-N", "1"]),
        (None, [{"dst": "192.0.2.9", "dev": "eth0"}], ["numactl", "-N", "1"]),
        (None, [{"dev": "eth1"}], []),
        (None, [{"dev": "eth2"}], []),
        (None, [{"dev": "lo"}], []),
        (None, [{"dev": "../../eth0"}], []),
        (None, [], []),
        (None, {"dev": "eth0"}, []),
        (None, [5], []),
    ],
)
def test_a_program_runs_next_to_its_interface(address: str | None, answer: Any, words: list[str]) -> None:
    host = Programs(ip=says(answer), numactl=Completed(0, "", ""))

    assert _affinity.pin(host, None, address, "192.0.2.9") == (words, "")
    question = f"address show to {address}" if address else "route get 192.0.2.9"
    assert host.executed[0] == ["ip", "-json", *question.split()]


@pytest.mark.usefixtures("numa")
def test_a_processor_asked_for_is_used() -> None:
    host = Programs(numactl=Completed(0, "", ""))

    assert _affinity.pin(host, 0.0, None, "192.0.2.9") == (["numactl", "-C", "0"], "")
    assert host.executed == [["numactl", "-C", "0", "true"]]


@pytest.mark.usefixtures("numa")
@pytest.mark.parametrize("numactl", [Completed(1, "", "libnuma: Error"), PluginFailed("took too long")])
def test_a_processor_that_cannot_be_had_is_noted(numactl: Any) -> None:
    words, note = _affinity.pin(Programs(numactl=numactl), 99, None, "192.0.2.9")

    assert words == []
    assert "numactl -C 99 does not work here" in note


def test_a_machine_without_the_programs_binds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)

    assert _affinity.pin(Programs(), None, None, "192.0.2.9") == ([], "")
    assert _affinity.pin(Programs(), 3, None, "192.0.2.9")[0] == []
