"""Items as the JSON that rows keep: as DynamoDB writes them, binary as base64."""

import base64
import json

from local.engine.dynamodb.values import Item, Value

_ENCODER = json.JSONEncoder(
    separators=(",", ":"), check_circular=False, default=lambda binary: base64.b64encode(binary).decode()
)
dumped = _ENCODER.encode
"""An item, or some of its attributes, as JSON."""


def loaded(core: str, rest: str | None) -> Item:
    """An item from the JSON of its attributes, which may be in two parts."""
    text = core if rest is None else f"{core[:-1]},{rest[1:]}"
    item: Item = json.loads(text)
    if '{"B":' in text or '{"BS":' in text:
        for value in item.values():
            _decode(value)
    return item


def _decode(value: Value) -> None:
    """Binary is kept as base64, since JSON has nothing for it."""
    ((kind, content),) = value.items()
    if kind == "B":
        value["B"] = base64.b64decode(content)
    elif kind == "BS":
        value["BS"] = [base64.b64decode(member) for member in content]
    elif kind == "L":
        for member in content:
            _decode(member)
    elif kind == "M":
        for member in content.values():
            _decode(member)
