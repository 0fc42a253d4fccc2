"""An agent as tests play it: it says what docs/agent-protocol.md has it say, and keeps what it is told."""

import datetime as dt
import functools
import uuid
from typing import Any, Protocol

from chalicelib.domain.assignment import Assignment, LocalResult
from chalicelib.domain.names import NodeName
from chalicelib.domain.times import UTC, format_timestamp
from chalicelib.host.facts import gather
from chalicelib.service.node import agent_secrets, registration

VERSION = "0.3.0"


@functools.cache
def known_facts() -> Any:
    """What this host can do: asked once, since that starts programs and makes keys."""
    return gather()


class Asked(Protocol):
    """Whatever carries a request: ``tests.api.conftest.Api``, or a connection."""

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]: ...


class Agent:
    """One agent of a registered node, known by its secret."""

    def __init__(self, asked: Asked, secret: str = ""):
        self.asked, self.secret = asked, secret
        self.instance = str(uuid.uuid4())
        self.held: dict[str, Assignment] = {}
        self.headers = {"X-Agent-Protocol": "1", "User-Agent": f"pscheduler-agent/{VERSION}"}

    def say(self, method: str, what: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        bearer = {"Authorization": f"Bearer {self.secret}"} if self.secret else {}
        return self.asked.ask(method, f"/agent/{what}", body, **{**self.headers, **bearer, **headers})

    def tell(self, method: str, what: str, body: Any = None) -> Any:
        status, answer = self.say(method, what, body)
        assert status in (200, 204), answer
        return answer

    def join(self, token: str, facts: Any = None) -> Any:
        body = {
            "token": token,
            "version": VERSION,
            "instance": self.instance,
            "facts": facts or known_facts(),
        }
        answer = self.tell("POST", "join", body)
        self.secret = answer["secret"]
        return answer

    def contact(self, **changes: Any) -> Any:
        held = [
            {"task": each.task, "run": each.run, "start": format_timestamp(each.start)}
            for each in self.held.values()
        ]
        said = {
            "instance": self.instance,
            "version": VERSION,
            "clock": {"time": format_timestamp(dt.datetime.now(UTC)), "synchronized": True, "offset": 0.0},
            "facts": None,
            "held": held,
            "waiting": 0,
        }
        return self.tell("POST", "contact", {**said, **changes})

    def offered(self) -> list[Assignment]:
        return [Assignment.from_json(each) for each in self.contact()["runs"]]

    def claim(self, *offered: Assignment) -> Any:
        take = [{"task": each.task, "run": each.run} for each in offered]
        answer = self.tell("POST", "claims", {"instance": self.instance, "take": take, "refuse": []})
        self.held |= {each.run: each for each in offered if each.run in answer["taken"]}
        return answer

    def refuse(self, offered: Assignment, code: str, message: str = "No") -> Any:
        refused = {"task": offered.task, "run": offered.run, "code": code, "message": message}
        return self.tell("POST", "claims", {"instance": self.instance, "take": [], "refuse": [refused]})

    def start(self, run: Assignment) -> Any:
        return self.tell("POST", "starts", {"instance": self.instance, "task": run.task, "run": run.run})

    def report(
        self, run: Assignment, result: Any, number: int = 1, final: bool = True, **changes: Any
    ) -> tuple[int, Any]:
        said = {
            "instance": self.instance,
            "task": run.task,
            "run": run.run,
            "number": number,
            "at": format_timestamp(dt.datetime.now(UTC)),
            "local": LocalResult(result).to_json(),
            "final": final,
        }
        return self.say("POST", "results", {**said, **changes})


def registered(hostname: str, now: dt.datetime | None = None) -> tuple[NodeName, str]:
    """A node whose tools are at its agent, and a token to join with."""
    moment = now or dt.datetime.now(UTC)
    node = registration.add(hostname, "agent", moment).node
    return node, agent_secrets.new_join_token(node, moment)
