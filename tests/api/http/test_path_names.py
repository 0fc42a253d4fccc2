"""What is no identifier in a path is a 404 ahead of everything else (docs/contract/api.md, Global rules)."""

import pytest

from chalicelib.api.openapi import operations
from tests.api.conftest import Api, query

UUID = "00000000-0000-4000-8000-000000000000"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
NO_IDENTIFIERS = ("NOPE", "1", f"urn:uuid:{UUID}", f"{UUID}x", "%00", "%C3%A9", "x" * 300)


def paths(**names: str) -> list[str]:
    """The paths of all pages that are of a task or a run, with names in place of their identifiers."""
    import app  # noqa: F401 - fills the table of pages

    return [path.format(**names) for path in operations.PAGES if "{task}" in path or "{run}" in path]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", NO_IDENTIFIERS)
def test_what_is_no_identifier_is_not_found_by_any_method(api: Api, method: str, name: str) -> None:
    wrong = [*paths(task=name, run=UUID), *(path for path in paths(task=UUID, run=name) if name in path)]

    statuses = {path: api.ask(method, path)[0] for path in wrong}

    assert len(wrong) == 8
    assert set(statuses.values()) == {404}, statuses


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("arguments", "body", "headers"),
    [
        ({"api": "99"}, None, {}),
        ({"api": "x"}, None, {}),
        ({"format": "text/csv", "wait": "-1", "wait-local": "", "wait-merged": ""}, None, {}),
        ({"participant": "x", "start": "never", "key": "guessed"}, None, {}),
        ({}, b"{", {}),
        ({}, b"\xff\xfe", {"Content-Encoding": "gzip"}),
        ({}, b" " * 600_000, {}),
        ({}, None, {"X-API-Key": "psk.no.key"}),
        ({}, None, {"X-pScheduler-Requester": "nobody"}),
        ({}, None, {"Origin": "https://elsewhere.example"}),
    ],
)
def test_nothing_else_that_is_wrong_comes_first(
    api: Api, method: str, arguments: dict[str, str], body: bytes | None, headers: dict[str, str]
) -> None:
    api.call_from("192.0.2.1")
    task = api.post_task(_key="secret", schedule={"start": "PT1H"})
    wrong = [*paths(task="NOPE", run="first"), f"{task}/runs/NOPE", f"{task}/runs/NOPE/result"]

    statuses = {path: api.ask(method, query(path, **arguments), body, **headers)[0] for path in wrong}

    assert set(statuses.values()) == {404}, statuses


@pytest.mark.parametrize(
    ("method", "status"), [("GET", 404), ("HEAD", 404), ("PUT", 404), ("DELETE", 404), ("PATCH", 405)]
)
def test_the_words_for_runs_are_taken_where_a_page_reads_them_alone(
    api: Api, method: str, status: int
) -> None:
    path = f"{api.post_task(schedule={'repeat': 'PT1H'})}/runs/first"

    bad = api.ask(method, f"{path}?api=x")[0]

    assert bad == (400 if method in ("GET", "HEAD") else status)


def test_a_preflight_is_answered_whatever_the_name(api: Api) -> None:
    assert api.ask("OPTIONS", "/tasks/NOPE")[0] == 200
    assert api.headers["Allow"] == "GET, POST, DELETE, HEAD, OPTIONS"


def test_a_wrong_method_at_what_may_be_there_is_still_a_405(api: Api) -> None:
    assert {api.ask("PATCH", path)[0] for path in paths(task=UUID, run=UUID)} == {405}
