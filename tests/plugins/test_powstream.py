"""The powstream tool: its arguments, and its streams by stand-ins for powstream and owstats."""

import datetime as dt
import pathlib
import threading
import time
from typing import Any

import pytest

from chalicelib.domain.errors import Cancelled
from chalicelib.infrastructure.machine import Machine
from plugins.sdk.jobs import Completed, PluginFailed
from plugins.tests.latencybg import TEST
from plugins.tools.one_way import powstream
from tests.builders import at, seconds
from tests.plugins.jobs import FakeHost, job

OUTPUT = pathlib.Path(__file__).with_name("owamp").joinpath("owping.out").read_text()
PATIENCE = 20.0


@pytest.mark.parametrize(
    ("spec", "near", "expected"),
    [
        ({}, None, "powstream -p -d /dir -c 600 -i 0.1 -t [b]:861"),
        ({}, "a", "powstream -p -d /dir -c 600 -i 0.1 -t -S a [b]:861"),
        ({"flip": True}, "a", "powstream -p -d /dir -c 600 -i 0.1 -S a [b]:861"),
        (
            {
                "packet-count": 6000.0,
                "packet-interval": 0.01,
                "packet-timeout": 2,
                "packet-padding": 1000,
                "ctrl-port": 8861,
                "data-ports": {"lower": 8760, "upper": 9960},
                "ip-version": 6,
            },
            None,
            "powstream -p -d /dir -s 1000 -P 8760-9960 -c 6000 -i 0.01 -L 2 -6 -t [b]:8861",
        ),
        ({"packet-timeout": 0}, None, "powstream -p -d /dir -c 600 -i 0.1 -t [b]:861"),
    ],
)
def test_arguments_follow_the_spec(spec: dict[str, Any], near: str | None, expected: str) -> None:
    assert powstream.argv(spec, near, "b", "/dir") == expected.split()


@pytest.mark.parametrize(("spec", "planned"), [({}, 86402), ({"duration": "PT1H"}, 3602)])
def test_plans_for_its_end_too(spec: dict[str, Any], planned: int) -> None:
    assert powstream.duration("latencybg", spec) == seconds(planned)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"ip-tos": 0}, "ip-tos"),
        ({"schema": 2, "protocol": "twamp"}, "twamp"),
        ({"schema": 3}, "newer"),
    ],
)
def test_declines_what_it_cannot_do(
    spec: dict[str, Any], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")

    (found,) = powstream.TOOL.reasons_against("latencybg", {"dest": "b", **spec})

    assert reason in found


def test_takes_owamp_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    spec = {"schema": 2, "dest": "b", "protocol": "owamp"}

    assert powstream.TOOL.reasons_against("latencybg", spec) == []


def test_declines_without_its_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)

    assert powstream.TOOL.reasons_against("latencybg", {"dest": "b"}) == [
        "The program powstream is missing",
        "The program owstats is missing",
    ]


