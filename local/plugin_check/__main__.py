"""``python -m local.plugin_check NAME...``: one line a finding, exit status 1 when there are any.

NAME is that of a plugin the node knows, of whatever kind, or ``package.module:CONSTANT``.
"""

import argparse
import pkgutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence

from local.plugin_check import of_all, of_tests, of_tools
from local.plugin_check.of_all import Check
from plugins import registry
from plugins.sdk.archiver import Archiver
from plugins.sdk.context import Context
from plugins.sdk.plugin import Plugin
from plugins.sdk.test import Test
from plugins.sdk.tool import Tool

CHECKS: dict[type[Plugin], Sequence[Check]] = {
    Test: of_tests.CHECKS,
    Tool: of_tools.CHECKS,
    Archiver: of_all.DATA_CHECKS,
    Context: of_all.DATA_CHECKS,
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="plugin-check", description="Check plugins, and print a line for each problem."
    )
    parser.add_argument("names", nargs="+", metavar="NAME", help="name, or package.module:CONSTANT")
    try:
        plugins = [plugin for name in parser.parse_args(arguments).names for plugin in find(name)]
    except LookupError as error:
        print(error.args[0])
        return 2
    lines = [line for plugin in plugins for line in findings(plugin)]
    print("\n".join(lines or [f"{len(plugins)} plugins, no problems found"]))
    return 1 if lines else 0


def find(name: str) -> list[Plugin]:
    """The plugins that go by a name. Raises LookupError, with a sentence, where there is none."""
    if ":" in name:
        try:
            found = pkgutil.resolve_name(name)
        except (AttributeError, ImportError, ValueError) as error:
            raise LookupError(f"{name} cannot be imported: {error}") from error
        if not isinstance(found, Plugin):
            raise LookupError(f"{name} is a {type(found).__name__}, not a plugin")
        return [found]
    kinds: Sequence[Mapping[str, Plugin]] = (
        registry.tests(),
        registry.tools(),
        registry.archivers(),
        registry.contexts(),
    )
    plugins = [kind[name] for kind in kinds if name in kind]
    if not plugins:
        raise LookupError("\n".join(registry.left_out(name)) or f"There is no plugin {name}")
    return plugins


def findings(plugin: Plugin) -> Iterator[str]:
    """What is wrong with a plugin, a line each, beginning with what it is."""
    kind = next(kind for kind in CHECKS if isinstance(plugin, kind))
    for check in (*of_all.CHECKS, *CHECKS[kind]):
        for sentence in _sentences(check, plugin):
            yield f"{kind.__name__.lower()} {plugin.name}: {' '.join(sentence.split())}"


def _sentences(check: Check, plugin: Plugin) -> Iterable[str]:
    """A check's sentences; that it broke, which is the plugin's doing, is one."""
    found: list[str] = []
    try:
        found.extend(check(plugin))
    except Exception as error:
        found.append(f"{check.__name__.replace('_', ' ')}: it breaks with {error!r}")
    return found


if __name__ == "__main__":
    sys.exit(main())
