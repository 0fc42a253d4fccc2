"""The archiver opensearch, towards a server of this machine that speaks the bulk API."""

import json

import pytest

from plugins.archivers import opensearch
from plugins.sdk.jobs import Outcome, Parcel
from tests.plugins.results import DOCUMENT, parcel
from tests.plugins.web import serving

CREATED = b'{"errors": false, "items": [{"create": {"status": 201, "result": "created"}}]}'


def test_a_document_is_created_under_the_run_with_a_timestamp() -> None:
    with serving({"/search/_bulk": (200, {}, CREATED)}) as server:
        url = f"http://perf:sonar@{server.host}/search/"
        outcome = opensearch.deliver(parcel({"_url": url, "index": "pscheduler-runs"}))

    method, path, headers, body = server.asked[0]
    action, document = (json.loads(line) for line in body.splitlines())
    assert outcome == Outcome(True)
    assert (method, path, headers["Content-Type"]) == ("POST", "/search/_bulk", "application/x-ndjson")
    assert headers["Authorization"].startswith("Basic ")
    assert action == {"create": {"_index": "pscheduler-runs", "_id": DOCUMENT["id"]}}
    assert document == {"@timestamp": "2026-11-26T12:00:00+00:00", **DOCUMENT}
    assert body.endswith(b"\n")


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (b'{"items": [{"create": {"status": 409, "error": {"type": "version_conflict"}}}]}', Outcome(True)),
        (
            b'{"items": [{"create": {"status": 400, "error": {"reason": "no such field"}}}]}',
            Outcome(False, "The document was refused with status 400: no such field"),
        ),
        (b"<html>", Outcome(False, "The server's response is not one of the bulk API")),
        (
            b'{"items": []}',
            Outcome(False, "The server's response is not one of the bulk API"),
        ),
    ],
)
def test_what_became_of_the_document_is_read_from_the_answer(answer: bytes, outcome: Outcome) -> None:
    with serving({"/_bulk": (200, {}, answer)}) as server:
        assert opensearch.deliver(parcel({"_url": server.url, "index": "runs"})) == outcome


def test_what_a_transform_made_of_it_is_put_into_an_object() -> None:
    with serving({"/_bulk": (200, {}, CREATED)}) as server:
        opensearch.deliver(Parcel({"_url": server.url, "index": "runs"}, "a text"))

    _, _, _, body = server.asked[0]
    lines = [json.loads(line) for line in body.splitlines()]
    assert lines == [{"create": {"_index": "runs"}}, {"result": "a text"}]
