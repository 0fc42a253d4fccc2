"""What an operator has set for the throughput tools."""

import pathlib

import pytest

from plugins.sdk.jobs import PluginFailed
from plugins.support import configured
from tests.plugins.everything import TOOLS
from tests.plugins.jobs import FakeHost, job
from tests.plugins.two_ends import Programs

PROGRAMS = {"iperf3": "iperf3", "iperf2": "iperf", "nuttcp": "nuttcp", "ethr": "ethr"}


@pytest.fixture
def conf(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.setenv("PSCHEDULER_TOOL_SETTINGS", str(tmp_path))
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

    assert configured.port(FakeHost(), "iperf2", "server_port", 5001) == 5001
