"""Following a program line by line, with real processes."""

import os
import pathlib
import threading
import time

import pytest

from chalicelib.domain.errors import Cancelled, PluginFailed
from chalicelib.infrastructure import processes
from chalicelib.infrastructure.machine import Machine

PATIENCE = 20.0
"""Seconds that only a broken test takes."""


def shell(script: str) -> list[str]:
    return ["sh", "-c", script]


def has_ended(pid: int) -> bool:
    """Whether a process is gone, or a zombie that nobody has read yet, within our patience."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


def test_each_line_is_handed_over() -> None:
    lines: list[str] = []

    done = Machine().follow(shell("echo one; echo; printf 'tw'; printf 'o\\nthree'"), PATIENCE, lines.append)

    assert lines == ["one", "", "two", "three"]
    assert (done.status, done.stdout) == (0, "")


def test_a_line_is_handed_over_while_the_program_runs(tmp_path: pathlib.Path) -> None:
    seen = tmp_path / "seen"
    script = f"echo ready; while ! [ -e {seen} ]; do sleep 0.01; done; echo done"
    lines: list[str] = []

    def on_line(line: str) -> None:
        lines.append(line)
        seen.touch()  # which alone lets the program end

    done = Machine().follow(shell(script), PATIENCE, on_line)

    assert lines == ["ready", "done"]
    assert done.status == 0


def test_what_it_printed_as_errors_comes_back_with_its_status() -> None:
    done = Machine().follow(shell("echo trouble >&2; exit 3"), PATIENCE, lambda line: None)

    assert (done.status, done.stderr) == (3, "trouble\n")


def test_only_the_end_of_many_errors_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "ERRORS_KEPT", 8)

    done = Machine().follow(shell("printf 'first line\\nlast\\n' >&2"), PATIENCE, lambda line: None)

    assert done.stderr == "ne\nlast\n"


def test_being_ended_when_its_time_is_up_is_no_failure() -> None:
    lines: list[str] = []

    done = Machine().follow(shell("echo $$; printf half; sleep 100 & wait"), 0.5, lines.append)

    assert done.status < 0
    assert len(lines) == 1  # the half line is none
    assert has_ended(int(lines[0]))


def test_its_children_end_with_it() -> None:
    lines: list[str] = []

    Machine().follow(shell("sleep 100 & echo $!; trap '' TERM; wait"), 0.5, lines.append)

    assert has_ended(int(lines[0]))


def test_a_cancelled_run_ends_it() -> None:
    machine = Machine()
    lines: list[str] = []

    def on_line(line: str) -> None:
        lines.append(line)
        threading.Timer(0.1, machine.cancel).start()

    with pytest.raises(Cancelled):
        machine.follow(shell("echo $$; sleep 100"), PATIENCE, on_line)

    assert has_ended(int(lines[0]))


def test_what_its_listener_raises_ends_it_and_is_raised() -> None:
    pids: list[int] = []

    def on_line(line: str) -> None:
        pids.append(int(line))
        raise PluginFailed("The file cannot be read")

    with pytest.raises(PluginFailed, match="cannot be read"):
        Machine().follow(shell("echo $$; sleep 100"), PATIENCE, on_line)

    assert has_ended(pids[0])


def test_it_works_where_it_is_told_to(tmp_path: pathlib.Path) -> None:
    lines: list[str] = []

    Machine().follow(shell("pwd -P; echo data > file"), PATIENCE, lines.append, directory=str(tmp_path))

    assert lines == [str(tmp_path.resolve())]
    assert (tmp_path / "file").read_text() == "data\n"


def test_otherwise_it_works_in_a_directory_that_goes_with_it() -> None:
    lines: list[str] = []

    Machine().follow(shell("pwd -P; ls -A"), PATIENCE, lines.append)

    assert len(lines) == 1  # it was empty
    assert not os.path.exists(lines[0])


def test_a_program_that_is_not_there_is_a_failure() -> None:
    with pytest.raises(PluginFailed, match="cannot be started"):
        Machine().follow(["no-such-program"], PATIENCE, lambda line: None)


def test_an_endless_line_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "OUTPUT_LIMIT", 1000)

    with pytest.raises(PluginFailed, match="a line of more than 1000 bytes"):
        Machine().follow(["cat", "/dev/zero"], PATIENCE, lambda line: None)


@pytest.mark.parametrize(
    ("printed", "lines", "left"),
    [
        (b"", [], b""),
        (b"a", [], b"a"),
        (b"a\n", ["a"], b""),
        (b"a\n\nb\nc", ["a", "", "b"], b"c"),
        (b"\xff\n", ["\N{REPLACEMENT CHARACTER}"], b""),
    ],
)
def test_only_complete_lines_are_taken(printed: bytes, lines: list[str], left: bytes) -> None:
    buffer = bytearray(printed)

    taken = list(processes._lines(buffer))

    assert (taken, bytes(buffer)) == (lines, left)


def test_a_program_run_to_its_end_still_fails_when_it_takes_too_long() -> None:
    with pytest.raises(PluginFailed, match="took too long"):
        Machine().execute(shell("echo $$; sleep 100"), timeout=0.2)


def test_a_program_run_to_its_end_still_fails_when_it_prints_too_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(processes, "OUTPUT_LIMIT", 1000)

    with pytest.raises(PluginFailed, match="printed more than 1000 bytes"):
        Machine().execute(["cat", "/dev/zero"], timeout=PATIENCE)
