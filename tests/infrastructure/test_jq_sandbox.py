"""Scripts of strangers: what they may do, and that they end, freeze and read nothing."""

import contextlib
import os
import re
import signal
import threading
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.jq_scripts import LONGEST_SCRIPT, ScriptFailed
from chalicelib.domain.si import parse_si
from chalicelib.domain.times import parse_duration
from chalicelib.infrastructure import jq_sandbox
from chalicelib.infrastructure.jq_sandbox import SANDBOX, Sandbox

ISO = 'import "pscheduler/iso8601" as iso;'
SI = 'import "pscheduler/si" as si;'


def run(script: str, document: Any = None, **args: Any) -> list[Any]:
    return SANDBOX.run(script, args, document)


@pytest.mark.parametrize(
    ("script", "outputs"),
    [
        (".a, .b", [1, 2]),
        ("$x + 1", [42]),
        ("empty", []),
        (f'{ISO} iso::duration_as_seconds("P1DT2H3M4.5S")', [93784.5]),
        (f'{ISO} iso::duration_as_seconds("p1w")', [604800]),
        (f'{ISO} iso::timestamp_parsed("2026-01-31T12:00:00+01:00")', [1769857200]),
        (f'# first\n{ISO}\n{SI} [si::as_integer("1.5Ki"), iso::duration_as_seconds("PT1S")]', [[1536, 1]]),
        (f"{SI} si::as_integer(10)", [10]),
        (
            f'{SI} "si::as_integer \\(si::as_integer("2k")) \\("(\\(si::as_integer("1")))")"',
            ["si::as_integer 2000 (1)"],
        ),
    ],
)
def test_what_a_script_makes_of_a_document(script: str, outputs: list[Any]) -> None:
    assert run(script, {"a": 1, "b": 2}, x=41) == outputs


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("[limit(1e9; repeat(1))]", "processor's time|longer than|ended by the system"),
        ("reduce range(200000) as $i (.; [.])", "ended by the system"),
        ('"x" * 1e9', "ended by the system|memory"),
        ("(" * 20_000 + "1" + ")" * 20_000, "memory exhausted"),
        ('"x" * 1e6 | range(100) as $i | .', "output is larger"),
        ("." + " " * LONGEST_SCRIPT, "characters"),
        ("reduce range(130) as $i (.; [.])", "nested too deeply"),
        ("reduce range(900) as $i (.; [.])", "nested too deeply|recursion"),
        ("}{", "syntax error"),
        (f'{ISO} iso::duration_as_seconds("P")', "not an ISO 8601 duration"),
        (f'{ISO} iso::duration_as_seconds("P1Y")', "not an ISO 8601 duration"),
        (f'{ISO} iso::timestamp_parsed("yesterday")', "not an ISO 8601 timestamp"),
        (f'{SI} si::as_integer("1.5x")', "SI suffix"),
        (f'{SI} si::other("1")', "not defined"),
    ],
)
def test_a_script_that_fails_says_why_and_the_next_one_runs(script: str, complaint: str) -> None:
    with pytest.raises(ScriptFailed, match=complaint):
        run(script)

    assert run(".", 1) == [1]


@pytest.mark.parametrize(
    "script",
    [
        'import "a" as $a {search: "/"}; $a',
        'import "pscheduler/si" as si {search: "/"}; 1',
        '# a comment\n include "a"; .',
        'import "pscheduler/other" as o; 1',
        'module {}; import "a" as a; 1',
        '. as $x | import "a" as $a; 1',
        '"passwd" | modulemeta',
    ],
)
def test_no_script_reads_files(script: str, tmp_path: Any) -> None:
    with pytest.raises(ScriptFailed):
        run(script)


@pytest.mark.parametrize("script", ["$ENV", "env"])
def test_no_script_sees_the_environment(script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")

    with contextlib.closing(Sandbox(1)) as sandbox:
        assert sandbox.run(script, {}, None) == [{}]


def test_others_run_while_a_script_spins_until_it_is_ended() -> None:
    failures: list[ScriptFailed] = []

    def spin() -> None:
        try:
            run("def f: f; f")
        except ScriptFailed as error:
            failures.append(error)

    spinning = threading.Thread(target=spin)
    spinning.start()
    counted = 0
    while spinning.is_alive():
        assert run(". + 1", counted) == [counted + 1]
        counted += 1
        time.sleep(0.01)  # what it spins for is its own time
    spinning.join()

    (failure,) = failures
    assert re.search("processor's time|longer than", str(failure))
    assert counted > 10
    assert run(".", 1) == [1]


def test_a_script_that_waits_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = Sandbox(1)
    sandbox.run("1", {}, None)
    (child,) = sandbox._idle.queue
    assert child is not None
    os.kill(child._process.pid, signal.SIGSTOP)
    monkeypatch.setattr(jq_sandbox, "WALL_SECONDS", 0.2)

    with pytest.raises(ScriptFailed, match="longer than"):
        sandbox.run("1", {}, None)

    assert child._process.returncode == -signal.SIGKILL
    assert sandbox.run("2", {}, None) == [2]
    sandbox.close()


def test_no_process_stays_behind() -> None:
    sandbox = Sandbox(2)
    with sandbox._child() as first, sandbox._child() as second:  # both at work at once
        children = [first, second]

    sandbox.close()

    for child in children:
        with pytest.raises(ProcessLookupError):
            os.kill(child._process.pid, 0)


@given(st.from_regex(r"P([1-9][0-9]{0,2}D)?T[1-9][0-9]{0,3}(\.[1-9])?S", fullmatch=True))
def test_durations_are_those_of_the_product(text: str) -> None:
    assert run(f"{ISO} iso::duration_as_seconds(.)", text) == [parse_duration(text).total_seconds()]


@given(st.from_regex(r"[1-9][0-9]{0,5}([kKmMgG]i?)?", fullmatch=True))
def test_si_numbers_are_those_of_the_product(text: str) -> None:
    assert run(f"{SI} si::as_integer(.)", text) == [parse_si(text)]


def test_several_scripts_are_asked_at_once_and_fail_each_for_itself() -> None:
    scripts: list[tuple[str, dict[str, Any]]] = [
        (".a", {}),
        ('error("no")', {}),
        (".[", {}),
        ("$b", {"b": 2}),
        ("empty", {}),
        ('import "nowhere" as n; .', {}),
    ]

    first, failed, broken, second, nothing, refused = SANDBOX.run_all(scripts, {"a": 1})

    assert (first, second, nothing) == ([1], [2], [])
    assert str(failed) == "no"
    assert all(isinstance(one, ScriptFailed) for one in (failed, broken, refused))


def test_one_that_ends_the_process_takes_no_other_with_it() -> None:
    large = "[range(1000000)] | tostring | . * 30"

    first, ended, last = SANDBOX.run_all([(".a", {}), (large, {}), (".a + 1", {})], {"a": 1})

    assert (first, last) == ([1], [2])
    assert isinstance(ended, ScriptFailed)


def test_what_several_make_together_has_an_end() -> None:
    much = '"x" * 3000000'

    found = SANDBOX.run_all([(much, {})] * 4, {})

    assert [[len(text) for text in one] for one in found if isinstance(one, list)] == [[3_000_000]] * 4


def test_asking_at_once_is_asking_one_by_one() -> None:
    scripts = [(f".a + {number}", {}) for number in range(300)]  # more than are kept compiled

    assert SANDBOX.run_all(scripts, {"a": 1}) == [[number + 1] for number in range(300)]
