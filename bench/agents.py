"""Many agents on one machine: they take the runs of their nodes from a coordinator here.

The agents are simulated: each speaks the protocol (docs/agent-protocol.md) over connections of its own, and
its tool is a wait. What is measured is the coordinator and what lies between: whether runs are missed, how
long a task takes from its POST to its start, how late starts are, what an idle agent asks for.
"""

import asyncio
import contextlib
import dataclasses
import datetime as dt
import json
import random
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from bench.load import percentile
from bench.node import Served, free_port, start
from chalicelib.domain.times import UTC, format_timestamp, parse_timestamp

Say = Callable[[str], None]
PROTOCOL = "1"
AT_ONCE = 16
"""Nodes that are registered, and tasks that are posted, at a time."""
AHEAD = 2.0
FACTS = {
    "schema": 1,
    "tools": {"snooze": {"version": "1.0", "unmet": []}},
    "tests": {"idle": "1.0"},
}
DONE = {"result": {"succeeded": True, "diags": "", "error": None, "time-slept": "PT1S"}}
POSTING = 0.25
"""Seconds that posting a repeating task is given, which places its next hundred runs."""
IDLERS = 20
"""Agents besides, whose nodes have no tasks."""


@dataclasses.dataclass(frozen=True)
class Load:
    """So many agents, runs a second of all of them together, seconds of that, and tasks posted meanwhile."""

    agents: int = 1000
    runs_a_second: float = 50
    seconds: float = 600
    posts: int = 50

    @property
    def apart(self) -> int:
        """Seconds between the runs of one node."""
        return max(1, round(self.agents / self.runs_a_second))


