"""When environments are made again. Making one is what ``make test`` has just done."""

import pathlib

import pytest

from local import bootstrap


def test_an_environment_is_up_to_date_until_its_requirements_change(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requirements = tmp_path / "requirements-ministack.txt"
    requirements.write_text("one==1\n")
    monkeypatch.setattr(bootstrap, "FOLDER", tmp_path)
    environment = tmp_path / "made"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin/python").touch()

    assert not bootstrap.up_to_date(environment, bootstrap.fingerprint("ministack-venv"))
    (environment / "made-from").write_text(bootstrap.fingerprint("ministack-venv"))
    assert bootstrap.up_to_date(environment, bootstrap.fingerprint("ministack-venv"))
    requirements.write_text("one==2\n")
    assert not bootstrap.up_to_date(environment, bootstrap.fingerprint("ministack-venv"))


def test_what_pip_cannot_install_is_one_clear_line(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "requirements-ministack.txt").write_text("./no-such-package\n")
    monkeypatch.setattr(bootstrap, "FOLDER", tmp_path)
    monkeypatch.setattr(
        bootstrap, "ENVIRONMENTS", {"ministack-venv": bootstrap.ENVIRONMENTS["ministack-venv"]}
    )

    assert bootstrap.main() == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("Installing packages for .local/ministack-venv failed: ERROR:")
    assert not (tmp_path / ".local/ministack-venv/made-from").exists()


def test_a_python_without_venv_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda module: None)

    assert bootstrap.main() == 1
    assert capsys.readouterr().out.count("\n") == 1
