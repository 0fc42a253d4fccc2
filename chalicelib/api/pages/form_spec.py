"""A spec that a client has put into a URL like a form: ``?spec=source=a&dest=b`` (docs/contract/cli.md).

pSConfig's agent asks so for the participants of a test that has contexts, and takes a refusal for a fault of
its template. The members arrive as arguments of their own, the first behind ``spec=``, as Python prints them.
"""

import json
from collections.abc import Iterator, Mapping, Sequence

from chalicelib.domain import numerals
from chalicelib.domain.echoes import shown
from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import JSON, Checker
from plugins.sdk.test import Test


def is_form(text: str) -> bool:
    """Whether a spec in an argument is the first member of a form, where it should be JSON."""
    name, equals, _ = text.partition("=")
    return bool(equals) and name.replace("-", "").replace("_", "").isalnum()


def read(plugin: Test, arguments: Mapping[str, str]) -> dict[str, JSON]:
    """The spec of a test as far as a form tells it, less the lists and objects that cannot be read as Python
    prints them. Raises Invalid for a version that is none."""
    name, _, value = arguments["spec"].partition("=")
    given = {**arguments, name: value}
    version = _version(given.get("schema", "1"))
    members = [field for field in plugin.fields if field.exists_in(version) and field.name in given]
    found = {
        field.name: value
        for field in members
        for value in _value(Checker(field.schema(version)), given[field.name])
    }
    return {"schema": version, **found}


def _version(text: str) -> int:
    version = numerals.whole(text, 9)
    if version is None:
        raise Invalid(f"spec/schema: {shown(text)} is not a version number")
    return version


def _value(checker: Checker, text: str) -> Sequence[JSON]:
    """What a text means to a member: the first of its readings that fits; or else the text, to be refused."""
    fitting = [value for value in _readings(text) if checker.problem(value) is None]
    return fitting[:1] or ([] if text[:1] in ("[", "{") else [text])


def _readings(text: str) -> Iterator[JSON]:
    yield text
    if text in ("True", "False"):
        yield text == "True"
    try:
        yield json.loads(text.replace("'", '"'))
    except (ValueError, RecursionError):
        return
