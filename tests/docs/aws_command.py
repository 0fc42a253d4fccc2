"""As much of AWS's command line as docs/deploy.md uses, made of botocore: not everybody who tests has it.

aws SERVICE OPERATION --some-parameter value --query JMESPATH --output text
aws SERVICE wait SOMETHING-EXISTS --some-parameter value
"""

import json
import sys
from collections.abc import Sequence
from typing import Any

import botocore.session
import jmespath
from botocore import xform_name


def main(words: Sequence[str]) -> int:
    service, operation, *rest = words
    waited = rest.pop(0) if operation == "wait" else None
    given = _options(rest)
    query, output = given.pop("query", None), given.pop("output", "json")
    client = botocore.session.get_session().create_client(service)
    if waited:
        waiter = client.get_waiter(waited.replace("-", "_"))
        waiter.wait(**_parameters(client, str(waiter.config.operation), given))
        return 0
    name = next(each for each in client.meta.service_model.operation_names if _is(each, operation))
    answer = getattr(client, xform_name(name))(**_parameters(client, name, given))
    answer.pop("ResponseMetadata", None)
    found = jmespath.search(query, answer) if query else answer
    print(_text(found) if output == "text" else json.dumps(found, default=str, indent=4))
    return 0


def _options(words: Sequence[str]) -> dict[str, Any]:
    """Options with their values; one without any is a flag, which may be turned off by ``no-``."""
    found: dict[str, Any] = {}
    name = ""
    for word in words:
        if word.startswith("--"):
            name = word[2:]
            found[name] = not name.startswith("no-")
        else:
            found[name] = word
    return {name.removeprefix("no-") if value is False else name: value for name, value in found.items()}


def _is(name: str, option: str) -> bool:
    return name.lower() == option.replace("-", "").lower()


def _parameters(client: Any, operation: str, given: dict[str, Any]) -> dict[str, Any]:
    shape = client.meta.service_model.operation_model(operation).input_shape
    members = list(shape.members) if shape else []
    return {next(each for each in members if _is(each, name)): value for name, value in given.items()}


def _text(found: Any) -> str:
    if isinstance(found, list):
        return "\t".join(_text(each) for each in found)
    return "None" if found is None else str(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
