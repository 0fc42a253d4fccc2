"""What client and node agree on besides the content: problem documents, ETags, compression, origins."""

import gzip
import itertools
import json
import random
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.api.http import negotiation, problems
from chalicelib.api.http.answer import JSON_TYPE, Answer
from chalicelib.domain import errors
from chalicelib.settings import forget_settings
from tests.api.conftest import IDLE, Api

UNKNOWN = "/tasks/00000000-0000-4000-8000-000000000000"
PROBLEM = {"Accept": "application/problem+json"}
LATER = {**IDLE, "schedule": {"start": "PT1H"}}


# --- problems ---------------------------------------------------------------------------------------


def test_a_problem_document_says_what_it_is_in_words_for_programs(api: Api) -> None:
    status, problem = api.ask("GET", UNKNOWN, **PROBLEM)

    assert status == 404
    assert api.headers["Content-Type"] == "application/problem+json"
    assert problem["type"] == "urn:pscheduler:problem:not-found"
    assert problem["status"] == 404
    assert problem["title"]
    assert UNKNOWN.rsplit("/", 1)[-1] in problem["detail"]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/problem+json", "application/problem+json"),
        ("application/json, application/problem+json;q=0.9", "application/problem+json"),
        ("Application/Problem+JSON", "application/problem+json"),
        ("application/problem+json;q=0", "text/plain; charset=utf-8"),
        ("application/json", "text/plain; charset=utf-8"),
        ("*/*", "text/plain; charset=utf-8"),
        ("", "text/plain; charset=utf-8"),
    ],
)
def test_only_who_asks_for_problem_documents_gets_them(api: Api, accept: str, kind: str) -> None:
    api.ask("GET", UNKNOWN, Accept=accept)

    assert api.headers["Content-Type"] == kind


@pytest.mark.parametrize("weight", ["nan", "inf", "1_0", "٣", "+1", "-1", "x", ""])
def test_a_kind_whose_weight_is_no_number_is_not_preferred(weight: str) -> None:
    kinds = ("application/json", "text/plain")

    assert negotiation.preferred({"accept": f"text/plain;q={weight}"}, kinds) == "application/json"
    also = f"application/json;q={weight}, text/plain;q=0.001"
    assert negotiation.preferred({"accept": also}, kinds) == "text/plain"


def test_a_problem_points_at_the_member_at_fault(api: Api) -> None:
    status, problem = api.ask("POST", "/tasks", {**IDLE, "test": {"type": "no-such", "spec": {}}}, **PROBLEM)

    assert status == 400
    assert problem["pointer"] == "/test/type"
    assert problem["type"].endswith(":invalid")


def test_a_wrong_method_is_a_problem_too(api: Api) -> None:
    status, problem = api.ask("PATCH", "/tasks", **PROBLEM)

    assert status == 405
    assert problem["type"].endswith(":method")
    assert "GET" in api.headers["Allow"]


def test_every_error_of_the_product_has_a_status_of_its_own_kind() -> None:
    kinds = [one for one in vars(errors).values() if isinstance(one, type)]
    internal = (errors.PluginFailed, errors.Cancelled, errors.PSchedulerError)

    for kind in kinds:
        if kind not in internal and issubclass(kind, errors.PSchedulerError):
            assert any(issubclass(kind, known) for known, _, _ in problems.STATUSES), kind
    assert all(f"{problems.TYPE_PREFIX}{name}" in problems.NAMES for _, _, name in problems.STATUSES)


# --- ETags ------------------------------------------------------------------------------------------


def conditional(api: Api) -> list[str]:
    path = api.post_task()
    run = api.run(path)
    return [
        path,
        f"{path}?detail",
        f"{path}/runs/{run.uuid}",
        f"{path}/runs/{run.uuid}/result",
        f"{path}/runs/{run.uuid}/result?format=text/plain",
        "/tests",
        "/tests/idle",
        "/tests/idle/schema",
        "/tools/snooze",
        "/archivers?expanded",
        "/contexts/changenothing",
        "/openapi.json",
    ]


