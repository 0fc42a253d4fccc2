"""How late runs start: each fetches a page from a server here, which notes when it was asked."""

import datetime as dt
import http.server
import json
import threading
import time
import urllib.request
from typing import Any

from bench.benched_node import post
from chalicelib.domain.times import UTC, parse_timestamp

APART = 1.0


class _Server(http.server.ThreadingHTTPServer):
    """A web server that remembers when each path was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: dict[str, dt.datetime] = {}


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self.server.asked.setdefault(self.path, dt.datetime.now(UTC))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        pass


def lateness(base: str, count: int) -> list[float]:
    """Post so many http tasks, a second apart; returns the milliseconds each started after its second."""
    with _Server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        posted = []
        for number in range(count):
            posted.append(_post(base, f"http://127.0.0.1:{server.server_port}/{number}"))
            time.sleep(APART)
        time.sleep(5)
        starts = [_start(task) for task in posted]
        server.shutdown()
        asked = [server.asked.get(f"/{number}") for number in range(count)]
    return [
        (then - start).total_seconds() * 1000
        for start, then in zip(starts, asked, strict=True)
        if then is not None
    ]


def _post(base: str, url: str) -> str:
    task = {"schema": 1, "test": {"type": "http", "spec": {"url": url}}, "schedule": {}}
    return post(base, "/tasks", task)


def _start(task: str) -> dt.datetime:
    with urllib.request.urlopen(f"{task}/runs/first?wait=5", timeout=30) as answer:
        return parse_timestamp(json.load(answer)["start-time"])
