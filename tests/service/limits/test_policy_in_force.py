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
from chalicelib.service.limits import policy_in_force, policy_source
from chalicelib.settings import settings
from chalicelib.store import node_table
from chalicelib.store.store_errors import STORE_ERRORS
from tests.builders import NOON, seconds
from tests.domain.limits.world import NEVER, limiting, policy
from tests.policies import Install, use

LATER = NOON + dt.timedelta(seconds=20)
pytestmark = pytest.mark.usefixtures("empty_aws")


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
        '/applications/0/apply/0/limits: must be defined in this policy; there is no limit "nope"'
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


@pytest.mark.parametrize(("later", "is_seen"), [(14.9, False), (15, True), (-14.9, False), (-15, True)])
def test_a_change_is_seen_fifteen_seconds_after_the_last_look(
    installed: Install, later: float, is_seen: bool
) -> None:
    installed(policy())
    policy_in_force.in_force(NOON)
    _rewritten(limiting(NEVER))

    found = policy_in_force.in_force(NOON + seconds(later))  # a clock may be set back, too

    assert ("always" not in found.policy.limits) is is_seen  # type: ignore[union-attr]
    assert found.since == (NOON + seconds(later) if is_seen else NOON)


def test_what_has_not_changed_is_neither_parsed_nor_stored_again(
    installed: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(policy())
    first = policy_in_force.in_force(NOON)
    monkeypatch.setattr(policy_in_force, "parse", None)

    assert policy_in_force.in_force(LATER) is first
    kept = node_table.read(settings().node, "limits")
    assert kept["since"] == "2026-11-23T12:00:00+00:00"
    assert kept["document"] == policy()
    policy_in_force._remember({"other": 1}, kept["digest"], LATER)
    assert node_table.read(settings().node, "limits") == kept
    policy_in_force._remember({"other": 1}, "another", LATER)
    assert node_table.read(settings().node, "limits") == {
        "document": {"other": 1},
        "digest": "another",
        "since": "2026-11-23T12:00:20+00:00",
    }


def test_what_is_wrong_is_said_once_with_what_holds_instead(
    installed: Install, caplog: pytest.LogCaptureFixture
) -> None:
    path = installed(policy())
    policy_in_force.in_force(NOON)
    path.unlink()

    errors = [policy_in_force.in_force(NOON + seconds(later)).error for later in (20, 40)]

    why = f"{path} cannot be read: No such file or directory"
    assert errors == [f"{why}. The last valid policy of 2026-11-23T12:00:00+00:00 stays in force"] * 2
    assert caplog.text.count(f"{path}: {why}") == 1
    assert policy_in_force.describe(NOON + seconds(40)) == {"ok": False, "error": errors[0]}
    path.write_text(json.dumps(policy()))  # the same as before: it is read anew all the same
    assert policy_in_force.in_force(NOON + seconds(60)).error is None


def test_without_any_that_was_good_nothing_is_let_in(installed: Install) -> None:
    path = installed("{")

    found = policy_in_force.in_force(NOON)

    assert (found.policy, found.since) == (None, None)
    assert (found.error or "").startswith("The policy: not valid JSON")
    assert (found.error or "").endswith(". There is no valid policy: everything is refused")
    assert path.exists()


@pytest.mark.parametrize("kept", [{"document": {}, "since": "2026-11-23T12:00:00+00:00"}, None])
def test_what_was_kept_and_cannot_be_read_is_none(
    installed: Install, caplog: pytest.LogCaptureFixture, kept: Any
) -> None:
    installed("{")
    if kept:
        node_table.write(settings().node, "limits", kept)

    assert policy_in_force.in_force(NOON).policy is None
    assert ("The last good policy could not be read" in caplog.messages) is bool(kept)


def test_a_policy_that_breaks_the_reading_of_it_changes_nothing(
    installed: Install, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    installed(policy())
    before = policy_in_force.in_force(NOON)
    _rewritten(limiting(NEVER))
    monkeypatch.setattr(policy_in_force, "parse", broken)

    found = policy_in_force.in_force(LATER)

    assert found.policy is before.policy
    assert (found.error or "").startswith(
        "The policy cannot be read: the log says why. The last valid policy"
    )
    assert "A policy broke the reading of it" in caplog.messages


def test_that_a_policy_cannot_be_stored_fails_nothing_else(
    installed: Install, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> Any:
        raise STORE_ERRORS[0]()

    installed(policy())
    monkeypatch.setattr(node_table, "write", broken)

    assert policy_in_force.in_force(NOON).policy is not None
    assert "The policy in force could not be stored" in caplog.messages


def test_while_one_looks_others_go_by_what_was_seen_before(
    installed: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed(policy())
    before = policy_in_force.in_force(NOON)
    meanwhile: list[Any] = []
    read = policy_source.read

    def look(where: str) -> str:
        other = threading.Thread(target=lambda: meanwhile.append(policy_in_force.in_force(LATER)))
        other.start()
        other.join(5)
        return read(where)

    _rewritten(limiting(NEVER))
    monkeypatch.setattr(policy_source, "read", look)

    assert policy_in_force.in_force(LATER) is not before
    assert meanwhile == [before]


@pytest.mark.parametrize(
    ("limits", "is_configured"), [("", False), ("open", False), ("closed", False), ("/a/file", True)]
)
def test_a_policy_is_to_be_read_where_a_place_is_named(
    installed: Install, monkeypatch: pytest.MonkeyPatch, limits: str, is_configured: bool
) -> None:
    use(monkeypatch, limits)

    assert policy_in_force.is_configured() is is_configured
    assert policy_in_force.describe(NOON)["ok"] is not is_configured
