"""What is asked of every plugin, and of the settings of archivers and contexts."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from chalicelib.domain.schemas import Checker, closed
from chalicelib.domain.types import TYPES

Check = Callable[[Any], Iterable[str]]

_NAME = re.compile(r"[a-z][a-z0-9-]*")
_CLASSES = ["background", "background-multi", "exclusive", "normal"]
_MAINTAINER = closed(
    {
        "name": {"type": "string", "minLength": 1},
        "email": TYPES["Email"],
        "href": {**TYPES["URL"], "minLength": 1},
    },
    required=("name", "email", "href"),  # clients print all three
)
_ENUMERATION = Checker(
    closed(
        {
            "schema": {"const": 1},
            **{member: {"type": "string", "minLength": 1} for member in ("name", "description")},
            "version": TYPES["Version"],
            "maintainer": _MAINTAINER,
            "scheduling-class": {"enum": _CLASSES},
            "tests": {**TYPES["StringList"], "minItems": 1},
            "preference": TYPES["Integer"],
        },
        required=("schema", "name", "description", "version", "maintainer"),
    )
)


def its_name(plugin: Any) -> Iterator[str]:
    if not _NAME.fullmatch(plugin.name):
        yield "its name is not made of lower-case letters, digits and hyphens"


def its_enumeration(plugin: Any) -> Iterator[str]:
    """Members and types are those of docs/contract/types.md section 4."""
    problem = _ENUMERATION.problem(json.loads(json.dumps(plugin.enumeration())))
    if problem:
        yield f"its enumeration is wrong at {problem}"


def sound(what: str, schemas: Mapping[int, dict[str, Any]]) -> Iterator[str]:
    """What is wrong with schemas by version: their numbers, and the schemas themselves."""
    import jsonschema

    if not schemas or sorted(schemas) != list(range(1, len(schemas) + 1)):
        yield f"the versions of its {what} are {sorted(schemas)}, not counted from 1 without a gap"
    for version, schema in schemas.items():
        try:
            jsonschema.Draft7Validator.check_schema(schema)
        except jsonschema.SchemaError as error:
            yield f"the schema of its {what}, version {version}, is not a schema: {error.message}"


def its_data_schemas(plugin: Any) -> Iterator[str]:
    yield from sound("data", plugin.data)


def its_data_is_what_it_knows(plugin: Any) -> Iterator[str]:
    if plugin.data_versions.problem({"no-such-member": 1}) is None:
        yield "it accepts any member in its data"


CHECKS: Sequence[Check] = (its_name, its_enumeration)
DATA_CHECKS: Sequence[Check] = (its_data_schemas, its_data_is_what_it_knows)
