"""What holds for every page (docs/contract/api.md, Global rules)."""

import json

import pytest

from chalicelib.api.openapi import openapi_document
from tests.api.conftest import IDLE, Api, query

UNKNOWN = "/tasks/00000000-0000-4000-8000-000000000000"


def test_compact_or_pretty_json_ends_in_a_newline(api: Api) -> None:
    plain = api.client.http.get("/tests/idle").body.decode()
    pretty = api.client.http.get("/tests/idle?pretty").body.decode()

    assert plain.endswith("}\n")
    assert ": " not in plain.replace("http://", "")[:40]
    assert pretty.startswith('{\n    "description"')


@pytest.mark.parametrize(
    ("level", "status"),
    [("7", 200), ("6", 200), ("1", 200), ("8", 501), ("x", 400), ("", 400), ("0_6", 400), ("-6", 200)],
)
def test_a_level_above_this_nodes_is_not_spoken(api: Api, level: str, status: int) -> None:
    assert api.ask("GET", f"/tests?api={level}")[0] == status


IN_NO_NUMBER = ("1_0", " 1", "1 ", "+1", "٣", "1.0", "1e1", "0x1", "9" * 39)


def refused(name: str, text: str) -> tuple[int, str]:
    return 400, f"{name}: {json.dumps(text, ensure_ascii=False)} is not an integer of at most 38 digits\n"


def test_an_integer_is_ascii_digits_in_all_arguments_that_are_one(api: Api) -> None:
    """Whichever the operations declare, so that a new one is held to it as well."""
    task = api.post_task().rsplit("/", 1)[-1]
    run = UNKNOWN.rsplit("/", 1)[-1]  # "first" is one to GET alone
    asked = [
        (method, path.replace("{task}", task).replace("{run}", run), each["name"])
        for path, item in openapi_document.document()["paths"].items()
        for method, told in item.items()
        for each in told["parameters"]
        if each["in"] == "query" and each.get("schema", {}).get("type") == "integer"
        if each["name"] == "api" or (method == "get" and path not in ("/agent/bell", "/events"))
    ]

    wrong = {
        (method, path, name, text): answer
        for method, path, name in asked
        for text in (IN_NO_NUMBER if name != "api" else IN_NO_NUMBER[:1])
        if (answer := api.ask(method.upper(), query(path, **{name: text}))) != refused(name, text)
    }

    assert len(asked) > 100
    assert {name for *_, name in asked} == {"api", "limit", "priority", "wait", "window"}
    assert wrong == {}


@pytest.mark.parametrize("path", ["/", "/tests", "/tasks", UNKNOWN])
def test_a_wrong_method_is_told_which_are_right(api: Api, path: str) -> None:
    status, text = api.ask("PATCH", path)

    assert status == 405
    assert "GET" in api.headers["Allow"]
    assert "PATCH is not allowed here" in text


def test_options_and_head_work(api: Api) -> None:
    assert api.ask("OPTIONS", "/tasks")[0] == 200
    assert api.headers["Allow"] == "GET, POST, HEAD, OPTIONS"
    assert api.ask("HEAD", "/tests") == (200, "")


def test_errors_are_plain_text(api: Api) -> None:
    status, text = api.ask("GET", UNKNOWN)

    assert status == 404
    assert api.headers["Content-Type"].startswith("text/plain")
    assert text.endswith("\n")


@pytest.mark.parametrize(
    ("written", "status"),
    [("{}", 200), ("{{{}}}", 200), ("urn:uuid:{}", 404), ("{}x", 404), ("zz", 404)],
)
def test_identifiers_are_taken_in_three_forms(api: Api, written: str, status: int) -> None:
    uuid = api.post_task().rsplit("/", 1)[-1]

    for form in (uuid, uuid.upper(), uuid.replace("-", "")):
        assert api.ask("GET", f"/tasks/{written.format(form)}")[0] == status


def test_comments_in_a_body_are_dropped(api: Api) -> None:
    task = api.post_task(**{"#note": "x", "reference": {"#a": 1, "b": 2}})

    assert api.get(task)["reference"] == {"b": 2}


@pytest.mark.parametrize("body", [b"{", b"null", b"[]", b'"x"', b"NaN", b"\xff\xfe", b"", b"{}"])
def test_a_body_that_is_no_task_is_refused(api: Api, body: bytes) -> None:
    assert api.ask("POST", "/tasks", body)[0] == 400


def test_text_beyond_ascii_is_welcome(api: Api) -> None:
    spec = {"duration": "PT1S", "parting-comment": "café ☕"}

    task = api.post_task(test={"type": "idle", "spec": spec})

    assert api.get(task)["test"]["spec"]["parting-comment"] == "café ☕"


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain", "", "x", "image/png"]
)
def test_a_body_counts_whatever_it_is_called(api: Api, kind: str) -> None:
    assert api.ask("POST", "/tasks", IDLE, **{"Content-Type": kind})[0] == 200


def test_hrefs_are_in_the_clients_own_terms(api: Api) -> None:
    answer = api.ask("GET", "/tests", None, Host="other.test:8443", **{"X-Forwarded-Proto": "https"})

    assert "https://other.test:8443/tests/idle" in answer[1]


def test_storage_that_does_not_answer_is_a_503_and_no_traceback(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.exceptions import EndpointConnectionError

    from chalicelib.store import task_table

    def unreachable(node: str, uuid: str) -> None:
        raise EndpointConnectionError(endpoint_url="there")

    monkeypatch.setattr(task_table, "find", unreachable)

    status, text = api.ask("GET", UNKNOWN)

    assert status == 503
    assert "Traceback" not in text


def test_storage_without_room_is_a_507_and_said_to_be_so(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.exceptions import ClientError
    from pynamodb.exceptions import TransactWriteError

    from chalicelib.service.tasks import create

    full = ClientError({"Error": {"Code": "StorageFull", "Message": "no space"}}, "TransactWriteItems")

    def written(*_: object) -> None:
        raise TransactWriteError("Failed to write", full)

    monkeypatch.setattr(create, "_store", written)

    status, problem = api.ask("POST", "/tasks", IDLE, Accept="application/problem+json")

    assert (status, problem["type"]) == (507, "urn:pscheduler:problem:storage-full")
    assert problem["detail"] == "The node has no room left to store anything; nothing was stored"


def test_a_task_that_is_stored_is_answered_although_the_queues_take_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.exceptions import ClientError

    from chalicelib.infrastructure import queues

    def full(*_: object) -> None:
        raise ClientError({"Error": {"Code": "StorageFull", "Message": "no space"}}, "SendMessageBatch")

    monkeypatch.setattr(queues, "send_many", full)

    href = api.post_task(schedule={"repeat": "PT1H"})

    assert api.get(f"{href}/runs/first")["state"] == "pending"


@pytest.mark.parametrize(("path", "status"), [("/pscheduler/tests/", 404), ("/pscheduler/tests", 200)])
def test_a_slash_at_the_end_makes_another_path(api: Api, path: str, status: int) -> None:
    from app import app
    from local import gateway
    from local.routes import Routes

    asked = gateway.Request("GET", path, {"Host": "node.test"}, b"", "127.0.0.1", "127.0.0.1", 80, "http")
    event = gateway.event(asked, Routes(app.routes))

    assert event is not None
    assert app(event, gateway.Context("api", 5))["statusCode"] == status
