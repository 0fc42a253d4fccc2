"""Requests as the product makes them, and such as nobody should, drawn by hypothesis.

Keys and values come from small pools, so that requests meet each other's items.
"""

import functools
import re
from typing import Any

from hypothesis import strategies as st

Request = tuple[str, dict[str, Any]]
"""An operation and its parameters."""

PAIR, PLAIN = "pair", "plain"
TABLES: list[dict[str, Any]] = [
    {
        "TableName": PAIR,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": "h", "AttributeType": "S"},
            {"AttributeName": "r", "AttributeType": "N"},
            {"AttributeName": "g", "AttributeType": "S"},
            {"AttributeName": "w", "AttributeType": "S"},
        ],
        "KeySchema": [
            {"AttributeName": "h", "KeyType": "HASH"},
            {"AttributeName": "r", "KeyType": "RANGE"},
        ],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": "sparse",
                "KeySchema": [
                    {"AttributeName": "g", "KeyType": "HASH"},
                    {"AttributeName": "w", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        "LocalSecondaryIndexes": [
            {
                "IndexName": "local",
                "KeySchema": [
                    {"AttributeName": "h", "KeyType": "HASH"},
                    {"AttributeName": "w", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["n"]},
            }
        ],
    },
    {
        "TableName": PLAIN,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
    },
]
KEYS = {PAIR: ("h", "r"), PLAIN: ("k",)}

_texts = st.sampled_from(["a", "b", "ab", "abc", "é", "𝄞", "z"])
_numbers = st.sampled_from(["0", "1", "-1", "2", "10", "9.5", "-0.25", "1E3", "12345678901234567890123"])
_binaries = st.sampled_from([b"a", b"\x00\xff", b"abc"])


def _typed(kind: str, content: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return content.map(lambda found: {kind: found})


text, number, binary = _typed("S", _texts), _typed("N", _numbers), _typed("B", _binaries)
text_set = _typed("SS", st.lists(_texts, min_size=1, max_size=3, unique=True))
number_set = _typed("NS", st.lists(st.sampled_from(["1", "2", "10"]), min_size=1, max_size=3, unique=True))
scalar = text | number | binary | st.just({"BOOL": True}) | st.just({"NULL": True})
a_list = _typed("L", st.lists(scalar, max_size=3))
a_map = _typed("M", st.dictionaries(st.sampled_from(["x", "y"]), scalar | a_list, max_size=2))
value = scalar | text_set | number_set | a_list | a_map | st.just({"S": ""})

_key_text = _typed("S", st.sampled_from(["a", "b"]))
_key_number = _typed("N", st.sampled_from(["1", "2", "10", "-1"]))
_wrong_key = st.sampled_from([{"S": ""}, {"N": "7"}, {"B": b"x"}])
_MEMBERS = {
    "n": number,
    "t": text,
    "s": text_set | number_set,
    "m": a_map,
    "l": a_list,
    "v": value,
    "g": _key_text,
    "w": text,
}
attributes = st.fixed_dictionaries({}, optional=_MEMBERS)


def rarely(usual: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """The usual, one time in about twelve the odd one."""
    return st.integers(0, 11).flatmap(lambda number: odd if number == 7 else usual)


@st.composite
def keys(draw: st.DrawFn, table: str) -> dict[str, Any]:
    if table == PLAIN:
        return {"k": draw(rarely(_key_text, _wrong_key))}
    return {"h": draw(rarely(_key_text, _wrong_key)), "r": draw(rarely(_key_number, _key_text))}


tables = rarely(st.sampled_from([PAIR, PAIR, PLAIN]), st.just("missing"))

# Expressions: a text with placeholders, and what they stand for.
Expression = tuple[str, dict[str, str], dict[str, Any]]
_PLACES = {
    **_MEMBERS,
    "g": text,
    "m.x": scalar | a_list,
    "l[0]": scalar,
    "l[1]": scalar,
    "v.y": scalar,
}
_places = st.sampled_from(list(_PLACES))


@functools.cache
def _likely(place: str) -> st.SearchStrategy[dict[str, Any]]:
    """Any value, more often of a kind that may be there."""
    return _PLACES[place] | value


@st.composite
def conditions(draw: st.DrawFn, deep: int = 1) -> Expression:
    if deep and draw(st.integers(0, 3)) == 0:
        one, names, values = draw(conditions(deep=deep - 1))
        other, more_names, more_values = draw(conditions(deep=deep - 1))
        other, more_values = _renamed(other, more_values, "z")
        sign = draw(st.sampled_from(["AND", "OR", "AND NOT"]))
        return f"({one}) {sign} ({other})", {**names, **more_names}, {**values, **more_values}
    place = draw(_places)
    form = draw(st.sampled_from(_FORMS))
    names = {f"#{part}": part for part in _parts(place)}
    spelled = _spelled(place)
    values = {name: draw(_likely(place)) for name in (":one", ":two") if name in form}
    return form.replace("PLACE", spelled), names, values


def _renamed(expression: str, values: dict[str, Any], suffix: str) -> tuple[str, dict[str, Any]]:
    """An expression whose values have other placeholders."""
    return (
        re.sub(r":[a-z]+", lambda found: found[0] + suffix, expression),
        {name + suffix: found for name, found in values.items()},
    )


_FORMS = [
    "attribute_exists(PLACE)",
    "attribute_not_exists(PLACE)",
    "PLACE = :one",
    "PLACE <> :one",
    "PLACE < :one",
    "PLACE >= :one",
    "PLACE BETWEEN :one AND :two",
    "PLACE IN (:one, :two)",
    "begins_with(PLACE, :one)",
    "contains(PLACE, :one)",
    "size(PLACE) > :one",
    "NOT PLACE = :one",
    "attribute_type(PLACE, :one)",
]


def _parts(place: str) -> list[str]:
    return [part.partition("[")[0] for part in place.split(".")]


def _spelled(place: str) -> str:
    return ".".join(f"#{part}" for part in place.split("."))


_ACTIONS = [
    "SET PLACE = :one",
    "SET PLACE = PLACE + :one",
    "SET PLACE = PLACE - :one",
    "SET PLACE = if_not_exists(PLACE, :one)",
    "SET PLACE = list_append(PLACE, :one)",
    "REMOVE PLACE",
    "ADD PLACE :one",
    "DELETE PLACE :one",
]

_FOR = {
    "SET PLACE = PLACE + :one": ["n"],
    "SET PLACE = PLACE - :one": ["n"],
    "SET PLACE = list_append(PLACE, :one)": ["l"],
    "ADD PLACE :one": ["n", "s"],
    "DELETE PLACE :one": ["s"],
}
"""Places where an action mostly can be done."""


@st.composite
def updates(draw: st.DrawFn) -> Expression:
    form = draw(st.sampled_from(_ACTIONS))
    place = draw(st.sampled_from(_FOR[form]) if form in _FOR and draw(st.booleans()) else _places)
    fitting = {"+": number, "-": number, "list_append": a_list, "ADD": number | text_set | number_set}
    drawn = next((found for sign, found in fitting.items() if f"{sign}" in form.replace("PLACE", "")), value)
    if form.startswith("DELETE"):
        drawn = text_set | number_set
    values = {":one": draw(rarely(drawn, value))} if ":one" in form else {}
    names = {f"#{part}": part for part in _parts(place)}
    text_of = form.replace("PLACE", _spelled(place))
    if draw(st.booleans()) and not form.startswith("REMOVE"):
        names["#second"] = second = draw(st.sampled_from(["n", "t", "g", "w"]))
        if second not in _parts(place)[:1]:
            return f"{text_of} REMOVE #second", names, values
        del names["#second"]
    return text_of, names, values


def _with(request: dict[str, Any], kind: str, expression: Expression | None) -> dict[str, Any]:
    if expression is None:
        return request
    text_of, names, values = expression
    request[kind] = text_of
    request["ExpressionAttributeNames"] = {**request.get("ExpressionAttributeNames", {}), **names}
    if values or "ExpressionAttributeValues" in request:
        request["ExpressionAttributeValues"] = {**request.get("ExpressionAttributeValues", {}), **values}
    return request


_maybe_condition = st.none() | conditions()


@st.composite
def puts(draw: st.DrawFn) -> dict[str, Any]:
    table = draw(tables)
    item = {**draw(attributes), **draw(keys(table if table in KEYS else PLAIN))}
    request = {"TableName": table, "Item": item}
    return _with(request, "ConditionExpression", draw(_maybe_condition))


@st.composite
def deletes(draw: st.DrawFn) -> dict[str, Any]:
    table = draw(tables)
    request = {"TableName": table, "Key": draw(keys(table if table in KEYS else PLAIN))}
    return _with(request, "ConditionExpression", draw(_maybe_condition))


@st.composite
def changes(draw: st.DrawFn) -> dict[str, Any]:
    table = draw(tables)
    request = {"TableName": table, "Key": draw(keys(table if table in KEYS else PLAIN))}
    update = draw(updates())
    condition = draw(_maybe_condition)
    if condition is not None:
        text_of, names, values = condition
        text_of, values = _renamed(text_of, values, "c")
        _with(request, "ConditionExpression", (text_of, names, values))
    return _with(request, "UpdateExpression", update)


@st.composite
def queries(draw: st.DrawFn) -> dict[str, Any]:
    index = draw(st.sampled_from([None, "sparse", "local"]))
    hash_name, range_name = {None: ("h", "r"), "sparse": ("g", "w"), "local": ("h", "w")}[index]
    of_range = _key_number if index is None else text
    sign = draw(st.sampled_from(["", "=", "<", "<=", ">", ">=", "between", "begins_with"]))
    condition, values = "#h = :h", {":h": draw(_key_text)}
    names = {"#h": hash_name}
    if sign:
        names["#r"] = range_name
        values[":r"] = draw(rarely(of_range, value))
        if sign == "between":
            values[":u"] = draw(of_range)
            condition += " AND #r BETWEEN :r AND :u"
        elif sign == "begins_with":
            condition += " AND begins_with(#r, :r)"
        else:
            condition += f" AND #r {sign} :r"
    request: dict[str, Any] = {
        "TableName": PAIR,
        "KeyConditionExpression": condition,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
        "ScanIndexForward": draw(st.booleans()),
    }
    if index:
        request["IndexName"] = index
    if draw(st.integers(0, 3)) == 0:
        request["Select"] = "COUNT"
    if draw(st.booleans()):
        request["Limit"] = draw(st.integers(1, 4))
    if index != "sparse" and draw(st.booleans()):
        request["ConsistentRead"] = True
    if draw(st.integers(0, 2)) == 0:
        _with(request, "FilterExpression", draw(conditions(deep=0)))
    return request


@st.composite
def gets(draw: st.DrawFn) -> dict[str, Any]:
    table = draw(tables)
    request = {"TableName": table, "Key": draw(keys(table if table in KEYS else PLAIN))}
    if draw(st.booleans()):
        request["ProjectionExpression"] = "n, m.x, l[0]"
    return request


@st.composite
def transactions(draw: st.DrawFn) -> dict[str, Any]:
    kinds = {"Put": puts(), "Delete": deletes(), "Update": changes()}
    actions = []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(sorted(kinds)))
        action = draw(kinds[kind])
        if draw(st.booleans()):
            action["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        actions.append({kind: action})
    if draw(st.booleans()):
        check = draw(deletes())
        if "ConditionExpression" in check:
            actions.append({"ConditionCheck": check})
    return {"TransactItems": actions}


@st.composite
def batch_writes(draw: st.DrawFn) -> dict[str, Any]:
    requests: dict[str, Any] = {}
    for _ in range(draw(st.integers(1, 4))):
        table = draw(st.sampled_from([PAIR, PLAIN]))
        key = draw(keys(table))
        one = (
            {"DeleteRequest": {"Key": key}}
            if draw(st.booleans())
            else {"PutRequest": {"Item": {**draw(attributes), **key}}}
        )
        requests.setdefault(table, []).append(one)
    return {"RequestItems": requests}


@st.composite
def batch_gets(draw: st.DrawFn) -> dict[str, Any]:
    wanted = {
        table: {"Keys": draw(st.lists(keys(table), min_size=1, max_size=4)), "ConsistentRead": True}
        for table in draw(st.sampled_from([[PAIR], [PLAIN], [PAIR, PLAIN]]))
    }
    return {"RequestItems": wanted}


_RETURNS = ["NONE", "ALL_OLD"]
_UPDATE_RETURNS = [*_RETURNS, "ALL_NEW", "UPDATED_NEW", "UPDATED_OLD"]


def _returning(requests: st.SearchStrategy[Any], kinds: list[str]) -> st.SearchStrategy[Any]:
    return st.tuples(requests, st.sampled_from(kinds)).map(lambda pair: {**pair[0], "ReturnValues": pair[1]})


def _named(name: str, requests: st.SearchStrategy[Any]) -> st.SearchStrategy[Request]:
    return requests.map(lambda request: (name, request))


steps: st.SearchStrategy[Request] = st.one_of(
    _named("PutItem", _returning(puts(), _RETURNS)),
    _named("PutItem", _returning(puts(), _RETURNS)),
    _named("UpdateItem", _returning(changes(), _UPDATE_RETURNS)),
    _named("UpdateItem", _returning(changes(), _UPDATE_RETURNS)),
    _named("DeleteItem", _returning(deletes(), _RETURNS)),
    _named("GetItem", gets()),
    _named("Query", queries()),
    _named("Query", queries()),
    _named("TransactWriteItems", transactions()),
    _named("BatchWriteItem", batch_writes()),
    _named("BatchGetItem", batch_gets()),
)
