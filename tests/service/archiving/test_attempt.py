"""Deliveries as they are attempted: when one is, what is handed over, and what it means for the run."""

from typing import Any

import pytest

from chalicelib.domain.delivery import Delivery
from chalicelib.domain.errors import Invalid
from chalicelib.domain.messages import AttemptDelivery
from chalicelib.domain.metrics import Metric
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.task import Task
from chalicelib.infrastructure import queues
from chalicelib.infrastructure.jq_sandbox import SANDBOX
from chalicelib.service.archiving import attempt
from chalicelib.settings import forget_settings
from chalicelib.store import delivery_table, run_items, run_table, task_items
from plugins import registry
from plugins.sdk.jobs import Outcome, Parcel
from tests.builders import NODE, NOON, at, run, seconds, task

pytestmark = pytest.mark.usefixtures("empty_aws")
SUCCEEDED = {"succeeded": True}


def finished(owner: Task, merged: Any = SUCCEEDED) -> Run:
    """A run of the task that is over, both of them stored."""
    one = run(owner, state=State.FINISHED).with_documents(
        result_merged=merged, participant_data_full=[{"_token": "secret", "port": 1}]
    )
    task_items.to_item(owner, NOON).save()
    run_items.to_item(one).save()
    return one


def stored(one: Run, number: int = 0, **changes: Any) -> Delivery:
    """A delivery of a run's result that is due at noon."""
    spec = {"archiver": "bitbucket", "data": {}, "runs": "succeeded"}
    defaults = {
        "node": NODE,
        "run": one.uuid,
        "number": number,
        "task": one.task,
        "spec": spec,
        "added": NOON,
    }
    delivery = Delivery(**{**defaults, "next_attempt": NOON, **changes})
    delivery_table.to_item(delivery).save()
    return delivery


def keeping(duration: str | None) -> Task:
    document = {**task().document, "schema": 5}
    return task(document=document if duration is None else {**document, "keep-after-archive": duration})


def test_a_run_may_go_once_nothing_of_it_is_left_to_deliver() -> None:
    one = finished(keeping("PT1H"))
    before = run_table.get(NODE, one.task, one.uuid).purge_at
    for number in (0, 1):
        stored(one, number)

    attempt.deliver(NODE, one.uuid, 0, at(10))
    between = run_table.get(NODE, one.task, one.uuid).purge_at
    attempt.deliver(NODE, one.uuid, 1, at(20))

    assert between == before
    assert run_table.get(NODE, one.task, one.uuid).purge_at == at(20 + 3600)


def test_a_run_of_a_task_that_says_nothing_of_it_stays_as_long_as_any() -> None:
    one = finished(keeping(None))
    before = run_table.get(NODE, one.task, one.uuid).purge_at
    stored(one)

    attempt.deliver(NODE, one.uuid, 0, at(10))

    assert delivery_table.get(NODE, one.uuid, 0).completed
    assert run_table.get(NODE, one.task, one.uuid).purge_at == before


def test_a_delivery_that_is_tried_again_holds_on_to_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    again = Outcome(False, "not now", retry=seconds(600))
    monkeypatch.setitem(vars(registry.archivers()["bitbucket"]), "deliver", lambda parcel: again)
    one = finished(keeping("PT1H"))
    before = run_table.get(NODE, one.task, one.uuid).purge_at
    stored(one)

    attempt.deliver(NODE, one.uuid, 0, at(10))

    assert delivery_table.get(NODE, one.uuid, 0).next_attempt == at(610)
    assert run_table.get(NODE, one.task, one.uuid).purge_at == before


WEB = {"archiver": "http", "data": {"_url": "http://sink.example/?key=sesame"}, "runs": "succeeded"}


def answering(
    monkeypatch: pytest.MonkeyPatch, outcome: Outcome | Exception, archiver: str = "http"
) -> list[Parcel]:
    """The archiver answers so; what it is handed."""
    parcels: list[Parcel] = []

    def deliver(parcel: Parcel) -> Outcome:
        parcels.append(parcel)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setitem(vars(registry.archivers()[archiver]), "deliver", deliver)
    return parcels


def attempted(one: Run, now: float = 10) -> Delivery:
    """The first delivery of a run after an attempt."""
    attempt.deliver(NODE, one.uuid, 0, at(now))
    return delivery_table.get(NODE, one.uuid, 0)


def test_an_archiver_is_handed_the_result_and_its_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    parcels = answering(monkeypatch, Outcome(True))
    document = {"schema": 1, "test": {"type": "rtt", "spec": {"dest": "b.example"}}, "tool": "ping"}
    owner = task(document={**document, "schedule": {}})
    one = finished(owner, {"succeeded": True, "loss": 0.0, "roundtrips": [], "mean": "PT0.0015S"})
    before = stored(one, spec=WEB, attempts=2)

    after = attempted(one)

    (parcel,) = parcels
    assert (parcel.data, parcel.attempts, parcel.jq) == (WEB["data"], 2, SANDBOX)
    assert parcel.result == attempt.document(before, owner, one)
    assert parcel.delivery == f"{one.uuid}-0"
    assert all(isinstance(metric, Metric) for metric in parcel.metrics)
    assert "rtt.mean" in {metric.name for metric in parcel.metrics}
    assert (after.archived, after.completed) == (True, True)
    (diag,) = after.diags
    assert diag["time"] == "2026-11-23T12:00:10+00:00"
    assert (diag["return-code"], diag["stdout"], diag["stderr"]) == (0, {"succeeded": True}, "")


