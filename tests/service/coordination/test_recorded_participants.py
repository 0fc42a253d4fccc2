"""The recorded conversation of two reference servers, with this node in the place of either."""

import dataclasses
import json
import pathlib
import re
import urllib.parse
from collections.abc import Sequence
from typing import Any

import pytest

from chalicelib.domain.errors import PeerError
from chalicelib.domain.run_states import State
from chalicelib.domain.times import format_timestamp
from chalicelib.infrastructure import peer_http
from chalicelib.infrastructure.peer_http import Call, Reply
from chalicelib.service.coordination import invitation
from chalicelib.store import run_table
from plugins import registry
from plugins.sdk.jobs import wrapped
from tests import fake_programs
from tests.builders import seconds
from tests.cluster import posted, running_cluster
from tests.conformance.replay import cases
from tests.service.coordination.test_several_participants import now, runs_at, task_at
from tests.service.machines import FakeMachine, perform_all

LEAD, SECOND = "127.0.0.1", "127.0.0.2"

pytestmark = pytest.mark.usefixtures("empty_aws")


@dataclasses.dataclass
class Recorded:
    """One request to the second participant, and its answer: JSON or a text, where it was short enough."""

    method: str
    path: str
    query: list[tuple[str, str]]
    body: Any = None
    status: int = 0
    json: Any = None
    text: str = ""

    @property
    def target(self) -> str:
        """The path and the query as they are sent."""
        return f"{self.path}?{urllib.parse.urlencode(dict(self.query))}" if self.query else self.path

    @property
    def answer(self) -> str:
        return self.text or json.dumps(self.json)

    @property
    def shape(self) -> tuple[str, str, tuple[str, ...], tuple[str, ...]]:
        """All that does not change from one such conversation to the next."""
        return shape(self.method, self.target, self.body)


def shape(method: str, target: str, body: Any) -> tuple[str, str, tuple[str, ...], tuple[str, ...]]:
    path, _, query = target.partition("?")
    anonymous = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "*", path)
    return method, anonymous, tuple(urllib.parse.parse_qs(query)), tuple(sorted(body or {}))


def conversation(test: str) -> list[Recorded]:
    """What the second participant was asked and answered, in order."""
    recorded = [case for case in cases("participants") if case.pop("conversation") == test]
    return [Recorded(**case) for case in recorded]


class AsRecorded:
    """A second participant that says what the reference said; only times and names are today's."""

    def __init__(self, recorded: Sequence[Recorded]):
        self.left = list(recorded)
        self.heard: list[Call] = []
        self.start = ""

    def ask(self, calls: Sequence[Call]) -> list[Reply | PeerError]:
        return [self._answer(call) for call in calls]

    def _answer(self, call: Call) -> Reply:
        self.heard.append(call)
        said = self.left.pop(0)
        if "/runtimes" in call.target:
            ranges = [{"lower": call.args["start"], "upper": call.args["end"]}]
            return Reply(call.host, said.status, json.dumps(ranges))
        if call.method == "GET" and "/runs/" in call.target:
            return Reply(call.host, said.status, json.dumps(self._run(call)))
        return Reply(call.host, said.status, said.answer)

    def _run(self, call: Call) -> dict[str, Any]:
        if "wait-local" in call.args:
            result = {"received": "Data sent at noon", "elapsed-time": "PT2.7S"}
            return {"state": "finished", "result": {"succeeded": True, "diags": "", "result": result}}
        return {"state": "pending", "result": None, "participant-data": {"listen-port": 5891}}


