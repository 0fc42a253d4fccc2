"""The ethr tool: its arguments, and what it makes of output in the form the program documents."""

import json
import pathlib
from typing import Any

import pytest

from plugins.sdk.jobs import Completed, PluginFailed
from plugins.support.host_lookup import Ends
from plugins.tests.throughput import TEST
from plugins.tools.throughput import ethr, ethr_output
from tests.builders import at, seconds
from tests.plugins import two_ends
from tests.plugins.two_ends import Programs, checked

HERE = pathlib.Path(__file__).with_name("ethr")
TCP = (HERE / "tcp.out").read_text()
ENDS = Ends("198.51.100.1", "192.0.2.1", 4)
NEW = {"schema": 4, "ethr_major_version": 1}


# --- output ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", two_ends.captured("ethr"))
def test_reads_what_the_program_prints(path: pathlib.Path) -> None:
    parsed = ethr_output.parse(path.with_suffix(".out").read_text(), omit=0)

    assert parsed == json.loads(path.read_text())
    assert TEST.result_versions.problem({"succeeded": True, "diags": "", **parsed}) is None


def test_there_is_output_to_read() -> None:
    assert len(list(HERE.glob("*.out"))) == 4
    assert len(list(HERE.glob("*.json"))) == 3  # one is of a failure


def test_seconds_that_are_omitted_do_not_count() -> None:
    parsed = ethr_output.parse(TCP, omit=1)

    assert [interval["summary"]["omitted"] for interval in parsed["intervals"]] == [True, False, False]
    assert parsed["summary"]["summary"]["throughput-bits"] == pytest.approx(9.405e9)
    assert (parsed["summary"]["summary"]["start"], parsed["summary"]["summary"]["end"]) == (1, 3)


@pytest.mark.parametrize(("output", "omit"), [("", 0), ((HERE / "refused.out").read_text(), 0), (TCP, 3)])
def test_output_without_seconds_that_count_is_a_failure(output: str, omit: int) -> None:
    with pytest.raises(PluginFailed, match="no figures"):
        ethr_output.parse(output, omit)


# --- arguments -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, "-d 10s -p tcp -port 9 -ip 198.51.100.1 -n 1"),
        ({"duration": "PT2.5S", "omit": "PT1S"}, "-d 4s -p tcp -port 9 -ip 198.51.100.1 -n 1"),
        ({"udp": True, "bandwidth": 1e6}, "-d 10s -p udp -port 9 -ip 198.51.100.1 -b 1000000 -n 1"),
        (
            {"parallel": 2, "ip-tos": 0, "buffer-length": 5, "reverse": True},
            "-d 10s -p tcp -port 9 -ip 198.51.100.1 -n 2 -tos 0 -l 5 -r",
        ),
    ],
)
def test_the_clients_arguments_follow_the_spec(spec: dict[str, Any], expected: str) -> None:
    arguments = ethr.client_argv("ethr", spec, ENDS, 9)

    assert " ".join(arguments) == f"ethr -no -4 -t b -c 192.0.2.1 {expected}"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, "-d 10s -p tcp -ports tcp=9"),
        ({"udp": True, "parallel": 2, "omit": "PT2S"}, "-d 12s -p udp -ports udp=9 -n 2"),
    ],
)
def test_the_old_program_has_arguments_of_its_own(spec: dict[str, Any], expected: str) -> None:
    arguments = ethr.client_argv("ethr0", spec, ENDS, 9)

    assert " ".join(arguments) == f"ethr0 -no -4 -t b -c 192.0.2.1 {expected}"


def test_the_servers_arguments() -> None:
    assert " ".join(ethr.server_argv("ethr", {}, ENDS, 9)) == "ethr -no -4 -s -port 9 -ip 192.0.2.1"
    assert " ".join(ethr.server_argv("ethr0", {"udp": True}, ENDS, 9)) == "ethr0 -no -4 -s -ports udp=9"


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ([NEW, NEW], "ethr"),
        ([NEW], "ethr"),
        ([NEW, {}], "ethr0"),
        ([None, NEW], "ethr0"),
        ([NEW, {"ethr_major_version": "1"}], "ethr0"),
    ],
)
def test_the_ends_use_the_program_both_have(data: list[Any], name: str) -> None:
    assert ethr.program(data) == name


@pytest.mark.parametrize(
    ("installed", "told"),
    [(("ethr",), [NEW, {**NEW, "server_port": 5201}]), (("ethr0",), [{}, {"server_port": 5201}])],
)
def test_participants_tell_whether_they_have_the_new_one(
    installed: tuple[str, ...], told: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: name if name in installed else None)

    assert [ethr.participant_data(number, {}, Programs()) for number in (0, 1)] == told
    assert ethr.needs() == []


def test_declines_where_neither_program_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)

    assert ethr.needs() == ["The program ethr is missing"]


@pytest.mark.parametrize(
    ("spec", "planned"),
    [({}, 19), ({"duration": "PT3S", "omit": "PT2S", "link-rtt": "PT0.01S"}, 1 + 3 + 2 + 5)],
)
def test_plans_for_as_long_as_it_may_take(spec: dict[str, Any], planned: int) -> None:
    assert ethr.duration("throughput", spec) == seconds(planned)


# --- both ends, on programs that only seem to run ---------------------------------------------------


def test_the_client_waits_for_the_server() -> None:
    host = Programs(ethr0=Completed(0, TCP, ""))

    local = two_ends.end(ethr.TOOL, {"dest": "127.0.0.1"}, host)

    assert local["summary"] == json.loads((HERE / "tcp.json").read_text())["summary"]
    assert host.slept_until == [at(2), at(5)]
    assert host.timeouts == [14]


def test_the_merged_result_is_valid() -> None:
    host = Programs(ethr0=Completed(0, TCP, ""))
    local = two_ends.end(ethr.TOOL, {"dest": "127.0.0.1"}, host)

    assert checked(ethr.TOOL.merge({}, [local, {"succeeded": True, "diags": ""}]))


@pytest.mark.parametrize(
    ("completed", "error"),
    [
        (Completed(1, "Error: unknown flag\n", ""), "Error: unknown flag"),
        (Completed(0, (HERE / "refused.out").read_text(), ""), "no figures"),
    ],
)
def test_a_program_that_could_not_measure_is_a_failure(completed: Completed, error: str) -> None:
    with pytest.raises(PluginFailed, match=error) as failed:
        two_ends.end(ethr.TOOL, {"dest": "127.0.0.1"}, Programs(ethr0=completed))

    assert failed.value.diags.startswith("ethr0 -no -4")


@pytest.mark.parametrize("completed", [Completed(0, "", "listen: in use\n"), Completed(1, "", "in use\n")])
def test_a_server_that_ends_by_itself_has_failed(completed: Completed) -> None:
    with pytest.raises(PluginFailed, match="in use"):
        two_ends.end(ethr.TOOL, {"dest": "127.0.0.1"}, Programs(ethr0=completed), participant=1)


def test_a_server_runs_until_it_is_ended() -> None:
    host = Programs(ethr0=Completed(-15, "", "", stopped=True))

    assert two_ends.end(ethr.TOOL, {"dest": "127.0.0.1"}, host, participant=1)["succeeded"]
