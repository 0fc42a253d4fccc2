"""What becomes of runs when networks, processes, clocks and disks fail; nothing is measured twice or lost."""

import contextlib
import json
import os
import pathlib
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agent.agent_state import State
from tests.fleet.fleet import ASKED, TRIES, Fleet, NotInTime, fleet
from tests.fleet.network import DOMAIN

CUT = float(os.environ.get("FLEET_CUT", "20"))
"""Seconds without a network; five minutes in ``make soak``."""
DISK = 4
"""Megabytes of the disk of one agent."""


@pytest.mark.slow(170)
@pytest.mark.timeout(900)
def test_nothing_is_lost_or_done_twice_when_things_fail(tmp_path: pathlib.Path) -> None:
    with _small_disk(tmp_path / "cdg") as disk, fleet(tmp_path) as running:
        for trouble in (
            _an_agent_is_killed_at_work,
            _the_coordinator_is_killed_while_agents_work,
            _the_network_is_cut,
            _a_clock_is_off,
            *([_a_disk_is_full] if disk else []),
            _a_result_is_sent_twice,
        ):
            began = time.monotonic()
            _tried(trouble, running)
            print(f"{trouble.__name__.strip('_')}: {time.monotonic() - began:.0f} s")


def _tried(trouble: Callable[[Fleet], None], running: Fleet) -> None:
    """Make trouble; anew where this machine was too busy for what is to happen in time."""
    for left in reversed(range(TRIES)):
        try:
            trouble(running)
            return
        except NotInTime:
            if not left:
                raise
            running.restore()


def _an_agent_is_killed_at_work(running: Fleet) -> None:
    task = running.post("ams", "idle", {"duration": "PT5M"})
    running.until(lambda: running.status("ams").get("at-work") == 1, 40)
    running.until(lambda: running.run(task)["state"] == "running", 20, every=ASKED)
    later = running.post("ams", "idle", {"duration": "PT1S"}, schedule={"start": "PT25S"})
    running.until(lambda: running.status("ams").get("held") == 2, 20)

    running.kill("ams")
    running.start_agent("ams")

    running.until(lambda: running.run(task)["state"] == "failed", 30, every=ASKED)
    assert "stopped while the tool was at work" in json.dumps(running.run(task))
    running.finished(later)


def _the_coordinator_is_killed_while_agents_work(running: Fleet) -> None:
    task = running.post("ber", "idle", {"duration": "PT2S"}, schedule={"start": "PT12S"})
    running.until(lambda: running.status("ber").get("held") == 1, 20)

    running.kill("coordinator")
    running.until(lambda: running.status("ber").get("waiting") == 1, 40)  # done, with nobody to tell
    running.start_coordinator()

    running.finished(task, 90)
    assert len(running.runs(task)) == 1


def _the_network_is_cut(running: Fleet) -> None:
    """Those handed over run and arrive later; the others are missed, with the reason; nothing twice."""
    taken = running.post(
        "cdg",
        "idle",
        {"duration": "PT1S"},
        schedule={"start": "PT15S", "repeat": "PT10S", "max-runs": max(2, int(CUT // 10))},
    )
    running.until(lambda: running.status("cdg").get("held", 0) >= 2, 30)
    running.net.cut("nat-cdg")
    try:
        unheard = running.post("cdg", "idle", {"duration": "PT1S"})
        time.sleep(CUT)
        missed = running.over(unheard)
    finally:
        running.net.mend("nat-cdg")
    running.until(lambda: all(each["state"] == "finished" for each in running.runs(taken)), 120, every=ASKED)

    assert missed["state"] == "missed"
    assert missed["reason"]["code"] == "agent-unreachable"
    starts = [each["start-time"] for each in running.runs(taken)]
    assert len(starts) == len(set(starts)) == max(2, int(CUT // 10))


def _a_clock_is_off(running: Fleet) -> None:
    library = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if library is None:
        return
    running.stop("ber")
    running.start_agent("ber", LD_PRELOAD=str(library), FAKETIME="+30s", FAKETIME_DONT_FAKE_MONOTONIC="1")
    task = running.post("ber", "idle", {"duration": "PT1S"})
    run = running.over(task)
    running.stop("ber")
    running.start_agent("ber")

    assert run["state"] == "nonstart", run
    assert run["reason"]["code"] == "agent-clock"
    (off,) = re.findall(r"off by \+([0-9.]+) s", run["reason"]["message"])
    assert 25 < float(off) < 35  # as far as an answer's way lets it be known on a busy machine
    assert running.measured("ber", "idle", {"duration": "PT1S"}).result()["succeeded"]


def _a_disk_is_full(running: Fleet) -> None:
    task = running.post("cdg", "idle", {"duration": "PT8S"})
    running.until(lambda: running.run(task)["state"] == "running", 40, every=ASKED)
    filler = pathlib.Path(running.state("cdg"), "filler")

    def told_when_full() -> bool:
        """Fill what is free, again each time: the agent's own file gives space back as it forgets a run."""
        with contextlib.suppress(OSError), filler.open("ab", buffering=0) as file:
            while file.write(b"x" * 4096):
                pass
        return "stays in memory" in running.log("cdg")

    try:
        running.until(told_when_full, 40)
        running.finished(task)
    finally:
        filler.unlink()

    assert running.measured("cdg", "idle", {"duration": "PT1S"}).result()["succeeded"]
    running.until(lambda: running.status("cdg").get("held") == 0, 60)


def _a_result_is_sent_twice(running: Fleet) -> None:
    task = running.post("ams", "idle", {"duration": "PT1S"})
    run = running.finished(task)
    with contextlib.closing(State(pathlib.Path(running.state("ams")))) as state:
        identity, instance = state.identity(), state.instance
    assert identity is not None
    body = {
        "instance": instance,
        "task": task.rpartition("/")[2],
        "run": run["href"].rpartition("/")[2],
        "number": 1,
        "at": run["end-time"],
        "local": {"result": {"succeeded": True, "diags": "another"}, "errors": None, "diags": ""},
        "final": True,
    }

    assert _handed_over(running, identity.secret, body) == {"kept": "known"}
    assert running.run(task) == run


def _handed_over(running: Fleet, secret: str, body: Any) -> Any:
    command = ["curl", "-s", "--cacert", str(running.folder / "coordinator/authority.pem")]
    command += ["-H", f"Authorization: Bearer {secret}", "-H", "X-Agent-Protocol: 1", "-d", json.dumps(body)]
    command += ["-H", "Content-Type: application/json"]
    url = f"https://coordinator.{DOMAIN}/pscheduler/agent/results"
    done = subprocess.run(
        running.net.inside("ams", *command, url), capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


@contextlib.contextmanager
def _small_disk(folder: pathlib.Path) -> Iterator[bool]:
    """A folder on a disk of its own, which is soon full; False where there can be none."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK}m,mode=700", "tmpfs", folder],
        capture_output=True,
        check=False,
    )
    try:
        yield mounted.returncode == 0
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", "-l", folder], capture_output=True, check=False)
