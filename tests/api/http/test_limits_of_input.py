"""Whatever is sent: too deep, too large or no JSON, it is refused, and says what is wrong."""

import json
import re
import urllib.parse
from typing import Any

import pytest

from chalicelib.api.http.request import LARGEST_BODY, LARGEST_DOCUMENT
from chalicelib.api.openapi import operations
from chalicelib.domain.documents import DEEPEST
from tests.api.conftest import IDLE, Api

DEEP = "[" * 300 + "]" * 300
MALFORMED = {
    "deep": (DEEP, "nested too deeply"),
    "deeper": ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
    "digits": ("1" * 5000, "has 5000 digits"),
    "nan": ("NaN", "NaN is not a number"),
    "infinity": ("-Infinity", "-Infinity is not a number"),
    "too large": ("1e999", "1e999 is not a number"),
    "surrogate": (r'"\ud800"', "surrogate"),
}


@pytest.mark.parametrize(("text", "complaint"), MALFORMED.values(), ids=MALFORMED)
def test_a_task_that_holds_it_is_refused(api: Api, text: str, complaint: str) -> None:
    body = json.dumps({**IDLE, "reference": "HERE"}).replace('"HERE"', text).encode()

    status, sentence = api.ask("POST", "/tasks", body)

    assert (status, sentence[:9]) == (400, "The body:")
    assert complaint in sentence


@pytest.mark.parametrize(
    ("path", "argument"),
    [
        ("/tasks", "json"),
        ("/tools", "test"),
        ("/limits", "proposal"),
        ("/tests/idle/spec/is-valid", "spec"),
        ("/tests/idle/participants", "spec"),
        ("/tests/idle/tools", "spec"),
        ("/archivers/http/data-is-valid", "data"),
        ("/contexts/changenothing/data-is-valid", "data"),
        ("/tests/rtt/spec", "args"),
    ],
)
@pytest.mark.parametrize(("text", "complaint"), MALFORMED.values(), ids=MALFORMED)
def test_an_argument_that_holds_it_is_refused(
    api: Api, path: str, argument: str, text: str, complaint: str
) -> None:
    status, answer = api.ask("GET", f"{path}?{argument}={urllib.parse.quote(text)}")

    assert status in (200, 400)
    assert complaint in str(answer)


@pytest.mark.parametrize("path", ["/tasks", "/tasks/cancel", "/tools"])
def test_a_body_that_is_too_deep_or_too_large_is_refused(api: Api, path: str) -> None:
    assert api.ask("POST", path, DEEP.encode())[0] == 400
    assert api.ask("POST", path, b" " * (LARGEST_BODY + 1))[0] == 413
    assert api.ask("POST", path, b" " * (LARGEST_DOCUMENT + 1))[0] == 413


@pytest.mark.parametrize("most", [LARGEST_DOCUMENT, LARGEST_BODY], ids=["document", "result"])
def test_what_would_take_much_to_read_is_refused_unread(
    api: Api, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    task, read = api.post_task(), []
    run = api.get(f"{task}/runs/first")["href"].removeprefix("http://node.test")
    monkeypatch.setattr("chalicelib.api.http.request.load", lambda *given: read.append(given))
    path = ("POST", "/tasks") if most == LARGEST_DOCUMENT else ("PUT", run)

    status, sentence = api.ask(*path, b"[" + b"[]," * (most // 3) + b"[]]")

    assert (status, "The body has" in sentence, read) == (413, True, [])


def test_what_is_as_deep_as_may_be_is_taken_searched_and_cancelled(api: Api) -> None:
    reference: Any = 1
    for level in range(DEEPEST - 2):
        reference = {"a": reference} if level % 2 else [reference]

    task = api.post_task(reference=reference)

    assert api.get(task)["reference"] == reference
    found = api.get(f"/tasks?json={urllib.parse.quote(json.dumps({'reference': reference}))}")
    assert [href.rsplit("/", 1)[-1] for href in found] == [task.rsplit("/", 1)[-1]]
    assert api.ask("POST", "/tasks/cancel", {"filter": {"reference": reference}})[1]["canceled"] == found


def test_an_archive_of_an_archive_as_deep_as_may_be_breaks_nothing(api: Api) -> None:
    archive: Any = {"archiver": "bitbucket", "data": {}}
    for _ in range(28):
        archive = {
            "archiver": "failer",
            "data": {"fail": 0, "archiver": archive["archiver"], "data": archive["data"]},
        }

    status, _ = api.ask("POST", "/tasks", {**IDLE, "archives": [archive]})

    assert status in (200, 400)


def test_a_name_in_a_path_longer_than_any_is_not_found(api: Api) -> None:
    paths = {
        re.sub(r"\{\w+\}", "a" * 3000, path)
        for path, methods in operations.PAGES.items()
        if "{" in path and "GET" in methods
    }

    assert len(paths) > 20
    assert {path[:30]: api.ask("GET", path)[0] for path in paths} == {path[:30]: 404 for path in paths}
