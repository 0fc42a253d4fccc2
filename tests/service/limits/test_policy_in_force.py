"""The policy in force: checked first, kept when its source fails, looked at every so often."""

import datetime as dt
import http.server
import json
import pathlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.infrastructure.aws import client
from chalicelib.service.limits import policy_in_force
from chalicelib.settings import settings
from tests.builders import NOON, seconds
from tests.domain.limits.world import NEVER, limiting, policy
from tests.policies import Install, use

LATER = NOON + dt.timedelta(seconds=20)
pytestmark = pytest.mark.usefixtures("moto_engine")


@pytest.fixture
def web() -> Iterator[dict[str, tuple[int, str]]]:
    """A web server on loopback, that answers as told; ``base`` is where it is."""
    told: dict[str, Any] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text = told.get(self.path, (404, "nothing here"))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    told["base"] = f"http://127.0.0.1:{server.server_port}"
    yield told
    server.shutdown()
    server.server_close()


def test_a_policy_is_read_from_a_file(installed: Install) -> None:
    installed(policy())

    assert list(policy_in_force.in_force(NOON).policy.limits) == ["always", "never"]
    assert policy_in_force.describe(NOON) == {"ok": True}


def test_a_policy_is_read_from_an_object(installed: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    client("s3").create_bucket(Bucket="policies")
    client("s3").put_object(Bucket="policies", Key="of/this.json", Body=json.dumps(policy()).encode())
    use(monkeypatch, "s3://policies/of/this.json")

    assert policy_in_force.in_force(NOON).policy is not None


def test_a_policy_is_read_from_a_page(
    installed: Install, web: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    web["/limits"] = (200, json.dumps(policy()))
    use(monkeypatch, f"{web['base']}/limits")

    assert policy_in_force.in_force(NOON).policy is not None


def test_a_file_may_say_where_the_policy_is(installed: Install, web: dict[str, Any]) -> None:
    web["/limits"] = (200, json.dumps(policy()))
    installed(f"{web['base']}/limits\n")

    assert policy_in_force.in_force(NOON).policy is not None


def test_comments_are_no_part_of_a_policy(installed: Install) -> None:
    installed({"# why": "because", **policy()})

    assert policy_in_force.in_force(NOON).policy is not None


def test_a_change_is_seen_after_a_while_and_not_before(installed: Install) -> None:
    installed(policy())
    policy_in_force.in_force(NOON)
    _rewritten(limiting(NEVER))

    assert "always" in policy_in_force.in_force(NOON + seconds(5)).policy.limits
    assert "always" not in policy_in_force.in_force(LATER).policy.limits


def _rewritten(changed: Any) -> None:
    """Change the file without having the node look at it anew."""
    pathlib.Path(settings().limits).write_text(json.dumps(changed))


def test_a_broken_change_leaves_the_last_good_policy_in_force(installed: Install) -> None:
    installed(policy())
    policy_in_force.in_force(NOON)
    _rewritten(policy(applications=[{"apply": [{"require": "all", "limits": ["nope"]}]}]))

    found = policy_in_force.in_force(LATER)

    assert found.policy is not None
    shown = policy_in_force.describe(LATER)
    assert shown["ok"] is False
    assert (
        "/applications/0/apply/0/limits: must be defined in this policy; there is no limit 'nope'"
        in shown["error"]
    )
    assert "stays in force" in shown["error"]


def test_a_policy_that_is_gone_stays_in_force(installed: Install) -> None:
    path = installed(policy())
    policy_in_force.in_force(NOON)
    path.unlink()

    assert policy_in_force.in_force(LATER).policy is not None
    assert "cannot be read" in policy_in_force.describe(LATER)["error"]


def test_the_last_good_policy_outlives_the_process(installed: Install) -> None:
    installed(policy())
    policy_in_force.in_force(NOON)
    installed("{")  # looked at anew, as by a process that has just started

    found = policy_in_force.in_force(LATER)

    assert found.policy is not None
    assert found.since == NOON
    assert found.error is not None


def test_a_policy_that_was_mended_is_in_force(installed: Install) -> None:
    installed("{")
    assert policy_in_force.in_force(NOON).policy is None
    _rewritten(policy())

    assert policy_in_force.in_force(LATER).policy is not None
    assert policy_in_force.describe(LATER) == {"ok": True}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "not valid JSON"),
        ("[]", "must be a JSON object"),
        ("{}", "/schema"),
        ("[" * 100_000, "nested too deeply"),
        ('{"schema": 1, "x": "' + "x" * 2_000_000 + '"}', "characters"),
    ],
)
def test_what_is_no_policy_is_said(installed: Install, text: str, complaint: str) -> None:
    installed(text)

    assert policy_in_force.in_force(NOON).policy is None
    assert complaint in policy_in_force.describe(NOON)["error"]
