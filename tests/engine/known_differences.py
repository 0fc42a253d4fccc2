"""Where the engine answers otherwise than an emulator, and who is right by DynamoDB's documentation.

A row says which emulator ("*" for both), which operation ("*" for any), what the engine answers (a pattern
over its outcome and the words of its error), what the emulator does (a pattern over its outcome), and why.
Where both succeed it names the members of the answer that differ: all others have to agree.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.engine.answers import comparable, outcome
from tests.engine.requests import Request


class Known(NamedTuple):
    emulator: str
    operation: str
    ours: str
    theirs: str
    why: str
    members: tuple[str, ...] = ()
    only: Callable[[dict[str, Any]], bool] = lambda request: True


def _filters_local(request: dict[str, Any]) -> bool:
    return request.get("IndexName") == "local" and "FilterExpression" in request


def _begins(request: dict[str, Any]) -> bool:
    return "begins_with(" in str(request)


def _updates(request: dict[str, Any]) -> bool:
    return "'UpdateExpression'" in str(request)


def _compares_null(request: dict[str, Any]) -> bool:
    return "ExpressionAttributeValues" in str(request) and "{'NULL': True}" in str(request)


_ANY = ".*"
_WENT_ON = r"(done|ConditionalCheckFailedException|TransactionCanceledException.*|crash.*)"
KNOWN = [
    Known(
        "*",
        "*",
        "ValidationException: .*(Incorrect operand type|BETWEEN operator|Invalid attribute type name)",
        _ANY,
        "an operand that can never fit is refused before the item is looked at: the engine is right",
    ),
    Known(
        "*",
        "*",
        "(ValidationException|TransactionCanceled.*): .*document path provided in the update expression",
        _WENT_ON,
        "a path into what is no map or list cannot be updated: the engine is right",
    ),
    Known(
        "*",
        "Query",
        "ValidationException: Filter Expression can only contain non-primary key attributes",
        _WENT_ON,
        "keys are no business of a filter: the engine is right",
    ),
    Known(
        "ministack",
        "UpdateItem",
        "ValidationException: An operand in the update expression has an incorrect data type",
        "done",
        "list_append to what is no list is an error: the engine is right",
    ),
    Known(
        "*",
        "TransactWriteItems",
        r"TransactionCanceledException\[.*ValidationError",
        _ANY,
        "every action has a reason, that its item is invalid among them; emulators stop at the first, or go"
        " on to conditions: the engine is right",
    ),
    Known(
        "*",
        "TransactWriteItems",
        "(ResourceNotFoundException|ValidationException)",
        "(ResourceNotFoundException|ValidationException|TransactionCanceledException.*)",
        "of several faults of a request the documentation does not say which is told: both are",
    ),
    Known(
        "ministack",
        "UpdateItem",
        "done",
        "done",
        "UPDATED_OLD of a list's new position: not documented",
        ("Attributes",),
    ),
    Known(
        "*",
        "Query",
        "done",
        "done",
        "whether a filter sees what a local index does not hold: not documented; here it does not",
        ("Items", "Count"),
        _filters_local,
    ),
    Known(
        "ministack",
        "*",
        "(ConditionalCheckFailedException|TransactionCanceledException|done)",
        "(ValidationException|TransactionCanceledException.*)",
        "what is no text does not begin with any, and that is no error: the engine is right",
        only=_begins,
    ),
    Known(
        "ministack",
        "(UpdateItem|TransactWriteItems)",
        "(ConditionalCheckFailedException|TransactionCanceledException)",
        r"(ValidationException|TransactionCanceledException\[.*ValidationError.*)",
        "whether the condition or the type of an index key is looked at first: not documented",
        only=_updates,
    ),
    Known(
        "moto",
        "*",
        "(ValidationException|TransactionCanceled.*): .*(key element does not match|Type mismatch for key"
        "|AttributeValue for a key attribute cannot contain an empty)",
        f"(ValidationException|{_WENT_ON})",
        "keys are checked against the schema in every operation, before anything is written: the engine is"
        " right",
    ),
    Known(
        "moto",
        "*",
        "(ValidationException|TransactionCanceled.*): .*(Type mismatch for Index Key|secondary index key)",
        _WENT_ON,
        "keys of indexes have a type, and are not empty: the engine is right",
    ),
    Known(
        "moto",
        "Batch(Write|Get)Item",
        "ValidationException: Provided list of item keys contains duplicates",
        "done",
        "a batch takes an item once: the engine is right",
    ),
    Known(
        "moto",
        "Query",
        "ValidationException: .*(Condition parameter type does not match|Query key condition not supported)",
        _WENT_ON,
        "a key is compared with its own type: the engine is right",
    ),
    Known(
        "moto",
        "*",
        _ANY,
        "(ConditionalCheckFailedException|TransactionCanceledException.*|ValidationException|done)",
        "moto takes what is not there for NULL: the engine is right",
        only=_compares_null,
    ),
    Known("moto", "*", _ANY, "crash.*", "moto fails with an exception of its own: the engine is right"),
    Known(
        "moto",
        "TransactWriteItems",
        "TransactionCanceledException",
        r"TransactionCanceledException\[.*Error.*",
        "moto gives an exception of its own as a reason: the engine is right",
    ),
    Known(
        "moto",
        "TransactWriteItems",
        "(TransactionCanceledException|done)",
        "ValidationException",
        "moto tells what the update of one action met as an error of the request: the engine is right",
    ),
    Known(
        "moto",
        "Query",
        "done",
        "done",
        "whoever stops at Limit says where, whether or not there is more: the engine is right",
        ("LastEvaluatedKey",),
    ),
    Known(
        "moto",
        "UpdateItem",
        "done",
        "done",
        "UPDATED_OLD and UPDATED_NEW hold what was changed: the engine is right",
        ("Attributes",),
    ),
]


def known(emulator: str, request: Request, ours: dict[str, Any], theirs: dict[str, Any]) -> Known | None:
    """The row that explains a difference of two answers."""
    said = f"{outcome(ours)}: {ours.get('said', '')}"
    for row in KNOWN:
        if (
            row.emulator in {"*", emulator}
            and (row.operation == "*" or re.fullmatch(row.operation, request[0]))
            and re.match(row.ours, said, re.DOTALL)
            and re.fullmatch(row.theirs, outcome(theirs), re.DOTALL)
            and row.only(request[1])
            and (not row.members or _agree_otherwise(row.members, ours, theirs))
        ):
            return row
    return None


def _agree_otherwise(members: tuple[str, ...], ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    def rest(answer: dict[str, Any]) -> dict[str, Any]:
        return {name: content for name, content in comparable(answer).items() if name not in members}

    return rest(ours) == rest(theirs)
