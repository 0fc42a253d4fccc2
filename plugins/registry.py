"""Every plugin, by kind and name. The lists, in ``plugins/shipped``, are explicit; a test holds them against
the folders. Each is imported when it is first asked for: most of what functions do needs no tool.

Installed packages can add plugins through the entry-point groups ``pscheduler.tests``, ``.tools``,
``.archivers`` and ``.contexts``, each naming a constant such as ``package.module:TEST``. Those have to say
who maintains them: what is wrong with them is not for this project to mend.
"""

import dataclasses
import functools
import importlib.metadata
import logging
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from chalicelib.domain.schemas import Checker
from chalicelib.domain.types import TYPES
from plugins.sdk.archiver import Archiver
from plugins.sdk.context import Context
from plugins.sdk.plugin import Maintainer, Plugin
from plugins.sdk.test import Test
from plugins.sdk.tool import Tool

LOG = logging.getLogger(__name__)

KINDS: Mapping[str, type[Plugin]] = {
    "tests": Test,
    "tools": Tool,
    "archivers": Archiver,
    "contexts": Context,
}
AnyPlugin = TypeVar("AnyPlugin", bound=Plugin)
_MAINTAINER = Checker(
    {"allOf": [TYPES["Maintainer"], {"properties": {"name": {"type": "string", "pattern": r"\S"}}}]}
)


@functools.cache
def _installed() -> Any:
    """The entry points of all installed packages: looking through them takes milliseconds."""
    return importlib.metadata.entry_points()


def forget() -> None:
    """Look anew for what is installed."""
    for found in (_installed, _added, tests, tools, archivers, contexts):
        found.cache_clear()


def _by_name(kind: str, own: Sequence[AnyPlugin]) -> Mapping[str, AnyPlugin]:
    added = [found.plugin for found in _added(kind) if found.reason is None]
    plugins = {plugin.name: plugin for plugin in [*added, *own]}  # our own cannot be replaced
    return dict(sorted(plugins.items()))


@dataclasses.dataclass(frozen=True)
class Added:
    """An installed plugin, by its own name or else its entry point's; ``reason`` says why it is left out."""

    name: str
    plugin: Any
    reason: str | None


@functools.cache
def _added(kind: str) -> Sequence[Added]:
    """The installed plugins of a kind. One that is broken is left out: it must not take the node with it."""
    found = [_loaded(entry, kind) for entry in _installed().select(group=f"pscheduler.{kind}")]
    for each in found:
        if each.reason:
            LOG.error("%s", each.reason)
    return found


def _loaded(entry: Any, kind: str) -> Added:
    try:
        plugin = entry.load()
    except Exception as error:  # it is somebody else's module
        return Added(entry.name, None, f"{entry.value} cannot be loaded, and is left out: {error!r}")
    if not isinstance(plugin, KINDS[kind]):
        return Added(entry.name, None, f"{entry.value} is not a {KINDS[kind].__name__}, and is left out")
    objection = _objection(plugin.maintainer)
    return Added(plugin.name, plugin, objection and f"{entry.value} {objection}, and is left out")


def _objection(maintainer: Any) -> str | None:
    """What is wrong with whom an installed plugin names; None where nothing is."""
    if not maintainer:
        return "names no maintainer"
    if not isinstance(maintainer, Maintainer):
        return "has a maintainer that is not a Maintainer"
    problem = _MAINTAINER.problem(maintainer.describe())
    return f"has an invalid maintainer: {problem}" if problem else None


def left_out(name: str) -> list[str]:
    """Why installed plugins of a name are left out, a sentence each."""
    all_added = (added for kind in KINDS for added in _added(kind))
    return [added.reason for added in all_added if added.reason and added.name == name]


@functools.cache
def tests() -> Mapping[str, Test]:
    """The tests by name, in order of their names."""
    from plugins.shipped.tests import TESTS

    return _by_name("tests", TESTS)


@functools.cache
def tools() -> Mapping[str, Tool]:
    """The tools by name, in order of their names."""
    from plugins.shipped.tools import TOOLS

    return _by_name("tools", TOOLS)


@functools.cache
def archivers() -> Mapping[str, Archiver]:
    """The archivers by name, in order of their names."""
    from plugins.shipped.archivers import ARCHIVERS

    return _by_name("archivers", ARCHIVERS)


@functools.cache
def contexts() -> Mapping[str, Context]:
    """The contexts by name, in order of their names."""
    from plugins.shipped.contexts import CONTEXTS

    return _by_name("contexts", CONTEXTS)


def tools_for(test: str) -> list[Tool]:
    """The tools that perform a test, the preferred first (docs/contract/api.md: preference, then name)."""
    return sorted(
        (tool for tool in tools().values() if test in tool.tests),
        key=lambda tool: (-tool.preference, tool.name),
    )
