"""Transforms of strangers, from the POST to the delivery; and deliveries whose attempts never report."""

import dataclasses
from typing import Any

import pytest

from chalicelib.domain.delivery import ATTEMPT_TIMEOUT, MOST_SILENT
from chalicelib.service.archiving import attempt
from chalicelib.store import delivery_table
from plugins import registry
from tests.api.conftest import Api
from tests.builders import NODE

IDLE = {"schema": 1, "test": {"type": "idle", "spec": {"duration": "PT2S"}}, "schedule": {}}
ISO = 'import "pscheduler/iso8601" as iso;'


def archive(*script: str, **more: Any) -> dict[str, Any]:
    return {"archiver": "bitbucket", "data": {}, "transform": {"script": list(script), **more}}


def delivered(api: Api, task: str) -> dict[str, Any]:
    """The delivery of the task's run, attempted once."""
    ended = api.run(task)
    attempt.deliver(NODE, ended.uuid, 0, ended.end)
    (found,) = api.get(f"{task}/runs/first")["archivings"]
    return dict(found)


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("}{", "must be a jq script that compiles"),
        ("(" * 20_000 + "1" + ")" * 20_000, "must be a jq script that compiles"),
        ("." + " " * 140_000, "characters"),
        ('import "etc" as $etc {search: "/"}; $etc', "can be imported"),
    ],
)
def test_a_script_that_cannot_run_is_refused(api: Api, script: str, complaint: str) -> None:
    body = {**IDLE, "archives": [archive(script)]}

    status, text = api.ask("POST", "/tasks", body)

    assert status == 400
    assert text.startswith("/archives/0/transform/script: ")
    assert complaint in text


def test_the_modules_of_the_contract_are_there(api: Api) -> None:
    task = api.post_task(archives=[archive(ISO, "{seconds: iso::duration_as_seconds(.schedule.duration)}")])

    assert delivered(api, task)["archived"] is True


@pytest.mark.parametrize("script", ["def f: f; f", "reduce range(200000) as $i (.; [.])"])
def test_a_script_that_never_ends_or_breaks_jq_fails_its_delivery_alone(api: Api, script: str) -> None:
    task = api.post_task(archives=[archive(script)])

    found = delivered(api, task)

    assert (found["completed"], found["archived"]) == (True, False)
    assert "The transform failed" in found["diags"][0]["stderr"]


def test_attempts_that_end_the_process_are_given_up(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        """What a test can bear of the process that ends."""

    def kill(parcel: object) -> None:
        raise Killed

    bin_ = registry.archivers()["bitbucket"]
    mortal = {**registry.archivers(), "bitbucket": dataclasses.replace(bin_, deliver=kill)}
    task = api.post_task(archives=[{"archiver": "bitbucket", "data": {}}])
    ended = api.run(task)
    monkeypatch.setattr(registry, "archivers", lambda: mortal)

    for number in range(MOST_SILENT):
        with pytest.raises(Killed):
            attempt.deliver(NODE, ended.uuid, 0, ended.end + number * ATTEMPT_TIMEOUT)
    attempt.deliver(NODE, ended.uuid, 0, ended.end + MOST_SILENT * ATTEMPT_TIMEOUT)

    given_up = delivery_table.get(NODE, ended.uuid, 0)
    assert (given_up.completed, given_up.archived, given_up.next_attempt) == (True, False, None)
    assert "never reported" in given_up.diags[-1]["stderr"]
