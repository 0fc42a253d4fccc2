"""What only the host of a node's agent can say, asked while the client waits."""

from chalicelib.api.http.request import Request
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND
from chalicelib.service.node import agent_questions


def answer(request: Request, what: str, argument: JSON = None) -> JSON:
    """The answer of the agent of the node a request is for.

    Raises NotYet as long as it may come, and Unavailable where it did not in ``agent_questions.WAIT``
    seconds: the agent is away.
    """
    node, asked = request.node, request.came or request.now
    question = agent_questions.identifier(node, what, argument, asked)
    found = agent_questions.answer_to(node, question)
    if found is not None:
        return found["answer"]
    if request.now < asked + agent_questions.WAIT * SECOND:
        agent_questions.ask(node, what, argument, asked, request.now)
        request.wait(agent_questions.word(question), agent_questions.WAIT)
    raise agent_questions.away(node)
