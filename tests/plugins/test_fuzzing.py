"""Any input at all: a spec, a command line, a program's output. Only the declared errors come of it.

Sixty inputs each in an ordinary run; HYPOTHESIS_PROFILE=thorough makes it ten thousand.
"""

import contextlib
import datetime as dt
import importlib
import inspect
import json
import pkgutil
import typing
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import plugins.tools
from chalicelib.domain.errors import Invalid, PSchedulerError
from plugins.sdk import base
from plugins.sdk.base import Tool
from plugins.sdk.show import HTML, render
from tests.plugins.everything import TESTS, TOOLS, module_name
from tests.plugins.garbage import TEXTS, VALUES, captured, changed, outputs

pytestmark = pytest.mark.slow(0.3)
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


@st.composite
def specs(draw: st.DrawFn, test: base.Test) -> Any:
    """An example of a test with members added, gone, or changed somewhere within; rarely no object."""
    names = [*(field.name for field in test.fields), "schema", "bogus", "#a", "_a", ""]
    spec = dict(draw(st.sampled_from([{}, *test.examples])))
    for _ in range(draw(st.integers(0, 4))):
        name = draw(st.sampled_from(names))
        match draw(st.integers(0, 5)):
            case 0:
                spec.pop(name, None)
            case 1 if name in spec:
                spec[name] = draw(changed(spec[name]))
            case _:
                spec[name] = draw(VALUES)
    return spec if draw(st.integers(0, 30)) else draw(VALUES)


@every_test
@given(data=st.data())
def test_any_json_is_a_valid_spec_or_gets_a_sentence(name: str, data: st.DataObject) -> None:
    test = TESTS[name]
    spec = data.draw(specs(test))

    problem = test.problem(spec)

    assert problem is None or problem.startswith("/")
    if problem is None:  # and then everything else works
        assert list(test.participants(spec))
        _is_stable_on_the_command_line(test, spec)
        assert render(test.show_spec(spec), HTML)
        for tool in (tool for tool in TOOLS.values() if name in tool.tests):
            _says_whether_it_will(tool, test.name, spec)


def _is_stable_on_the_command_line(test: base.Test, spec: dict[str, Any]) -> None:
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
@given(data=st.data())
def test_any_arguments_make_json_or_a_complaint(name: str, data: st.DataObject) -> None:
    test = TESTS[name]
    flags = [flag for field in test.fields for flag in field.flags.split()]
    words = st.sampled_from([*flags, *TEXTS]) | st.text(max_size=8)
    pairs = st.tuples(st.sampled_from(flags), words).map(list)
    parts = data.draw(st.lists(pairs | words.map(lambda word: [word]), max_size=6))

    try:
        spec = test.parse([word for part in parts for word in part])
    except Invalid:
        return  # any other error fails this test

    assert json.loads(json.dumps(spec, allow_nan=False)) == spec
    test.problem(spec)


@every_test
@given(data=st.data())
def test_any_result_is_valid_or_gets_a_sentence(name: str, data: st.DataObject) -> None:
    test = TESTS[name]
    result = data.draw(st.sampled_from(test.result_examples).flatmap(changed))

    problem = test.result_versions.problem(result)

    assert problem is None or problem.startswith("/")
    if problem is None and result.get("succeeded", True):
        for spec in test.examples:
            with contextlib.suppress(Invalid):  # a duration beyond a century is no time that can be shown
                assert "<b>" not in render(test.show(spec, result), HTML)


@pytest.mark.parametrize("name", PARSERS)
@given(data=st.data())
def test_any_output_is_read_or_refused(name: str, data: st.DataObject) -> None:
    parse, module = PARSERS[name], name.partition(".")[0]
    (printed, *others), kinds = inspect.signature(parse).parameters.values(), typing.get_type_hints(parse)
    arguments = {printed.name: data.draw(outputs(captured(module)))}
    for other in others:
        if other.default is inspect.Parameter.empty:
            arguments[other.name] = data.draw(_argument(module, kinds[other.name]))

    try:
        parse(**arguments)
    except PSchedulerError:
        return  # any other error fails this test


def _argument(name: str, kind: Any) -> st.SearchStrategy[Any]:
    """Sound values for the other parameters of a parser: they are the tool's own."""
    if typing.get_origin(kind) in (dict, Mapping):
        return st.sampled_from(_specs_of(name))
    strategies: dict[Any, st.SearchStrategy[Any]] = {
        int: st.integers(1, 9) | st.integers(1, 70000),
        bool: st.booleans(),
        float: st.floats(0.001, 1000),
        str: st.sampled_from(["192.0.2.1", "2001:db8::1", "example.org"]),
        dt.timedelta: st.timedeltas(dt.timedelta(seconds=1), dt.timedelta(hours=1)),
    }
    return strategies[kind]


def _specs_of(name: str) -> list[Any]:
    """Example specs of the tests that the tools with a parser of this module perform."""
    users = [tool for tool in TOOLS.values() if name in (module_name(tool), *_helpers(tool))]
    return [spec for tool in users for test in tool.tests for spec in TESTS[test].examples]


def _helpers(tool: Tool) -> list[str]:
    members = vars(importlib.import_module(f"plugins.tools.{module_name(tool)}")).values()
    named = [getattr(member, "__module__", getattr(member, "__name__", "")) for member in members]
    return [str(found).rpartition(".")[2] for found in named]