class Line:
    """One connection from an address of its own, for one request at a time."""

    def __init__(self, port: int, address: str):
        self._port, self._address = port, address
        self._lock = asyncio.Lock()
        self._open: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(
        self, method: str, path: str, body: Any = None, headers: Iterable[tuple[str, str]] = ()
    ) -> tuple[int, Any]:
        async with self._lock:
            for again in (True, False):
                try:
                    return await asyncio.wait_for(self._ask(method, path, body, headers), 60)
                except (OSError, asyncio.IncompleteReadError, ValueError, asyncio.TimeoutError):
                    self.close()
                    if not again:
                        return 0, None
        raise AssertionError("unreachable")

    async def _ask(
        self, method: str, path: str, body: Any, headers: Iterable[tuple[str, str]]
    ) -> tuple[int, Any]:
        if self._open is None:
            self._open = await asyncio.open_connection("127.0.0.1", self._port, local_addr=(self._address, 0))
        reader, writer = self._open
        content = b"" if body is None else json.dumps(body).encode()
        lines = [
            f"{method} /pscheduler{path} HTTP/1.1",
            *(f"{name}: {value}" for name, value in headers),
            f"Content-Length: {len(content)}",
        ]
        writer.write("\r\n".join([*lines, "", ""]).encode() + content)
        await writer.drain()
        return await _answer(reader)

    def close(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None


async def _answer(reader: asyncio.StreamReader) -> tuple[int, Any]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    status = int(head[0].split()[1])
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    if fields.get("transfer-encoding") == "chunked":
        content = b""
        while size := int(await reader.readline(), 16):
            content += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    else:
        content = await reader.readexactly(int(fields.get("content-length", 0)))
    text = content.decode()
    return status, json.loads(text) if "json" in fields.get("content-type", "") and text else text


@dataclasses.dataclass
class Figures:
    """What the agents saw."""

    requests: Counter[str] = dataclasses.field(default_factory=Counter)
    idle_requests: Counter[str] = dataclasses.field(default_factory=Counter)
    refused: Counter[str] = dataclasses.field(default_factory=Counter)
    started: dict[str, float] = dataclasses.field(default_factory=dict)
    """When each task's first run began, as a Unix time."""
    late: list[float] = dataclasses.field(default_factory=list)
    taken: int = 0
    done: int = 0


class Agent:
    """One agent: its bell, its contacts, and its runs, each in a task of the loop."""

    def __init__(self, number: int, port: int, figures: Figures, idle: bool):
        self.host = f"agent{number}.example.org"
        address = f"127.1.{number // 250}.{number % 250 + 1}"
        self._says, self._listens = Line(port, address), Line(port, address)
        self._figures, self._idle = figures, idle
        self._instance = str(uuid.uuid4())
        self._headers: list[tuple[str, str]] = [("Host", "127.0.0.1"), ("X-Agent-Protocol", PROTOCOL)]
        self._held: dict[str, dict[str, Any]] = {}
        self._bell = 0
        self._wanted = asyncio.Event()
        self._works: set[asyncio.Task[None]] = set()

    async def join(self, token: str) -> None:
        said = {"token": token, "version": "bench", "instance": self._instance, "facts": FACTS}
        status, answer = await self._says.ask("POST", "/agent/join", said, self._headers)
        assert status == 200, answer
        self._headers.append(("Authorization", f"Bearer {answer['secret']}"))

    async def _ask(self, line: Line, method: str, what: str, body: Any = None) -> Any:
        kind = what.partition("?")[0]
        (self._figures.idle_requests if self._idle else self._figures.requests)[kind] += 1
        status, answer = await line.ask(method, f"/agent/{what}", body, self._headers)
        if status not in (200, 204):
            self._figures.refused[f"{kind} {status}"] += 1
            return None
        return answer

    async def run(self) -> None:
        await asyncio.gather(self._listen(), self._keep_contact())

    async def _listen(self) -> None:
        while True:
            answer = await self._ask(self._listens, "GET", f"bell?since={self._bell}&wait=25")
            if answer is None:
                await asyncio.sleep(random.uniform(1, 2))
            elif answer["bell"] != self._bell:
                self._bell = answer["bell"]
                self._wanted.set()

    async def _keep_contact(self) -> None:
        while True:
            self._wanted.clear()
            every = await self._contact()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), every)

    async def _contact(self) -> float:
        held = [
            {"task": each["task"], "run": run, "start": each["start"]} for run, each in self._held.items()
        ]
        now = format_timestamp(dt.datetime.now(UTC))
        said = {
            "instance": self._instance,
            "version": "bench",
            "clock": {"time": now, "synchronized": True, "offset": 0.0},
            "held": held,
            "waiting": 0,
        }
        answer = await self._ask(self._says, "POST", "contact", said)
        if answer is None:
            return random.uniform(1, 3)
        if answer["runs"]:
            await self._claim(answer["runs"])
        return float(answer["every"])

    async def _claim(self, offered: list[dict[str, Any]]) -> None:
        take = [{"task": each["task"], "run": each["run"]} for each in offered]
        answer = await self._ask(self._says, "POST", "claims", {"instance": self._instance, "take": take})
        for each in offered:
            if answer and each["run"] in answer["taken"] and each["run"] not in self._held:
                self._figures.taken += 1
                self._held[each["run"]] = each
                work = asyncio.ensure_future(self._work(each))
                self._works.add(work)
                work.add_done_callback(self._works.discard)

    async def _work(self, run: dict[str, Any]) -> None:
        start = parse_timestamp(run["start"]).timestamp()
        names = {"instance": self._instance, "task": run["task"], "run": run["run"]}
        await asyncio.sleep(max(0.0, start - AHEAD - time.time()))
        if time.time() > start + 1:
            refused = {
                "task": run["task"],
                "run": run["run"],
                "code": "agent-late",
                "message": "It came too late",
            }
            await self._ask(self._says, "POST", "claims", {"instance": self._instance, "refuse": [refused]})
            self._held.pop(run["run"], None)
            return
        heard = asyncio.ensure_future(self._ask(self._says, "POST", "starts", names))
        await asyncio.sleep(max(0.0, start - time.time()))
        began = time.time()
        self._figures.started.setdefault(run["task"], began)
        self._figures.late.append((began - start) * 1000)
        await asyncio.sleep(1)
        answer = await heard
        if answer is None or answer["go"]:
            said = {"number": 1, "at": format_timestamp(dt.datetime.now(UTC)), "local": DONE, "final": True}
            while await self._ask(self._says, "POST", "results", {**names, **said}) is None:
                await asyncio.sleep(random.uniform(1, 3))
            self._figures.done += 1
        self._held.pop(run["run"], None)


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
        status, answer = await line.ask(method, path, body, headers)
        while status == 503:  # it has too much to do at the moment, and says so
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
    first = time.time() + 30 + load.agents * POSTING
    await _side_by_side(
        lambda number=number: client.post(  # type: ignore[misc]
            agents[number].host,
            {"start": _at(first + number % load.apart), "repeat": f"PT{load.apart}S", "slip": "PT5S"},
        )
        for number in range(load.agents)
    )
    say(f"Their tasks are posted {first - time.time():.0f} s before the first run")
    await asyncio.sleep(max(0.0, first - time.time()))
    figures.requests.clear()
    figures.idle_requests.clear()
    before, figures.late = figures.done, []
    posted = await _post_meanwhile(client, agents[: load.agents], load)
    requests, idle = Counter(figures.requests), Counter(figures.idle_requests)
    late, done = list(figures.late), figures.done - before
    await asyncio.sleep(10)
    for work in working:
        work.cancel()
    waits = [figures.started[task] - when for task, when in posted if task in figures.started]
    missed = await _missed(client, agents[: load.agents], first)
    return [
        {"figure": "agents", "value": load.agents},
        {"figure": "runs handed back a second", "value": done / load.seconds},
        {"figure": "runs missed", "value": missed},
        {"figure": "from POST to start, p50, s", "value": percentile(waits, 50)},
        {"figure": "from POST to start, p95, s", "value": percentile(waits, 95)},
        {"figure": "tasks posted that never began", "value": len(posted) - len(waits)},
        {"figure": "start late by, p50, ms", "value": percentile(late, 50)},
        {"figure": "start late by, p99, ms", "value": percentile(late, 99)},
        {"figure": "requests a run", "value": sum(requests.values()) / max(1, done)},
        {
            "figure": "requests of an idle agent an hour",
            "value": sum(idle.values()) / IDLERS / load.seconds * 3600,
        },
        {"figure": "requests that were not answered with 200", "value": sum(figures.refused.values())},
    ]


