"""docs/plugins.md, done as it says: written down, installed as a package, checked, and measured with."""

import contextlib
import dataclasses
import datetime as dt
import importlib
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.domain.times import UTC
from chalicelib.infrastructure.machine import Machine
from chalicelib.service.archiving import attempt
from chalicelib.service.execution import runner
from local.plugin_check.__main__ import main as plugin_check
from plugins import registry
from plugins.sdk import Job, Parcel
from plugins.support import host_lookup
from tests.api.conftest import Api, query
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
            with contextlib.suppress(OSError):  # nobody connected before the socket was closed
                end, _ = server.accept()
                with end:
                    end.sendall(b"SSH-2.0-<b>Example</b>\r\n")

        threading.Thread(target=greet, daemon=True).start()
        yield server.getsockname()[1]


def test_the_page_has_a_whole_plugin_of_each_kind_under_fifty_lines() -> None:
    kinds = ("test", "tool", "archiver", "context")

    assert list(FILES) == [*(f"pscheduler_banner/{kind}.py" for kind in kinds), "pyproject.toml"]
    assert all(FILES[name].count("\n") < 50 for name in list(FILES)[:4])


def test_its_plugins_import_nothing_of_the_node_but_the_one_module() -> None:
    imported = re.findall(r"^(?:from|import) ((?:plugins|chalicelib)[\w.]*)", "\n".join(FILES.values()), re.M)

    assert set(imported) == {"plugins.sdk"}


@pytest.mark.usefixtures("_found")
def test_the_registry_sees_what_is_installed() -> None:
    assert registry.tests()["banner"].description == "Read what a TCP service says first"
    assert [tool.name for tool in registry.tools_for("banner")] == ["tcpbanner"]
    assert list(registry.tests()) == sorted(registry.tests())


@pytest.mark.usefixtures("_found")
def test_nothing_is_wrong_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    status = plugin_check(["banner", "tcpbanner", "linefile", "nice"])

    assert (status, capsys.readouterr().out) == (0, "4 plugins, no problems found\n")


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
def test_its_result_is_archived_by_it_and_measured_in_its_context(
    api: Api, greeter: int, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archiver = importlib.import_module("pscheduler_banner.archiver")
    tool = registry.tools()["tcpbanner"]
    monkeypatch.setattr(archiver, "FOLDER", tmp_path)
    levels: list[int] = []

    def measured(job: Job) -> Any:
        levels.append(priority())
        return tool.run(job)

    monkeypatch.setitem(registry.tools(), "tcpbanner", dataclasses.replace(tool, run=measured))
    task = api.post_task(
        schema=2,
        test={"type": "banner", "spec": {"dest": "127.0.0.1", "port": greeter}},
        contexts={"contexts": [[{"context": "nice", "data": {"level": 5}}]]},
        archives=[{"archiver": "linefile", "data": {"name": "banners"}}],
    )
    run = str(api.get(f"{task}/runs/first")["href"]).rpartition("/")[2]

    host_lookup.limited(60, lambda: runner.run(NODE, task.rpartition("/")[2], run, Machine()))
    attempt.deliver(NODE, run, 0, dt.datetime.now(UTC))

    (line,) = (tmp_path / "banners.jsonl").read_text().splitlines()
    assert json.loads(line)["result"]["banner"] == "SSH-2.0-<b>Example</b>"
    assert levels == [max(5, priority())]
    assert api.get(f"{task}/runs/{run}")["archivings"][0]["archived"] is True


def priority() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.usefixtures("_found")
@pytest.mark.parametrize(
    ("path", "data", "complaint"),
    [
        ("/archivers/linefile", {"name": "../x"}, "/name: must be letters and digits"),
        ("/contexts/nice", {"level": 20}, "/level"),
    ],
)
def test_settings_that_will_not_do_are_refused(api: Api, path: str, data: Any, complaint: str) -> None:
    answer = api.get(query(f"{path}/data-is-valid", data=json.dumps(data)))

    assert answer["valid"] is False
    assert complaint in answer["error"]


@pytest.mark.usefixtures("_found")
def test_a_delivery_that_failed_is_tried_again_as_its_settings_say(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archiver = importlib.import_module("pscheduler_banner.archiver")
    monkeypatch.setattr(archiver, "FOLDER", tmp_path / "missing")
    policy = [{"attempts": 1, "wait": "PT5M"}]

    outcomes = [archiver.deliver(Parcel({"name": "a", "retry-policy": policy}, {}, n)) for n in (0, 1)]

    assert [outcome.retry for outcome in outcomes] == [dt.timedelta(minutes=5), None]
    assert outcomes[0].error == "Cannot write the file: No such file or directory"


@pytest.mark.usefixtures("_found")
def test_a_service_that_is_not_there_is_a_failed_run(api: Api, greeter: int, closed_port: int) -> None:
    task = api.post_task(test={"type": "banner", "spec": {"dest": "127.0.0.1", "port": closed_port}})
    run = str(api.get(f"{task}/runs/first")["href"]).rpartition("/")[2]

    runner.run(NODE, task.rpartition("/")[2], run, Machine())

    found = api.get(f"{task}/runs/{run}")
    assert found["state"] == "failed"
    assert "127.0.0.1 said nothing: " in found["result"]["error"]


def test_without_the_package_there_is_no_such_test(api: Api) -> None:
    status, _ = api.ask("GET", "/tests/banner")

    assert status == 404
