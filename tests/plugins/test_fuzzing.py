"""Any input at all: a spec, a command line, a program's output. Only the declared errors come of it.

180 inputs each in an ordinary run; HYPOTHESIS_PROFILE=thorough makes it thirty thousand. A failure says how
to have its input again: CHANCE=4711.
"""

import contextlib
import datetime as dt
import functools
import importlib
import inspect
import json
import pkgutil
import typing
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import pytest

import plugins.tools
from chalicelib.domain.errors import Invalid, PSchedulerError
from plugins import sdk
from plugins.sdk.show import HTML, render
from plugins.sdk.tool import Tool
from tests.chance import by_chance
from tests.plugins.everything import TESTS, TOOLS, module_name
from tests.plugins.garbage import TEXTS, captured, changed, output, text, value

pytestmark = pytest.mark.slow(0.1)
every_test = pytest.mark.parametrize("name", TESTS)

Parser = Callable[..., Any]


def _parsers() -> dict[str, Parser]:
    """The functions that read what a program printed: their first parameter is ``output``, or ``line``."""
    found = pkgutil.walk_packages(plugins.tools.__path__, "plugins.tools.")
    loaded = [importlib.import_module(module.name) for module in found if not module.ispkg]
    return {
        f"{module.__name__.rpartition('.')[2]}.{name}": function
        for module in loaded
        for name, function in vars(module).items()
        if inspect.isfunction(function) and function.__module__ == module.__name__
        if list(inspect.signature(function).parameters)[:1] in (["output"], ["line"])
    }


PARSERS = _parsers()


def any_spec(chance: Random, test: sdk.Test) -> Any:
    """An example of a test with members added, gone, or changed somewhere within; rarely no object."""
    names = [*(field.name for field in test.fields), "schema", "bogus", "#a", "_a", ""]
    spec = dict(chance.choice([{}, *test.examples]))
    for _ in range(chance.randrange(5)):
        name = chance.choice(names)
        match chance.randrange(6):
            case 0:
                spec.pop(name, None)
            case 1 if name in spec:
                spec[name] = changed(chance, spec[name])
            case _:
                spec[name] = value(chance)
    return spec if chance.randrange(31) else value(chance)


@every_test
@by_chance
def test_any_json_is_a_valid_spec_or_gets_a_sentence(name: str, chance: Random) -> None:
    test = TESTS[name]
    spec = any_spec(chance, test)

    problem = test.problem(spec)

    assert problem is None or problem.startswith("/")
    if problem is None:  # and then everything else works
        assert list(test.participants(spec))
        _is_stable_on_the_command_line(test, spec)
        assert render(test.show_spec(spec), HTML)
        for tool in (tool for tool in TOOLS.values() if name in tool.tests):
            _says_whether_it_will(tool, test.name, spec)


def _is_stable_on_the_command_line(test: sdk.Test, spec: dict[str, Any]) -> None:
    """A command line makes a spec that makes the same again, once defaults and numbers are written out."""
    arguments = test.arguments(spec)
    if test.open:
        return  # members that its version does not have are of any type
    try:
        settled = test.arguments(test.parse(arguments))
    except Invalid:
        return  # the command line is stricter: ports from 5 to 1, a count of 1e300
    assert test.arguments(test.parse(settled)) == settled


def _says_whether_it_will(tool: Tool, test: str, spec: dict[str, Any]) -> None:
    reasons = tool.reasons_against(test, spec)
    assert all(isinstance(reason, str) for reason in reasons)
    if not reasons:
        assert tool.duration(test, spec) >= dt.timedelta(0)


@every_test
@by_chance
def test_any_arguments_make_json_or_a_complaint(name: str, chance: Random) -> None:
    test = TESTS[name]
    flags = [flag for field in test.fields for flag in field.flags.split()]
    words = [*flags, *TEXTS]

    def word() -> str:
        return chance.choice(words) if chance.randrange(2) else text(chance, 8)

    parts = [
        [chance.choice(flags), word()] if chance.randrange(2) else [word()]
        for _ in range(chance.randrange(7))
    ]

    try:
        spec = test.parse([word for part in parts for word in part])
    except Invalid:
        return  # any other error fails this test

    assert json.loads(json.dumps(spec, allow_nan=False)) == spec
    test.problem(spec)


@every_test
@by_chance
def test_any_result_is_valid_or_gets_a_sentence(name: str, chance: Random) -> None:
    test = TESTS[name]
    result = changed(chance, chance.choice(test.result_examples))

    problem = test.result_versions.problem(result)

    assert problem is None or problem.startswith("/")
    if problem is None and result.get("succeeded", True):
        for spec in test.examples:
            with contextlib.suppress(Invalid):  # a duration beyond a century is no time that can be shown
                assert "<b>" not in render(test.show(spec, result), HTML)


@pytest.mark.parametrize("name", PARSERS)
@by_chance
def test_any_output_is_read_or_refused(name: str, chance: Random) -> None:
    parse, module = PARSERS[name], name.partition(".")[0]
    printed, *others = _parameters(parse).items()
    arguments = {printed[0]: output(chance, captured(module))}
    for other, kind in others:
        arguments[other] = _argument(chance, module, kind)

    try:
        parse(**arguments)
    except PSchedulerError:
        return  # any other error fails this test


@functools.cache
def _parameters(parse: Parser) -> dict[str, Any]:
    """Those that must be told, with their types."""
    kinds = typing.get_type_hints(parse)
    told = inspect.signature(parse).parameters.values()
    return {each.name: kinds[each.name] for each in told if each.default is inspect.Parameter.empty}


def _argument(chance: Random, name: str, kind: Any) -> Any:
    """Sound values for the other parameters of a parser: they are the tool's own."""
    if typing.get_origin(kind) in (dict, Mapping):
        return chance.choice(_specs_of(name))
    draw: dict[Any, Callable[[], Any]] = {
        int: lambda: chance.randint(1, chance.choice([9, 70000])),
        bool: lambda: bool(chance.randrange(2)),
        float: lambda: chance.uniform(0.001, 1000),
        str: lambda: chance.choice(["192.0.2.1", "2001:db8::1", "example.org"]),
        dt.timedelta: lambda: dt.timedelta(seconds=chance.randint(1, 3600)),
    }
    return draw[kind]()


@functools.cache
def _specs_of(name: str) -> list[Any]:
    """Example specs of the tests that the tools with a parser of this module perform."""
    users = [tool for tool in TOOLS.values() if name in (module_name(tool), *_helpers(tool))]
    return [spec for tool in users for test in tool.tests for spec in TESTS[test].examples]


def _helpers(tool: Tool) -> list[str]:
    members = vars(importlib.import_module(f"plugins.tools.{module_name(tool)}")).values()
    named = [getattr(member, "__module__", getattr(member, "__name__", "")) for member in members]
    return [str(found).rpartition(".")[2] for found in named]