def test_what_the_client_has_already_is_not_sent_again(api: Api) -> None:
    for path in conditional(api):
        api.get(path)
        tag = api.headers["ETag"]

        assert api.ask("GET", path, **{"If-None-Match": tag}) == (304, ""), path
        assert api.headers["ETag"] == tag
        assert api.ask("GET", path, **{"If-None-Match": f'"x", {tag}'})[0] == 304
        assert api.ask("GET", path, **{"If-None-Match": "*"})[0] == 304
        assert api.ask("GET", path, **{"If-None-Match": '"x"'})[0] == 200


def test_what_has_changed_is_sent_again(api: Api) -> None:
    path = api.post_task(schedule={"start": "PT1H"})
    api.get(f"{path}?detail")
    tag = api.headers["ETag"]
    api.ask("DELETE", path)

    status, task = api.ask("GET", f"{path}?detail", **{"If-None-Match": tag})

    assert status == 200
    assert task["detail"]["enabled"] is False


def test_a_key_opens_another_version(api: Api) -> None:
    path = api.post_task(_key="sesame", schedule={"start": "PT1H"})
    api.get(path)
    tag = api.headers["ETag"]

    assert api.ask("GET", f"{path}?key=sesame", **{"If-None-Match": tag})[0] == 200


def test_an_error_has_no_version(api: Api) -> None:
    assert api.ask("GET", UNKNOWN, **{"If-None-Match": "*"})[0] == 404
    assert "ETag" not in api.headers


# --- compression ------------------------------------------------------------------------------------


def test_a_large_answer_is_compressed_for_who_can_unpack_it(api: Api) -> None:
    plain = api.client.http.request("GET", "/openapi.json", headers={"Host": "node.test"}).body
    packed = api.client.http.request(
        "GET", "/openapi.json", headers={"Host": "node.test", "Accept-Encoding": "br;q=1, gzip;q=0.5"}
    )

    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert gzip.decompress(packed.body) == plain
    assert len(packed.body) < len(plain) / 4


TASK = json.dumps(LATER).encode()
RAW = zlib.compressobj(wbits=-zlib.MAX_WBITS)
BARE = RAW.compress(TASK) + RAW.flush()
ZIPPED = gzip.compress(TASK, mtime=0)


@pytest.mark.parametrize(
    ("coding", "body", "status"),
    [
        ("gzip", ZIPPED, 200),
        ("X-GZIP", ZIPPED, 200),
        ("identity, gzip", ZIPPED, 200),
        ("deflate", zlib.compress(TASK), 200),
        ("identity", TASK, 200),
        ("UTF-8", TASK, 200),  # not a coding: the reference server takes no notice either
        ("deflate", ZIPPED, 400),
        ("deflate", BARE, 400),  # RFC 9110 section 8.4.1.2: it is zlib's format
        ("deflate", zlib.compress(TASK)[:-9], 400),
        ("deflate", TASK, 400),
        ("deflate", zlib.compress(b" " * 12_000_000), 413),
        ("br", TASK, 415),
        ("zstd", TASK, 415),
        ("gzip, gzip", gzip.compress(ZIPPED, mtime=0), 415),
        ("deflate, br", TASK, 415),
        ("br", b"", 400),
    ],
    ids=lambda part: f"{len(part)} bytes" if isinstance(part, bytes) else str(part),
)
def test_a_body_may_come_compressed_in_what_is_known_here(
    api: Api, coding: str, body: bytes, status: int
) -> None:
    answer = api.ask("POST", "/tasks", body, **{"Content-Encoding": coding})

    assert answer[0] == status, answer
    assert api.headers.get("Accept-Encoding") == ("gzip, deflate" if status == 415 else None)


@pytest.mark.parametrize(
    ("path", "accepted"),
    [("/openapi.json", "identity"), ("/openapi.json", "gzip;q=0"), ("/openapi.json", ""), ("/api", "gzip")],
)
def test_it_goes_out_as_it_is_to_who_cannot_or_where_it_would_not_pay(
    api: Api, path: str, accepted: str
) -> None:
    api.ask("GET", path, **{"Accept-Encoding": accepted})

    assert "Content-Encoding" not in api.headers


