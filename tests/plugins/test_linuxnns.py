"""The context linuxnns, with real namespaces where the machine lets us make them."""

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator

import pytest

from chalicelib.infrastructure.machine import Machine
from plugins.contexts import linuxnns
from plugins.contexts.linuxnns import CONTEXT
from plugins.sdk.jobs import PluginFailed
from plugins.support import host_lookup, linux
from plugins.tools.reach import ping, tcpping
from tests.plugins.jobs import FakeHost, job
from tests.plugins.networks import ip

INSIDE = "192.0.2.77"
"""An address that the namespace alone has."""


@pytest.fixture
def namespace() -> Iterator[str]:
    name = f"test-{uuid.uuid4().hex[:8]}"
    if sys.platform != "linux" or not shutil.which("ip") or os.geteuid() != 0:
        pytest.skip("making a network namespace needs Linux, the program ip, and root")
    try:
        ip("netns", "add", name)
        ip("-n", name, "link", "set", "lo", "up")
        ip("-n", name, "address", "add", f"{INSIDE}/32", "dev", "lo")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"this machine makes no network namespaces: {error.stderr.decode()}")
    yield name
    ip("netns", "delete", name)


def where() -> str:
    """The network namespace of this thread."""
    return os.readlink("/proc/thread-self/ns/net")


def test_the_thread_and_what_it_starts_are_inside(namespace: str) -> None:
    outside = where()

    with CONTEXT.enter({"namespace": namespace}):
        inside = where()
        its_thread = host_lookup.limited(5, where)
        its_program = Machine().execute(["readlink", "/proc/self/ns/net"], timeout=5).stdout.strip()

    assert inside == its_thread == its_program != outside
    assert where() == outside


def test_a_thread_of_the_node_started_before_stays_outside(namespace: str) -> None:
    entered, looked, seen = threading.Event(), threading.Event(), [""]

    def other() -> None:
        entered.wait(5)
        seen[0] = where()
        looked.set()

    threading.Thread(target=other, daemon=True).start()
    with CONTEXT.enter({"namespace": namespace}):
        entered.set()
        looked.wait(5)

    assert seen[0] == where()


@pytest.mark.skipif(not shutil.which("ping"), reason="there is no program ping here")
def test_rtt_is_measured_inside(namespace: str) -> None:
    spec = {"dest": INSIDE, "count": 1, "hostnames": False, "timeout": "PT1S"}
    machine = Machine()

    with CONTEXT.enter({"namespace": namespace}):
        inside = ping.run(job(ping.TOOL, spec, machine, start=machine.now()))["result"]
    elsewhere = machine.execute(ping.argv({"count": 1, "deadline": "PT1S"}, INSIDE, 4), timeout=10)

    assert (inside["received"], inside["roundtrips"][0]["ip"]) == (1, INSIDE)
    assert " 0 received" in elsewhere.stdout or elsewhere.stderr


def test_sockets_of_a_tool_in_python_are_inside(namespace: str) -> None:
    with CONTEXT.enter({"namespace": namespace}):
        server = socket.create_server(("127.0.0.1", 0))
        spec = {"dest": "127.0.0.1", "port": server.getsockname()[1], "count": 1, "hostnames": False}
        inside = tcpping.run(job(tcpping.TOOL, spec, FakeHost()))["result"]
    outside = tcpping.probe("127.0.0.1", spec["port"])
    server.close()

    assert inside["received"] == 1
    assert isinstance(outside, ConnectionRefusedError)


def test_the_thread_is_put_back_after_a_failure(namespace: str) -> None:
    outside = where()

    with pytest.raises(ZeroDivisionError), CONTEXT.enter({"namespace": namespace}):
        raise ZeroDivisionError

    assert where() == outside


@pytest.fixture(autouse=True)
def settings(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A folder in the place of /etc, with a resolv.conf."""
    monkeypatch.setattr(linuxnns, "SETTINGS", tmp_path)
    (tmp_path / "resolv.conf").write_text("nameserver 192.0.2.1\n")
    return tmp_path


@pytest.fixture
def resolvers(namespace: str, settings: pathlib.Path) -> str:
    """What the namespace's own resolv.conf says."""
    folder = settings / "netns" / namespace
    folder.mkdir(parents=True)
    (folder / "resolv.conf").write_text("nameserver 192.0.2.53\n")
    (folder / "no-such-file-of-the-machine").write_text("")
    return "nameserver 192.0.2.53\n"


def test_the_files_of_the_namespace_are_seen_inside_only(
    namespace: str, resolvers: str, settings: pathlib.Path
) -> None:
    config, folder = settings / "resolv.conf", os.getcwd()
    before = config.read_text()
    seen: list[str] = []

    def look() -> None:  # in a thread of its own: it parts with the others for good
        with CONTEXT.enter({"namespace": namespace}):
            seen.append(config.read_text())
            seen.append(Machine().execute(["cat", str(config)], timeout=5).stdout)
        seen.extend((config.read_text(), os.getcwd()))

    host_lookup.limited(20, look)

    assert seen == [resolvers, resolvers, before, folder]
    assert config.read_text() == before


def test_threads_that_a_tool_leaves_behind_do_not_keep_it_inside(
    namespace: str, resolvers: str, settings: pathlib.Path
) -> None:
    """A look-up that is not waited for any more goes on in its thread, which shares the tool's folders."""
    config, left, ended = settings / "resolv.conf", threading.Event(), threading.Event()
    before, seen = config.read_text(), list[str]()

    def look() -> None:
        with CONTEXT.enter({"namespace": namespace}):
            threading.Thread(target=lambda: (left.wait(30), ended.set())).start()
            seen.append(config.read_text())
        seen.extend((config.read_text(), where()))

    try:
        host_lookup.limited(20, look)
    finally:
        left.set()

    assert ended.wait(20)
    assert seen == [resolvers, before, where()]


@pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")
@pytest.mark.parametrize("name", ["no-such-namespace", "..", "a" * 300])
def test_a_namespace_that_cannot_be_entered_says_why(name: str) -> None:
    said = f"The network namespace {name} cannot be entered: ."

    with pytest.raises(PluginFailed, match=said), CONTEXT.enter({"namespace": name}):
        pytest.fail("it was entered")


def test_lacking_privileges_are_named() -> None:
    with pytest.raises(PluginFailed, match="lacks the privileges"), linux.refused_as("Nothing works"):
        raise PermissionError(1, "Operation not permitted")


@pytest.mark.parametrize(
    ("data", "valid"),
    [
        ({"namespace": "blue"}, True),
        ({"schema": 1, "namespace": "blue.2"}, True),
        ({"schema": 2, "namespace": "blue"}, False),
        ({}, False),
        ({"namespace": ""}, False),
        ({"namespace": "a/b"}, False),
        ({"namespace": "a\0b"}, False),
        ({"namespace": 5}, False),
        ({"namespace": "blue", "more": 1}, False),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no data is valid")
def test_data_is_a_name(data: dict[str, object], valid: bool) -> None:
    assert (CONTEXT.data_versions.problem(data) is None) is valid


def test_elsewhere_than_on_linux_no_data_is_valid() -> None:
    from chalicelib.domain.schemas import Versions

    problem = Versions({1: linux.settings("namespace", platform="darwin")}).problem({"namespace": "blue"})

    assert problem == "/: This context needs Linux, which this node does not run on"