class Stage:
    """Stand-ins for both programs, shell scripts on the path, and what became of a run with them."""

    def __init__(self, where: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
        self.where = where
        self.emitted: list[Any] = []
        self.machine = Machine()
        monkeypatch.setenv("PATH", f"{where}:/usr/bin:/bin")
        self.script("owstats", f'echo "$@" >> {where}/asked; [ "$1" = -R ] && cat "$2"')

    def script(self, name: str, body: str) -> None:
        path = self.where / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def powstream(self, body: str) -> None:
        """What powstream does once it made out its directory, ``$dir``."""
        self.script("powstream", f'echo "$@" > {self.where}/arguments; dir=$3\n{body}')

    def session(self, name: str, text: str = OUTPUT) -> str:
        """Shell commands by which a session ends: its file is written, and its path printed."""
        (self.where / "session").write_text(text)
        return f"cp {self.where}/session $dir/{name}; echo $dir/{name}; "

    def run(self, lasts: float = PATIENCE, **spec: Any) -> Any:
        whole = {"dest": "127.0.0.1", **spec}
        start = self.machine.now()
        planned = seconds(lasts) + powstream.ENDING
        found = job(powstream.TOOL, whole, self.machine, start=start, duration=planned, emit=self.emit)
        return powstream.run(found)

    def run_to_the_end(self, **spec: Any) -> None:
        """A run whose powstream ends by itself, which it has to be with all that it printed dealt with."""
        with pytest.raises(PluginFailed, match="powstream ended with status 0"):
            self.run(**spec)

    def emit(self, result: Any) -> None:
        assert TEST.result_versions.problem(result) is None
        self.emitted.append(result)

    def asked(self) -> list[str]:
        return (self.where / "asked").read_text().splitlines()


@pytest.fixture
def stage(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(tmp_path, monkeypatch)


def test_every_session_is_a_result(stage: Stage) -> None:
    stage.powstream(stage.session("1_2.owp") + stage.session("2_3.owp"))

    stage.run_to_the_end(**{"bucket-width": 0.0001, "output-raw": True})

    assert [emitted["packets-sent"] for emitted in stage.emitted] == [7, 7]
    assert stage.emitted[0]["histogram-latency"] == {
        "12.30": 1,
        "12.50": 2,
        "12.00": 1,
        "913.10": 1,
        "-0.20": 1,
    }
    assert len(stage.emitted[0]["raw-packets"]) == 8


def test_it_succeeds_when_its_time_is_up(stage: Stage) -> None:
    stage.powstream("sleep 100")

    result = stage.run(lasts=0.2)

    assert result["succeeded"] is True
    assert result["diags"].startswith("powstream -p -d ")
    assert TEST.result_versions.problem(result) is None


def test_a_result_is_emitted_while_the_program_goes_on(stage: Stage) -> None:
    told = stage.where / "told"
    stage.powstream(stage.session("1_2.owp") + f"while ! [ -e {told} ]; do sleep 0.01; done; exit 7")
    emit = stage.emit
    stage.emit = lambda result: (emit(result), told.touch())[0]  # type: ignore[method-assign]

    with pytest.raises(PluginFailed, match="status 7"):  # so it had still been running
        stage.run()

    assert len(stage.emitted) == 1


def test_files_are_deleted_once_they_are_read(stage: Stage) -> None:
    left = stage.where / "left"
    stage.powstream(
        stage.session("1_2.owp")
        + stage.session("1_2.sum")
        + stage.session("9_9.txt")
        + f"while [ -e $dir/9_9.txt ]; do sleep 0.01; done; ls -A $dir > {left}"
    )

    stage.run_to_the_end()

    assert left.read_text() == ""
    assert [line.rpartition("/")[2] for line in stage.asked()] == ["1_2.owp"]
    directory = (stage.where / "arguments").read_text().split()[2]
    assert not pathlib.Path(directory).exists()


@pytest.mark.parametrize(
    "printed", ["/etc/hosts.owp", "../1_2.owp", "$dir/sub/1_2.owp", "Connecting ...", "", ".."]
)
def test_what_is_no_file_of_its_own_is_left_alone(stage: Stage, printed: str) -> None:
    stage.powstream(f'echo "{printed}"')

    stage.run_to_the_end()

    assert stage.emitted == []
    assert not (stage.where / "asked").exists()


def test_a_file_that_cannot_be_read_is_a_failed_result(stage: Stage) -> None:
    stage.script("owstats", "echo 'owstats: Invalid file' >&2; exit 1")
    stage.powstream(stage.session("1_2.owp"))

    stage.run_to_the_end()

    assert stage.emitted == [
        {"succeeded": False, "error": "A session could not be read: owstats: Invalid file"}
    ]


def test_a_file_without_packets_is_a_failed_result(stage: Stage) -> None:
    stage.powstream(stage.session("1_2.owp", text=""))

    stage.run_to_the_end()

    (emitted,) = stage.emitted
    assert emitted["succeeded"] is False
    assert "no packets" in emitted["error"]


def test_a_program_that_ends_by_itself_is_a_failure(stage: Stage) -> None:
    stage.powstream("echo 'powstream: Unable to open control connection' >&2; exit 1")

    with pytest.raises(PluginFailed, match="Unable to open control connection") as failed:
        stage.run()

    assert failed.value.diags.startswith("powstream -p -d ")


def test_a_cancelled_run_ends_the_program(stage: Stage) -> None:
    stage.powstream(f"echo $$ > {stage.where}/pid; {stage.session('1_2.owp')} sleep 100")
    stage.emit = lambda result: stage.machine.cancel()  # type: ignore[method-assign]

    with pytest.raises(Cancelled):
        stage.run()

    pid = (stage.where / "pid").read_text().strip()
    deadline = time.monotonic() + PATIENCE
    while pathlib.Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not pathlib.Path(f"/proc/{pid}").exists()


def test_a_run_cancelled_while_a_file_is_read_emits_nothing(stage: Stage) -> None:
    stage.script("owstats", f"touch {stage.where}/reading; sleep 100")
    stage.powstream(stage.session("1_2.owp") + "sleep 100")

    def cancel() -> None:
        while not (stage.where / "reading").exists():
            time.sleep(0.01)
        stage.machine.cancel()

    threading.Thread(target=cancel, daemon=True).start()

    with pytest.raises(Cancelled):
        stage.run()

    assert stage.emitted == []


def test_both_ends_are_addresses(stage: Stage) -> None:
    stage.powstream("exit 0")

    stage.run_to_the_end(source="127.0.0.1", dest="127.0.0.2", flip=True)

    assert (stage.where / "arguments").read_text().split()[-3:] == ["-S", "127.0.0.2", "[127.0.0.1]:861"]


class Following(FakeHost):
    """Remembers for how long it was to follow a program."""

    def follow(self, argv: Any, timeout: float, on_line: Any, directory: str | None = None) -> Completed:
        self.timeout = timeout
        return super().follow(argv, timeout, on_line, directory)


@pytest.mark.parametrize(
    ("late", "lasts"),
    [
        (0, 600),
        (100, 500),  # begun anew in the middle, it ends when it should
        (900, 0),
    ],
)
def test_measures_until_the_planned_end(late: float, lasts: float) -> None:
    host = Following(Completed(-15, "", ""))
    host.time = at(2) + dt.timedelta(seconds=late)
    spec = {"dest": "192.0.2.1", "duration": "PT10M"}

    powstream.run(
        job(powstream.TOOL, spec, host, start=at(2), duration=powstream.duration("latencybg", spec))
    )

    assert host.timeout == lasts
