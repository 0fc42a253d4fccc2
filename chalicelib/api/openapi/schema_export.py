"""Our schemas in the terms of OpenAPI 3.1, each named one standing once under its name.

The product's own schemas are draft 7, with patterns in Python's dialect and with complaints
(``x-message``); what leaves the node is JSON Schema 2020-12 with patterns as ECMA 262 reads them.
"""

from collections.abc import Iterator, Mapping

from chalicelib.api.openapi import plugin_schemas
from chalicelib.api.openapi.operations import Schema
from chalicelib.api.openapi.response_schemas import COMPONENTS
from chalicelib.domain.schemas import JSON, MESSAGE
from chalicelib.domain.types import TYPES

_WORTH_A_NAME = 2
"""Keywords from which a type of the dictionary is referred to by name; ``{"type": "string"}`` is not."""


def portable(schema: JSON) -> JSON:
    """A schema any JSON Schema tool can use as it is: no complaints, patterns of ECMA 262."""
    return Components({}).export(schema)


class Components:
    """Named schemas, recognised wherever they are used; ``named`` is {name: schema}."""

    def __init__(self, named: Mapping[str, Schema] | None = None):
        self._named = dict(_all() if named is None else named)
        self._names = {id(schema): name for name, schema in self._named.items()}

    def export(self, schema: JSON) -> JSON:
        """A schema, or a function that makes it, with references to the named ones in it."""
        schema = schema() if callable(schema) else schema
        name = self._names.get(id(schema))
        return self.reference(name) if name else self._whole(schema)

    def reference(self, name: str) -> Schema:
        return {"$ref": f"#/components/schemas/{name}"}

    def schemas(self) -> dict[str, JSON]:
        """Every named schema, whole, in the order of their names."""
        return {name: self._whole(self._named[name]) for name in sorted(self._named)}

    def _whole(self, schema: JSON) -> JSON:
        if isinstance(schema, Mapping):
            whole = {word: self._keyword(word, value) for word, value in schema.items() if word != MESSAGE}
            return {**whole, **_names_of_values(schema.get("enum"))}
        return [self.export(one) for one in schema] if isinstance(schema, list | tuple) else schema

    def _keyword(self, word: str, value: JSON) -> JSON:
        if word == "pattern" and isinstance(value, str):
            return _ecma(value)
        if word == "patternProperties" and isinstance(value, Mapping):
            return {_ecma(pattern): self.export(schema) for pattern, schema in value.items()}
        return self.export(value)


def _names_of_values(values: JSON) -> dict[str, JSON]:
    """Names for values that differ in capitals alone: generators of clients make constants of them."""
    if not isinstance(values, list | tuple) or not all(isinstance(value, str) for value in values):
        return {}
    if len({value.upper() for value in values}) == len(values):
        return {}
    return {"x-enum-varnames": [f"value {value} {number}" for number, value in enumerate(values)]}


def _ecma(pattern: str) -> str:
    return pattern.replace(r"\Z", "$")


def _all() -> Iterator[tuple[str, Schema]]:
    yield from ((name, schema) for name, schema in TYPES.items() if len(schema) >= _WORTH_A_NAME)
    yield from COMPONENTS.items()
    yield from plugin_schemas.components().items()
