"""Those who attack, all in one process of their own: connections that do what no good client does."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from bench.attack.victim import allow_many_descriptors

HEAD = b"GET /pscheduler/tests HTTP/1.1\r\nHost: 127.0.0.1\r\n"
POST = b"POST /pscheduler/tasks HTTP/1.1\r\nHost: 127.0.0.1\r\n"


def attack(port: int, seconds: float, numbers: dict[str, int], told: dict[str, Any], results: Any) -> None:
    """Attack for a while; puts counts of what was done, and of the answers, into the queue ``results``."""
    allow_many_descriptors()
    results.put(dict(asyncio.run(_all(port, time.monotonic() + seconds, numbers, told))))


async def _all(port: int, until: float, numbers: dict[str, int], told: dict[str, Any]) -> Counter[str]:
    counts: Counter[str] = Counter()
    attackers: dict[str, Callable[[Connection], Awaitable[None]]] = {
        "half-sent": _half_sent,
        "idle": _idle,
        "slow": _slow,
        "unread": _unread,
        "polls": lambda link: _poll(link, told["poll"]),
        "hanging": lambda link: _post(link, told["hanging"]),
        "fuzz": _fuzz,
        "credentials": _credential,
        "endless": lambda link: _endless(link, told["poll"]),
        "large": _large,
    }
    tasks = [
        asyncio.create_task(_again(name, attackers[name], port, until, counts))
        for name, number in numbers.items()
        for _ in range(number)
    ]
    await asyncio.gather(*tasks)
    return counts


class Connection:
    """An attacker's connection, and when it has to be over."""

    def __init__(self, name: str, reader: Any, writer: Any, until: float, counts: Counter[str]):
        self.name, self.reader, self.writer, self.until, self.counts = name, reader, writer, until, counts

    @property
    def left(self) -> float:
        return max(0.01, self.until - time.monotonic())

    async def answer(self, limit: int = 65536) -> None:
        """Take an answer, and count its status."""
        head = await asyncio.wait_for(self.reader.read(limit), self.left)
        status = head[9:12].decode(errors="replace") if head.startswith(b"HTTP/1.1 ") else "hung up"
        self.counts[f"{self.name}: {status}"] += 1


async def _again(name: str, work: Any, port: int, until: float, counts: Counter[str]) -> None:
    """Do the same over and over, each time on a new connection."""
    await asyncio.sleep(random.uniform(0, 1))
    while time.monotonic() < until:
        counts[f"{name}: connections"] += 1
        try:
            reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port), 30)
        except (OSError, asyncio.TimeoutError):
            counts[f"{name}: not connected"] += 1
            await asyncio.sleep(0.2)
            continue
        try:
            await work(Connection(name, reader, writer, until, counts))
        except (OSError, asyncio.TimeoutError):
            counts[f"{name}: broken off"] += 1
        finally:
            writer.close()
        await asyncio.sleep(0.05)


async def _half_sent(link: Connection) -> None:
    link.writer.write(HEAD)
    await link.answer()


async def _idle(link: Connection) -> None:
    await link.answer()


async def _slow(link: Connection) -> None:
    link.writer.write(POST + b"Content-Length: 100000\r\n\r\n")
    while time.monotonic() < link.until:
        link.writer.write(b" ")
        await asyncio.wait_for(link.writer.drain(), link.left)
        await asyncio.sleep(0.5)
        if link.reader.at_eof():
            break
    await link.answer()


async def _unread(link: Connection) -> None:
    link.writer.write(HEAD.replace(b"/tests", b"/openapi.json") * 1 + b"\r\n")
    await asyncio.sleep(min(45, link.left))
    await link.answer()


async def _poll(link: Connection, path: str) -> None:
    link.writer.write(
        f"GET /pscheduler{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
    )
    await link.answer()


async def _post(link: Connection, task: Any) -> None:
    body = json.dumps(task).encode()
    link.writer.write(POST + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    await link.answer()


async def _fuzz(link: Connection) -> None:
    link.writer.write(_made_up())
    link.writer.write_eof()
    await link.answer()


async def _credential(link: Connection) -> None:
    wrong = b"X-pScheduler-Requester: 192.0.2.1;gateway;%030x\r\n" % random.getrandbits(100)
    link.writer.write(POST + wrong + b"Content-Length: 2\r\n\r\n{}")
    await link.answer()


async def _endless(link: Connection, path: str) -> None:
    """What never ends, where nobody counts: behind a body, or ahead of an answer."""
    chunked = POST + b"Transfer-Encoding: chunked\r\n\r\n"
    polled = f"GET /pscheduler{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    link.writer.write(random.choice((chunked + b"0\r\nX: ", chunked + b"1;", polled + HEAD + b"X: ")))
    while time.monotonic() < link.until and not link.reader.at_eof():
        link.writer.write(b"a" * 65536)
        await asyncio.wait_for(link.writer.drain(), link.left)
        await asyncio.sleep(0.02)
    await link.answer()


async def _large(link: Connection) -> None:
    """A document that is large, and larger still once it is read."""
    body = b"[" + b"[]," * 3_000_000 + b"[]]"
    link.writer.write(POST + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    await link.answer()
    await asyncio.sleep(min(1, link.left))


def _made_up() -> bytes:
    path = random.choice(
        ("/", "/tasks", "/tasks?json=", "/tests/rtt/spec/is-valid?spec=", "/schedule?start=")
    )
    deep = random.choice(("[" * 300, "1" * 5000, '{"a":' * 80, "%00", "%ff", "NaN", "\\ud800"))
    head = f"{random.choice(('GET', 'POST', 'PUT', 'DELETE', 'BREW'))} /pscheduler{path}{deep}"
    headers = random.choice(
        (
            "Host: 127.0.0.1",
            "Host: evil.example",
            "Host: 127.0.0.1\r\nOrigin: https://evil.example",
            "Host: 127.0.0.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
            "Host: 127.0.0.1\r\n" + "X: 1\r\n" * 200 + "Y: 1",
            "",
        )
    )
    whole = f"{head} HTTP/1.1\r\n{headers}\r\nConnection: close\r\n\r\n{deep}".encode()
    return whole if random.random() < 0.8 else random.randbytes(random.randint(1, 2000))
