"""A coordinator to test agents with: it answers as docs/agent-protocol.md says, and can be made to fail."""

import contextlib
import dataclasses
import datetime as dt
import gzip
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from chalicelib.domain.times import SECOND, UTC, format_timestamp

SECRET = "psa.ams." + "s" * 43
TOKEN = "psj.ams." + "t" * 43


def assignment(start: dt.datetime, seconds: float = 2, **members: Any) -> dict[str, Any]:
    """A run to be offered: two seconds of the test idle."""
    made = {
        "task": str(uuid.uuid4()),
        "run": str(uuid.uuid4()),
        "test": "idle",
        "spec": {"schema": 1, "duration": "PT1S"},
        "tool": "snooze",
        "start": format_timestamp(start),
        "end": format_timestamp(start + seconds * SECOND),
        "contexts": [],
        "participant": 0,
        "participant-data": [],
        "streams": False,
        "added": format_timestamp(start),
    }
    return {**made, **members}


@dataclasses.dataclass
class Coordinator:
    """What it knows and has heard. ``failures`` holds, by request, statuses to answer with first."""

    runs: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    holders: dict[str, str] = dataclasses.field(default_factory=dict)
    refused: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    results: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    started: list[str] = dataclasses.field(default_factory=list)
    cancelled: list[dict[str, str]] = dataclasses.field(default_factory=list)
    asks: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    answers: dict[str, Any] = dataclasses.field(default_factory=dict)
    contacts: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    facts: Any = None
    no_go: set[str] = dataclasses.field(default_factory=set)
    secrets: set[str] = dataclasses.field(default_factory=lambda: {SECRET})
    tokens: set[str] = dataclasses.field(default_factory=lambda: {TOKEN})
    failures: dict[str, list[int]] = dataclasses.field(default_factory=dict)
    ahead: dt.timedelta = dt.timedelta(0)
    every: float = 5.0
    bell: int = 1
    url: str = ""
    left: bool = False
    takes: bool = False
    """Whether runs are taken for the agent as they are offered, as far as it has room."""
    heads: list[Any] = dataclasses.field(default_factory=list)
    changed: threading.Condition = dataclasses.field(default_factory=threading.Condition)

    def offer(self, document: dict[str, Any]) -> str:
        """Offer a run, and ring."""
        with self.changed:
            self.runs[document["run"]] = document
            self.ring()
        return str(document["run"])

    def cancel(self, run: str) -> None:
        with self.changed:
            self.cancelled.append({"task": self.runs[run]["task"], "run": run})
            self.ring()

    def ring(self) -> None:
        with self.changed:
            self.bell += 1
            self.changed.notify_all()

    def wait(self, condition: Callable[[], Any], seconds: float = 40) -> Any:
        """What a condition comes to once it is true."""
        with self.changed:
            assert self.changed.wait_for(condition, seconds), "it never came to be"
            return condition()

    def of(self, run: str) -> list[dict[str, Any]]:
        """The results of a run, as they came."""
        return [each for each in self.results if each["run"] == run]

    def answer(self, method: str, path: str, body: Any, secret: str | None) -> tuple[int, Any]:
        name, _, query = path.rpartition("/")[2].partition("?")
        with self.changed:
            if self.failures.get(name):
                self.changed.notify_all()
                return self.failures[name].pop(0), {"detail": "It was told to fail."}
            if name != "join" and secret not in self.secrets:
                return 401, {"detail": "This secret is not known."}
        given = dict(pair.split("=") for pair in query.split("&")) if query else body
        found: tuple[int, Any] = getattr(self, f"_{name}")(given)
        with self.changed:
            self.changed.notify_all()
        return found

    def _join(self, body: Any) -> tuple[int, Any]:
        if body["token"] not in self.tokens:
            return 409, {"detail": "This join token was used."}
        self.tokens.discard(body["token"])
        return 200, {"node": "ams", "hostname": "ams.example.org", "url": self.url, "secret": SECRET}

    def _rotate(self, body: Any) -> tuple[int, Any]:
        new = f"psa.ams.{uuid.uuid4().hex}{'r' * 11}"
        self.secrets = {new}
        return 200, {"secret": new}

    def _leave(self, body: Any) -> tuple[int, Any]:
        self.left = True
        return 204, None

    def _facts(self, body: Any) -> tuple[int, Any]:
        self.facts = body
        return 204, None

    def _bell(self, query: Any) -> tuple[int, Any]:
        since, until = int(query["since"]), time.monotonic() + min(2.0, float(query["wait"]))
        with self.changed:
            while self.bell == since and (left := until - time.monotonic()) > 0:
                self.changed.wait(left)
            return 200, {"bell": self.bell}

    def _contact(self, body: Any) -> tuple[int, Any]:
        with self.changed:
            self.contacts.append(body)
            mine = body["instance"]
            held = {each["run"] for each in body["held"]}
            over = self.refused.keys() | {each["run"] for each in (*self.cancelled, *self.results)}
            offers = [
                each
                for run, each in self.runs.items()
                if (self.holders.get(run) != mine or run not in held) and run not in over
            ]
            taken = [each["run"] for each in offers[: body["take"]] if self.takes]
            taken = [run for run in taken if self.holders.setdefault(run, mine) == mine]
            asks, self.asks = self.asks, []
            return 200, {
                "time": format_timestamp(dt.datetime.now(UTC) + self.ahead),
                "every": self.every,
                "bell": self.bell,
                "carrier": {"kind": "https"},
                "facts-wanted": self.facts is None,
                "runs": offers,
                **({"taken": taken} if self.takes else {}),
                "cancelled": [each for each in self.cancelled if each["run"] in held],
                "asks": asks,
            }

    def _claims(self, body: Any) -> tuple[int, Any]:
        taken, gone = [], []
        with self.changed:
            for each in body["take"]:
                holder = self.holders.setdefault(each["run"], body["instance"])
                if holder == body["instance"]:
                    taken.append(each["run"])
                else:
                    gone.append({"run": each["run"], "message": "Somebody else holds it."})
            for each in body["refuse"]:
                self.refused[each["run"]] = each
        return 200, {"taken": taken, "gone": gone}

    def _starts(self, body: Any) -> tuple[int, Any]:
        with self.changed:
            self.started.append(body["run"])
        go = body["run"] not in self.no_go
        return 200, {"go": go} if go else {"go": False, "reason": "The node is paused."}

    def _results(self, body: Any) -> tuple[int, Any]:
        with self.changed:
            known = any(
                (each["run"], each["number"]) == (body["run"], body["number"]) for each in self.results
            )
            self.results.append(body)
        return 200, {"kept": "known" if known else "result"}

    def _answers(self, body: Any) -> tuple[int, Any]:
        with self.changed:
            self.answers[body["ask"]] = body["answer"]
        return 204, None


def _handler(coordinator: Coordinator) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Content-Encoding") == "gzip":
                content = gzip.decompress(content)
            coordinator.heads.append(self.headers)
            secret = (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None
            body = json.loads(content) if content else None
            status, document = coordinator.answer(self.command, self.path, body, secret)
            said = b"" if document is None else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(said)

        do_GET = do_POST = do_PUT = _do  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        pass  # an agent that stops leaves connections behind


@contextlib.contextmanager
def serving(coordinator: Coordinator, port: int = 0) -> Iterator[Coordinator]:
    """The coordinator on loopback; ``url`` says where."""
    server = _Server(("127.0.0.1", port), _handler(coordinator))
    coordinator.url = f"http://127.0.0.1:{server.server_address[1]}/pscheduler"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield coordinator
    finally:
        server.shutdown()
        server.server_close()
