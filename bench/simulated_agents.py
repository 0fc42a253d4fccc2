"""An agent as a benchmark plays many of them: it speaks the protocol, and its tool is a wait."""

import asyncio
import contextlib
import dataclasses
import datetime as dt
import json
import time
import uuid
from collections import Counter
from collections.abc import Iterable
from typing import Any

from agent.failures import Backoff
from chalicelib.domain.times import UTC, format_timestamp, parse_timestamp

PROTOCOL = "1"
AHEAD = 2.0
"""Seconds before its start at which a run is announced."""
AT_A_TIME = 50
"""Runs that an agent takes in one contact."""
PATIENCE = 60.0
"""Seconds for which an answer is waited for."""
FACTS = {
    "schema": 1,
    "tools": {"snooze": {"version": "1.0", "unmet": []}},
    "tests": {"idle": "1.0"},
}
SLEPT = {"succeeded": True, "time-slept": "PT1S"}
DONE = {"result": {"succeeded": True, "diags": "", "error": None, "result": SLEPT}}


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
            for _ in range(2):
                try:
                    return await asyncio.wait_for(self._ask(method, path, body, headers), PATIENCE)
                except (OSError, asyncio.IncompleteReadError, ValueError, asyncio.TimeoutError):
                    self.close()
                except BaseException:
                    self.close()  # whoever asks next must not get the answer to this
                    raise
        return 0, None

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
    too_late: int = 0
    """Runs that an agent came to more than a second after their start."""

    def begin(self) -> "Figures":
        """What was seen since the last time, but for ``started``, which is kept; begin anew."""
        seen = dataclasses.replace(self)
        fresh = Figures(started=self.started)
        for each in dataclasses.fields(self):
            setattr(self, each.name, getattr(fresh, each.name))
        return seen


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
        """The answer; an empty one where it is refused for good, None where it may be asked again."""
        kind = what.partition("?")[0]
        (self._figures.idle_requests if self._idle else self._figures.requests)[kind] += 1
        status, answer = await line.ask(method, f"/agent/{what}", body, self._headers)
        if status not in (200, 204):
            self._figures.refused[f"{kind} {status}"] += 1
            return {} if 400 <= status < 500 and status not in (408, 429) else None
        return answer

    async def run(self) -> None:
        await asyncio.gather(self._listen(), self._keep_contact())

    async def _listen(self) -> None:
        backoff = Backoff()
        while True:
            answer = await self._ask(self._listens, "GET", f"bell?since={self._bell}&wait=25")
            if not answer:
                await asyncio.sleep(backoff.wait())
                self._wanted.set()
                continue
            backoff.reset()
            if answer["bell"] != self._bell:
                self._bell = answer["bell"]
                self._wanted.set()

    async def _keep_contact(self) -> None:
        backoff = Backoff()
        while True:
            self._wanted.clear()
            every = await self._contact()
            if every is None:
                every = backoff.wait()
                await asyncio.sleep(min(every, Backoff.FIRST))
            else:
                backoff.reset()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), every)

    async def _contact(self) -> float | None:
        """Seconds to the next contact; None where there was no answer."""
        held = [
            {"task": each["task"], "run": run, "start": each["start"]} for run, each in self._held.items()
        ]
        now = format_timestamp(dt.datetime.now(UTC))
        said = {
            "instance": self._instance,
            "version": "bench",
            "clock": {"time": now, "synchronized": True, "offset": 0.0},
            "held": held,
            "take": AT_A_TIME,
            "waiting": 0,
        }
        answer = await self._ask(self._says, "POST", "contact", said)
        if not answer:
            return None
        taken = set(answer.get("taken", ()))
        self._have(answer["runs"], taken)
        left = [each for each in answer["runs"] if each["run"] not in taken]
        if left:
            await self._claim(left)
        return float(answer["every"])

    async def _claim(self, offered: list[dict[str, Any]]) -> None:
        take = [{"task": each["task"], "run": each["run"]} for each in offered]
        answer = await self._ask(self._says, "POST", "claims", {"instance": self._instance, "take": take})
        self._have(offered, set(answer["taken"] if answer else ()))

    def _have(self, offered: list[dict[str, Any]], taken: set[str]) -> None:
        """Work on those that were taken, when their time comes."""
        for each in offered:
            if each["run"] in taken and each["run"] not in self._held:
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
            await self._refuse(run)
        else:
            heard = asyncio.ensure_future(self._ask(self._says, "POST", "starts", names))
            await asyncio.sleep(max(0.0, start - time.time()))
            began = time.time()
            self._figures.started.setdefault(run["task"], began)
            self._figures.late.append((began - start) * 1000)
            await asyncio.sleep(1)
            answer = await heard
            if answer is None or answer.get("go"):
                await self._report(names)
        self._held.pop(run["run"], None)

    async def _refuse(self, run: dict[str, Any]) -> None:
        self._figures.too_late += 1
        why = {"code": "agent-late", "message": "It came too late"}
        refused = {"task": run["task"], "run": run["run"], **why}
        await self._ask(self._says, "POST", "claims", {"instance": self._instance, "refuse": [refused]})

    async def _report(self, names: dict[str, str]) -> None:
        said = {"number": 1, "at": format_timestamp(dt.datetime.now(UTC)), "local": DONE, "final": True}
        backoff = Backoff()
        while (kept := await self._ask(self._says, "POST", "results", {**names, **said})) is None:
            await asyncio.sleep(backoff.wait())
        self._figures.done += bool(kept)
