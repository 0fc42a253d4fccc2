"""A coordinator and three agents at work in a network of namespaces, and a client with curl."""

import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from agent.packaging.build import ROOT
from tests.agent.wheel import installed
from tests.fleet.network import COORDINATOR, DOMAIN, SITES, Network, network

CLIENT = "192.0.2.6"
FINAL = ("finished", "failed", "missed", "nonstart", "cancelled", "overdue", "preempted")
LOOKED, ASKED = 0.3, 1.0
"""Seconds from one look at a file to the next, and from one question to a node to the next."""
HEARD_OF = 5
"""Seconds that a node is given to tell of a result, before it is asked what became of the run."""
TRIES = 3
"""How often something is measured anew that a busy machine came to too late."""


class NotInTime(Exception):
    """Something did not come to be, or came too late: this machine may be too busy for it."""


@dataclasses.dataclass
class Fleet:
    """What runs where. ``programs`` is the folder of the installed agent's programs."""

    net: Network
    folder: pathlib.Path
    programs: pathlib.Path
    processes: "dict[str, subprocess.Popen[bytes]]" = dataclasses.field(default_factory=dict)

    # --- what runs

    def start_coordinator(self) -> None:
        where = ["--address", COORDINATOR, "--port", "443", "--tls", "--no-first", "--period", "3"]
        state = ["--state", str(self.folder / "coordinator")]
        more = {
            "PSCHEDULER_LIMITS": "open",
            "PSCHEDULER_HOSTNAME": f"coordinator.{DOMAIN}",
            "PSCHEDULER_NAMES": f"*.{DOMAIN}",
        }
        self._start("coordinator", [sys.executable, "-m", "local.node", *where, *state], **more)
        self.until(lambda: self.ask("coordinator", "GET", "/")[0] == 200, 60, every=ASKED)

    def add(self, site: str) -> None:
        """Register a site's node, and have the host there join for it."""
        token = self._command("add", f"{site}.{DOMAIN}")
        url = f"https://coordinator.{DOMAIN}/pscheduler"
        said = self.agent(site, "join", url, token, "--ca", str(self.folder / "coordinator/authority.pem"))
        assert said.startswith(f"Joined: this host measures for {site}.{DOMAIN}"), said

    def _command(self, *words: str) -> str:
        """What a command for nodes prints at the coordinator."""
        state = ["--state", str(self.folder / "coordinator")]
        done = subprocess.run(
            [sys.executable, "-m", "local.nodes", *state, *words],
            cwd=ROOT,
            env=environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def agent(self, site: str, *words: str) -> str:
        """What a command of the agent of a site says."""
        command = [str(self.programs / "pscheduler-agent"), words[0], "--state", self.state(site), *words[1:]]
        done = subprocess.run(
            self.net.inside(site, *command),
            capture_output=True,
            text=True,
            env=environment(),
            cwd="/",
            check=False,
        )
        return (done.stdout + done.stderr).strip()

    def start_agent(self, site: str, **variables: str) -> None:
        """Start the agent of a site, with some variables in its environment."""
        command = [str(self.programs / "pscheduler-agent"), "run", "--state", self.state(site), "--verbose"]
        pathlib.Path(self.state(site), "status.json").unlink(missing_ok=True)  # of the agent before
        self._start(site, command, **variables)
        self.until(lambda: self.status(site).get("contact") and not self.status(site).get("trouble"), 30)

    def status(self, site: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(pathlib.Path(self.state(site), "status.json").read_text())
            return found
        except (OSError, ValueError):
            return {}

    def state(self, site: str) -> str:
        return str(self.folder / site)

    def _start(self, what: str, command: list[str], **variables: str) -> None:
        with (self.folder / f"{what}.log").open("ab") as log:
            self.processes[what] = subprocess.Popen(
                self.net.inside(what, *command),
                stdout=log,
                stderr=log,
                cwd=ROOT if what == "coordinator" else "/",
                env=environment(**variables),
            )

    def kill(self, what: str) -> None:
        """End it as a crash would."""
        self.processes[what].send_signal(signal.SIGKILL)
        self.processes[what].wait(10)

    def restore(self) -> None:
        """Have everything run that is to run."""
        if self.processes["coordinator"].poll() is not None:
            self.start_coordinator()
        for site in SITES:
            if self.processes[site].poll() is not None:
                self.start_agent(site)

    def stop(self, what: str) -> None:
        self.processes[what].terminate()
        self.processes[what].wait(20)

    def log(self, what: str) -> str:
        return (self.folder / f"{what}.log").read_text(errors="replace")

    # --- what a client does

    def ask(self, site: str, method: str, path: str, body: Any = None) -> tuple[int, str]:
        """(status, text) of a request with curl, to a node by its own name."""
        url = path if path.startswith("http") else f"https://{site}.{DOMAIN}/pscheduler{path}"
        command = ["curl", "-s", "-m", "60", "-w", "\n%{http_code}", "-X", method, url]
        command += ["--cacert", str(self.folder / "coordinator/authority.pem")]
        command += [] if body is None else ["-d", json.dumps(body)]
        done = subprocess.run(
            self.net.inside("client", *command), capture_output=True, text=True, timeout=90, check=False
        )
        text, _, status = done.stdout.rpartition("\n")
        return int(status or 0), text

    def post(self, site: str, test: str, spec: Any, **members: Any) -> str:
        """The href of a task that is posted to a site's node."""
        document = {"schema": 1, "test": {"type": test, "spec": spec}, "schedule": {}, **members}
        for _ in range(TRIES):  # the client is on a line that loses packets, too
            status, text = self.ask(site, "POST", "/tasks", document)
            if status:
                break
        assert status == 200, text
        return str(json.loads(text))

    def run(self, task: str, which: str = "first") -> dict[str, Any]:
        status, text = self.ask("", "GET", f"{task}/runs/{which}")
        return json.loads(text) if status == 200 else {"state": f"{status} {text}"}

    def runs(self, task: str) -> list[dict[str, Any]]:
        _, text = self.ask("", "GET", f"{task}/runs?expanded=true")
        return list(json.loads(text))

    def over(self, task: str, seconds: float = 60) -> dict[str, Any]:
        """A task's first run once it is over. A result is heard of at once, and of others every so often."""
        found: list[dict[str, Any]] = []

        def is_over() -> bool:
            found.append(self.run(task, f"first?wait-merged=true&wait={HEARD_OF}"))
            return found[-1]["state"] in FINAL

        self.until(is_over, seconds, every=ASKED)
        return found[-1]

    def finished(self, task: str, seconds: float = 60) -> dict[str, Any]:
        """The same, which is finished, unless its agent came to it too late."""
        run = self.over(task, seconds)
        if (run.get("reason") or {}).get("code") == "agent-late":
            raise NotInTime(str(run["reason"]))
        assert run["state"] == "finished", run
        return run

    def text(self, task: str) -> str:
        """The result of a task's first run as text."""
        return self.ask("", "GET", f"{task}/runs/first/result?format=text/plain")[1]

    def measured(self, site: str, test: str, spec: Any, **members: Any) -> "Measured":
        return Measured(self, site, test, spec, members)

    def until(self, condition: Callable[[], Any], seconds: float, every: float = LOOKED) -> None:
        """Wait for a condition. Where it asks a node, ``every`` is better ASKED: each time takes a program, a
        connection and an answer, of which three a second keep a processor from what is waited for."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                logs = "\n".join(f"--- {what}\n{self.log(what)[-3000:]}" for what in self.processes)
                raise NotInTime(f"it never came to be\n{logs}")
            time.sleep(every)


class Measured:
    """A measurement, posted; made anew where a busy machine came to it too late."""

    def __init__(self, fleet: Fleet, site: str, test: str, spec: Any, members: dict[str, Any]):
        self._fleet, self._what = fleet, (site, test, spec)
        self._members = members
        self.task = self._post()

    def _post(self) -> str:
        return self._fleet.post(*self._what, **self._members)

    def result(self, seconds: float = 90) -> dict[str, Any]:
        """The merged result; what else became of the run fails the test."""
        for left in reversed(range(TRIES)):
            run = self._fleet.over(self.task, seconds)
            merged = run.get("result-merged") or {}
            if run["state"] == "finished" or not left:
                break
            self.task = self._post()
        assert run["state"] == "finished", run
        return dict(merged)

    def text(self) -> str:
        return self._fleet.text(self.task)


def environment(**more: str) -> dict[str, str]:
    """The variables of what runs in a fleet: none of the tests', nor of a cloud's."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PSCHEDULER_"))}
    return {**own, "PYTHONPATH": "", "PSCHEDULER_TOOL_SETTINGS": os.devnull, **more}


@contextlib.contextmanager
def _in_a_network(folder: pathlib.Path) -> Iterator[Fleet]:
    with network() as net:
        made = Fleet(net, folder, installed())
        try:
            yield made
        finally:
            for process in made.processes.values():
                process.terminate()
            for process in made.processes.values():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(10)
                process.kill()


@contextlib.contextmanager
def fleet(folder: pathlib.Path) -> Iterator[Fleet]:
    """The coordinator and the agents of all sites, at work."""
    with _in_a_network(folder) as made:
        made.start_coordinator()
        for site in SITES:
            made.add(site)
            made.start_agent(site)
        yield made


@contextlib.contextmanager
def by_the_guide(folder: pathlib.Path) -> Iterator[Fleet]:
    """The same, as docs/agents.md has it made."""
    from tests.fleet import guide

    with _in_a_network(folder) as made:
        guide.set_up(made)
        yield made
