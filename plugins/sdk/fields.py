"""Fields: the rows a test's spec is declared in, and how they appear on a command line.

The command line is optparse's, as existing clients expect of it: unambiguous abbreviations,
``--option=value``, integers in C notation (0x, 0b, a leading 0 for octal); see docs/contract/tests.md
section 0.
"""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence

from chalicelib.domain import echoes
from chalicelib.domain.documents import load
from chalicelib.domain.echoes import shown
from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import JSON
from chalicelib.domain.si import parse_si
from chalicelib.domain.types import type_schema

Spec = Mapping[str, JSON]
Type = str | dict[str, JSON]


@dataclasses.dataclass(frozen=True)
class Field:
    """One member of a test's spec; everything known about it stands in its row.

    name      the member
    type      a name in the type dictionary, or a JSON Schema
    flags     its command-line spellings, separated by spaces; none keeps it off the command line
    kind      how its argument reads: string, lower (a string put in lower case), int, float,
              si (2k), json, list (repeatable), flag (no argument, true), switch (--x and --no-x),
              opt-out (--x for false and --do-x for true)
    required  whether the spec must have it
    since     the schema version that brought it, ``until`` the last that has it
    retyped   {schema version: type} where later versions changed the type
    level     value -> schema version it needs, where ``since`` is not the whole truth
    read      argument(s) as parsed -> the member's value; raises Invalid
    write     the member's value -> its arguments, flags and all
    label     its name in the text of a spec; help, its line in the command's help
    """

    name: str
    type: Type
    flags: str = ""
    kind: str = "string"
    required: bool = False
    since: int = 1
    until: int | None = None
    retyped: Mapping[int, Type] = dataclasses.field(default_factory=dict)
    level: Callable[[JSON], int] | None = None
    read: Callable[[JSON], JSON] | None = None
    write: Callable[[JSON], list[str]] | None = None
    label: str = ""
    help: str = ""

    def exists_in(self, version: int) -> bool:
        return self.since <= version and (self.until is None or version <= self.until)

    def schema(self, version: int) -> dict[str, JSON]:
        """The member's JSON Schema at a schema version of the spec."""
        changes = [number for number in self.retyped if number <= version]
        return type_schema(self.retyped[max(changes)] if changes else self.type)

    def version_needed(self, value: JSON) -> int:
        """The lowest schema version of a spec that can hold this value."""
        return self.level(value) if self.level else self.since

    @property
    def option(self) -> str:
        """The spelling that spec-to-cli writes: the long one."""
        return next(flag for flag in self.flags.split() if flag.startswith("--"))


def parse_arguments(
    name: str,
    fields: Sequence[Field],
    arguments: Sequence[str],
    amend: Callable[[Spec], Spec] = lambda given: given,
) -> dict[str, JSON]:
    """Command-line arguments -> spec, ``schema`` included, with only what was given, as amended.

    Raises Invalid with the complaint, or with the help text when that was asked for. The spec is
    not yet checked against its schema.
    """
    from plugins.sdk.options import parser  # with optparse: most requests read no command line

    by_name = {field.name: field for field in fields if field.flags}
    given, stray = parser(name, by_name.values()).parse_args(list(arguments))
    if stray:
        raise Invalid(f"Unexpected argument: {echoes.name(' '.join(stray))}")
    values = {key: value for key, value in vars(given).items() if value is not None}
    spec = amend({key: _read(by_name[key], value) for key, value in values.items()})
    version = max([1, *(by_name[key].version_needed(value) for key, value in spec.items())])
    return {"schema": version, **spec}


def _read(field: Field, value: JSON) -> JSON:
    if field.kind == "lower":
        value = value.lower()
    elif field.kind == "si":
        value = _read_si(field, value)
    elif field.kind == "json":
        value = load(value, field.option)
    return field.read(value) if field.read else value


def _read_si(field: Field, text: str) -> int | float:
    try:
        return parse_si(text)
    except (Invalid, OverflowError, ValueError) as error:  # the latter two: too long to convert
        raise Invalid(f"{field.option}: {shown(text)} is not a number with an optional SI suffix") from error


def format_arguments(fields: Sequence[Field], spec: Spec) -> list[str]:
    """Spec -> the command-line arguments that make it, in the order of the fields."""
    return [
        argument
        for field in fields
        if field.flags and field.name in spec
        for argument in _write(field, spec[field.name])
    ]


def _write(field: Field, value: JSON) -> list[str]:
    if field.write:
        return field.write(value)
    if isinstance(value, bool) and field.kind in ("flag", "switch"):
        off = field.flags.split()[-1] if field.kind == "switch" else None
        return [field.option] if value else [off] if off else []
    if isinstance(value, bool) and field.kind == "opt-out":
        return [field.flags.split()[-1] if value else field.option]
    values = value if field.kind == "list" and isinstance(value, list) else [value]
    return [text for item in values for text in (field.option, _text(field, item))]


def _text(field: Field, value: JSON) -> str:
    if field.kind == "json":
        return json.dumps(value)
    if field.kind in ("int", "si") and isinstance(value, float) and value.is_integer():
        return str(int(value))  # 5.0 is an integer to JSON Schema, "5.0" is none to the command line
    return str(value)
