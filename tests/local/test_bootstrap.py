"""Which environments are made, made again, or left alone. Real ones are made by ``make test``."""

import pathlib
import site
import subprocess
import sys

import pytest

from local import bootstrap, setup_failures


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A checkout with requirements and no environments; making one takes no packages."""
    for kind, includes in (("node", None), ("moto", "node"), ("dev", "moto"), ("ministack", None)):
        lines = f"-r requirements-{includes}.txt\n" if includes else f"{kind}==1\n"
        (tmp_path / f"requirements-{kind}.txt").write_text(lines)
    monkeypatch.setattr(bootstrap, "FOLDER", tmp_path)
    monkeypatch.setattr(bootstrap, "_make_all", make_without_packages)
    return tmp_path


def make_without_packages(environments: list[pathlib.Path]) -> None:
    for environment in environments:
        (environment / "bin").mkdir(parents=True)
        (environment / "bin/python").symlink_to(sys.executable)
        (environment / "complete").touch()


def made(folder: pathlib.Path, *kinds: str) -> list[str]:
    """The kinds of the environments that serve for others, in their order."""
    found = bootstrap.bring_up_to_date(folder / ".local", kinds)
    return [where.name.partition("-")[0] for where in found]


def test_an_environment_is_made_once_and_again_when_its_requirements_change(folder: pathlib.Path) -> None:
    first = bootstrap.bring_up_to_date(folder / ".local", ["node"])
    again = bootstrap.bring_up_to_date(folder / ".local", ["node"])
    (folder / "requirements-node.txt").write_text("node==2\n")
    changed = bootstrap.bring_up_to_date(folder / ".local", ["node"])

    assert first == again
    assert changed != first
    assert (folder / ".local/venv").resolve() == changed[0]
    assert not first[0].exists()


def test_what_is_included_counts(folder: pathlib.Path) -> None:
    first = bootstrap.bring_up_to_date(folder / ".local", ["dev"])
    (folder / "requirements-node.txt").write_text("node==2\n")

    assert bootstrap.bring_up_to_date(folder / ".local", ["dev"]) != first


def test_a_node_is_content_with_an_environment_that_has_more(folder: pathlib.Path) -> None:
    assert made(folder, "node") == ["node"]
    assert made(folder, "dev", "ministack") == ["dev", "ministack"]
    assert made(folder, "moto") == ["dev"]


def test_another_python_gets_another_environment(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = bootstrap.bring_up_to_date(folder / ".local", ["node"])
    monkeypatch.setattr(sys, "version_info", (3, 99, 1))
    other = bootstrap.bring_up_to_date(folder / ".local", ["node"])

    assert other != first
    assert first[0].exists()


def test_what_runs_keeps_its_environment(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = bootstrap.bring_up_to_date(folder / ".local", ["node"])[0]
    with running(first):
        (folder / "requirements-node.txt").write_text("node==2\n")
        bootstrap.bring_up_to_date(folder / ".local", ["node"])
        kept = first.exists()
    (folder / "requirements-node.txt").write_text("node==3\n")
    bootstrap.bring_up_to_date(folder / ".local", ["node"])

    assert kept
    assert not first.exists()


class running:  # noqa: N801 - reads as what it is in a with statement
    """A program started in an environment as ``bootstrap`` starts it, until the block is left."""

    def __init__(self, environment: pathlib.Path):
        code = (
            "import pathlib, sys; from local import bootstrap;"
            f"bootstrap._become(pathlib.Path({str(environment)!r}),"
            " ['-c', 'print(1, flush=True); input()'])"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=pathlib.Path(__file__).parent.parent.parent,
        )

    def __enter__(self) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"1\n"

    def __exit__(self, *_: object) -> None:
        self._process.communicate(b"\n", timeout=30)


def test_an_environment_from_before_there_were_links_is_put_aside(folder: pathlib.Path) -> None:
    (folder / ".local/venv/bin").mkdir(parents=True)
    bootstrap.bring_up_to_date(folder / ".local", ["node"])

    assert (folder / ".local/venv").is_symlink()
    assert [old.name for old in (folder / ".local/environments").glob("earlier-*/*")] == ["bin"]


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (  # a package without a release for this Python
            "ERROR: Ignored the following versions that require a different python version: 2.9.0\n"
            "ERROR: Could not find a version that satisfies the requirement scramp==1.5.0 (from pg8000)\n"
            "ERROR: No matching distribution found for scramp==1.5.0\n",
            "there is no scramp==1.5.0 for Python",
        ),
        (  # no network
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnection': /jq/\n"
            "ERROR: Could not find a version for jq==1.13.0 (from versions: none)\n"
            "ERROR: No matching distribution found for jq==1.13.0\n",
            "jq==1.13.0 cannot be fetched: is there a network",
        ),
        (  # no wheel, no compiler
            "  error: command 'gcc' failed: No such file or directory\n"
            "  ERROR: Failed building wheel for jq\n"
            "ERROR: Failed to build installable wheels for some pyproject.toml based projects (jq)\n",
            "jq has no ready-made package for Python",
        ),
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n",
            "the disk is full",
        ),
        (
            "ERROR: Cannot install a==1 and b==2 because these package versions have conflicting needs.\n",
            "these packages contradict each other: a==1 and b==2",
        ),
        ("ERROR: Something else\nand more\n", "Something else"),
        ("", "pip said nothing"),
    ],
)
def test_a_failure_names_the_package_and_what_to_do(output: str, reason: str) -> None:
    assert setup_failures.reason(output).startswith(reason)


@pytest.fixture
def pip_of_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Environments are made as ever, but with the pip there is: to install one takes four seconds."""
    usual = bootstrap._Maker._do

    def do(self: bootstrap._Maker, what: str, command: list[str]) -> None:
        is_made = what == "making it"
        usual(self, what, [*command, "--without-pip"] if is_made else command)
        if is_made:
            packages = next(self._environment.glob("lib/python*/site-packages"))
            (packages / "those-of-the-tests.pth").write_text("\n".join(site.getsitepackages()))

    monkeypatch.setattr(bootstrap._Maker, "_do", do)


@pytest.mark.usefixtures("pip_of_the_tests")
def test_what_pip_cannot_install_is_one_clear_line(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "requirements-ministack.txt").write_text("./no-such-package\n")
    monkeypatch.setattr(bootstrap, "FOLDER", tmp_path)

    assert bootstrap.main(["ministack"]) == 1

    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("The environment ministack cannot be created: ")
    assert "no-such-package" in last
    assert not list(tmp_path.glob(".local/environments/*/complete"))


def test_a_kind_there_is_none_of_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert bootstrap.main(["toy"]) == 1
    assert capsys.readouterr().out.startswith("There is no environment toy: there are node, moto")


def test_a_python_without_venv_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda module: None)

    assert bootstrap.main([]) == 1
    assert capsys.readouterr().out.count("\n") == 1
