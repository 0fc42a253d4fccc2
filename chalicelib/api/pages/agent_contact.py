"""Pages on which an agent says how it is, and hears what it is to do (docs/agent-protocol.md)."""

from chalicelib.api.http import agent_authentication
from chalicelib.api.http.router import Answer, Request, as_json
from chalicelib.api.openapi.operations import integer, operation
from chalicelib.api.openapi.response_schemas import ANY, BOOLEAN, OBJECT, STRING, array, shape
from chalicelib.api.pages.agent_joining import DONE
from chalicelib.domain import agent_protocol
from chalicelib.domain.agent_protocol import LARGEST_ANSWER, LONGEST_BELL
from chalicelib.domain.errors import TooLarge
from chalicelib.domain.result_size import travelling
from chalicelib.service.agents import contacts
from chalicelib.service.node import agent_facts, agent_questions
from chalicelib.store import agent_bells

NUMBER = {"type": "number"}
CONTACT = shape(
    {
        "time": STRING,
        "every": NUMBER,
        "bell": NUMBER,
        "carrier": OBJECT,
        "facts-wanted": BOOLEAN,
        "runs": array(OBJECT),
        "taken": array(STRING),
        "cancelled": array(OBJECT),
        "asks": array(OBJECT),
    }
)


@operation(
    "Agents",
    arguments=[agent_authentication.PROTOCOL],
    body=OBJECT,
    answers=DONE,
    errors=agent_authentication.ERRORS,
)
def put_facts(request: Request) -> Answer:
    """Report what the agent's host has and can do."""
    known = agent_authentication.node_of(request, suspended_too=True)
    agent_facts.take(known.node, request.json())
    return Answer("", status=204)


@operation(
    "Agents",
    arguments=[
        agent_authentication.PROTOCOL,
        integer("since", "The number of the last ring heard", least=0),
        integer("wait", f"Seconds to wait for another ring, {LONGEST_BELL} at most", least=0),
    ],
    answer=shape({"bell": NUMBER}),
    errors=agent_authentication.ERRORS,
)
def bell(request: Request) -> Answer:
    """Listen to the bell.

    It rings when a run has been placed that starts soon, a run was cancelled, or a question is asked.
    """
    known = agent_authentication.node_of(request, suspended_too=True)
    wait = min(LONGEST_BELL, request.integer("wait", least=0) or 0)
    rung = agent_bells.read(known.node)
    if rung.number == (request.integer("since", least=0) or 0):
        request.wait(agent_bells.word(known.node), wait)
    return as_json(request, {"bell": rung.number})


@operation(
    "Agents",
    arguments=[agent_authentication.PROTOCOL],
    body=agent_protocol.CONTACT.schema,
    answer=CONTACT,
    errors=agent_authentication.ERRORS,
)
def contact(request: Request) -> Answer:
    """Report the agent's condition, and learn which runs to take, which were cancelled and what is asked."""
    known = agent_authentication.node_of(request)
    said = agent_protocol.require_contact(request.json())
    return as_json(request, contacts.contact(known, said, request.now))


@operation(
    "Agents",
    arguments=[agent_authentication.PROTOCOL],
    body=shape({"ask": STRING, "answer": ANY}),
    answers=DONE,
    errors=agent_authentication.ERRORS,
)
def answers(request: Request) -> Answer:
    """Answer a question. An answer that nobody is waiting for any more is ignored."""
    known = agent_authentication.node_of(request)
    said = agent_protocol.require(agent_protocol.ANSWER, request.json())
    if travelling(said["answer"]) > LARGEST_ANSWER:
        raise TooLarge(f"must have {LARGEST_ANSWER} characters at most", "/answer")
    agent_questions.take_answer(known.node, said["ask"], said["answer"], request.now)
    return Answer("", status=204)
