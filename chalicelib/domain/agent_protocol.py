"""The protocol between a coordinator and the agents of its nodes: its number, its forms and its limits
(docs/agent-protocol.md). Pure."""

import datetime as dt
import re
import uuid

from chalicelib.domain import numerals
from chalicelib.domain.echoes import shown
from chalicelib.domain.errors import Invalid, TooOld
from chalicelib.domain.names import RunId
from chalicelib.domain.run_states import State
from chalicelib.domain.schemas import JSON, Checker, closed, integer
from chalicelib.domain.types import TYPES

NUMBER = 1
SPOKEN = (NUMBER,)
"""The current number, and the one before as soon as there is one."""

MOST_HELD, MOST_OFFERED, MOST_CLAIMED = 1000, 50, 100
LONGEST_BELL = 25
"""Seconds for which a bell is listened to at a time: API Gateway gives up after 29."""
MOST_NUMBER = 10_000_000
"""Of the results of one run that streams."""
MOST_WAITING = 1_000_000_000
"""Results that an agent may say are waiting: more than a disk has."""
LONGEST_MESSAGE = 1000
LARGEST_ANSWER = 16 * 1024
"""Characters of the answer to a question."""

OFFERED_AHEAD = dt.timedelta(minutes=15)
"""How long before its start a run is offered to the agent."""
PATIENCE = dt.timedelta(minutes=15)
"""How long after its end the result of a run that was taken is waited for, where the agent is away."""

REFUSALS = {
    "agent-policy": State.NONSTART,
    "agent-clock": State.NONSTART,
    "agent-tool": State.NONSTART,
    "agent-late": State.MISSED,
}
"""Why an agent may refuse a run, and what becomes of the run then."""

_VERSION = {"type": "string", "minLength": 1, "maxLength": 64}
_INSTANCE = TYPES["UUID"]
_NAMED = {"task": TYPES["UUID"], "run": TYPES["UUID"]}


def _open(properties: dict[str, JSON], *required: str) -> dict[str, JSON]:
    """An object whose further members, of a later version, are passed over."""
    return {"type": "object", "properties": properties, "required": list(required)}


JOIN = Checker(
    _open(
        {
            "token": {"type": "string", "maxLength": 320},
            "version": _VERSION,
            "instance": _INSTANCE,
            "facts": {"type": "object"},
        },
        *("token", "version", "instance"),
    )
)
CLOCK = _open(
    {
        "time": TYPES["Timestamp"],
        "synchronized": {"type": "boolean"},
        "offset": {"type": ["number", "null"]},
    },
    "time",
)
CONTACT = Checker(
    _open(
        {
            "instance": _INSTANCE,
            "version": _VERSION,
            "clock": CLOCK,
            "facts": {"type": ["string", "null"], "maxLength": 128},
            "held": {
                "type": "array",
                "items": _open({**_NAMED, "start": TYPES["Timestamp"]}, "task", "run"),
                "maxItems": MOST_HELD,
            },
            "take": integer(0, MOST_OFFERED),
            "waiting": integer(0, MOST_WAITING),
        },
        *("instance", "version", "held"),
    )
)
CLAIMS = Checker(
    _open(
        {
            "instance": _INSTANCE,
            "take": {"type": "array", "items": _open(_NAMED, "task", "run"), "maxItems": MOST_CLAIMED},
            "refuse": {
                "type": "array",
                "items": _open(
                    {
                        **_NAMED,
                        "code": {"enum": list(REFUSALS)},
                        "message": {"type": "string", "maxLength": LONGEST_MESSAGE},
                    },
                    *("task", "run", "code"),
                ),
                "maxItems": MOST_CLAIMED,
            },
        },
        "instance",
    )
)
START = Checker(_open({"instance": _INSTANCE, **_NAMED}, "instance", "task", "run"))
RESULT = Checker(
    _open(
        {
            "instance": _INSTANCE,
            **_NAMED,
            "number": integer(1, MOST_NUMBER),
            "at": TYPES["Timestamp"],
            "local": {"type": "object"},
            "final": {"type": "boolean"},
        },
        *("instance", "task", "run", "number", "at", "local", "final"),
    )
)
ANSWER = Checker(closed({"ask": TYPES["UUID"], "answer": {}}, required=("ask", "answer")))


def require(form: Checker, document: JSON) -> dict[str, JSON]:
    """A document that has its form. Raises Invalid, with the pointer of the member."""
    found = form.fault(document)
    if found:
        raise found
    known: dict[str, JSON] = document
    return known


def require_contact(document: JSON) -> dict[str, JSON]:
    """What an agent says in a contact. Raises Invalid as ``require`` does.

    What it holds is looked through by hand first: there may be a thousand of it every time, which a schema
    takes many times as long for. What is not plainly right is left to the schema.
    """
    held = document.get("held") if isinstance(document, dict) else None
    if isinstance(held, list) and len(held) <= MOST_HELD and all(map(_is_plainly_right, held)):
        require(CONTACT, {**document, "held": []})
        known: dict[str, JSON] = document
        return known
    return require(CONTACT, document)


_PATTERNS = {
    name: re.compile(TYPES[kind]["pattern"])
    for name, kind in (("task", "UUID"), ("run", "UUID"), ("start", "Timestamp"))
}


def _is_plainly_right(held: JSON) -> bool:
    return (
        isinstance(held, dict)
        and held.keys() == _PATTERNS.keys()
        and all(isinstance(text, str) and _PATTERNS[name].search(text) for name, text in held.items())
    )


def require_spoken(text: str) -> int:
    """A protocol number, as a header has it. Raises TooOld unless it is spoken here, Invalid for none."""
    spoken = " and ".join(map(str, SPOKEN))
    if not text:
        raise TooOld(
            f"X-Agent-Protocol: must be the agent's protocol version; this coordinator speaks {spoken}"
        )
    number = numerals.whole(text, 5)
    if number is None:
        raise Invalid(f"X-Agent-Protocol: {shown(text)} is not a version of the protocol")
    if number not in SPOKEN:
        raise TooOld(f"The agent speaks protocol {text}, this coordinator {spoken}: they do not match")
    return number


def streamed(run: RunId, number: int) -> RunId:
    """The uuid of the run that a streamed result becomes: the same however often it is handed over."""
    return RunId(str(uuid.uuid5(uuid.UUID(run), str(number))))