async def _post_meanwhile(client: _Client, agents: list[Agent], load: Load) -> list[tuple[str, float]]:
    """Tasks posted to start at once, spread over the time: each with when its POST began."""
    posted = []
    until = time.time() + load.seconds
    for _ in range(load.posts):
        began = time.time()
        posted.append((await client.post(random.choice(agents).host, {}), began))
        await asyncio.sleep(max(0.0, load.seconds / load.posts - (time.time() - began)))
    await asyncio.sleep(max(0.0, until - time.time()))
    return posted


async def _missed(client: _Client, agents: list[Agent], first: float) -> int:
    """Runs of all nodes that were missed since the load began."""
    count = 0
    for agent in agents:
        answer = await client.ask("GET", f"/stat/runs/missed?start={_at(first)[:19]}Z", None, agent.host)
        count += sum(answer.values()) if isinstance(answer, dict) else int(answer)
    return count


def _at(moment: float) -> str:
    return format_timestamp(dt.datetime.fromtimestamp(int(moment), UTC))


def agents(load: Load, say: Say) -> list[dict[str, Any]]:
    """The figures of so many agents on a fresh node of this machine."""
    port = free_port()
    with start("127.0.0.1", port, {"PSCHEDULER_LIMITS": "open"}) as served:
        return asyncio.run(_measure(served, port, load, say))
