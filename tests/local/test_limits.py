"""What the command about policies says is wrong, and with what."""

import json
import pathlib

import pytest

from local import limits

POLICY = "docs/policies/example.json"


@pytest.fixture
def task(tmp_path: pathlib.Path) -> pathlib.Path:
    file = tmp_path / "task.json"
    test = {"type": "rtt", "spec": {"dest": "127.0.0.1"}}
    file.write_text(json.dumps({"schema": 1, "test": test, "schedule": {}}))
    return file


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert limits.main(words) == 1
    return capsys.readouterr().err


def test_a_policy_that_is_missing_is_named_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "check", "nowhere.json") == "nowhere.json cannot be read: No such file or directory\n"


def test_a_policy_that_is_wrong_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "check", "README.md").startswith("README.md: The policy: not valid JSON")


def test_a_task_that_is_missing_is_not_the_policy_s_fault(capsys: pytest.CaptureFixture[str]) -> None:
    error = said(capsys, "explain", POLICY, "--task", "nowhere.json")

    assert error == "nowhere.json cannot be read: No such file or directory\n"


def test_a_task_that_is_wrong_is_not_the_policy_s_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "explain", POLICY, "--task", "README.md").startswith("README.md: not valid JSON")


def test_a_policy_is_explained_by_a_task(capsys: pytest.CaptureFixture[str], task: pathlib.Path) -> None:
    assert limits.main(["explain", POLICY, "--task", str(task), "--requester", "192.0.2.1"]) == 0
    assert "The proposal meets the limits" in capsys.readouterr().out
