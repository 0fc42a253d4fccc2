"""Many agents on one machine: they take the runs of their nodes from a coordinator here.

The agents are simulated (``simulated_agents.py``), over connections of their own. What is measured is the
coordinator and what lies between: whether runs are missed, how long a task takes from its POST to its start,
how late starts are, what a run costs the processor, and what an idle agent asks for.
"""

import asyncio
import dataclasses
import datetime as dt
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from bench import idle_agent
from bench.benched_node import Served, free_port, start
from bench.load import percentile
from bench.simulated_agents import PATIENCE, Agent, Figures, Line
from chalicelib.domain.times import UTC, format_timestamp

Say = Callable[[str], None]
AT_ONCE = 16
"""Nodes that are registered, tasks that are posted, and nodes that are asked, at a time."""
POSTING = 0.12
"""Seconds that posting one of the repeating tasks is given."""
READY = 20.0
"""Seconds from the last of these POSTs to the load, at least."""
AFTERWARDS = 75.0
"""Seconds until it is known what became of the last runs: those that nobody took are missed half a minute
after their start."""
LONGEST = 390.0
"""Seconds that all of it takes besides the load, at most."""
IDLERS = 20
"""Agents besides, whose nodes have no tasks."""
OVER = ("finished", "failed", "missed", "nonstart", "overdue")


@dataclasses.dataclass(frozen=True)
class Load:
    """So many agents, runs a second of all of them together, seconds of that, and tasks posted meanwhile."""

    agents: int = 1000
    runs_a_second: float = 50
    seconds: float = 600
    posts: int = 100

    @property
    def apart(self) -> int:
        """Seconds between the runs of one node."""
        return max(1, round(self.agents / self.runs_a_second))


async def _side_by_side(works: Iterable[Callable[[], Awaitable[None]]], at_once: int = AT_ONCE) -> None:
    turns = asyncio.Semaphore(at_once)

    async def one(work: Callable[[], Awaitable[None]]) -> None:
        async with turns:
            await work()

    await asyncio.gather(*(one(work) for work in works))


class _Client:
    """Whoever registers nodes and posts tasks."""

    def __init__(self, served: Served, port: int):
        self._port = port
        self._token = (served.state / "operator-token").read_text().strip()

    async def ask(self, method: str, path: str, body: Any, host: str = "127.0.0.1") -> Any:
        line = Line(self._port, "127.0.0.1")
        bearer = ("Authorization", f"Bearer {self._token}")
        headers = [("Host", host), ("Content-Type", "application/json"), bearer]
        until = time.monotonic() + PATIENCE
        status, answer = await line.ask(method, path, body, headers)
        while status in (0, 503) and time.monotonic() < until:  # it has too much to do, and says so
            await asyncio.sleep(random.uniform(0.5, 1.5))
            status, answer = await line.ask(method, path, body, headers)
        line.close()
        if status != 200:
            raise SystemExit(f"{method} {path}: {status} {answer}")
        return answer

    async def enrol(self, agent: Agent) -> None:
        await self.ask("PUT", f"/nodes/{agent.host}", {"tools-at": "agent"})
        token = await self.ask("POST", f"/nodes/{agent.host}/token", {"lifetime": "PT10M"})
        await agent.join(token["token"])

    async def post(self, host: str, schedule: dict[str, Any]) -> str:
        task = {
            "schema": 1,
            "test": {"type": "idle", "spec": {"duration": "PT1S"}},
            "schedule": schedule,
        }
        href: str = await self.ask("POST", "/tasks", task, host)
        return href.rsplit("/", 1)[-1]


async def _measure(served: Served, port: int, load: Load, say: Say) -> list[dict[str, Any]]:
    figures, client = Figures(), _Client(served, port)
    agents = [Agent(number, port, figures, number >= load.agents) for number in range(load.agents + IDLERS)]
    began = time.time()
    await _side_by_side(lambda agent=agent: client.enrol(agent) for agent in agents)  # type: ignore[misc]
    say(f"{len(agents)} agents have joined in {time.time() - began:.0f} s")
    working = [asyncio.ensure_future(agent.run()) for agent in agents]
    busy = agents[: load.agents]
    await _post_all(client, busy, load, say)
    begun, used = time.time(), served.used()
    figures.begin()
    posted = await _post_meanwhile(client, busy, load)
    during, ended, used = figures.begin(), time.time(), served.used() - used
    say(f"{during.done} runs were handed back; waiting for what becomes of the last ...")
    await asyncio.sleep(AFTERWARDS)
    waits = [figures.started[task] - when for task, when in posted if task in figures.started]
    over = await _outcomes(client, busy, begun, ended)
    for work in working:
        work.cancel()
    for kind, count in during.refused.most_common():
        say(f"answered by other than 200: {kind}, {count} times")
    return _rows(load, during, over, waits, len(posted) - len(waits), used)


