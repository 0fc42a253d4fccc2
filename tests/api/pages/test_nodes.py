"""The nodes of a deployment, for whoever operates it."""

import datetime as dt
from typing import Any

import pytest

from chalicelib.domain.names import NodeName
from chalicelib.domain.times import UTC, parse_timestamp
from chalicelib.service.node import agent_secrets, api_keys
from chalicelib.store import node_registry
from tests.agents import Agent
from tests.api.conftest import Api
from tests.builders import NODE

AMS = "ams.example.org"


def put(api: Api, node: str = AMS, **body: Any) -> Any:
    status, answer = api.ask("PUT", f"/nodes/{node}", {"tools-at": "agent", **body})
    assert status == 200, answer
    return answer


def token(api: Api, node: str = AMS) -> str:
    status, answer = api.ask("POST", f"/nodes/{node}/token")
    assert status == 200, answer
    return str(answer["token"])


def test_a_node_is_registered_and_served_under_its_own_name(api: Api) -> None:
    made = put(api, **{"tools-at": "here"})

    assert (made["node"], made["tools-at"], made["joined"], made["agent"]) == (AMS, "here", False, None)
    assert api.ask("GET", "/hostname", Host=AMS) == (200, AMS)
    assert api.ask("GET", "/hostname", Host=f"{AMS.upper()}:443") == (200, AMS)
    assert api.get(f"/nodes/{AMS}") == {**made, "facts": None}
    status, href = api.ask("POST", "/tasks", IDLE, Host=AMS)
    assert status == 200
    assert href.startswith(f"http://{AMS}/tasks/")
    assert api.get("/tasks") == []
    assert api.ask("GET", "/tasks", Host=AMS) == (200, [href])


IDLE = {
    "schema": 1,
    "test": {"type": "idle", "spec": {"schema": 1, "duration": "PT2S"}},
    "schedule": {"start": "PT10M"},
}


def test_what_its_agent_said_last_is_shown(api: Api) -> None:
    put(api)
    agent = Agent(api)
    agent.join(token(api))
    agent.contact(waiting=3)

    (_, shown) = api.get("/nodes")

    said = shown["agent"]
    assert (said["version"], said["protocol"], said["outdated"]) == ("0.3.0", 1, False)
    assert (said["runs-held"], said["results-waiting"]) == (0, 3)
    assert said["clock"]["synchronized"] is True
    assert "snooze" in said["tools"]
    assert dt.datetime.now(UTC) - parse_timestamp(said["last-contact"]) < dt.timedelta(minutes=5)
    assert api.ask("GET", "/status", Host=AMS)[1]["agents"] == [said]
    assert "agents" not in api.get("/status")
    whole = api.get(f"/nodes/{AMS}")
    assert whole["facts"]["tools"].keys() >= set(said["tools"])
    assert whole["joined"] is True


def test_an_agent_that_is_not_there_yet_is_shown_as_that(api: Api) -> None:
    said = put(api)["agent"]

    assert (said["version"], said["last-contact"], said["tools"], said["runs-held"]) == (None, None, None, 0)


def test_an_agent_that_is_too_old_is_shown_so(api: Api) -> None:
    put(api)
    agent_secrets.join(token(api), "i", "0.1", dt.datetime.now(UTC), protocol=-1)

    assert api.get(f"/nodes/{AMS}")["agent"]["outdated"] is True


def test_nodes_are_listed_in_pages_those_of_the_environment_first(api: Api) -> None:
    for name in ("c.example", "a.example", "b.example"):
        put(api, name)

    found, path = [], "/nodes?limit=2"
    while path:
        found.append([one["node"] for one in api.get(path)])
        link = api.headers.get("Link")
        path = link.partition(">")[0].removeprefix("<http://node.test") if link else ""

    assert found == [[NODE, "a.example"], ["b.example", "c.example"]]


def test_a_node_is_changed_and_suspended(api: Api) -> None:
    put(api)
    agent = Agent(api)
    agent.join(token(api))

    put(api, suspended=True, hostname=f"{AMS}:8443", url="https://elsewhere.example/pscheduler/")

    shown = api.get(f"/nodes/{AMS}")
    assert (shown["suspended"], shown["hostname"]) == (True, f"{AMS}:8443")
    assert shown["url"] == "https://elsewhere.example/pscheduler"
    status, said = api.ask("POST", "/tasks", IDLE, Host=AMS)
    assert (status, said) == (403, f"The node {AMS} is suspended\n")
    assert agent.say("POST", "claims", {"instance": agent.instance, "take": [], "refuse": []})[0] == 403
    put(api)
    assert agent.say("POST", "claims", {"instance": agent.instance, "take": [], "refuse": []})[0] == 200