def test_a_reference_server_understands_this_node_as_its_lead(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = wrapped({"sent": "Data sent at noon", "dawdled": "P0D"})
    monkeypatch.setitem(vars(registry.tools()["simplestreamer"]), "run", lambda job: sent)
    recorded = conversation("simplestream")
    second = AsRecorded(recorded)
    spec = {"dest": SECOND, "source": LEAD, "schema": 1}
    document = {"schedule": {"slip": "PT5M"}, "test": {"spec": spec, "type": "simplestream"}}

    with running_cluster(LEAD) as cluster, peer_http.use(second):
        uuid = posted(cluster, document, lead=LEAD)
        (run,) = runs_at(cluster, LEAD, uuid)
        with cluster.acting(LEAD):
            perform_all(LEAD, uuid, run.uuid, FakeMachine(run.start))
            ended = run_table.get(LEAD, uuid, run.uuid)

    added = f"&{invitation.KEY_IS_MADE_UP}=yes"  # an argument that a reference server overlooks
    targets = [call.target.removeprefix("/pscheduler").replace(added, "") for call in second.heard]
    said = [shape(call.method, where, call.body) for call, where in zip(second.heard, targets, strict=True)]
    assert sum(added in call.target for call in second.heard) == 1
    assert said == [one.shape for one in recorded]
    assert run.documents.participant_data_full == [{}, {"listen-port": 5891}]
    assert ended.state is State.FINISHED
    assert ended.documents.result_full[1]["result"]["received"] == "Data sent at noon"
    told = second.heard[2].body
    assert (told["participants"], told["tool"]) == ([LEAD, SECOND], "simplestreamer")
    assert 32 <= len(told["_key"]) <= 64
    wait = second.heard[-1]
    assert wait.args["wait-local"] == "True"
    assert 10 <= int(wait.args["wait"]) <= 15


@pytest.mark.parametrize("test", ["simplestream", "throughput"])
def test_this_node_understands_a_reference_server_as_its_lead(
    test: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", fake_programs.path_with(tmp_path, "iperf3"))
    recorded = conversation(test)
    start = format_timestamp(now() + seconds(30))

    with running_cluster(LEAD, SECOND) as cluster:
        answers = []
        for one in recorded:
            body = moved(one, start)
            status, value = cluster.api(SECOND, one.method, readdressed(one.target, start), body)
            answers.append((status, value))

        uuid = recorded[2].target.split("?")[0].rpartition("/")[2]
        task = task_at(cluster, SECOND, uuid)
        runs_there = runs_at(cluster, SECOND, uuid)

    assert [status for status, _ in answers] == [one.status for one in recorded]
    api, tools, posting, task_document, root, runtimes, placed, shown, told, result = (v for _, v in answers)
    assert api == 6
    assert recorded[2].body["tool"] in [entry["tool"]["name"] for entry in tools]
    assert posting == f"https://{SECOND}/pscheduler/tasks/{uuid}"
    assert (task.participant, task.key) == (1, recorded[2].body["_key"])
    assert "_key" not in task_document  # its lead added it: a client sees one task at both
    assert task_document["detail"]["participant"] == 1
    assert isinstance(root, str)
    assert len(runtimes) == 1
    assert placed == told == "OK"
    assert isinstance(shown["participant-data"], dict)
    assert shown["state"] == "pending"
    assert result["result"] is None
    assert [run.state for run in runs_there] == [State.PENDING]
    assert runs_there[0].documents.participant_data_full is not None
    assert not runs_there[0].awaiting


def moved(one: Recorded, start: str) -> Any:
    """The body, at a time that is still to come; the data that was cut off made up."""
    if one.body and "start-time" in one.body:
        return {"start-time": start}
    if one.method == "PUT" and one.body is None:
        return {"part-data-full": [{}, {"_auth": {"private": "x"}, "server_port": 5201}]}
    return one.body


def readdressed(target: str, start: str) -> str:
    """The target as it is sent, at a time that is still to come, and not waiting for a result."""
    path, _, query = target.partition("?")
    arguments = dict(urllib.parse.parse_qsl(query))
    if "end" in arguments:
        hour_later = format_timestamp(now() + seconds(3600))
        arguments |= {"start": start, "end": hour_later}
    if "wait" in arguments:
        arguments["wait"] = "1"
    return f"{path}?{urllib.parse.urlencode(arguments)}" if arguments else path
