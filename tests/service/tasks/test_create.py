"""What a posted task becomes before anything of it is stored."""

import json
from typing import Any

import pytest

from chalicelib.domain.errors import Invalid, TooLarge
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.domain.tool_choice import Offer
from chalicelib.infrastructure import queues
from chalicelib.service.limits.admission import NO_LIMITS
from chalicelib.service.node import agent_facts
from chalicelib.service.node.node_directory import hostname_of
from chalicelib.service.peers.peer_client import Deadline
from chalicelib.service.scheduling.reservation import Placed
from chalicelib.service.tasks import create
from chalicelib.settings import forget_settings
from plugins import registry
from tests.builders import NODE, NOON, at, seconds, task

pytestmark = pytest.mark.usefixtures("empty_aws")

HINTS = {"requester": "192.0.2.1", "server": "192.0.2.2"}


def posted(**changes: JSON) -> dict[str, JSON]:
    test = {"type": "idle", "spec": {"duration": "PT2S"}}
    return {"schema": 1, "test": test, "schedule": {}, **changes}


def prepared(**changes: JSON) -> Task:
    return create.prepare(NODE, posted(**changes), HINTS, NOON, Deadline(25))


def test_numbers_without_a_fraction_are_kept_as_the_integers_they_are() -> None:
    spec = {"dest": "127.0.0.1", "count": 2.0, "length": 64.0}
    archive = {"archiver": "tcp", "data": {"host": "192.0.2.9", "port": 514.0}}
    one = prepared(
        schema=3,
        test={"type": "rtt", "spec": spec},
        schedule={"repeat": "PT1M", "max-runs": 3.0},
        priority=5.0,
        archives=[archive],
        reference={"mine": 1.0},
    )

    kept = json.dumps(one.document)
    assert '"count": 2,' in kept
    assert '"length": 64}' in kept
    assert '"max-runs": 3}' in kept
    assert '"priority": 5,' in kept
    assert '"port": 514}' in kept
    assert '"mine": 1.0}' in kept
    assert "--count 2" in " ".join(one.cli)


def test_a_posted_task_is_stored_with_all_that_was_decided() -> None:
    one = prepared(schedule={"slip": "PT5S"}, _key="sesame")

    assert one.document == posted(tool="snooze", schedule={"slip": "PT5S"}, _key="sesame")
    assert (one.cli, one.participants) == (["--duration", "PT2S"], (hostname_of(NODE),))
    assert (one.participant_key, one.key_is_made_up) == (None, False)
    assert (one.hints, one.diags, one.limit_diags) == (HINTS, NO_LIMITS, NO_LIMITS)
    assert one.schedule.slip == seconds(5)
    assert one.duration == registry.tools()["snooze"].duration("idle", one.spec)
    assert (one.scheduling_class, one.added, one.started_until) == ("background", NOON, None)


def test_a_task_without_a_schedule_has_an_empty_one() -> None:
    document = posted()
    del document["schedule"]

    assert create.prepare(NODE, document, HINTS, NOON, Deadline(25)).document["schedule"] == {}


def test_a_task_that_goes_on_counts_its_runs_together_from_its_posting() -> None:
    assert prepared(schedule={"repeat": "PT1M"}).started_until == NOON
    assert prepared().started_until is None


@pytest.mark.parametrize("more", [0, 1])
def test_a_task_may_have_so_many_characters(more: int) -> None:
    bare = len(json.dumps(posted(reference={"text": ""}), separators=(",", ":")))
    whole = posted(reference={"text": "x" * (create.LARGEST_TASK - bare + more)})

    if not more:
        assert create.check(whole, NOON)[0].name == "idle"
        return
    with pytest.raises(TooLarge, match=r"^The task has 150001 characters; at most 150000 are allowed$"):
        create.check(whole, NOON)


def test_archives_are_checked_by_who_delivers_to_them() -> None:
    wrong = posted(archives=[{"archiver": "nosuch", "data": {}}])

    with pytest.raises(Invalid, match=r"^/archives/0/archiver: "):
        create.check(wrong, NOON)
    assert create.check(wrong, NOON, with_archives=False)[0].name == "idle"


@pytest.mark.parametrize(
    ("longest", "test", "tool", "spec", "declined"),
    [
        (240, "idle", "sleep", {"duration": "PT4M"}, True),  # which it takes a second more for
        (240, "idle", "sleep", {"duration": "PT3M59S"}, False),
        (0, "idle", "sleep", {"duration": "PT1H"}, False),  # it may take as long as it takes
        (240, "idlebgm", "sleepbgm", {"duration": "PT1H", "interval": "PT1M"}, False),  # in parts
    ],
)
def test_a_run_too_long_for_a_runner_is_declined(
    monkeypatch: pytest.MonkeyPatch, longest: int, test: str, tool: str, spec: dict[str, JSON], declined: bool
) -> None:
    monkeypatch.setenv("PSCHEDULER_LONGEST_RUN", str(longest))
    forget_settings()

    found = create.reasons_against(NODE, registry.tools()[tool], test, spec)

    monkeypatch.undo()
    forget_settings()
    assert found == (["Would take longer than the PT4M a run can have on this node"] if declined else [])


def test_at_its_agent_a_run_may_take_as_long_as_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(create, "settings", lambda: type("Settings", (), {"longest_run": 240}))
    sleep, hour = registry.tools()["sleep"], {"duration": "PT1H"}
    assert len(create.reasons_against(NODE, sleep, "idle", hour)) == 1

    monkeypatch.setattr(create, "runs_at_agent", lambda node: node == NODE)

    assert create.reasons_against(NODE, sleep, "idle", hour) == []


def test_what_a_tool_has_against_a_test_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = {"duration": "PT2S"}
    monkeypatch.setattr(
        agent_facts, "reasons_against", lambda node, tool, test, spec: [f"{node} {tool.name} {test} {spec}"]
    )

    found = create.offers(NODE, "idle", spec)

    assert found == [
        Offer(tool.name, [f"{NODE} {tool.name} idle {spec}"]) for tool in registry.tools_for("idle")
    ]


@pytest.mark.parametrize(("plan_at", "is_planned"), [(NOON, True), (at(1), False), (None, False)])
def test_the_planner_goes_on_with_a_task_that_has_more_to_place(
    monkeypatch: pytest.MonkeyPatch, plan_at: Any, is_planned: bool
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(queues, "announce", lambda queue, messages: sent.append((queue, *messages)))
    one = task(plan_at=plan_at)

    create._plan_on(Placed(one), NOON)

    message = (create.PlanTask(NODE, one.uuid), seconds(0))
    assert sent == ([(queues.PLAN, message)] if is_planned else [])


def test_a_dry_run_says_when_the_first_run_would_be_and_stores_nothing() -> None:
    one, proposal = create.dry_run(NODE, posted(schedule={"start": "PT10M"}), HINTS, NOON)

    assert (one.schedule.start, proposal.start, proposal.reason) == (at(600), at(600), None)
    assert one.plan_at == NOON
