"""Taking part in a task that another node leads: what is refused, and what is the same again."""

from typing import Any

import pytest

from chalicelib.domain.errors import Invalid
from chalicelib.domain.names import TaskId
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.service.tasks import create, join
from chalicelib.service.tasks.join import Part
from chalicelib.store import task_table
from chalicelib.store.transactions import sharing
from tests.builders import NODE, NOON, at, seconds, task

pytestmark = pytest.mark.usefixtures("empty_aws")

UUID = TaskId("aaaaaaaa-0000-4000-8000-000000000000")
HINTS = {"requester": "192.0.2.1"}
MADE_UP = "k" * 48
"""As a lead of the reference makes one up."""
BOTH = ["lead.example.org", "here.example.org"]


def told(**changes: JSON) -> dict[str, JSON]:
    test = {"type": "idle", "spec": {"duration": "PT2S"}}
    whole = {"schema": 1, "test": test, "schedule": {}, "tool": "snooze", "participants": BOTH, **changes}
    return {name: value for name, value in whole.items() if value is not None}


def joined(document: JSON = None, number: int = 1, made_up: bool | None = None) -> Task:
    return join.join(NODE, UUID, Part(number, made_up), document or told(), HINTS, NOON)


def test_a_task_that_is_joined_is_stored_as_its_lead_has_it() -> None:
    one = joined(told(schedule={"start": "PT1M"}, _key="sesame"))

    assert task_table.get(NODE, UUID) == one
    document = told(participants=None, _key="sesame", schedule={"start": "PT1M"})
    assert (one.uuid, one.document, one.schedule.start) == (UUID, document, at(60))
    assert (one.participant, one.participants, one.hints) == (1, tuple(BOTH), HINTS)
    assert (one.added, one.duration, one.participant_key) == (NOON, seconds(3), None)


@pytest.mark.parametrize(
    ("key", "made_up", "is_made_up"),
    [
        (MADE_UP, None, True),
        ("sesame", None, False),
        (MADE_UP, False, False),
        ("sesame", True, True),
        (None, True, False),
        (None, None, False),
    ],
)
def test_a_key_is_the_leads_own_where_it_says_so_or_looks_like_it(
    key: str | None, made_up: bool | None, is_made_up: bool
) -> None:
    assert joined(told(_key=key), made_up=made_up).key_is_made_up is is_made_up


@pytest.mark.parametrize(
    ("document", "number", "sentence"),
    [
        ([], 1, "/: must be an object"),
        (told(participants=None), 1, "/participants: must be an array of all participants, two or more"),
        (told(participants=BOTH[:1]), 1, "/participants: must be an array of all participants, two or more"),
        (told(participants="both"), 1, "/participants: must be an array of all participants, two or more"),
        (told(participants=[*BOTH, 3]), 1, "/participants/2: must be the name of a host"),
        (told(), 0, "participant: must be from 1 to 1; there are 2 participants"),
        (told(), 2, "participant: must be from 1 to 1; there are 2 participants"),
        (told(tool="nosuch"), 1, "/tool: there is no tool nosuch"),
        (told(tool=None), 1, "/tool: must name the tool that the lead has chosen"),
        (
            told(test={"type": "idle", "spec": {"duration": "PT1H"}}),
            1,
            "/tool: snooze declines here: Only sleeps up to 60 seconds",
        ),
    ],
)
def test_what_cannot_be_joined_is_refused_by_its_member(document: JSON, number: int, sentence: str) -> None:
    with pytest.raises(Invalid) as refusal:
        join.join(NODE, UUID, Part(number), document, HINTS, NOON)

    assert str(refusal.value) == sentence


def test_a_participant_that_is_no_host_is_named() -> None:
    with pytest.raises(Invalid, match=r"^/participants/1: "):
        joined(told(participants=[BOTH[0], "no host"]))


def test_all_that_a_tool_has_against_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(create, "reasons_against", lambda *_: ["this", "that"])

    with pytest.raises(Invalid, match=r"^/tool: snooze declines here: this; that$"):
        joined()


@pytest.mark.parametrize("kind", ["idle", "idlebgm"])
def test_archives_are_the_leads_but_for_results_that_stream(kind: str) -> None:
    spec = {"duration": "PT10M", "interval": "PT1M"} if kind == "idlebgm" else {"duration": "PT2S"}
    document = told(
        test={"type": kind, "spec": spec},
        tool="sleepbgm" if kind == "idlebgm" else "snooze",
        archives=[{"archiver": "nosuch", "data": {}}],
    )

    if kind == "idle":
        assert joined(document).archives == document["archives"]
        return
    with pytest.raises(Invalid, match=r"^/archives/0/archiver: "):
        joined(document)


@pytest.mark.parametrize(("number", "is_refused"), [(1, False), (2, True)])
def test_a_participant_has_to_have_its_own_contexts_alone(number: int, is_refused: bool) -> None:
    there, missing = ({"context": name, "data": {}} for name in ("changenothing", "nosuch"))
    document = told(
        participants=[*BOTH, "third.example.org"],
        contexts={"schema": 1, "contexts": [[missing], [there], [missing]]},
        schema=2,
    )

    if not is_refused:
        assert joined(document, number).document["contexts"] == document["contexts"]
        return
    with pytest.raises(Invalid, match=r"^/contexts/contexts/2/0/context: there is no context nosuch$"):
        joined(document, number)


def test_joining_again_is_harmless() -> None:
    first = joined()

    assert joined() == first


@pytest.mark.parametrize(
    "changes",
    [
        {"participant": 2},
        {"participants": ("a", "b")},
        {"enabled": False},
        {"document": told(participants=None, tool="sleep")},
        {"document": told(participants=None, _key="other")},
        {"document": told(participants=None, test={"type": "idle", "spec": {"duration": "PT3S"}})},
    ],
)
def test_another_task_under_the_same_uuid_is_refused(changes: dict[str, Any]) -> None:
    known = {"document": told(participants=None), "participant": 1, "participants": tuple(BOTH), **changes}
    sharing.insert(task(uuid=UUID, **known), NOON)

    with pytest.raises(Invalid, match=f"^There is a task {UUID} already$"):
        joined()


def test_whoever_leads_a_task_does_not_take_part_in_it_as_another() -> None:
    sharing.insert(task(uuid=UUID), NOON)

    with pytest.raises(Invalid) as refusal:
        joined()

    separate = "participants have to be on separate systems"
    assert str(refusal.value) == f"/participants/1: {separate}; this one leads the task"


def test_a_task_that_is_gone_again_at_once_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    sharing.insert(task(uuid=UUID), NOON)
    monkeypatch.setattr(join, "_known", lambda node, uuid: None)

    with pytest.raises(Invalid, match=f"^There is a task {UUID} already$"):
        joined()
