from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from chalicelib.domain.errors import Invalid
from chalicelib.domain.specs import check_task
from tests.chance import by_chance
from tests.plugins.garbage import document

TEST = {"type": "idle", "spec": {"duration": "PT2S"}}
ARCHIVE = {"archiver": "bitbucket", "data": {}}

NEW_MEMBERS: dict[int, dict[str, Any]] = {
    2: {"contexts": {"contexts": [[{"context": "changenothing", "data": {}}]]}},
    3: {"priority": -7},
    4: {"debug": True},
    5: {"keep-after-archive": "PT1M"},
}


@pytest.mark.parametrize(
    "members",
    [
        {},  # the test is all there must be
        {"schema": 1, "schedule": {}, "archives": [], "tools": [], "reference": None, "_key": ""},
        {"lead-bind": "127.0.0.1", "tool": "sleep", "tools": ["sleep", "snooze"], "reference": {"a": [1]}},
        {"schedule": {"start": "PT1H", "slip": "PT5M", "sliprand": True, "repeat": "PT1H", "max-runs": 3}},
        {"schedule": {"schema": 1, "start": "@PT1H", "until": "2126-11-23T12:00:00Z"}},
        {"schedule": {"schema": 2, "repeat-cron": "0 * * * *", "repeat": "PT1H"}},
        {"archives": [{**ARCHIVE, "ttl": "PT1H", "transform": {"script": "."}}]},
        {"archives": [{**ARCHIVE, "schema": 2, "runs": "failed", "uri-host": "[::1]:8443"}]},
        # Each archive has a version of its own.
        {"archives": [ARCHIVE, {**ARCHIVE, "schema": 3, "label": "a", "runs": "all", "data": None}]},
        {"schema": 2, "contexts": {"schema": 9, "contexts": []}},
    ],
)
def test_a_task_is_taken(members: dict[str, Any]) -> None:
    check_task({"test": TEST, **members})


@pytest.mark.parametrize("since", NEW_MEMBERS)
def test_a_member_is_taken_from_the_version_on_that_brought_it(since: int) -> None:
    for version in range(since, 6):
        check_task({"schema": version, "test": TEST, **NEW_MEMBERS[since]})

    for version in range(1, since):
        with pytest.raises(Invalid, match="was unexpected"):
            check_task({"schema": version, "test": TEST, **NEW_MEMBERS[since]})


