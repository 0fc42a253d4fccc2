"""A fault says where it is, in a part of a document and in the whole."""

import ast
import pathlib

import pytest

from chalicelib.domain.errors import Invalid, Refused, TooLarge, Unprocessable
from chalicelib.domain.schemas import Checker, closed

HERE = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("pointer", "message"),
    [
        (None, "must be an object"),  # of no document
        ("", "/: must be an object"),  # the whole of one
        ("/schedule/repeat", "/schedule/repeat: must be an object"),
    ],
)
def test_the_message_is_the_pointer_and_the_sentence(pointer: str | None, message: str) -> None:
    fault = Invalid("must be an object", pointer)

    assert (str(fault), fault.pointer, fault.sentence) == (message, pointer, "must be an object")


@pytest.mark.parametrize(
    ("pointer", "whole"), [(None, "/test/spec"), ("", "/test/spec"), ("/dest", "/test/spec/dest")]
)
@pytest.mark.parametrize("kind", [Invalid, TooLarge, Unprocessable])
def test_a_fault_in_a_part_is_one_in_the_whole(kind: type[Invalid], pointer: str | None, whole: str) -> None:
    fault = kind("is required", pointer).inside("/test/spec")

    assert (type(fault), fault.pointer, str(fault)) == (kind, whole, f"{whole}: is required")


def test_names_in_a_pointer_are_escaped() -> None:
    fault = Checker(closed({"a/b~c": {"type": "integer"}})).fault({"a/b~c": "x"})

    assert fault is not None
    assert fault.pointer == "/a~1b~0c"


def test_a_refusal_has_the_status_it_came_with() -> None:
    refused = Refused("b.example", "That does not go", 422)

    assert (refused.status, "That does not go" in str(refused)) == (422, True)


def test_no_sentence_begins_with_its_pointer() -> None:
    files = [*HERE.glob("chalicelib/**/*.py"), *HERE.glob("plugins/**/*.py")]
    raising = [file for file in files if any(f"{name}(" in file.read_text() for name in FAULTS)]

    assert len(raising) > 20
    assert [
        f"{file.name}: {text}" for file in raising for text in sentences(file) if text.startswith("/")
    ] == []


def sentences(file: pathlib.Path) -> list[str]:
    """The beginnings of the sentences that a module raises its faults with."""
    calls = [
        node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call) and node.args
    ]
    named = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id in FAULTS]
    return [str(_beginning(call.args[0])) for call in named]


FAULTS = ("Invalid", "TooLarge", "Unprocessable")


def _beginning(argument: ast.expr) -> str:
    if isinstance(argument, ast.JoinedStr):
        argument = argument.values[0]
    return argument.value if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else ""