def test_the_front_passes_a_compressed_answer_on(empty_aws: None) -> None:
    from app import app
    from local import gateway
    from local.routes import Routes

    event: Any = gateway.event(
        gateway.Request(
            method="GET",
            target="/pscheduler/openapi.json",
            headers={"Host": "node.test", "Accept-Encoding": "gzip"},
            body=b"",
            client="127.0.0.1",
            server="127.0.0.1",
            port=80,
            scheme="http",
        ),
        Routes(app.routes),
    )
    response = gateway.response(app(event, gateway.Context("api", 29)))

    assert json.loads(gzip.decompress(response.body))["openapi"].startswith("3.1")


def test_what_is_read_while_it_is_sent_is_compressed_on_the_way() -> None:
    whole = b"0123456789" * 10_000
    answer = Answer(iter([whole[:50_000], b"", whole[50_000:]]), JSON_TYPE)

    response = negotiation.sent(answer, {"accept-encoding": "gzip"}, with_body=True)

    assert response.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(b"".join(response.body)) == whole


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_of_an_endless_answer_lambda_reads_no_more_than_it_may_give(encoding: str) -> None:
    read = itertools.count()
    endless = (random.Random(number).randbytes(100_000).hex().encode() for number in read)
    response = negotiation.sent(Answer(endless, JSON_TYPE), {"accept-encoding": encoding}, with_body=True)

    assert negotiation.joined(response) is None
    assert next(read) < 150


def test_an_iterator_is_given_to_lambda_in_one_piece() -> None:
    response = negotiation.sent(Answer(iter([b"[1,", b"2]\n"]), JSON_TYPE), {}, with_body=True)

    joined = negotiation.joined(response)

    assert joined is not None
    assert joined.to_dict()["body"] == "[1,2]\n"


def test_what_fails_at_the_beginning_of_an_iterator_still_gets_a_status() -> None:
    def broken() -> Iterator[bytes]:
        raise errors.NotFound("gone")
        yield b""

    with pytest.raises(errors.NotFound):
        Answer(broken()).begun()


# --- origins ----------------------------------------------------------------------------------------

HERE = "https://dashboard.test"


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch, api: Api) -> Iterator[Api]:
    monkeypatch.setenv("PSCHEDULER_ORIGINS", f"https://other.test, {HERE}")
    forget_settings()
    yield api
    monkeypatch.undo()
    forget_settings()


def test_pages_of_a_configured_origin_may_read_answers_errors_too(shared: Api) -> None:
    for path in ("/tests", UNKNOWN):
        shared.ask("GET", path, Origin=HERE)

        assert shared.headers["Access-Control-Allow-Origin"] == HERE
        assert "Link" in shared.headers["Access-Control-Expose-Headers"]
        assert "Origin" in shared.headers["Vary"]


def test_pages_of_another_origin_may_not(shared: Api) -> None:
    shared.ask("GET", "/tests", Origin="https://evil.test")

    assert "Access-Control-Allow-Origin" not in shared.headers


def test_a_browser_that_asks_first_is_told_what_it_may_send(shared: Api) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "idempotency-key"}

    assert shared.ask("OPTIONS", "/tasks", Origin=HERE, **asked)[0] == 200

    assert "POST" in shared.headers["Access-Control-Allow-Methods"]
    assert shared.headers["Access-Control-Allow-Headers"] == "idempotency-key"


def test_nobody_may_where_no_origin_is_configured(api: Api) -> None:
    api.ask("GET", "/tests", Origin=HERE)

    assert not [name for name in api.headers if name.startswith("Access-Control")]


def test_all_may_where_every_origin_is(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PSCHEDULER_ORIGINS", "*")
    forget_settings()
    api.ask("GET", "/tests", Origin="https://any.test")
    monkeypatch.undo()
    forget_settings()

    assert api.headers["Access-Control-Allow-Origin"] == "https://any.test"
