"""Who may see what is private of a task, and who may change it."""

import pytest

from chalicelib.domain.errors import Forbidden
from chalicelib.domain.task import Task
from chalicelib.service.tasks import access
from chalicelib.service.tasks.access import Caller
from tests.builders import task

POSTER, STRANGER, SELF = "192.0.2.1", "192.0.2.9", "127.0.0.1"
"""Of these the builders' task was posted by the first."""
OPEN = task()
KEYED = task(document={**OPEN.document, "_key": "k"})
EMPTY = task(document={**OPEN.document, "_key": ""})
SHARED = task(participants=("here", "there"), participant_key="shared")


@pytest.mark.parametrize(
    ("required", "key", "opens"),
    [("k", "k", True), ("k", None, False), (None, "k", False), (None, None, False)],
)
def test_a_key_opens_what_it_is_for(required: str | None, key: str | None, opens: bool) -> None:
    assert access.opens(required, key) is opens
    assert access.shown({"_secret": 1, "open": 2}, required, key) == (
        {"_secret": 1, "open": 2} if opens else {"_secret": None, "open": 2}
    )


@pytest.mark.parametrize("key", ["K", "", "kk"])
def test_a_wrong_key_is_refused_rather_than_shown_less(key: str) -> None:
    with pytest.raises(Forbidden, match="The key is wrong"):
        access.shown({}, "k", key)


@pytest.mark.parametrize(
    ("owner", "key"),
    [(OPEN, None), (EMPTY, None), (KEYED, "k"), (SHARED, "shared"), (KEYED.evolve(participant_key="p"), "k")],
)
def test_results_open_with_the_tasks_key_or_with_that_of_its_participants(
    owner: Task, key: str | None
) -> None:
    assert access.reading_key(owner) == key


@pytest.mark.parametrize(
    ("owner", "caller", "key", "may"),
    [
        (OPEN, Caller(SELF), None, True),
        (OPEN, Caller(SELF, is_direct=False), None, False),  # through a proxy, or for a foreign page
        (OPEN, Caller(POSTER), None, True),
        (OPEN, Caller(POSTER, is_direct=False), None, True),
        (OPEN, Caller(POSTER, is_known=False), None, False),  # a proxy that nobody has named
        (OPEN, Caller(STRANGER), None, False),
        (OPEN, Caller(STRANGER), "any", False),
        (EMPTY, Caller(STRANGER), "", False),
        (EMPTY, Caller(POSTER), "", True),
        (KEYED, Caller(POSTER), None, True),
        (KEYED, Caller(STRANGER), "k", True),
        (SHARED, Caller(POSTER), None, False),  # several take part: the key alone counts
        (SHARED, Caller(STRANGER), "shared", True),
        (SHARED, Caller(SELF), None, True),
    ],
)
def test_a_task_is_changed_by_this_host_its_poster_or_a_holder_of_its_key(
    owner: Task, caller: Caller, key: str | None, may: bool
) -> None:
    if may:
        access.require_write(owner, caller, key)
    else:
        with pytest.raises(Forbidden):
            access.require_write(owner, caller, key)


@pytest.mark.parametrize("caller", [Caller(SELF), Caller(POSTER), Caller(STRANGER)])
def test_a_wrong_key_is_refused_whoever_brings_it(caller: Caller) -> None:
    with pytest.raises(Forbidden) as refusal:
        access.require_write(KEYED, caller, "wrong")

    assert refusal.value.message == "The key is wrong"


@pytest.mark.parametrize(
    ("owner", "sentence"),
    [
        (OPEN, "Only this host or the task's requester may do this"),
        (KEYED, "Only this host or the task's requester or the holder of the task's key may do this"),
        (SHARED, "Only this host or the holder of the task's key may do this"),
    ],
)
def test_whoever_may_not_is_told_who_may(owner: Task, sentence: str) -> None:
    with pytest.raises(Forbidden) as refusal:
        access.require_write(owner, Caller(STRANGER), None)

    assert refusal.value.message == sentence


WIRED = {"schema": 1, "interface": "eth1", "driver": "wired"}
SECRETIVE = task(
    document={
        **OPEN.document,
        "_key": "k",
        "test": {"type": "dot1x", "spec": {**WIRED, "_username": "probe", "_password": "secret"}},
    },
    cli=("--interface", "eth1"),
)


def test_a_command_line_is_whole_with_the_key_alone() -> None:
    assert access.arguments(SECRETIVE, None) == SECRETIVE.cli
    assert "secret" in " ".join(access.arguments(SECRETIVE, "k"))
    with pytest.raises(Forbidden):
        access.arguments(SECRETIVE, "wrong")


def test_a_command_line_for_everybody_has_nothing_private() -> None:
    public = access.public_arguments("dot1x", SECRETIVE.spec)

    assert public == ["--interface", "eth1", "--driver", "wired"]
