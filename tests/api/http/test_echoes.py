"""Whatever a client sends, no answer that refuses it repeats it in full, or moves anybody's cursor."""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.api.openapi import openapi_document
from plugins import registry
from tests.api.conftest import Api, query

LONG = "x\0\x1b[2J\u202e" * 4000
LONGEST = 2500
UUID = "00000000-0000-4000-8000-000000000000"
TASK: dict[str, Any] = {
    "schema": 4,
    "test": {"type": "rtt", "spec": {"dest": "127.0.0.1"}},
    "tool": "ping",
    "tools": ["ping"],
    "lead-bind": "127.0.0.1",
    "schedule": {
        "schema": 2,
        "start": "PT1H",
        "slip": "PT1M",
        "repeat": "PT1H",
        "until": "P1D",
        "repeat-cron": "0 * * * *",
    },
    "archives": [
        {
            "schema": 3,
            "archiver": "bitbucket",
            "data": {},
            "ttl": "PT1M",
            "runs": "all",
            "uri-host": "a",
            "label": "a",
            "transform": {"script": ".", "args": {}},
        }
    ],
    "contexts": {"contexts": [[{"context": "changenothing", "data": {}}]]},
}


def _places(value: Any, *before: Any) -> Iterator[tuple[Any, ...]]:
    """The ways to all that is no object or array in a document."""
    if isinstance(value, dict | list):
        for step, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _places(item, *before, step)
    else:
        yield before


def _with(document: Any, place: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(document)
    inside = changed
    for step in place[:-1]:
        inside = inside[step]
    inside[place[-1]] = value
    return changed


def _is_fit_to_print(text: str) -> bool:
    return len(text) <= LONGEST and text.replace("\n", "").isprintable()


@pytest.mark.parametrize("value", [LONG, [LONG], {LONG: LONG}, "x" * 100_000, "0," * 50_000 + "0 * * * *"])
def test_no_member_of_a_task_is_repeated_in_full(api: Api, value: Any) -> None:
    answers = {
        place: api.ask("POST", "/tasks", _with(TASK, place, value))
        for place in (*_places(TASK), (LONG,), ("test", LONG), ("schedule", LONG), ("test", "spec", LONG))
    }

    refusing = {place: answer for place, answer in answers.items() if answer[0] >= 400}
    assert len(refusing) > 15
    assert [place for place, (_, text) in refusing.items() if not _is_fit_to_print(text)] == []


def test_no_member_of_a_spec_is_repeated_in_full(api: Api) -> None:
    wrong = []
    for name, test in registry.tests().items():
        for example in test.examples:
            for place in _places({**example, LONG: 1}):
                spec = json.dumps(_with({**example, LONG: 1}, place, LONG[:5000]))
                _, verdict = api.ask("POST", f"/tests/{name}/spec/is-valid", json.loads(spec))
                if not _is_fit_to_print(verdict.get("error", "")):
                    wrong.append((name, place))
    assert wrong == []


def test_no_argument_or_name_in_a_path_is_repeated_in_full(api: Api) -> None:
    long = LONG[:3000]
    wrong = {}
    for path, item in openapi_document.document()["paths"].items():
        names = [each["name"] for each in item.get("get", {}).get("parameters", ()) if each["in"] == "query"]
        where = path.replace("{task}", UUID).replace("{run}", "first").replace("{name}", "rtt")
        asked = [query(where, **{name: long}) for name in names if "{" not in where]
        asked += [
            path.replace(name, query("", x=text)[3:].replace("+", "%20"))
            for name in re.findall(r"{\w+}", path)
            for text in (long, long[:200])
        ]
        for url in asked:
            status, text = api.ask("GET", url)
            if status >= 400 and not _is_fit_to_print(text):
                wrong[url[:80]] = status, text[:200]
    assert wrong == {}


def test_no_argument_of_a_command_line_is_repeated_in_full(api: Api) -> None:
    wrong = []
    for name, test in registry.tests().items():
        options = [flag for field in test.fields for flag in field.flags.split()]
        given = [[LONG[:4000]], [f"--{LONG[:4000]}"], *([option, LONG[:4000]] for option in options)]
        for arguments in given:
            status, text = api.ask("GET", query(f"/tests/{name}/spec", args=json.dumps(arguments)))
            if status >= 400 and not _is_fit_to_print(text):
                wrong.append((name, arguments[0][:40], text[:300]))
    assert wrong == []