@pytest.mark.parametrize(
    ("members", "place", "member", "hint"),
    [
        ({"priority": 1}, "/", "priority", 'as it is, it needs "schema": 3 at /schema'),
        ({"priority": "x"}, "/", "priority", 'that needs "schema": 3 at /schema'),
        (
            {"schedule": {"repeat-cron": "0 * * * *"}},
            "/schedule",
            "repeat-cron",
            'as it is, it needs "schema": 2 at /schedule/schema',
        ),
        (
            {"schema": 5, "schedule": {"repeat-cron": "every hour"}},
            "/schedule",
            "repeat-cron",
            'that needs "schema": 2 at /schedule/schema',
        ),
        (
            {"archives": [ARCHIVE, {**ARCHIVE, "label": "a"}]},
            "/archives/1",
            "label",
            'as it is, it needs "schema": 3 at /archives/1/schema',
        ),
    ],
)
def test_a_member_of_a_later_version_is_told_which_and_where_to_say_so(
    members: dict[str, Any], place: str, member: str, hint: str
) -> None:
    with pytest.raises(Invalid) as error:
        check_task({"test": TEST, **members})

    unexpected = f'Additional properties are not allowed ("{member}" was unexpected)'
    assert error.value.message == f"{place}: {unexpected}; {hint}"
    assert error.value.pointer == place.rstrip("/")


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ({"schema": 0}, "/schema: version 0 is not supported (highest is 5)"),
        ({"schema": 6}, "/schema: version 6 is not supported (highest is 5)"),
        ({"schema": "1"}, '/schema: "1" is not an integer'),
        ({"schema": True}, "/schema: true is not an integer"),
        ({"wibble": 1}, '/: Additional properties are not allowed ("wibble" was unexpected)'),
        ({"participants": ["a"]}, "/: Additional properties are not allowed"),
        ({"test": None}, "/test: "),
        ({"test": {"type": "idle"}}, '/test: "spec" is a required property'),
        ({"test": {"type": 1, "spec": {}}}, "/test/type: "),
        ({"lead-bind": "a b"}, '/lead-bind: "a b" is not a host name or an IP address'),
        ({"tools": "sleep"}, "/tools: "),
        ({"_key": 5}, "/_key: "),
        ({"schema": 3, "priority": 1.5}, '/priority: 1.5 is not of type "integer"'),
        # The path goes on into what has a version of its own.
        ({"schedule": None}, "/schedule: must be an object"),
        ({"schedule": {"schema": 3}}, "/schedule/schema: version 3 is not supported (highest is 2)"),
        ({"schedule": {"wibble": 1}}, "/schedule: Additional properties"),
        ({"schedule": {"until": "forever"}}, '/schedule/until: "forever" is not an ISO 8601'),
        ({"schedule": {"repeat-cron": "* * * * *"}}, "/schedule: Additional properties"),
        (
            {"schedule": {"schema": 2, "repeat-cron": "@daily"}},
            '/schedule/repeat-cron: "@daily" is not five cron',
        ),
        ({"schedule": {"max-runs": 0}}, "/schedule/max-runs: 0 is less than the minimum of 1"),
        ({"archives": {}}, "/archives: "),
        ({"archives": ["a"]}, "/archives/0: must be an object"),
        ({"archives": [ARCHIVE, {"archiver": "a"}]}, '/archives/1: "data" is a required property'),
        ({"archives": [{**ARCHIVE, "runs": "all"}]}, "/archives/0: Additional properties"),
        ({"archives": [{**ARCHIVE, "schema": 2, "runs": "none"}]}, '/archives/0/runs: "none" is not one of'),
        ({"archives": [{**ARCHIVE, "schema": 2, "label": "a"}]}, "/archives/0: Additional properties"),
        (
            {"archives": [{**ARCHIVE, "transform": {}}]},
            '/archives/0/transform: "script" is a required property',
        ),
        ({"schema": 2, "contexts": [[]]}, "/contexts: "),
        ({"schema": 2, "contexts": {"contexts": [[{"context": "a"}]]}}, '/contexts/contexts/0/0: "data" is'),
    ],
)
def test_what_is_wrong_with_a_task_is_named(members: dict[str, Any], complaint: str) -> None:
    with pytest.raises(Invalid) as error:
        check_task({"test": TEST, **members})

    assert str(error.value).startswith(complaint)


@pytest.mark.parametrize("document", [None, True, 1, "text", [], [{}]])
def test_a_task_is_an_object(document: Any) -> None:
    with pytest.raises(Invalid, match=r"^/: must be an object$"):
        check_task(document)


def test_a_task_has_a_test() -> None:
    with pytest.raises(Invalid, match=r'^/: "test" is a required property$'):
        check_task({})


SECTIONS = {
    "schedule": ("schema", "start", "slip", "sliprand", "repeat", "repeat-cron", "until", "max-runs"),
    "archives": ("schema", "archiver", "data", "transform", "ttl", "runs", "uri-host", "label"),
}


def any_of(chance: Random, names: Sequence[str]) -> dict[str, Any]:
    return {chance.choice(names): document(chance, 2) for _ in range(chance.randrange(4))}


@by_chance
def test_any_json_is_a_task_or_gets_a_sentence(chance: Random) -> None:
    changes = any_of(chance, [*SECTIONS, "schema", "test", "tools", "contexts"])
    for section, names in SECTIONS.items():
        if chance.randrange(2):
            drawn = any_of(chance, names)
            changes[section] = [drawn] if section == "archives" else drawn

    try:
        check_task({"test": TEST, **changes})
    except Invalid as error:
        sentence = str(error)
    else:
        sentence = "/"

    assert sentence.startswith("/")
