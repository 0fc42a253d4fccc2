"""What is private stays so: a node with secrets planted wherever it takes any, whose sinks fail in every way.

Afterwards all that it answers is read, and all that it logged, and what each sink was sent.
"""

import contextlib
import functools
import http.client
import itertools
import json
import pathlib
import re
import socket
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest

from tests.acceptance.nodes import HERE, Node, serving
from tests.acceptance.test_stopping import wait_for
from tests.plugins.everything import ARCHIVERS
from tests.secret_archives import echo, settings, silence, sink

STEM = "kanarienvogel"
IN_SPEC, IN_KEY, IN_REFERENCE, IN_HEADER, IN_CONTEXT, IN_TRANSFORM, IN_BODY = (
    f"{STEM}-{place}-9f3c" for place in ("spec", "key", "reference", "header", "context", "transform", "body")
)
SPEC = {
    "dest": "127.0.0.1",
    "version": "2c",
    "oid": ["1.3.6.1.2.1.1.3.0"],
    "polls": 1,
    "period": 1,
    "_community": IN_SPEC,
}
KEYS = {**SPEC, "version": "3", "security-name": "u", "auth-protocol": "SHA", "_auth-key": IN_SPEC}
KEYS.pop("_community")
CONTEXTS = {"contexts": [[{"context": "changenothing", "data": {"_token": IN_CONTEXT}}]]}
FOUND = re.compile(rf"{STEM}[-\w]*")
PATIENCE = 120.0


class Sinks:
    """Servers of loopback that fail: they say back what they were sent, hang up, or are not there."""

    def __init__(self) -> None:
        self.received: list[bytes] = []

    @contextlib.contextmanager
    def open(self) -> Iterator[list[int]]:
        def heard(answer: Any) -> Any:
            def answered(end: socket.socket) -> bytes:
                asked = end.recv(65536)
                self.received.append(asked)
                return bytes(asked) if answer is echo else b""

            return answered

        with socket.socket() as nobody, sink(heard(echo)) as saying, sink(heard(silence)) as hanging_up:
            nobody.bind(("127.0.0.1", 0))  # and listens not
            yield [saying, hanging_up, nobody.getsockname()[1]]


def archives(ports: list[int]) -> list[dict[str, Any]]:
    """An archive of each kind and setting a task may have, each with its own secret, at the sinks in turn."""
    count = len(of_tasks(1, ""))
    found = []
    for number, port in zip(range(count), itertools.cycle(ports), strict=False):
        name, data = of_tasks(port, canary(number))[number]
        found.append({"schema": 3, "archiver": name, "data": known(name, data), "runs": "all", "ttl": "PT1H"})
    return found


def of_tasks(port: int, secret: str) -> list[tuple[str, dict[str, Any]]]:
    """The archivers and settings that a task may have."""
    own = {name: each for name, each in settings(port, secret).items() if not ARCHIVERS[name].for_operators}
    return [(name, data) for name, each in own.items() for data in each]


def known(archiver: str, data: dict[str, Any]) -> dict[str, Any]:
    """The settings without those that are another archiver's."""
    schema = ARCHIVERS[archiver].data[data.get("schema", 1)]
    return {
        name: value
        for name, value in data.items()
        if name in schema["properties"] or schema["additionalProperties"]
    }


def canary(number: int) -> str:
    return f"{STEM}{number:02}"


class Reader:
    """Asks a node, and keeps all that it answered."""

    def __init__(self, node: Node):
        self.node = node
        self.answers: list[tuple[str, str]] = []

    def ask(self, method: str, path: str, body: Any = None, seconds: float = 60, **headers: str) -> Any:
        link = http.client.HTTPConnection("127.0.0.1", self.node.port, timeout=seconds)
        sent = body if isinstance(body, str) or body is None else json.dumps(body)
        link.request(method, path, sent, {"Content-Type": "application/json", **headers})
        answer = link.getresponse()
        text = self._text(answer, seconds)
        link.close()
        self.answers.append((f"{method} {path}", f"{answer.getheaders()} {text}"))
        assert answer.status < 500, (path, text)
        with contextlib.suppress(ValueError):
            return json.loads(text)
        return text

    @staticmethod
    def _text(answer: http.client.HTTPResponse, seconds: float) -> str:
        until, text = time.monotonic() + seconds, b""
        with contextlib.suppress(TimeoutError):  # of a stream that goes on
            while time.monotonic() < until and (part := answer.read1(65536)):
                text += part
        return text.decode(errors="replace")

    def leaks(self) -> list[tuple[str, str]]:
        return [(asked, found[0]) for asked, told in self.answers if (found := FOUND.search(told))]


@pytest.mark.slow(25)
def test_secrets_are_in_no_answer_no_log_and_no_archive_but_their_own(tmp_path: pathlib.Path) -> None:
    sinks = Sinks()
    with sinks.open() as ports, serving(tmp_path / "node", "--period", "5") as node:
        reader = Reader(node)
        key = api_key(tmp_path / "node")
        given = archives(ports)
        fit = [each for each in given if valid(reader, each)]
        tasks = [post(reader, key, spec, fit) for spec in (SPEC, KEYS)]
        assert {each["archiver"] for each in fit} == {each["archiver"] for each in given}
        refused(reader, key, given)

        for task in tasks:
            run = delivered(reader, task, len(fit))
            look_around(reader, task, run)

    leaks = reader.leaks()
    assert leaks == []
    assert [told for _, told in reader.answers if key in told] == []
    log = (tmp_path / "node.out").read_text()
    assert FOUND.findall(log) == []
    assert key not in log
    for sent in sinks.received:
        told = set(FOUND.findall(sent.decode(errors="replace")))
        assert len(told) <= 1, told
        assert not told & {IN_SPEC, IN_KEY, IN_REFERENCE, IN_HEADER, IN_CONTEXT, IN_TRANSFORM, IN_BODY}
    assert any(FOUND.search(sent.decode(errors="replace")) for sent in sinks.received), "their own they get"


