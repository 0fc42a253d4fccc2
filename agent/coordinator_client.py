"""What an agent says to its coordinator: a method for each request of docs/agent-protocol.md.

Each raises what is in ``failures.py`` where it did not do what it was to do.
"""

from agent import answers, failures
from agent.failures import Later
from agent.transport import Transport, coordinator_url
from agent.version import PROTOCOL, VERSION
from chalicelib.domain.documents import DEEPEST_REPLY, load_whole
from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import JSON, Checker

TIMEOUT = 20.0
"""Seconds a request may take, all in all, besides what the other side was asked to wait."""


class Client:
    """The coordinator, as one agent sees it. Safe for threads."""

    def __init__(self, url: str, secret: str | None = None, authority: str | None = None):
        """``authority`` is a PEM file trusted besides the system's. Raises Invalid if it cannot be read."""
        self.url, self._secret = coordinator_url(url), secret
        self._transport = Transport(self.url, authority)

    def close(self) -> None:
        """Hang up."""
        self._transport.close()

    def use(self, secret: str) -> None:
        """Be known by another secret from now on."""
        self._secret = secret

    def join(self, token: str, instance: str, facts: JSON) -> JSON:
        body = {"token": token, "version": VERSION, "instance": instance, "facts": facts}
        return _formed(answers.JOIN, self._ask("POST", "join", body))

    def rotate(self) -> str:
        """A new secret; the one in use goes on until the new one is."""
        return str(_formed(answers.ROTATE, self._ask("POST", "rotate", {}))["secret"])

    def leave(self) -> None:
        self._ask("POST", "leave", {})

    def facts(self, facts: JSON) -> None:
        self._ask("PUT", "facts", facts)

    def bell(self, since: int, wait: int) -> int:
        """The number of the last ring, at once where it is not ``since``."""
        rang = self._ask("GET", f"bell?since={since}&wait={wait}", wait=wait)
        return int(_formed(answers.BELL, rang)["bell"])

    def contact(self, body: JSON) -> JSON:
        return _formed(answers.CONTACT, self._ask("POST", "contact", body))

    def claims(self, body: JSON) -> JSON:
        return _formed(answers.CLAIMS, self._ask("POST", "claims", body))

    def starts(self, body: JSON, within: float) -> JSON:
        return _formed(answers.STARTS, self._ask("POST", "starts", body, within=within))

    def results(self, body: JSON) -> JSON:
        return self._ask("POST", "results", body)

    def answers(self, ask: str, answer: JSON) -> None:
        self._ask("POST", "answers", {"ask": ask, "answer": answer}, within=5.0)

    def outside(self, url: str, wait: int) -> tuple[int, bytes]:
        """Get what is not the coordinator's, without telling who asks. Raises Later."""
        return self._transport.exchange("GET", url, None, {}, TIMEOUT + wait)

    def _ask(self, method: str, path: str, body: JSON = None, wait: int = 0, within: float = TIMEOUT) -> JSON:
        headers = {"X-Agent-Protocol": str(PROTOCOL), "User-Agent": f"pscheduler-agent/{VERSION}"}
        if self._secret is not None:
            headers["Authorization"] = f"Bearer {self._secret}"
        status, answer = self._transport.exchange(
            method, f"{self.url}/agent/{path}", body, headers, within + wait
        )
        if status == 204:
            return None
        if status == 200:
            return _document(answer)
        raise failures.of_status(status)(failures.sentence(status, answer))


def _document(content: bytes) -> JSON:
    try:
        return load_whole(content, "the coordinator's answer", DEEPEST_REPLY)
    except Invalid as error:
        raise Later(error.message) from error


def _formed(form: Checker, document: JSON) -> JSON:
    problem = form.problem(document)
    if problem:
        raise Later(f"The coordinator's answer cannot be read: {problem}")
    return document
