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
from plugins.sdk.plugin import Plugin
from plugins.sdk.test import Test
from plugins.sdk.tool import Tool


def modules(package: ModuleType) -> dict[str, ModuleType]:
    """The modules below a folder that hold a plugin, by name; what plugins share is left out."""
    constant = package.__name__.rpartition(".")[2].removesuffix("s").upper()
    found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    loaded = [importlib.import_module(module.name) for module in found if not module.ispkg]
    return {each.__name__.rpartition(".")[2]: each for each in loaded if hasattr(each, constant)}


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