async def _post_all(client: _Client, agents: list[Agent], load: Load, say: Say) -> None:
    """Post a repeating task of each agent's node, and wait until the first of their runs are due."""
    began = time.time()
    first = began + READY + len(agents) * POSTING
    await _side_by_side(
        lambda number=number: client.post(  # type: ignore[misc]
            agents[number].host,
            {"start": _at(first + number % load.apart), "repeat": f"PT{load.apart}S", "slip": "PT5S"},
        )
        for number in range(len(agents))
    )
    say(f"Their tasks were posted in {time.time() - began:.0f} s")
    await asyncio.sleep(max(READY, first - time.time()))


async def _post_meanwhile(client: _Client, agents: list[Agent], load: Load) -> list[tuple[str, float]]:
    """Tasks posted to start at once, spread over the time: each with when its POST began."""
    posted = []
    until = time.time() + load.seconds
    for left in reversed(range(load.posts)):
        began = time.time()
        if began > until:
            break
        posted.append((await client.post(random.choice(agents).host, {}), began))
        await asyncio.sleep(max(0.0, (until - time.time()) / (left + 1)))
    await asyncio.sleep(max(0.0, until - time.time()))
    return posted


async def _outcomes(client: _Client, agents: list[Agent], begun: float, ended: float) -> Counter[str]:
    """What became of the runs of all nodes that started meanwhile."""
    count: Counter[str] = Counter()
    span = f"start={_at(begun)[:19]}Z&end={_at(ended)[:19]}Z"

    async def add(agent: Agent, state: str) -> None:
        answer = await client.ask("GET", f"/stat/runs/{state}?{span}", None, agent.host)
        count[state] += sum(answer.values()) if isinstance(answer, dict) else int(answer)

    await _side_by_side(
        lambda agent=agent, state=state: add(agent, state)  # type: ignore[misc]
        for agent in agents
        for state in OVER
    )
    return count


def _rows(
    load: Load, during: Figures, over: Counter[str], waits: list[float], never: int, used: float
) -> list[dict[str, Any]]:
    done = max(1, during.done)
    idle = sum(during.idle_requests.values()) / IDLERS / load.seconds * 3600
    figures = {
        "agents": load.agents,
        "runs handed back a second": during.done / load.seconds,
        **{f"runs {state}": over[state] for state in OVER},
        "runs that an agent came to too late": during.too_late,
        "from POST to start, p50, s": percentile(waits, 50),
        "from POST to start, p95, s": percentile(waits, 95),
        "tasks posted that never began": never,
        "starts measured": len(during.late),
        "start late by, p50, ms": percentile(during.late, 50),
        "start late by, p99, ms": percentile(during.late, 99),
        "requests a run": sum(during.requests.values()) / done,
        "processor of the coordinator a run, ms": used * 1000 / done,
        "processor of the coordinator, cores": used / load.seconds,
        "requests of an idle agent an hour, here": idle,
        "requests not answered with 200": sum(during.refused.values()),
    }
    return [{"figure": name, "value": value} for name, value in figures.items()]


def _at(moment: float) -> str:
    return format_timestamp(dt.datetime.fromtimestamp(int(moment), UTC))


def agents(load: Load, say: Say) -> list[dict[str, Any]]:
    """The figures of so many agents on a fresh node of this machine. It ends in any case, by SystemExit."""

    async def within() -> list[dict[str, Any]]:
        return await asyncio.wait_for(_measure(served, port, load, say), load.seconds + LONGEST)

    port = free_port()
    with start("127.0.0.1", port, {"PSCHEDULER_LIMITS": "open"}) as served:
        try:
            rows = asyncio.run(within())
        except asyncio.TimeoutError as error:
            raise SystemExit(f"It was not done {LONGEST:.0f} s after the load") from error
    return [*rows, *idle_agent.figures()]
