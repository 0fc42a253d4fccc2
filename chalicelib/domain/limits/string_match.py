"""StringMatch: a text against an exact one, a part of it, or a regular expression
(docs/contract/types.md section 3).

Who is matched chooses the text - the names of an address are its owner's -, so expressions that can take
for ever on some text are refused when the policy is read.
"""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import JSON

LONGEST_MATCHED = 255
"""Characters of a text that are looked at: a name in the DNS has no more."""
LONGEST_PATTERN = 1000
MOST_REPEATS = 3
"""Repetitions of no fixed number an expression may have: each makes the worst case longer by the length of
the text."""
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT")


@dataclasses.dataclass(frozen=True)
class Matcher:
    """One StringMatch, its expression compiled."""

    style: str
    wanted: str
    ignores_case: bool
    inverted: bool
    pattern: "re.Pattern[str] | None" = None

    def matches(self, text: str) -> bool:
        return self._found(text[:LONGEST_MATCHED]) != self.inverted

    def _found(self, text: str) -> bool:
        if self.pattern is not None:
            return self.pattern.search(text) is not None
        given, wanted = (text.lower(), self.wanted.lower()) if self.ignores_case else (text, self.wanted)
        return given == wanted if self.style == "exact" else wanted in given


def matcher(match: Mapping[str, JSON], pointer: str) -> Matcher:
    """What a checked StringMatch says. Raises Invalid for an expression that will not do."""
    ignores_case = match.get("case-insensitive", False)
    pattern = None
    if match["style"] == "regex":
        pattern = _compiled(match["match"], ignores_case, f"{pointer}/match")
    return Matcher(match["style"], match["match"], ignores_case, match.get("invert", False), pattern)


def _compiled(text: str, ignores_case: bool, pointer: str) -> "re.Pattern[str]":
    if len(text) > LONGEST_PATTERN:
        raise Invalid(
            f"must have at most {LONGEST_PATTERN} characters, as it is a regular expression", pointer
        )
    try:
        tree = _parser().parse(text)
        found = re.compile(text, re.IGNORECASE if ignores_case else 0)
    except (re.error, RecursionError, OverflowError) as error:
        raise Invalid(f"must be a regular expression: {error}", pointer) from error
    if _is_ambiguous(tree):
        raise Invalid(
            "must have no alternatives inside a repetition, which take forever on some texts", pointer
        )
    if sum(1 for _ in _choices(tree)) > MOST_REPEATS:
        raise Invalid(f"must have at most {MOST_REPEATS} repetitions without a fixed number", pointer)
    return found


def _parser() -> Any:
    # The name of the parser of regular expressions changed in Python 3.11; what it makes did not.
    try:
        import re._parser as parser  # type: ignore[import-not-found, unused-ignore]
    except ImportError:  # Python 3.10
        import sre_parse as parser  # type: ignore[no-redef, unused-ignore]
    return parser


def _choices(tree: Any) -> Iterator[Any]:
    """The repetitions that may be more or fewer, wherever they are in an expression."""
    for name, value in tree:
        if str(name) in _REPEATS and value[0] != value[1] and value[1] > 1:
            yield value
        for part in _parts(value):
            yield from _choices(part)


def _is_ambiguous(tree: Any, is_repeated: bool = False) -> bool:
    """Whether something that can match in several ways is repeated."""
    for name, value in tree:
        is_repeat = str(name) in _REPEATS
        if is_repeated and (str(name) == "BRANCH" or (is_repeat and value[0] != value[1])):
            return True
        inside = is_repeated or (is_repeat and value[1] > 1)
        if any(_is_ambiguous(part, inside) for part in _parts(value)):
            return True
    return False


def _parts(value: Any) -> Iterator[Any]:
    """The expressions inside a node of the tree, wherever it keeps them."""
    if type(value).__name__ == "SubPattern":
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _parts(item)
