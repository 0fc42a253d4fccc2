"""The tools qperf and ib-write-bw: their arguments, and what they make of output; qperf also runs.

The output of qperf was captured with TCP and UDP, which it prints as it does RDMA; that of ib_write_bw is put
together from what its users have published, since it needs a device.
"""

import datetime as dt
import pathlib
from typing import Any

import pytest

from plugins.sdk.jobs import Completed, PluginFailed
from plugins.sdk.tool import Tool
from plugins.support.host_lookup import Ends
from plugins.tools.throughput import ib_write_bw, qperf, rdma, two_ended
from tests.builders import at, seconds
from tests.plugins import two_ends
from tests.plugins.programs import needs
from tests.plugins.two_ends import Programs, checked

HERE = pathlib.Path(__file__).parent
RELIABLE = (HERE / "qperf" / "reliable.out").read_text()
DATAGRAMS = (HERE / "qperf" / "datagrams.out").read_text()
CLIENT = (HERE / "ib_write_bw" / "client.out").read_text()
ENDS = Ends(None, "192.0.2.1", 4)
TOOLS = [pytest.param(qperf.TOOL, id="qperf"), pytest.param(ib_write_bw.TOOL, id="ib-write-bw")]


@pytest.fixture
def device(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with an RDMA device, and all programs."""
    (tmp_path / "mlx5_0").mkdir()
    monkeypatch.setattr(rdma, "DEVICES", tmp_path)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")


# --- what they decline ------------------------------------------------------------------------------


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("devices", [None, []])
def test_declines_without_a_device(
    tool: Tool, devices: list[str] | None, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rdma, "DEVICES", tmp_path if devices is not None else tmp_path / "missing")
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")

    assert tool.reasons_against("throughput", {"dest": "a"}) == ["There is no RDMA device here"]


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("tool", TOOLS)
def test_declines_without_the_program(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    program = tool.name.replace("-", "_")

    assert tool.reasons_against("throughput", {"dest": "a"}) == [f"The program {program} is missing"]


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize(
    ("tool", "spec", "reasons"),
    [
        (qperf.TOOL, {}, []),
        (qperf.TOOL, {"ip-version": 6, "reverse": True, "buffer-length": 4096, "udp": False}, []),
        (qperf.TOOL, {"udp": True}, ["Measures reliable connections only, not udp"]),
        (
            qperf.TOOL,
            {"parallel": 2, "bandwidth": 1},
            ["Does not support bandwidth", "Does not support parallel"],
        ),
        (ib_write_bw.TOOL, {"parallel": 4, "ip-tos": 32, "reverse": True}, []),
        (ib_write_bw.TOOL, {"ip-version": 6}, ["Measures over IPv4 only"]),
        (ib_write_bw.TOOL, {"single-ended": True}, ["Does not support single-ended"]),
    ],
)
def test_declines_what_it_cannot_do(tool: Tool, spec: dict[str, Any], reasons: list[str]) -> None:
    assert tool.reasons_against("throughput", {"dest": "a", **spec}) == reasons


# --- arguments --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, "-t 10 -cm1 rc_bw"),
        ({"duration": "PT2.5S", "buffer-length": 65536}, "-t 3 -m 65536 -cm1 rc_bw"),
        ({"reverse": True}, "-t 10 -f1 -cm1 rc_bw"),
    ],
)
def test_arguments_of_qperf(spec: dict[str, Any], expected: str) -> None:
    usual = "qperf 192.0.2.1 -lp 5000 -ub -uu -vv"

    assert qperf.client_argv(spec, ENDS, 5000) == f"{usual} {expected}".split()
    assert qperf.server_argv(5000) == ["qperf", "-lp", "5000"]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, "-D 14"),  # two seconds at each end are left out of the figures
        ({"duration": "PT3S", "parallel": 4, "buffer-length": 8388608}, "-D 7 -s 8388608 -q 4"),
        ({"reverse": True, "ip-tos": 96}, "-D 14 -T 96 --reversed"),
    ],
)
def test_both_ends_of_ib_write_bw_are_told_the_same(spec: dict[str, Any], expected: str) -> None:
    usual = f"ib_write_bw -R -F --report_gbits -p 5000 {expected}".split()

    assert ib_write_bw.argv(spec, 5000) == usual
    assert ib_write_bw.argv(spec, 5000, "192.0.2.1") == [*usual, "192.0.2.1"]


@pytest.mark.parametrize(
    ("tool", "spec", "planned"),
    [
        (qperf.TOOL, {}, 10 + 6 + 2),
        (qperf.TOOL, {"duration": "PT2.5S"}, 3 + 6 + 2),
        (ib_write_bw.TOOL, {}, 3 + 14 + 6),
    ],
)
def test_plans_for_as_long_as_it_may_take(tool: Tool, spec: dict[str, Any], planned: float) -> None:
    assert tool.duration("throughput", spec) == seconds(planned)


# --- output -----------------------------------------------------------------------------------------


def test_reads_what_qperf_printed_of_a_connection() -> None:
    total = qperf.parse(RELIABLE)["summary"]["summary"]

    values = {line.split()[0]: float(line.split()[2]) for line in RELIABLE.splitlines()[1:]}
    assert total["throughput-bits"] == total["receiver-throughput-bits"] == values["bw"]
    assert (total["throughput-bytes"], total["end"]) == (values["send_bytes"], 2)


def test_reads_what_qperf_printed_of_what_may_be_lost() -> None:
    total = qperf.parse(DATAGRAMS)["summary"]["summary"]

    assert total["throughput-bits"] > total["receiver-throughput-bits"] > 0


@pytest.mark.parametrize(
    "output",
    [
        "",
        "rc_bw:\n",
        "rc_bw:\n    bw  =  9.4 Gb/sec\n    time  =  2 sec\n",
        "rc_bw:\n    bw = nan bits/sec\n",
    ],
)
def test_other_output_of_qperf_is_a_failure(output: str) -> None:
    with pytest.raises(PluginFailed, match="no figures"):
        qperf.parse(output)


@pytest.mark.parametrize(
    ("name", "bits"), [("client", 369.42e9), ("mebibytes", 44038.77 * 8 * 2**20)], ids=["Gb", "MiB"]
)
def test_reads_what_ib_write_bw_printed(name: str, bits: float) -> None:
    total = ib_write_bw.parse((HERE / "ib_write_bw" / f"{name}.out").read_text(), seconds(10))["summary"][
        "summary"
    ]

    assert total["throughput-bits"] == pytest.approx(bits)
    assert (total["throughput-bytes"], total["end"]) == (pytest.approx(bits / 8 * 10), 10)


@pytest.mark.parametrize(
    "output", ["", CLIENT.split(" #bytes", maxsplit=1)[0], CLIENT.replace("Gb/sec", "furlongs")]
)
def test_other_output_of_ib_write_bw_is_a_failure(output: str) -> None:
    with pytest.raises(PluginFailed, match="no figures"):
        ib_write_bw.parse(output, dt.timedelta(seconds=10))


# --- both ends --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tool", "printed", "waits"),
    [(qperf.TOOL, RELIABLE, 2), (ib_write_bw.TOOL, CLIENT, 3)],
    ids=["qperf", "ib"],
)
def test_the_client_waits_for_its_server_and_has_the_figures(tool: Tool, printed: str, waits: int) -> None:
    host = Programs(**{tool.name.replace("-", "_"): Completed(0, printed, "")})

    client = two_ends.end(tool, {"dest": "127.0.0.1"}, host)
    merged = tool.merge({"dest": "127.0.0.1"}, [client, two_ended.result({}, "")])

    assert host.slept_until == [at(2), at(2 + waits)]
    assert checked(merged)["summary"] == client["summary"]


@pytest.mark.parametrize("tool", TOOLS)
def test_a_client_without_a_server_fails_the_test(tool: Tool) -> None:
    host = Programs(**{tool.name.replace("-", "_"): Completed(1, "", "failed to connect\n")})

    with pytest.raises(PluginFailed, match="failed to connect"):
        two_ends.end(tool, {"dest": "127.0.0.1"}, host)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_server_that_breaks_down_fails_the_test(tool: Tool) -> None:
    host = Programs(
        **{tool.name.replace("-", "_"): Completed(1, "", "failed to find any InfiniBand devices\n")}
    )

    with pytest.raises(PluginFailed, match="InfiniBand"):
        two_ends.end(tool, {"dest": "127.0.0.1"}, host, participant=1)


@needs("qperf", "--version")
@pytest.mark.parametrize("reverse", [False, True])
def test_qperf_measures_between_two_ends(monkeypatch: pytest.MonkeyPatch, reverse: bool) -> None:
    monkeypatch.setattr(qperf, "TRANSPORT", ("-un", "tcp_bw"))  # what needs no device
    spec = {"dest": "127.0.0.1", "duration": "PT1S", "reverse": reverse}
    data = [{}, {"server_port": two_ended.free_port()}]

    locals_ = two_ends.measure(qperf.TOOL, spec, data, endless=True)

    assert checked(qperf.TOOL.merge(spec, locals_))["summary"]["summary"]["end"] == 1