def api_key(state: pathlib.Path) -> str:
    command = [sys.executable, "-m", "local.keys", "--state", str(state), "add", "probe"]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=True, timeout=60)
    found = re.search(r"psk\S+", done.stdout)
    assert found
    return found[0]


def valid(reader: Reader, archive: dict[str, Any]) -> bool:
    data = urllib.parse.quote(json.dumps(archive["data"]))
    answer = reader.ask("GET", f"/pscheduler/archivers/{archive['archiver']}/data-is-valid?data={data}")
    return bool(answer["valid"])


def post(reader: Reader, key: str, spec: dict[str, Any], fit: list[dict[str, Any]]) -> str:
    """Post a task full of secrets; the path of its page."""
    transform = {"script": "if $_token then . else . end", "args": {"_token": IN_TRANSFORM}}
    task = {
        "schema": 3,
        "test": {"type": "snmpget", "spec": spec},
        "schedule": {},
        "reference": {"_token": IN_REFERENCE, "shown": True},
        "_key": IN_KEY,
        "archives": [
            {**each, "transform": transform} if number % 2 else each for number, each in enumerate(fit)
        ],
    }
    secret = {"Authorization": f"Bearer {key}", "Cookie": IN_HEADER, "X-Forwarded-For": IN_HEADER}
    href = reader.ask("POST", "/pscheduler/tasks", task, **secret)
    assert isinstance(href, str), href
    assert href.startswith("http"), href
    return urllib.parse.urlsplit(href).path


def refused(reader: Reader, key: str, given: list[dict[str, Any]]) -> None:
    """Ask for what is refused, with secrets in all of it."""
    wrong: list[Any] = [
        {"schema": 1, "test": {"type": "snmpget", "spec": {**SPEC, "_community": [IN_SPEC]}}, "schedule": {}},
        {"schema": 1, "test": {"type": "snmpget", "spec": {**SPEC, "_nonsense": IN_SPEC}}, "schedule": {}},
        {"schema": 1, "test": {"type": "snmpget", "spec": SPEC}, "schedule": {}, "_key": {"a": IN_KEY}},
        {"schema": 2, "test": {"type": "snmpget", "spec": SPEC}, "schedule": {}, "contexts": CONTEXTS},
        '{"_key": "' + IN_BODY + '", ',
        *(
            {"schema": 3, "test": {"type": "snmpget", "spec": SPEC}, "schedule": {}, "archives": [one]}
            for one in given
        ),
    ]
    for task in wrong:
        reader.ask("POST", "/pscheduler/tasks", task)
    for name, value in {
        "Authorization": f"Bearer {IN_HEADER}",
        "X-API-Key": IN_HEADER,
        "X-pScheduler-Requester": f"192.0.2.1;{IN_HEADER};{IN_KEY}",
    }.items():
        reader.ask("POST", "/pscheduler/tasks", wrong[2], **{name: value})
    for spec in (SPEC, KEYS, {**SPEC, "polls": IN_SPEC[:0]}):
        asked = urllib.parse.quote(json.dumps(spec))
        for page in ("spec/is-valid", "participants", "tools"):
            reader.ask("GET", f"/pscheduler/tests/snmpget/{page}?spec={asked}")
    proposal = urllib.parse.quote(json.dumps({**wrong[2], "_key": IN_KEY}))
    reader.ask("GET", f"/pscheduler/limits?proposal={proposal}", Authorization=f"Bearer {key}")


def delivered(reader: Reader, task: str, count: int) -> str:
    """The path of the task's run, once each of its archives was tried and refused it."""

    def run() -> Any:
        return reader.ask("GET", f"{task}/runs/first?wait-merged=1&wait=20")

    def tried() -> bool:
        found = run().get("archivings") or []
        return len(found) == count and all(each["last_error"] or each["archived"] for each in found)

    wait_for(tried, PATIENCE)
    found = run()
    assert found["state"] == "failed", found
    failed = [each for each in found["archivings"] if not each["archived"]]
    assert len(failed) >= count - 3, "what has no answers, tcp and udp, counts as sent"
    return f"{task}/runs/{found['href'].rpartition('/')[2]}"


def look_around(reader: Reader, task: str, run: str) -> None:
    """Read every page there is, in all its forms."""
    uuids = {"{task}": task.rpartition("/")[2], "{run}": run.rpartition("/")[2], "{state}": "failed"}
    for path in pages():
        filled = functools.reduce(lambda made, pair: made.replace(*pair), uuids.items(), path)
        for form in ("", "?detail=1", "?expanded=1&detail=1&format=text/plain", "?format=text/html&detail=1"):
            for kind in ("snmpget", "pysnmp", "http"):
                reader.ask("GET", f"/pscheduler{filled.replace('{name}', kind)}{form}", seconds=5)
                if "{name}" not in filled:
                    break
    for state in ("waiting", "failed", "archived", "under-way"):
        reader.ask("GET", f"/pscheduler/archivings?state={state}&detail=1")
    reader.ask("POST", "/pscheduler/archivings/retry", {"dry-run": True})


def pages() -> list[str]:
    from app import app

    unread = ("/docs/{asset}", "/ui/{asset}", "/alerts/{alert}")  # files, and what there are none of
    return [path for path in sorted(app.routes) if not path.startswith(unread) and "exception" not in path]


@pytest.mark.parametrize("text", [f"a {IN_SPEC} b", canary(7), f'"{canary(30)}"'])
def test_a_secret_that_is_told_is_noticed(text: str) -> None:
    assert FOUND.search(text)
