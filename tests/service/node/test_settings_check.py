"""Settings that cannot be right are said in one line each, before anything is done with them."""

import os
import pathlib
import subprocess
import sys
from collections.abc import Iterator

import pytest

from chalicelib.service.node import settings_check
from chalicelib.settings import SettingsError, forget_settings

HERE = pathlib.Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _read_anew() -> Iterator[None]:
    forget_settings()
    yield
    forget_settings()


def test_nothing_is_wrong_with_the_usual_settings() -> None:
    assert settings_check.problems() == []


NAMES = "letters, digits, dots, hyphens and underscores"


@pytest.mark.parametrize(
    ("name", "text", "must"),
    [
        ("SHARDS", "many", "be a whole number, not 'many'"),
        ("SHARDS", "-1", "be a whole number, not '-1'"),
        ("SHARDS", "1_0", "be a whole number, not '1_0'"),
        ("SHARDS", "٣", "be a whole number, not '٣'"),
        ("SHARDS", "9" * 5000, "be a whole number, not '999"),
        ("SHARDS", "0", "be from 1 to 1000, not 0"),
        ("LONGEST_RUN", "840 s", "be a whole number, not '840 s'"),
        ("VERIFY_TLS", "maybe", "be 1 or 0, not 'maybe'"),
        ("NODE", "a#b", f"name nodes by {NAMES}; not 'a#b'"),
        ("NODES", "b#=host", f"name nodes by {NAMES}; not 'b#'"),
        ("NODES", "b=host name", "be a host's name; not 'host name'"),
        ("HOSTNAME", "ps example", "be a host's name; not 'ps example'"),
        ("PREFIX", "a b", f"be {NAMES}; not 'a b'"),
        ("URL", "ps.example.net/pscheduler", "begin with http:// or https:// and a host; not 'ps.example"),
        ("PEER_SCHEME", "ftp", "be http or https; not 'ftp'"),
        ("PEER_PORT", "65536", "be a port, at most 65535; not '65536'"),
        ("PEER_CA", "/nowhere/ca.pem", "be an existing file; not '/nowhere/ca.pem'"),
        ("DEFAULT_ARCHIVES", "/nowhere", "be an existing folder; not '/nowhere'"),
        ("TRUSTED_PROXIES", "everybody", ""),
        ("EGRESS", "10.0.0.0/99", ""),
        ("LOG", "xml", "be text or json; not 'xml'"),
    ],
)
def test_a_bad_one_is_named_with_why(
    name: str, text: str, must: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"PSCHEDULER_{name}", text)

    (said,) = settings_check.problems()

    assert said.startswith(f"PSCHEDULER_{name}: must {must}" if must else f"PSCHEDULER_{name}")
    assert "\n" not in said
    with pytest.raises(SettingsError, match="PSCHEDULER_"):
        settings_check.require()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("URL", "http://ps.example.net"),
        ("URL", "https://ps.example.net/pscheduler"),
        ("PEER_SCHEME", "http"),
        ("PEER_SCHEME", "https"),
        ("PEER_PORT", "65535"),
        ("PEER_CA", __file__),
        ("DEFAULT_ARCHIVES", "/"),
        ("LOG", "text"),
        ("LOG", "json"),
    ],
)
def test_a_good_one_is_not(name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"PSCHEDULER_{name}", text)

    assert settings_check.problems() == []
    settings_check.require()


def test_a_function_with_bad_settings_ends_with_a_line_and_no_traceback() -> None:
    environment = {**os.environ, "AWS_LAMBDA_FUNCTION_NAME": "f", "PSCHEDULER_SHARDS": "many"}
    command = [sys.executable, "-c", "import app"]

    done = subprocess.run(
        command, cwd=HERE, env=environment, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 1
    assert done.stderr == "PSCHEDULER_SHARDS: must be a whole number, not 'many'\n"
