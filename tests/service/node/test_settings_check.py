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


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("SHARDS", "many"),
        ("SHARDS", "-1"),
        ("SHARDS", "0"),
        ("LONGEST_RUN", "840 s"),
        ("VERIFY_TLS", "maybe"),
        ("NODE", "a#b"),
        ("NODES", "b=host name"),
        ("HOSTNAME", "ps example"),
        ("PREFIX", "a b"),
        ("URL", "ps.example.net/pscheduler"),
        ("PEER_SCHEME", "ftp"),
        ("PEER_PORT", "70000"),
        ("PEER_CA", "/nowhere/ca.pem"),
        ("DEFAULT_ARCHIVES", "/nowhere"),
        ("TRUSTED_PROXIES", "everybody"),
        ("EGRESS", "10.0.0.0/99"),
        ("LOG", "xml"),
    ],
)
def test_a_bad_one_is_named_with_why(name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"PSCHEDULER_{name}", text)

    (said,) = settings_check.problems()

    assert said.startswith(f"PSCHEDULER_{name}")
    assert "\n" not in said
    with pytest.raises(SettingsError):
        settings_check.require()


def test_a_function_with_bad_settings_ends_with_a_line_and_no_traceback() -> None:
    environment = {**os.environ, "AWS_LAMBDA_FUNCTION_NAME": "f", "PSCHEDULER_SHARDS": "many"}
    command = [sys.executable, "-c", "import app"]

    done = subprocess.run(
        command, cwd=HERE, env=environment, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 1
    assert done.stderr == "PSCHEDULER_SHARDS: must be a whole number, not 'many'\n"
