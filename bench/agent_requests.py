"""What an agent's requests take of the processor, in the app alone: no socket, no front, no other process.

Each agent holds as many runs as one with a run every twenty seconds does, and one comes near in each second.
"""

import datetime as dt
import json
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from bench import state
from bench.capacity_units import Cost, counted
from bench.simulated_agents import DONE, FACTS, PROTOCOL
from chalicelib.domain.times import SECOND, UTC, format_timestamp
from local import environment, gateway
from local.routes import STAGE, Routes

AGENTS, HELD, ROUNDS = 5, 45, 30
"""Agents; runs that each of them holds; seconds in each of which one more comes near."""
OFFERED_AHEAD = 900 * SECOND
READY = 100
"""Seconds that the tasks are given to be posted."""
APART = 20
"""Seconds between the runs of an agent; a second here stands for as many."""
BELL = 25
"""Seconds between two looks at the bell, each of which is two requests to the app."""


class _App:
    """The app, asked as the front asks it, and what that took."""

    def __init__(self) -> None:
        from app import app
        from local.http_server import safe_for_threads

        self._ask, self._routes = safe_for_threads(app), Routes(app.routes)
        self.took: dict[str, list[float]] = defaultdict(list)
        self.costs: dict[str, Cost] = {}

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        request = gateway.Request(
            method=method,
            target=f"/{STAGE}{path}",
            headers={"Host": "127.0.0.1", "Content-Type": "application/json", **headers},
            body=b"" if body is None else json.dumps(body).encode(),
            client="127.0.0.1",
            server="127.0.0.1",
            port=443,
            scheme="https",
            came=time.time(),
        )
        event = gateway.event(request, self._routes)
        answer = gateway.response(self._ask(event, gateway.Context("api", 29.0)))
        if answer.status not in (200, 204) or not isinstance(answer.body, bytes):
            raise SystemExit(f"{method} {path} is answered {answer.status}: {answer.body!r}")
        return json.loads(answer.body) if answer.body else None

    def timed(self, name: str, work: Callable[[], Any]) -> Any:
        began = time.process_time()
        answer = work()
        self.took[name].append((time.process_time() - began) * 1000)
        return answer

    def costed(self, name: str, work: Callable[[], Any]) -> Any:
        with counted() as cost:
            answer = work()
        self.costs[name] = cost
        return answer


class _Agent:
    """One agent that takes what it is offered."""

    def __init__(self, app: _App, number: int):
        from chalicelib.service.node import agent_secrets, registration

        self._app, self.host = app, f"agent{number}.example.org"
        now = dt.datetime.now(UTC)
        node = registration.add(self.host, "agent", now).node
        self._instance, token = str(uuid.uuid4()), agent_secrets.new_join_token(node, now)
        said = {"token": token, "version": "bench", "instance": self._instance, "facts": FACTS}
        joined = app.ask("POST", "/agent/join", said, **{"X-Agent-Protocol": PROTOCOL})
        bearer = f"Bearer {joined['secret']}"
        self._headers = {"X-Agent-Protocol": PROTOCOL, "Authorization": bearer}
        self._held: dict[str, Any] = {}

    def post(self, start: dt.datetime) -> None:
        task = {
            "schema": 1,
            "test": {"type": "idle", "spec": {"duration": "PT1S"}},
            "schedule": {"start": format_timestamp(start)},
        }
        self._app.ask("POST", "/tasks", task, Host=self.host)

    def say(self, what: str, body: Any = None) -> Any:
        return self._app.ask("GET" if body is None else "POST", f"/agent/{what}", body, **self._headers)

    def contact(self) -> Any:
        now = format_timestamp(dt.datetime.now(UTC))
        held = [{name: each[name] for name in ("task", "run", "start")} for each in self._held.values()]
        said = {
            "instance": self._instance,
            "version": "bench",
            "clock": {"time": now, "synchronized": True, "offset": 0.0},
            "held": held,
            "take": 50,
            "waiting": 0,
        }
        answer = self.say("contact", said)
        left = [run for run in answer["runs"] if run["run"] not in answer.get("taken", ())]
        if left:
            take = [{"task": each["task"], "run": each["run"]} for each in left]
            self.say("claims", {"instance": self._instance, "take": take})
        self._held |= {run["run"]: run for run in answer["runs"]}
        return answer

    def of_a_run(self) -> Iterator[tuple[str, Callable[[], Any]]]:
        """What is asked for a run, one after the other."""
        first = min(self._held.values(), key=lambda run: run["start"])
        names = {"instance": self._instance, "task": first["task"], "run": first["run"]}
        yield "starts", lambda: self.say("starts", names)
        del self._held[first["run"]]
        said = {"number": 1, "at": format_timestamp(dt.datetime.now(UTC)), "local": DONE, "final": True}
        yield "results", lambda: self.say("results", {**names, **said})


def agent_requests() -> list[dict[str, Any]]:
    """A row for each request: milliseconds of the processor, what it asked of DynamoDB; then all of a run."""
    with state.fresh("sqlite"):
        environment.create_everything()
        app = _App()
        agents = [_Agent(app, number) for number in range(AGENTS)]
        _prepare(agents)
        for round_ in range(ROUNDS):
            time.sleep(1.0)
            is_last = round_ >= ROUNDS - _runs_a_contact()
            for agent in agents:
                _one_more(app, agent, round_, app.costed if is_last else app.timed)
    return _rows(app)


def _prepare(agents: list[_Agent]) -> None:
    """Post what each holds, and what comes near later."""
    now = dt.datetime.now(UTC).replace(microsecond=0)
    for agent in agents:
        for number in range(HELD):
            agent.post(now + (READY + 60 + 15 * number) * SECOND)
        for second in range(ROUNDS + 10):
            agent.post(now + OFFERED_AHEAD + (READY + second) * SECOND)
    late = (dt.datetime.now(UTC) - now).total_seconds() - READY
    if late > 0:
        raise SystemExit(f"The tasks were posted {late:.0f} s too late: this machine has too much to do")
    time.sleep(4.0 - min(0.0, late))  # until no ring is so fresh that all is looked at
    for agent in agents:
        agent.contact()
        agent.contact()


def _runs_a_contact() -> int:
    from chalicelib.service.agents import bell_carriers

    return max(1, bell_carriers.EVERY // APART)


def _one_more(app: _App, agent: _Agent, round_: int, done: Callable[[str, Callable[[], Any]], Any]) -> None:
    if round_ % _runs_a_contact() == 0:
        done("contact, and claims", agent.contact)
    for name, work in agent.of_a_run():
        done(name, work)
    done("bell", lambda: agent.say("bell?since=0&wait=0"))
    done("GET /", lambda: app.ask("GET", "/"))


def _rows(app: _App) -> list[dict[str, Any]]:
    means = {name: sum(took) / len(took) for name, took in app.took.items()}
    rows = [
        {
            "request": name,
            "CPU ms": mean,
            "least": min(app.took[name]),
            "in GET /": mean / means["GET /"],
            "asked of DynamoDB": app.costs[name].calls if name in app.costs else None,
            "reads": app.costs[name].reads if name in app.costs else None,
            "writes": app.costs[name].writes if name in app.costs else None,
            "measured": len(app.took[name]),
        }
        for name, mean in sorted(means.items())
    ]
    times = {
        "contact, and claims": 1 / _runs_a_contact(),
        "starts": 1,
        "results": 1,
        "bell": 2 * APART / BELL,
    }
    a_run = sum(means[name] * each for name, each in times.items())
    return [*rows, {"request": "of a run", "CPU ms": a_run, "in GET /": a_run / means["GET /"]}]
