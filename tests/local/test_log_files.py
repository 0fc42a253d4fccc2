import contextlib
import io
import logging

import pytest

from local import log_files
from local.log_files import MOST_ALIKE, PERIOD, Throttle


def record(text: str, level: int = logging.WARNING, line: int = 1) -> logging.LogRecord:
    return logging.LogRecord("local", level, "here.py", line, text, ("a",), None)


def test_of_many_warnings_of_a_kind_some_are_written_and_the_others_counted() -> None:
    now = [0.0]
    throttle = Throttle(lambda: now[0])

    written = [throttle.filter(record("%s broke")) for _ in range(500)]
    now[0] = PERIOD
    later = record("%s broke")

    assert sum(written) == MOST_ALIKE
    assert throttle.filter(later)
    assert later.getMessage() == f"({500 - MOST_ALIKE} more of these were left out) a broke"
    assert throttle.filter(next_one := record("%s broke"))
    assert next_one.getMessage() == "a broke"


def test_others_are_written_meanwhile() -> None:
    throttle = Throttle(lambda: 0.0)
    for _ in range(500):
        throttle.filter(record("%s broke"))

    assert throttle.filter(record("%s broke", line=2))
    assert all(throttle.filter(record("%s went well", logging.INFO)) for _ in range(500))


def test_kinds_are_not_remembered_without_end() -> None:
    throttle = Throttle(lambda: 0.0)

    for number in range(10_000):
        assert throttle.filter(record(f"{number} %s"))

    assert len(throttle._kinds) <= 1000


@pytest.mark.parametrize(
    ("encoding", "said"),
    [("utf-8", "State in é\\udcff"), ("latin-1", "State in é\\udcff"), ("ascii", "State in \\xe9\\udcff")],
)
def test_what_a_terminal_has_no_characters_for_is_escaped(
    encoding: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding=encoding))

    log_files.say("State in é\udcff")

    assert written.getvalue().decode(encoding) == f"{said}\n"


def test_an_operator_whose_disk_is_full_or_who_is_gone_is_told_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with open("/dev/full", "w") as full:
        monkeypatch.setattr("sys.stdout", full)
        log_files.say("Stopping ...")
        monkeypatch.setattr("sys.stdout", None)
        log_files.say("Stopped.")
        with contextlib.suppress(OSError):
            full.close()
