"""docs/plugins.md, done as it says: written down, installed as a package, checked, and measured with."""

import pathlib
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from chalicelib.infrastructure.machine import Machine
from chalicelib.service.execution import runner
from local.plugin_check.__main__ import main as plugin_check
from plugins import registry
from tests.api.conftest import Api
from tests.builders import NODE

HERE = pathlib.Path(__file__).resolve().parents[3]
FILE = re.compile(r"^`([\w./]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILES = dict(FILE.findall((HERE / "docs" / "plugins.md").read_text()))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The folder that pip installed the package of the page into."""
    source, target = tmp_path_factory.mktemp("pscheduler-banner"), tmp_path_factory.mktemp("plugins")
    for name, text in FILES.items():
        path = source / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    command = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*command, "--quiet", "--target", str(target), str(source)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture
def _found(installed: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(installed))
    registry.forget()
    yield
    registry.forget()


@pytest.fixture
def greeter() -> Iterator[int]:
    """The port of a service that greets whoever connects."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            end, _ = server.accept()
            with end:
                end.sendall(b"SSH-2.0-<b>Example</b>\r\n")

        threading.Thread(target=greet, daemon=True).start()
        yield server.getsockname()[1]


def test_the_page_has_a_whole_test_and_tool_each_under_forty_lines() -> None:
    assert list(FILES) == ["pscheduler_banner/test.py", "pscheduler_banner/tool.py", "pyproject.toml"]
    for name in list(FILES)[:2]:
        assert FILES[name].count("\n") < 40


@pytest.mark.usefixtures("_found")
def test_the_registry_sees_what_is_installed() -> None:
    assert registry.tests()["banner"].description == "Read what a TCP service says first"
    assert [tool.name for tool in registry.tools_for("banner")] == ["tcpbanner"]
    assert list(registry.tests()) == sorted(registry.tests())


@pytest.mark.usefixtures("_found")
def test_nothing_is_wrong_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    status = plugin_check(["banner", "tcpbanner"])

    assert (status, capsys.readouterr().out) == (0, "2 plugins, nothing to complain of\n")


@pytest.mark.usefixtures("_found")
def test_a_task_of_it_is_posted_performed_and_shown(api: Api, greeter: int) -> None:
    task = api.post_task(test={"type": "banner", "spec": {"dest": "127.0.0.1", "port": greeter}})
    run = str(api.get(f"{task}/runs/first")["href"]).rpartition("/")[2]

    runner.run(NODE, task.rpartition("/")[2], run, Machine())

    result = api.get(f"{task}/runs/{run}/result")
    assert (result["succeeded"], result["banner"]) == (True, "SSH-2.0-<b>Example</b>")
    assert "&lt;b&gt;Example" in api.get(f"{task}/runs/{run}/result?format=text/html")
    assert api.get(f"{task}/cli") == ["banner", "--dest", "127.0.0.1", "--port", str(greeter)]


@pytest.mark.usefixtures("_found")
def test_a_service_that_is_not_there_is_a_failed_run(api: Api, greeter: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    task = api.post_task(test={"type": "banner", "spec": {"dest": "127.0.0.1", "port": port}})
    run = str(api.get(f"{task}/runs/first")["href"]).rpartition("/")[2]

    runner.run(NODE, task.rpartition("/")[2], run, Machine())

    found = api.get(f"{task}/runs/{run}")
    assert found["state"] == "failed"
    assert "127.0.0.1 said nothing: " in found["result"]["error"]


def test_without_the_package_there_is_no_such_test(api: Api) -> None:
    status, _ = api.ask("GET", "/tests/banner")

    assert status == 404
