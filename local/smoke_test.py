"""A first measurement: the node pings itself, asked over its own API as any client would ask."""

import json
import ssl
import time
import urllib.parse
from collections.abc import Callable
from typing import Any

import urllib3

COUNT = 3
_PATIENCE = 60.0
_FINAL = ("finished", "failed", "overdue", "missed", "preempted", "nonstart")


class NoResult(Exception):
    """There is no measurement to show; the message is one line that says why."""


def measure(base: str, authority: str | None, say: Callable[[str], None]) -> str:
    """Post the task to the API at ``base`` and return the text of its result.

    ``authority`` is the file with the certificate to trust where the API speaks TLS. Raises NoResult.
    """
    context = ssl.create_default_context(cafile=authority) if authority else None
    with urllib3.PoolManager(ssl_context=context, retries=False, timeout=30) as http:
        return _measure(_Api(http, base), say)


class _Api:
    """The few requests it takes, to this node only whatever name it gives itself in addresses."""

    def __init__(self, http: urllib3.PoolManager, base: str):
        self._http = http
        self._base = base.rstrip("/")
        url = urllib.parse.urlsplit(base)
        self.host = url.hostname or ""
        self.port = url.port or {"http": 80, "https": 443}[url.scheme]

    def ask(self, method: str, path: str, **more: Any) -> urllib3.BaseHTTPResponse:
        try:
            return self._http.request(method, f"{self._base}/{path}", **more)
        except urllib3.exceptions.HTTPError as error:
            raise NoResult(f"the API does not answer ({error})") from error

    def wanted(self, method: str, path: str, **more: Any) -> urllib3.BaseHTTPResponse:
        """The answer where there is no use for any but 200."""
        answer = self.ask(method, path, **more)
        if answer.status != 200:
            first_line = (answer.data.decode(errors="replace").splitlines() or [""])[0]
            raise NoResult(f"{method} {path} was answered {answer.status}: {first_line}")
        return answer


def _measure(api: _Api, say: Callable[[str], None]) -> str:
    spec = _spec(api)
    say(f"Posting a first task: rtt to {spec['dest']} ...")
    task = _post(api, {"schema": 1, "test": {"type": "rtt", "spec": spec}, "schedule": {"slip": "PT10M"}})
    run = _run(api, task, say)
    if run["state"] != "finished":
        raise NoResult(f"its run is {run['state']}: {_why(run)}")
    result = api.wanted("GET", f"tasks/{task}/runs/{_last(run['href'])}/result?format=text/plain")
    return result.data.decode().rstrip("\n")


def _spec(api: _Api) -> dict[str, Any]:
    """What to measure: this machine by ICMP, or the node's own port where the program ping is missing."""
    by_icmp = {"schema": 2, "dest": "127.0.0.1", "count": COUNT, "interval": "PT0.5S", "protocol": "icmp"}
    if api.wanted("GET", f"tests/rtt/tools?{urllib.parse.urlencode({'spec': json.dumps(by_icmp)})}").json():
        return by_icmp
    return {"schema": 4, "dest": api.host, "port": api.port, "count": COUNT, "protocol": "tcp"}


def _post(api: _Api, task: dict[str, Any]) -> str:
    answer = api.wanted("POST", "tasks", body=json.dumps(task), headers={"Content-Type": "application/json"})
    return _last(answer.json())


def _run(api: _Api, task: str, say: Callable[[str], None]) -> dict[str, Any]:
    """The first run of the task once it is in a final state."""
    deadline = time.monotonic() + _PATIENCE
    said = ""
    while time.monotonic() < deadline:
        answer = api.ask("GET", f"tasks/{task}/runs/first")
        run = answer.json() if answer.status == 200 else {"state": "not placed yet"}
        if run["state"] != said:
            said = run["state"]
            say(_progress(run))
        if said in _FINAL:
            return {"href": answer.url or "", **run}
        time.sleep(0.25)
    raise NoResult(f"its run is still {said} after {_PATIENCE:.0f} seconds")


def _progress(run: dict[str, Any]) -> str:
    starts = f", starts at {run['start-time']}" if run["state"] == "pending" and "start-time" in run else ""
    return f"  the run is {run['state']}{starts}"


def _why(run: dict[str, Any]) -> str:
    merged = run.get("result-merged") or run.get("result") or {}
    text = run.get("errors") or merged.get("error") or "no reason given"
    return str(text).strip().splitlines()[0]


def _last(address: str) -> str:
    return urllib.parse.urlsplit(address).path.rstrip("/").rsplit("/", 1)[-1]
