"""Every test and tool there is a module for, whether or not the registry lists it."""

import importlib
import pkgutil
from collections.abc import Iterable
from types import ModuleType
from typing import Any

import plugins.archivers
import plugins.contexts
import plugins.tests
import plugins.tools
from plugins.base import Plugin, Test, Tool


def modules(package: ModuleType) -> dict[str, ModuleType]:
    """The modules of a folder by name, helpers left out."""
    names = [module.name for module in pkgutil.iter_modules(package.__path__)]
    return {name: importlib.import_module(f"{package.__name__}.{name}") for name in names if name[0] != "_"}


def module_name(plugin: Plugin) -> str:
    """What the module of a plugin is called: names with hyphens are none to Python."""
    return plugin.name.replace("-", "_")


def _by_name(package: ModuleType, constant: str) -> dict[str, Any]:
    found: Iterable[Any] = [getattr(module, constant) for module in modules(package).values()]
    return {plugin.name: plugin for plugin in found}


TESTS: dict[str, Test] = _by_name(plugins.tests, "TEST")
TOOLS: dict[str, Tool] = _by_name(plugins.tools, "TOOL")
ARCHIVERS = _by_name(plugins.archivers, "ARCHIVER")
CONTEXTS = _by_name(plugins.contexts, "CONTEXT")

EXAMPLES = [(test, spec) for test in TESTS.values() for spec in test.examples]
RESULTS = [(test, result) for test in TESTS.values() for result in test.result_examples]
SUCCESSES = [(test, result) for test, result in RESULTS if result.get("succeeded", True)]
TOOL_EXAMPLES = [
    (tool, test, spec)
    for tool in TOOLS.values()
    for test in tool.tests
    for spec in (TESTS[test].examples if test in TESTS else ())
]


def label(value: object) -> str | None:
    return value.name if isinstance(value, Plugin) else value if isinstance(value, str) else ""
