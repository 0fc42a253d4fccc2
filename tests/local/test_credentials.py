"""The command that keeps the credentials of trusted proxies."""

import io
import os
import pathlib
import subprocess
import sys

import pytest

from chalicelib.service.node import proxy_credentials as kept
from local import credentials
from tests.builders import NODE

HERE = pathlib.Path(__file__).resolve().parents[2]


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert credentials.main(["--aws", *words]) == 0
    return capsys.readouterr().out


def test_a_credential_is_added_listed_and_removed(
    empty_aws: None, capsys: pytest.CaptureFixture[str]
) -> None:
    key = printed(capsys, "add", "gateway").strip()

    assert kept.are_right(NODE, "gateway", key)
    assert printed(capsys, "list") == "gateway\n"
    assert printed(capsys, "remove", "gateway") == ""
    assert printed(capsys, "list") == ""


def test_a_key_of_ones_own_is_not_printed(
    empty_aws: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("a key of my own choice\n"))

    assert printed(capsys, "add", "--key-from-stdin", "gateway") == ""
    assert kept.are_right(NODE, "gateway", "a key of my own choice")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--aws", "remove", "nobody"], "no credential nobody"),
        (["--aws", "add", "a;b"], "semicolon"),
        (["--state", "/no/such/folder", "list"], "no folder"),
        (["--state", "/etc", "list"], "not the folder of a node"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    empty_aws: None, capsys: pytest.CaptureFixture[str], words: list[str], complaint: str
) -> None:
    assert credentials.main(words) == 1

    complained = capsys.readouterr().err
    assert complaint in complained
    assert complained.count("\n") == 1


def test_a_node_that_does_not_run_keeps_what_it_is_given(tmp_path: pathlib.Path) -> None:
    def command(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "local.credentials", "--state", str(tmp_path), *words],
            cwd=HERE,
            env=dict(os.environ),
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        return done.stdout

    key = command("add", "gateway").strip()

    assert len(key) > 40
    assert command("list") == "gateway\n"
