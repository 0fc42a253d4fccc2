"""A process is killed while it writes: what was acknowledged is there, and nothing is half there.

``ENGINE_KILLS`` is how often, 20 where it is not set. One file goes through all of them.
"""

import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
import uuid
from collections import defaultdict

from chalicelib.infrastructure import blobs, queues
from chalicelib.infrastructure.aws import client
from chalicelib.store.models.item_keys import key
from chalicelib.store.models.node_models import NodeItem
from chalicelib.store.models.run_models import RunItem
from chalicelib.store.models.timeline_models import TimelineItem
from local.engine import Engine
from tests.builders import NODE

KILLS = int(os.environ.get("ENGINE_KILLS", "8"))
_HERE = pathlib.Path(__file__).resolve().parent.parent.parent

Said = dict[str, set[str]]


def killed_at_random(path: pathlib.Path, seed: int) -> Said:
    """Start a writer, kill it, and return what it said was acknowledged."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.engine.crashing", str(path), str(seed)],
        cwd=_HERE,
        env={**os.environ, "PYTHONPATH": f"{_HERE}:{_HERE / 'vendor'}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout as lines:
        assert lines.readline() == "ready\n"
        time.sleep(random.Random(seed).uniform(0.0, 0.4))
        process.send_signal(signal.SIGKILL)
        said: Said = defaultdict(set)
        for line in lines:
            if line.endswith("\n"):
                what, _, name = line[:-1].partition(" ")
                said[what].add(name)
    process.wait(10)
    return said


def test_what_was_acknowledged_survives_a_kill_and_no_transaction_is_half_there(
    tmp_path: pathlib.Path,
) -> None:
    path = tmp_path / "state.sqlite"
    acknowledged: Said = defaultdict(set)

    for seed in range(KILLS):
        for what, names in killed_at_random(path, seed).items():
            acknowledged[what] |= names

    with Engine(path):
        assert acknowledged["item"] <= {item.name for item in NodeItem.scan()}
        assert acknowledged["blob"]
        assert all(blobs.get(name) == blob(name) for name in acknowledged["blob"])
        check_transactions(acknowledged["all"])
        check_messages(acknowledged["sent"], acknowledged["deleting"])


def blob(name: str) -> bytes:
    return uuid.uuid5(uuid.NAMESPACE_OID, name).bytes * 2000


def check_transactions(acknowledged: set[str]) -> None:
    markers = {item.name.removeprefix("all-") for item in NodeItem.scan() if item.name.startswith("all-")}
    entries = [item.entry.rsplit("-", 1)[0] for item in TimelineItem.query("all", consistent_read=True)]
    found = {item.run for item in RunItem.query(key(NODE, "all"), consistent_read=True)}
    in_index = {item.run for item in RunItem.states_index.query(key(NODE, "pending"))}
    counted = sum(int(item.exclusives) for item in TimelineItem.query("all-guard", consistent_read=True))

    assert acknowledged
    assert acknowledged <= markers
    assert sorted(entries) == sorted([*markers] * 3)
    assert found == in_index == markers
    assert counted == len(markers)


def check_messages(sent: set[str], being_deleted: set[str]) -> None:
    """What was sent is there unless somebody had begun to remove it."""
    gone = {json.loads(body)["task"] for body in being_deleted}
    left: set[str] = set()
    url = queues.queue_url("plan")
    while answer := client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        left |= {json.loads(message["Body"])["task"] for message in answer}

    assert sent
    assert sent - gone <= left
