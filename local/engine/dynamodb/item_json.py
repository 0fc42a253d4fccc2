"""Items as the JSON that rows keep: as DynamoDB writes them, binary as base64.

Half of what a long list takes is this, so it is orjson that writes and reads it. Rows that json wrote, in
ASCII alone, are read as well. No text in an item is one that UTF-8 cannot say: whatever is stored was
measured before, in bytes.
"""

import base64

import orjson

from local.engine.dynamodb.values import Item, Value


def dumped(item: Item) -> str:
    """An item, or some of its attributes, as JSON."""
    try:
        return orjson.dumps(item, _spelled).decode()
    except TypeError:  # a name that is a text of the caller's own class, which takes twice as long
        return orjson.dumps(item, _spelled, orjson.OPT_NON_STR_KEYS).decode()


def _spelled(binary: bytes) -> str:
    return base64.b64encode(binary).decode()


def loaded(core: str, rest: str | None) -> Item:
    """An item from the JSON of its attributes, which may be in two parts."""
    text = core if rest is None else f"{core[:-1]},{rest[1:]}"
    item: Item = orjson.loads(text)
    if '{"B' in text:
        for value in item.values():
            if "S" not in value:
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