def test_a_document_that_is_no_result_is_handed_over_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    parcels = answering(monkeypatch, Outcome(True))
    one = run(task())
    stored(one, spec=WEB, document={"state": "bad"}, task="")

    assert attempted(one).archived

    (parcel,) = parcels
    assert (parcel.result, parcel.metrics) == ({"state": "bad"}, ())


@pytest.mark.parametrize(
    ("script", "archived", "said", "handed"),
    [
        (".result.succeeded", True, "", [True]),
        ("null", True, "The transform left nothing to send", []),
        ('error("no sesame here")', False, "no ... here", []),
    ],
)
def test_a_transform_changes_what_is_handed_over(
    monkeypatch: pytest.MonkeyPatch, script: str, archived: bool, said: str, handed: list[Any]
) -> None:
    parcels = answering(monkeypatch, Outcome(True))
    one = finished(keeping(None))
    stored(one, spec={**WEB, "data": {"_url": "sesame"}, "transform": {"script": script}})

    after = attempted(one)

    assert [parcel.result for parcel in parcels] == handed
    assert (after.archived, after.completed) == (archived, True)
    (diag,) = after.diags
    assert diag["return-code"] == (0 if archived else 1)
    assert "sesame" not in diag["stderr"]
    assert diag["stderr"] == said or (not archived and " here" in diag["stderr"])


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (Outcome(False, "sesame is wrong"), " is wrong"),
        (Invalid("sesame is no key", "/data"), "/data: "),
        (ZeroDivisionError("sesame"), "The archiver failed unexpectedly: ZeroDivisionError("),
    ],
)
def test_what_went_wrong_is_told_without_what_is_private(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, outcome: Any, said: str
) -> None:
    answering(monkeypatch, outcome)
    one = finished(keeping(None))
    stored(one, spec={**WEB, "data": {"_url": "sesame"}})

    after = attempted(one)

    assert (after.archived, after.completed) == (False, True)
    (diag,) = after.diags
    assert said in diag["stderr"]
    assert (diag["return-code"], diag["stdout"]) == (0, {"succeeded": False, "error": diag["stderr"]})
    assert "sesame" not in f"{diag}{caplog.text}"
    is_mistake = isinstance(outcome, ZeroDivisionError)
    assert (f"The archiver http broke on run {one.uuid}" in caplog.text) is is_mistake
    assert ("Traceback" in caplog.text) is is_mistake


@pytest.mark.parametrize(
    ("archiver", "changes", "spec", "waits"),
    [
        ("http", {"deadline": at(3600)}, {}, (20, 40)),  # the third attempt: 40 seconds, or half of that
        ("http", {}, {}, None),  # without a time to live
        ("http", {"deadline": at(3600)}, {"retry-policy": []}, None),  # it has a policy of its own
        ("failer", {"deadline": at(3600)}, {}, None),  # they know no policies
        ("bitbucket", {"deadline": at(3600)}, {}, None),
    ],
)
def test_a_time_to_live_stands_in_for_a_policy(
    monkeypatch: pytest.MonkeyPatch,
    archiver: str,
    changes: dict[str, Any],
    spec: dict[str, Any],
    waits: tuple[float, float] | None,
) -> None:
    answering(monkeypatch, Outcome(False, "down"), archiver)
    one = finished(keeping(None))
    stored(one, spec={"archiver": archiver, "data": spec, "runs": "all"}, attempts=2, **changes)

    after = attempted(one)

    if waits is None:
        assert after.next_attempt is None
    else:
        assert after.next_attempt is not None
        assert at(10 + waits[0]) <= after.next_attempt <= at(10 + waits[1])


@pytest.mark.parametrize(("retry", "is_sent"), [(59, True), (60, False), (600, False)])
def test_what_is_to_be_attempted_before_the_next_tick_is_announced_at_once(
    monkeypatch: pytest.MonkeyPatch, retry: float, is_sent: bool
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(queues, "send", lambda *told: sent.append(told))
    answering(monkeypatch, Outcome(False, "down", seconds(retry)))
    one = finished(keeping(None))
    stored(one, spec=WEB, lane="a lane")

    attempted(one)

    message = AttemptDelivery(NODE, one.uuid, 0, "a lane")
    assert sent == ([(queues.DELIVERIES, message, seconds(retry))] if is_sent else [])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"deadline": at(10), "attempts": 1}, "Its time to live has passed"),
        ({"silent": 3, "attempts": 3}, "Given up: 3 attempts in a row were begun and never reported"),
    ],
)
def test_what_is_given_up_says_why(changes: dict[str, Any], said: str) -> None:
    one = finished(keeping(None))
    stored(one, **changes)

    (diag,) = attempted(one).diags

    assert diag == {"time": "2026-11-23T12:00:10+00:00", "return-code": 1, "stdout": "", "stderr": said}


