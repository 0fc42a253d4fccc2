"""What a posted task is checked for against this node, and which member is named."""

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.domain.errors import Invalid
from chalicelib.domain.repeat import Schedule
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import ZERO
from chalicelib.service.tasks import validation
from chalicelib.settings import forget_settings
from tests.builders import NODE, at, seconds


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PSCHEDULER_HOSTNAME", "here.example.org")
    monkeypatch.setenv("PSCHEDULER_LISTENS", "127.0.0.1:8000, 192.0.2.1:443")
    forget_settings()
    yield
    forget_settings()


def complaint(refusal: pytest.ExceptionInfo[Invalid]) -> tuple[str | None, str]:
    return refusal.value.pointer, refusal.value.sentence


@pytest.mark.parametrize(
    ("section", "pointer", "sentence"),
    [
        ({"type": "nosuch", "spec": {}}, "/test/type", "there is no test nosuch"),
        ({"type": "idle", "spec": {"duration": 5}}, "/test/spec/duration", None),
        ({"type": "idle", "spec": {}}, "/test/spec", None),
    ],
)
def test_a_test_has_to_be_here_and_its_spec_right(
    section: dict[str, JSON], pointer: str, sentence: str | None
) -> None:
    with pytest.raises(Invalid) as refusal:
        validation.test_of(section)

    assert complaint(refusal)[0] == pointer
    assert sentence in (None, complaint(refusal)[1])


def test_a_test_that_is_right_is_found() -> None:
    assert validation.test_of({"type": "idle", "spec": {"duration": "PT2S"}}).name == "idle"


@pytest.mark.parametrize(
    ("section", "wanted"),
    [
        ({}, Schedule(max_runs=1)),
        ({"max-runs": 5}, Schedule(max_runs=1)),  # without a repetition there is one
        ({"start": "PT5M"}, Schedule(start=at(300), max_runs=1)),
        (
            {"start": "2026-11-23T13:00:00Z", "slip": "PT1M", "sliprand": True},
            Schedule(start=at(3600), slip=seconds(60), sliprand=True, max_runs=1),
        ),
        ({"repeat": "PT1M"}, Schedule(repeat=seconds(60))),
        (
            {"repeat": "PT1M", "until": "PT1H", "max-runs": 5},
            Schedule(repeat=seconds(60), until=at(3600), max_runs=5),
        ),
        ({"repeat-cron": "0 * * * *", "max-runs": 2}, Schedule(cron="0 * * * *", max_runs=2)),
    ],
)
def test_a_schedule_is_resolved_when_it_is_posted(section: dict[str, JSON], wanted: Schedule) -> None:
    found = validation.schedule_of(section, at(0))

    assert found == wanted
    assert found.slip == (wanted.slip or ZERO)


@pytest.mark.parametrize("name", ["start", "until", "slip", "repeat"])
def test_a_time_that_is_none_is_named(name: str) -> None:
    with pytest.raises(Invalid) as refusal:
        validation.schedule_of({"repeat": "PT1M", name: "soon"}, at(0))

    assert complaint(refusal)[0] == f"/schedule/{name}"


FAIL = {"context": "changefail", "data": {}}


def test_each_participant_has_its_contexts() -> None:
    validation.contexts(None, 2)
    validation.contexts({"contexts": [[], [{"context": "changenothing", "data": {}}]]}, 2)


@pytest.mark.parametrize(
    ("lists", "pointer", "sentence"),
    [
        ([[]], "/contexts/contexts", "must have as many lists as the task has participants: 2, not 1"),
        (
            [[], [], []],
            "/contexts/contexts",
            "must have as many lists as the task has participants: 2, not 3",
        ),
        (
            [[], [{"context": "changenothing", "data": {}}, {"context": "nosuch", "data": {}}]],
            "/contexts/contexts/1/1/context",
            "there is no context nosuch",
        ),
        ([[{"context": "changenothing", "data": {"x": 1}}], []], "/contexts/contexts/0/0/data", None),
    ],
)
def test_a_context_that_cannot_be_is_named(
    lists: list[list[dict[str, Any]]], pointer: str, sentence: str | None
) -> None:
    with pytest.raises(Invalid) as refusal:
        validation.contexts({"contexts": lists}, 2)

    assert complaint(refusal)[0] == pointer
    assert sentence in (None, complaint(refusal)[1])


def test_a_lead_binds_to_an_address_of_its_own() -> None:
    validation.lead_bind({})
    validation.lead_bind({"lead-bind": "127.0.0.1"})

    with pytest.raises(Invalid) as refusal:
        validation.lead_bind({"lead-bind": "192.0.2.77"})

    assert complaint(refusal) == ("/lead-bind", "192.0.2.77 is not an address of this host")


@pytest.mark.parametrize(
    "names",
    [
        ["here.example.org"],
        ["here.example.org", "there.example.org"],
        ["here.example.org", "there.example.org", "there.example.org:8443"],  # another port, another node
        ["other.example.org", "there.example.org"],
    ],
)
def test_participants_on_systems_of_their_own_are_taken(names: list[str]) -> None:
    validation.participants(NODE, names)


@pytest.mark.parametrize(
    ("names", "second"),
    [
        (["here.example.org", "here.example.org"], "here.example.org"),
        (["other.example.org", "here.example.org"], "here.example.org"),  # this node, by its name
        (["here.example.org", "there.example.org", "there.example.org:443"], "there.example.org:443"),
        (["here.example.org", "localhost:8000"], "localhost:8000"),  # this node, where it listens
        (["here.example.org", "127.0.0.1:8000"], "127.0.0.1:8000"),
        (["here.example.org", "192.0.2.1"], "192.0.2.1"),
    ],
)
def test_two_names_of_one_system_are_refused(names: list[str], second: str) -> None:
    with pytest.raises(Invalid) as refusal:
        validation.participants(NODE, names)

    assert complaint(refusal) == (
        "/test/spec",
        f"participants have to be on separate systems, and {second} is a second name of one that takes part",
    )


@pytest.mark.parametrize(
    ("listens", "refused"),
    [("0.0.0.0:443", True), ("0.0.0.0:8443", False), ("127.0.0.2:443", False)],
)
def test_a_node_that_listens_everywhere_is_at_every_address_of_its_host(
    listens: str, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PSCHEDULER_LISTENS", listens)
    monkeypatch.setattr(validation, "is_local", lambda name: name == "192.0.2.5")
    forget_settings()
    names = ["here.example.org", "192.0.2.5"]

    if refused:
        with pytest.raises(Invalid):
            validation.participants(NODE, names)
    else:
        validation.participants(NODE, names)
    validation.participants(NODE, ["here.example.org", "192.0.2.6"])  # of another host
