"""What a jq script may say, and how the modules it may import get into it.

jq reads imported modules from files, and with ``{search: "/"}`` any JSON file of the host. So no script
that is run here has an import left: those of the two known modules are replaced by their functions under
names of their own, and ``alias::name`` by those names; any other is refused. jq takes imports at the
beginning of a program only, so looking there is enough.
"""

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Protocol

from chalicelib.domain.errors import PSchedulerError
from chalicelib.domain.jq_modules import FUNCTIONS, MODULES
from chalicelib.domain.schemas import JSON

LONGEST_SCRIPT = 64 * 1024
"""Characters of a script; a policy's comes with the functions it may call."""


class ScriptFailed(PSchedulerError):
    """A script was refused, did not compile, failed on its input, or was ended."""


class Jq(Protocol):
    """Runs jq, confined: no environment, no files, bounded time and memory."""

    def check(self, script: str, args: Mapping[str, JSON]) -> None:
        """Raise ScriptFailed unless the script compiles."""
        ...

    def run(self, script: str, args: Mapping[str, JSON], document: JSON) -> list[JSON]:
        """All outputs of a script for a document. Raises ScriptFailed."""
        ...

    def run_all(
        self, scripts: Sequence[tuple[str, Mapping[str, JSON]]], document: JSON
    ) -> "list[list[JSON] | ScriptFailed]":
        """Of each script, with its arguments, all outputs for a document, or why there are none."""
        ...


_SPACE = re.compile(r"(?:\s+|#[^\n]*(?:\n|$))*")
_IMPORT = re.compile(r'import\s*"([^"\\]*)"\s*as\s+([A-Za-z_]\w*)\s*;')
_DIRECTIVE = re.compile(r"(?:import|include|module)\b")
_CODE = re.compile(
    r'"|\(|\)|#[^\n]*|(?<![\w$@.])([A-Za-z_]\w*)::([A-Za-z_]\w*)|[A-Za-z_]\w*|.', re.DOTALL | re.ASCII
)
_TEXT = re.compile(r'\\\(|\\.|"|[^\\"]+|\\', re.DOTALL)


@functools.lru_cache(maxsize=256)
def prepared(script: str) -> str:
    """The script as jq may have it. Raises ScriptFailed for one that is too long or asks for files."""
    if len(script) > LONGEST_SCRIPT:
        raise ScriptFailed(f"has {len(script)} characters; at most {LONGEST_SCRIPT} are allowed")
    if "\0" in script:
        raise ScriptFailed("has a NUL character")
    aliases, rest = _imports(script)
    if not aliases:
        return script
    definitions = "".join(_named(module) for module in sorted(set(aliases.values())))
    return definitions + _qualified(rest, aliases)


def _imports(script: str) -> tuple[dict[str, str], str]:
    """{alias: module} of the imports a script begins with, and what follows them."""
    aliases: dict[str, str] = {}
    at = _end_of_space(script, 0)
    while _DIRECTIVE.match(script, at):
        found = _IMPORT.match(script, at)
        if found is None or found.group(1) not in MODULES:
            known = " and ".join(MODULES)
            raise ScriptFailed(f'only {known} can be imported, as in import "pscheduler/si" as si;')
        aliases[found.group(2)] = found.group(1)
        at = _end_of_space(script, found.end())
    return aliases, script[at:] if aliases else script


def _end_of_space(script: str, at: int) -> int:
    found = _SPACE.match(script, at)
    return found.end() if found else at


def _prefix(module: str) -> str:
    return "__" + module.replace("/", "_") + "_"


def _named(module: str) -> str:
    """The definitions of a module, its functions under names that no script has by accident."""
    text = MODULES[module]
    for name in FUNCTIONS[module]:
        text = re.sub(rf"\b{name}\b", _prefix(module) + name, text)
    return text


def _qualified(script: str, aliases: dict[str, str]) -> str:
    """The script with ``alias::name`` replaced outside of texts; what a text interpolates is no text."""
    out: list[str] = []
    at = 0
    open_texts: list[int] = []  # for each text that interpolates, the parentheses open since
    in_text = False
    while at < len(script):
        found = (_TEXT if in_text else _CODE).match(script, at)
        assert found is not None  # noqa: S101 - both take any character
        part, at = found.group(), found.end()
        if in_text:
            if part == '"':
                in_text = False
            elif part == "\\(":
                open_texts.append(0)
                in_text = False
        elif part == '"':
            in_text = True
        elif part == "(" and open_texts:
            open_texts[-1] += 1
        elif part == ")" and open_texts:
            if open_texts[-1] == 0:
                open_texts.pop()
                in_text = True
            else:
                open_texts[-1] -= 1
        elif found.re is _CODE and found.group(1) in aliases:
            part = _prefix(aliases[found.group(1)]) + found.group(2)
        out.append(part)
    return "".join(out)