@pytest.mark.parametrize(
    ("changes", "attempts", "archived"),
    [
        ({}, 1, True),
        ({"next_attempt": at(10)}, 1, True),  # due at this very second
        ({"next_attempt": at(11)}, 0, False),
        ({"next_attempt": None, "completed": True}, 0, False),
        ({"deadline": at(10), "attempts": 1}, 1, False),  # its time to live has passed
        ({"deadline": at(11), "attempts": 1}, 2, True),
        ({"silent": 3, "attempts": 3}, 3, False),  # three attempts have never reported
        ({"silent": 2, "attempts": 2}, 3, True),
    ],
)
def test_a_delivery_is_attempted_when_it_is_due(
    changes: dict[str, Any], attempts: int, archived: bool
) -> None:
    one = finished(keeping(None))
    stored(one, **changes)

    attempt.deliver(NODE, one.uuid, 0, at(10))

    after = delivery_table.get(NODE, one.uuid, 0)
    assert (after.attempts, after.archived) == (attempts, archived)


def test_one_that_is_not_there_is_nothing_to_deliver() -> None:
    attempt.deliver(NODE, "no-such-run", 0, NOON)

    assert delivery_table.of_run(NODE, "no-such-run") == []


def test_an_archiver_is_handed_what_anybody_may_see() -> None:
    test = {"type": "snmpget", "spec": {"dest": "192.0.2.7", "_community": "sesame"}}
    archives = [{"archiver": "http", "data": {"_url": "http://u:sesame@h/"}}]
    document = {
        **task().document,
        "test": test,
        "_key": "sesame",
        "archives": archives,
        "reference": {"a": 1, "_token": "sesame"},
    }
    owner = task(document=document)
    one = finished(owner)

    told = attempt.document(stored(one), owner, one)

    assert "sesame" not in str(told)
    assert "secret" not in str(told)
    assert told["test"] == {"type": "snmpget", "spec": {"dest": "192.0.2.7", "_community": None}}
    assert told["task"]["_key"] is None
    assert not {"archives"} & set(told["task"])
    assert not {"participant-data", "participant-data-full", "result"} & set(told["run"])
    assert told["reference"] == {"a": 1, "_token": None}
    assert told["result"] == {"succeeded": True}
    assert told["schedule"] == {"start": "2026-11-23T12:00:00+00:00", "duration": "PT3S"}
    assert (told["id"], told["participants"]) == (one.uuid, ["here"])
    assert told["tool"] == {"name": "snooze", "version": registry.tools()["snooze"].version}
    assert told["run"]["state"] == "finished"
    assert told["task"]["schedule"] == {}
    assert told["run"]["href"] == f"{told['task']['href']}/runs/{one.uuid}"
    assert told["run"]["task-href"] == told["task"]["href"]


@pytest.mark.parametrize(
    ("host", "own", "node", "posted", "root"),
    [
        ("b.example", "https://own.example/p", NODE, "http://a/x", "https://b.example/pscheduler"),
        (None, "https://own.example/p", NODE, "http://a/x", "https://own.example/p"),
        (None, "https://own.example/p", "other.example", "http://a/x", "http://a/x"),
        (None, "", NODE, "http://a/x", "http://a/x"),
        (None, "", "other.example", None, "https://other.example/pscheduler"),
        (None, "https://own.example/p", "other.example", None, "https://other.example/pscheduler"),
    ],
)
def test_links_lead_to_where_the_archive_says_or_the_node_or_who_posted_the_task(
    monkeypatch: pytest.MonkeyPatch, host: str | None, own: str, node: str, posted: str | None, root: str
) -> None:
    monkeypatch.setenv("PSCHEDULER_URL", own)
    forget_settings()
    owner = task(node=node, url=posted)
    one = finished(owner)
    spec = {"archiver": "bitbucket", "data": {}, **({"uri-host": host} if host else {})}

    told = attempt.document(stored(one, spec=spec, node=node), owner, one)
    monkeypatch.undo()
    forget_settings()

    assert told["task"]["href"] == f"{root}/tasks/{owner.uuid}"


def test_a_delivery_is_shown_with_what_became_of_it() -> None:
    one = run(task())
    waiting = stored(one)
    over = waiting.begun(at(1)).ended(at(2), {"return-code": 1, "stdout": "", "stderr": "No"}, False)

    shown = attempt.describe(waiting)
    assert shown == {
        "spec": waiting.spec,
        "archiver": registry.archivers()["bitbucket"].enumeration(),
        "archiver_data": {},
        "completed": False,
        "archived": False,
        "last_attempt": None,
        "diags": [],
        "id": f"{one.uuid}-0",
        "state": waiting.state.value,
        "attempts": 0,
        "next_attempt": "2026-11-23T12:00:00+00:00",
        "last_error": None,
    }
    assert attempt.describe(over) == {
        **shown,
        "completed": True,
        "last_attempt": "2026-11-23T12:00:01+00:00",
        "diags": list(over.diags),
        "state": over.state.value,
        "attempts": 1,
        "next_attempt": None,
        "last_error": "No",
    }
