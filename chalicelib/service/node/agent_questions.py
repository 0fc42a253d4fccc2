"""What is asked of the host of a node's agent while somebody waits: its clock, the MTU of a path.

A question is kept for as long as somebody listens, is handed over at the agent's next contact, for which its
bell is rung, and answered once. Its identifier follows from what is asked and when, so that whoever comes
back to look for the answer asks no second one.
"""

import datetime as dt
import uuid
from collections.abc import Iterable

from chalicelib.domain.errors import Conflict, TooMany, Unavailable
from chalicelib.domain.names import NodeName
from chalicelib.domain.schemas import JSON, Checker
from chalicelib.domain.times import SECOND, format_timestamp, parse_timestamp
from chalicelib.domain.types import TYPES
from chalicelib.service.node import agent_bell, node_directory
from chalicelib.store import changes, node_registry, node_table

WAIT = 5.0
"""Seconds after which nobody listens any more."""
KEPT = 60 * SECOND
MOST = 20
"""Questions to one agent that may be open at a time."""
RECENT = 150 * SECOND
"""How old a contact may be for its clock to be told of."""
DAY = 86_400.0
TRIES = 5
_SPACE = uuid.UUID("6a2d7c1e-3f4b-5a69-8c0d-1e2f3a4b5c6d")


def identifier(node: NodeName, what: str, argument: JSON, asked: dt.datetime) -> str:
    """What a question is called that is asked at an instant."""
    return str(uuid.uuid5(_SPACE, f"{node}|{what}|{argument}|{asked.isoformat()}"))


def word(question: str) -> str:
    """What ``changes`` announces when a question is answered."""
    return f"answer:{question}"


def ask(node: NodeName, what: str, argument: JSON, asked: dt.datetime, now: dt.datetime) -> str:
    """Have something asked of a node's agent; its identifier. Asked again it is the same question.

    Raises TooMany, and Conflict where others ask again and again at the same moment.
    """
    question = identifier(node, what, argument, asked)
    until = format_timestamp(asked + WAIT * SECOND)
    whole = {"id": question, "what": what, "argument": argument, "until": until}
    for left in reversed(range(TRIES)):
        known, revision = node_registry.questions(node)
        open_ones = still_open(known, now)
        if any(each["id"] == question for each in open_ones):
            return question
        if len(open_ones) >= MOST:
            raise TooMany(f"{MOST} questions to this node's agent are still open: try again")
        try:
            node_registry.write_questions(node, [*open_ones, whole], revision)
            break
        except Conflict:
            if not left:
                raise
    agent_bell.ring(node, now)
    return question


def still_open(questions: Iterable[JSON], now: dt.datetime) -> list[JSON]:
    """Those of the questions to an agent that somebody waits for an answer to."""
    return [each for each in questions if parse_timestamp(each["until"]) > now]


def take_answer(node: NodeName, question: str, answer: JSON, now: dt.datetime) -> None:
    """Keep the answer of a node's agent for whoever listens; one to no question of its own goes nowhere."""
    known, _ = node_registry.questions(node)
    if any(each["id"] == question for each in known):
        node_table.write(node, f"agent-answer-{question}", {"answer": answer}, now + KEPT)
        changes.announce(word(question))


def answer_to(node: NodeName, question: str) -> JSON:
    """``{"answer": ...}``; None where there is none yet."""
    return node_table.read(node, f"agent-answer-{question}")


def away(node: NodeName) -> Unavailable:
    """What to say of an agent that does not answer."""
    known = node_registry.contact(node)
    name = node_directory.hostname_of(node)
    if not known:
        return Unavailable(f"The agent of {name} has not been heard from yet")
    return Unavailable(f"The agent of {name} is away: it was last heard from at {known['at']}")


def clock(answer: JSON) -> dict[str, JSON]:
    """The answer of an agent about its clock, as /clock has it. Raises Unavailable for what is none."""
    if isinstance(answer, dict) and _CLOCK.fault(answer) is None:
        return {name: answer[name] for name in ("time", "synchronized", "source", "offset") if name in answer}
    raise Unavailable("The node's agent did not report its clock")


def verdict(answer: JSON) -> dict[str, JSON]:
    """The answer of an agent about a path, as /mtu-safe has it. Raises Unavailable for what is none."""
    if isinstance(answer, dict) and isinstance(answer.get("safe"), bool):
        return {"safe": answer["safe"], "message": str(answer.get("message", ""))}
    raise Unavailable("The node's agent did not report whether the path is safe")


_CLOCK = Checker(
    {
        "type": "object",
        "properties": {
            "time": TYPES["Timestamp"],
            "synchronized": {"type": "boolean"},
            "source": {"type": "string"},
            "offset": {"type": "number"},
        },
        "required": ["time", "synchronized", "source"],
    }
)


def last_clock(node: NodeName, now: dt.datetime) -> JSON:
    """What the clock of an agent's host shows, reckoned from its last contact; ``{"error": ...}`` where that
    is long ago."""
    known = node_registry.contact(node) or {}
    said = known.get("clock")
    if not said or parse_timestamp(known["at"]) < now - RECENT:
        return {"error": away(node).message}
    kept = bool(said.get("synchronized"))
    ahead = dt.timedelta(seconds=max(-DAY, min(DAY, said.get("offset") or 0)))
    time = (now + ahead).isoformat(timespec="microseconds")
    return {"time": time, "synchronized": kept, "source": "ntp" if kept else "unknown"}
