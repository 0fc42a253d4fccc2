"""The names in a path: what can be none is not found, whatever else would be wrong with the request.

pScheduler looks at them first (docs/contract/api.md, Global rules), so neither a method that a path does not
have nor an argument, a body or a key is complained of where there cannot be anything.
"""

import urllib.parse
from collections.abc import Iterable, Mapping

from chalicelib.api.http.request import identifier
from chalicelib.api.openapi import operations
from chalicelib.api.openapi.operations import Page
from chalicelib.domain import echoes
from chalicelib.domain.errors import NotFound

IDENTIFIERS = ("task", "run")
"""The parameters of paths that are UUIDs, or one of the words that their page takes in place of one."""
LONGEST = 255
"""Characters of a name in a path: those of a host have 253 at most."""


def read(names: Mapping[str, str], pages: Iterable[Page]) -> dict[str, str]:
    """The names in a path, for any of these pages. Raises NotFound where one can be of nothing."""
    unquoted = {name: _unquoted(text) for name, text in names.items()}
    for name in IDENTIFIERS:
        if name in unquoted and unquoted[name] not in _words(name, pages):
            identifier(unquoted[name])
    return unquoted


def _unquoted(text: str) -> str:
    """Raises NotFound for a name longer than any there is: no table could be asked for it."""
    unquoted = urllib.parse.unquote(text)
    if len(unquoted) > LONGEST:
        raise NotFound(f"There is nothing at this path: {echoes.name(unquoted)} is not a name")
    return unquoted


def _words(name: str, pages: Iterable[Page]) -> list[str]:
    """What may stand in place of an identifier, by what the pages declare."""
    declared = (found for page in pages if (found := operations.of(page)) is not None)
    choices = (choice for each in declared for choice in each.path.get(name, {}).get("anyOf", ()))
    return [word for choice in choices for word in choice.get("enum", ())]
