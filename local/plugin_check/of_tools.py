"""What is asked of a tool: that it knows its tests, and answers for every example of theirs."""

import contextlib
import datetime as dt
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import EPOCH, format_timestamp
from local.plugin_check.of_all import Check
from plugins import registry
from plugins.sdk.jobs import PluginFailed
from plugins.sdk.test import Test
from plugins.sdk.tool import Tool

LONGEST_RUN = dt.timedelta(days=8)
"""More than this for a run of an example is taken for a mistake in units."""


def its_tests(tool: Tool) -> Iterator[str]:
    for name in tool.tests:
        if name not in registry.tests():
            yield f"there is no test {name}, which it says it performs"
    for name, test in registry.tests().items():
        if name not in tool.tests and not tool.reasons_against(name, test.examples[0]):
            yield f"it does not decline the test {name}, which it does not perform"


def its_limits(tool: Tool) -> Iterator[str]:
    tests = _tests(tool)
    members = {field.name for test in tests for field in test.fields}
    for name in sorted((tool.keys or set()) - members - {"schema"}):
        yield f"it understands the member {name}, which its tests do not have"
    newest = max((max(test.spec_versions.checkers) for test in tests), default=1)
    if tool.max_schema is not None and not 1 <= tool.max_schema <= newest:
        yield f"it understands specs of schema {tool.max_schema}; the newest there is is {newest}"


def its_reasons(tool: Tool) -> Iterator[str]:
    for where, test, spec in _examples(tool):
        reasons = tool.declines(test, spec)
        if not _are_sentences(reasons):
            yield f"its reasons against {where} are not a list of sentences: {reasons!r}"


def its_reasons_of_the_host(tool: Tool) -> Iterator[str]:
    """What it needs, and that it does not decline a spec for what this host lacks: others may have it."""
    if not _are_sentences(unmet := tool.needs()):
        yield f"what it needs is not a list of sentences: {unmet!r}"
    for where, test, spec in _examples(tool):
        if not _are_sentences(reasons := tool.here(test, spec)):
            yield f"its reasons here against {where} are not a list of sentences: {reasons!r}"
        with _without_programs():
            elsewhere = tool.declines(test, spec)
        if elsewhere != tool.declines(test, spec):
            yield f"it declines {where} for what the host lacks, which belongs in needs: {elsewhere!r}"


@contextlib.contextmanager
def _without_programs() -> Iterator[None]:
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = "/nowhere"
    try:
        yield
    finally:
        os.environ["PATH"] = before


def _are_sentences(reasons: object) -> bool:
    return isinstance(reasons, list) and all(isinstance(reason, str) and reason for reason in reasons)


def its_duration(tool: Tool) -> Iterator[str]:
    for where, test, spec in _examples(tool):
        duration = tool.duration(test, spec)
        if not isinstance(duration, dt.timedelta):
            yield f"its duration for {where} is not a timedelta: {duration!r}"
        elif not dt.timedelta(0) < duration < LONGEST_RUN:
            yield f"its duration for {where} is {duration}"


def its_participant_data(tool: Tool) -> Iterator[str]:
    for where, test, spec in _examples(tool):
        for number in range(len(registry.tests()[test].participants(spec))):
            with contextlib.suppress(PluginFailed):  # it may well need a program that is not here
                data = tool.participant_data(number, spec, _BareHost())
                if not isinstance(json.loads(json.dumps(data)), dict):
                    yield f"what it tells the other participants of {where} is not an object"


class _BareHost:
    """A machine without programs, on which no time passes."""

    def now(self) -> dt.datetime:
        return EPOCH

    def sleep_until(self, moment: dt.datetime) -> None:
        """There is no need to wait."""

    def clock_state(self) -> dict[str, JSON]:
        return {"time": format_timestamp(EPOCH), "synchronized": False}

    def execute(self, *anything: Any, **named: Any) -> NoReturn:
        raise PluginFailed("There are no programs here")

    follow = execute


def its_merging(tool: Tool) -> Iterator[str]:
    failure = {"succeeded": False, "result": None, "error": "It broke", "diags": ""}
    for where, test, spec in _examples(tool):
        count = len(registry.tests()[test].participants(spec))
        for results in ([None] * count, [failure] * count):
            merged = tool.merge(spec, results)
            if merged is not None and merged.get("succeeded", True):
                yield f"it makes a success of failures of {where}"


def _tests(tool: Tool) -> list[Test]:
    return [registry.tests()[name] for name in tool.tests if name in registry.tests()]


def _examples(tool: Tool) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """(which one, the test's name, spec) of every example of the tests it performs."""
    for test in _tests(tool):
        for number, spec in enumerate(test.examples):
            yield f"{test.name} example {number}", test.name, spec


CHECKS: Sequence[Check] = (
    its_tests,
    its_limits,
    its_reasons,
    its_reasons_of_the_host,
    its_duration,
    its_participant_data,
    its_merging,
)