def test_a_node_is_removed(api: Api) -> None:
    put(api)
    agent = Agent(api)
    agent.join(token(api))

    assert api.ask("DELETE", f"/nodes/{AMS}")[0] == 200

    assert api.ask("GET", f"/nodes/{AMS}")[0] == 404
    assert api.ask("DELETE", f"/nodes/{AMS}")[0] == 404
    assert [one["node"] for one in api.get("/nodes")] == [NODE]
    assert api.ask("GET", "/hostname", Host=AMS)[1] != AMS
    assert agent.say("POST", "claims", {"instance": agent.instance, "take": [], "refuse": []})[0] == 401
    status, said = api.ask("PUT", f"/nodes/{AMS}", {"tools-at": "here"})
    assert (status, "already" in said) == (409, True)  # until its tasks are cancelled


def test_a_token_lives_as_long_as_asked(api: Api) -> None:
    put(api)

    status, answer = api.ask("POST", f"/nodes/{AMS}/token", {"lifetime": "P1D"})

    assert status == 200
    left = parse_timestamp(answer["expires"]) - dt.datetime.now(UTC)
    assert dt.timedelta(hours=23) < left <= dt.timedelta(days=1)
    stored = node_registry.get(NodeName(AMS)).join
    assert stored is not None
    assert abs(stored.expires - parse_timestamp(answer["expires"])) < dt.timedelta(seconds=1)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("PUT", "/nodes/ams.example.org", {}, 400, "tools-at"),
        ("PUT", "/nodes/ams.example.org", [], 400, "object"),
        ("PUT", "/nodes/ams.example.org", {"tools-at": "there"}, 400, "/tools-at"),
        ("PUT", "/nodes/ams.example.org", {"tools-at": "here", "x": 1}, 400, "x"),
        ("PUT", "/nodes/ams.example.org", {"tools-at": "here", "hostname": "b.example"}, 400, "/hostname"),
        ("PUT", "/nodes/ams.example.org", {"tools-at": "here", "hostname": "a b"}, 400, "a b"),
        ("PUT", "/nodes/ams.example.org", {"tools-at": "here", "url": "gopher://x"}, 400, "/url"),
        ("PUT", "/nodes/a%20b", {"tools-at": "here"}, 400, "a b"),
        ("PUT", "/nodes/local", {"tools-at": "here"}, 409, "environment"),
        ("PUT", "/nodes/127.0.0.1", {"tools-at": "here"}, 409, "another needs a name of its own"),
        ("PUT", "/nodes/::1", {"tools-at": "agent", "url": "https://x"}, 409, "a name of its own"),
        ("PUT", "/nodes/localhost", {"tools-at": "agent", "hostname": "localhost:8"}, 409, "name of its own"),
        ("DELETE", "/nodes/local", None, 409, "environment"),
        ("DELETE", "/nodes/nobody.example", None, 404, "nobody"),
        ("GET", "/nodes/nobody.example", None, 404, "nobody"),
        ("POST", "/nodes/nobody.example/token", None, 404, "nobody"),
        ("POST", "/nodes/local/token", None, 409, "environment"),
        ("POST", "/nodes/nobody.example/token", {"lifetime": "P31D"}, 400, "30 days"),
        ("POST", "/nodes/nobody.example/token", {"lifetime": "soon"}, 400, "/lifetime"),
        ("GET", "/nodes?cursor=x", None, 400, "cursor"),
    ],
)
def test_what_cannot_be_is_said_where_it_is(
    api: Api, method: str, path: str, body: Any, status: int, says: str
) -> None:
    got, said = api.ask(method, path, body)

    assert got == status
    assert says in said


def test_only_who_operates_the_deployment_may(api: Api) -> None:
    put(api)
    now = dt.datetime.now(UTC)
    of_ams = api_keys.add(NodeName(AMS), "own", "administer", now)
    measures = api_keys.add(NODE, "probe", "measure", now)
    administers = api_keys.add(NODE, "desk", "administer", now)
    api.call_from("192.0.2.66")
    asked: list[tuple[str, str, Any]] = [
        ("GET", "/nodes", None),
        ("GET", f"/nodes/{AMS}", None),
        ("PUT", f"/nodes/{AMS}", {"tools-at": "here"}),
        ("POST", f"/nodes/{AMS}/token", None),
        ("DELETE", f"/nodes/{AMS}", None),
    ]

    for method, path, body in asked:
        assert api.ask(method, path, body)[0] == 403
        assert api.ask(method, path, body, **{"X-API-Key": measures})[0] == 403
        assert api.ask(method, path, body, Host=AMS, **{"X-API-Key": of_ams})[0] == 403
    assert api.ask("GET", "/nodes", Host=AMS, **{"X-API-Key": administers})[0] == 200
