"""The globus tool: its arguments, what it makes of the program's output, and a program of its name."""

import pathlib
from typing import Any

import pytest

from chalicelib.infrastructure.machine import Machine
from plugins.sdk.jobs import Completed, PluginFailed
from plugins.tests.disk_to_disk import TEST
from plugins.tools.transfer import globus
from tests.builders import at, seconds
from tests.plugins.jobs import FakeHost, job

UPDATES = pathlib.Path(__file__).with_name("globus").joinpath("updates.out").read_text()
REMOTE = "gsiftp://dtn.example.org/1GB"


@pytest.fixture(autouse=True)
def _copies(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PSCHEDULER_COPY_TO", str(tmp_path))


def copy(completed: Completed, **spec: Any) -> dict[str, Any]:
    whole = {"source": REMOTE, "dest": REMOTE, **spec}
    result: dict[str, Any] = globus.run(job(globus.TOOL, whole, FakeHost(completed)))["result"]
    assert TEST.result_versions.problem(result) is None
    return result


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({"source": REMOTE, "dest": "file:///tmp/x"}, [REMOTE, "file:///tmp/x"]),
        ({"source": "/tmp/a b", "dest": REMOTE}, ["file:///tmp/a%20b", REMOTE]),
        ({"source": REMOTE, "dest": REMOTE, "parallel": 1}, [REMOTE, REMOTE]),
        ({"source": REMOTE, "dest": REMOTE, "parallel": 4.0}, ["-p", "4", REMOTE, REMOTE]),
    ],
)
def test_the_arguments(spec: dict[str, Any], wanted: list[str]) -> None:
    assert globus.argv(spec) == ["globus-url-copy", "-vb", *wanted]


@pytest.mark.parametrize(
    ("output", "wanted"),
    [
        (UPDATES, {"bytes-sent": 1_000_000_000, "throughput": 900_000_000}),  # the last update counts
        ("  10 bytes  0.50 KB/sec avg  0.50 KB/sec inst", {"bytes-sent": 10, "throughput": 4000}),
        ("  10 bytes  7 B/sec avg", {"bytes-sent": 10, "throughput": 56}),
        ("Source: a\nDest: b\n", {}),
        ("", {}),
    ],
)
def test_reads_what_the_program_printed(output: str, wanted: dict[str, Any]) -> None:
    assert globus.parse(output) == wanted


def test_measures_a_copy() -> None:
    result = copy(Completed(0, UPDATES, ""))

    assert result["bytes-sent"] == 1_000_000_000
    assert result["throughput"] == 900_000_000


def test_a_copy_too_short_for_updates_has_its_time() -> None:
    assert copy(Completed(0, "", "")).keys() == {"schema", "succeeded", "time"}


@pytest.mark.parametrize(
    ("completed", "said"),
    [
        (Completed(1, "", "error: No such file\n"), "^error: No such file$"),
        (Completed(2, "", ""), "ended with status 2"),
    ],
)
def test_a_program_that_failed_is_a_failure(completed: Completed, said: str) -> None:
    with pytest.raises(PluginFailed, match=said):
        copy(completed)


def test_waits_for_the_start_and_removes_what_is_left(tmp_path: pathlib.Path) -> None:
    host = FakeHost(PluginFailed("It took too long"))

    with pytest.raises(PluginFailed, match="too long"):
        globus.run(job(globus.TOOL, {"source": REMOTE, "dest": f"{tmp_path}/copy", "cleanup": False}, host))

    assert host.slept_until == [at(2)]
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def program(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program of its name that copies a file of this machine."""
    folder = tmp_path_factory.mktemp("bin")
    script = folder / "globus-url-copy"
    script.write_text('#!/bin/sh\necho "$@"\ncp "${4#file://}" "${5#file://}"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


@pytest.mark.usefixtures("program")
@pytest.mark.parametrize("cleanup", [True, False])
def test_a_program_of_its_name_is_run(tmp_path: pathlib.Path, cleanup: bool) -> None:
    tmp_path.joinpath("source").write_text("content")
    spec = {"source": f"{tmp_path}/source", "dest": f"{tmp_path}/copy", "parallel": 2, "cleanup": cleanup}
    assert globus.TOOL.reasons_against("disk-to-disk", spec) == []
    machine = Machine()

    local = globus.run(job(globus.TOOL, spec, machine, start=machine.now()))

    assert f"-vb -p 2 file://{tmp_path}/source file://{tmp_path}/.copy-" in local["diags"]
    left = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert left == {"source": "content", **({} if cleanup else {"copy": "content"})}


@pytest.mark.usefixtures("program")
def test_what_is_there_is_neither_overwritten_nor_removed(tmp_path: pathlib.Path) -> None:
    tmp_path.joinpath("source").write_text("content")
    spec = {"source": f"{tmp_path}/source", "dest": f"{tmp_path}/copy", "parallel": 2, "cleanup": False}
    machine = Machine()
    tmp_path.joinpath("copy").write_text("mine")

    with pytest.raises(PluginFailed, match="exists already"):
        globus.run(job(globus.TOOL, spec, machine, start=machine.now()))

    assert tmp_path.joinpath("copy").read_text() == "mine"


@pytest.mark.parametrize(
    ("source", "dest", "reason"),
    [
        ("-sf", REMOTE, "-sf is neither a URL nor an absolute path"),
        (REMOTE, "-", "- is neither a URL nor an absolute path"),
        ("/etc/passwd", REMOTE, "Does not fetch files under"),
        (REMOTE, "/etc/passwd", "Does not write to files outside"),
        (REMOTE, "file:///usr/bin/x", "Does not write to files outside"),
    ],
)
def test_declines_what_it_may_not_touch(source: str, dest: str, reason: str) -> None:
    reasons = globus.TOOL.reasons_against("disk-to-disk", {"source": source, "dest": dest})

    assert any(each.startswith(reason) for each in reasons)


def test_declines_without_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    reasons = globus.TOOL.reasons_against("disk-to-disk", {"source": REMOTE, "dest": REMOTE})

    assert reasons == ["The program globus-url-copy is missing"]


def test_the_time_a_run_needs() -> None:
    assert globus.TOOL.duration("disk-to-disk", {}) == seconds(10)
    assert globus.TOOL.duration("disk-to-disk", {"timeout": "PT1M"}) == seconds(60)
