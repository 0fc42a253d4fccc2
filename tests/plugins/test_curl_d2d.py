"""The curl-d2d tool, against a web server on loopback and files of this machine."""

import pathlib
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.domain.times import parse_duration
from plugins.sdk.jobs import PluginFailed
from plugins.tests.disk_to_disk import TEST
from plugins.tools.transfer import curl_d2d, file_copy
from plugins.tools.web import fetch
from tests.builders import at, seconds
from tests.plugins.jobs import FakeHost, job
from tests.plugins.web import WebServer, serving

LARGE = bytes(range(256)) * 4096


@pytest.fixture
def web() -> Iterator[WebServer]:
    answers = {
        "/large": (200, {}, LARGE),
        "/empty": (200, {}, b""),
        "/moved": (302, {"Location": "/large"}, b""),
        "/long": (200, {}, b"x" * 1000),
    }
    with serving(answers) as server:
        server.stalls, server.drips = {"/stall"}, {"/long"}
        yield server


@pytest.fixture
def dest(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """A file that may be written."""
    monkeypatch.setenv("PSCHEDULER_COPY_TO", str(tmp_path))
    return tmp_path / "a copy"


def copy(source: str, dest: object, host: FakeHost | None = None, **spec: Any) -> dict[str, Any]:
    """The result, which must be one that the test declares."""
    whole = {"source": source, "dest": str(dest), **spec}
    assert curl_d2d.TOOL.reasons_against("disk-to-disk", whole) == []
    result: dict[str, Any] = curl_d2d.run(job(curl_d2d.TOOL, whole, host))["result"]
    assert TEST.result_versions.problem(result) is None
    return result


@pytest.mark.parametrize("path", ["/large", "/moved"])
def test_measures_what_came_and_how_fast(web: WebServer, dest: pathlib.Path, path: str) -> None:
    result = copy(web.url + path, dest)

    assert result["bytes-sent"] == len(LARGE)
    taken = parse_duration(result["time"]).total_seconds()
    assert result["throughput"] == pytest.approx(8 * len(LARGE) / taken, rel=0.01)


def test_removes_the_copy_in_the_end(web: WebServer, dest: pathlib.Path) -> None:
    copy(f"{web.url}/large", dest)

    assert not dest.exists()


def test_leaves_the_copy_where_it_is_to(web: WebServer, dest: pathlib.Path) -> None:
    copy(f"{web.url}/large", f"file://{str(dest).replace(' ', '%20')}", cleanup=False)

    assert dest.read_bytes() == LARGE


@pytest.mark.parametrize("cleanup", [True, False])
@pytest.mark.parametrize("path", ["/large", "/nowhere"])
def test_what_is_there_is_neither_overwritten_nor_removed(
    web: WebServer, dest: pathlib.Path, cleanup: bool, path: str
) -> None:
    dest.write_text("mine")
    spec = {"source": web.url + path, "dest": str(dest), "cleanup": cleanup}

    with pytest.raises(PluginFailed, match="exists already"):
        curl_d2d.run(job(curl_d2d.TOOL, spec))

    assert dest.read_text() == "mine"
    assert curl_d2d.TOOL.reasons_against("disk-to-disk", spec) == [
        f"{dest} exists already: nothing is overwritten"
    ]


def test_what_was_put_in_the_place_of_the_copy_is_not_removed(dest: pathlib.Path) -> None:
    with file_copy.made(str(dest), keep=False):
        dest.unlink()
        dest.write_text("somebody's")

    assert dest.read_text() == "somebody's"


def test_copies_go_to_a_folder_of_the_nodes_own(
    web: WebServer, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PSCHEDULER_COPY_TO", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (folder,) = file_copy.dest_folders()

    copy(f"{web.url}/large", f"{folder}/copy", cleanup=False)

    assert (tmp_path / "pscheduler-copies" / "copy").read_bytes() == LARGE
    assert pathlib.Path(folder).stat().st_mode & 0o777 == 0o700
    assert file_copy.dest_refusal(f"{tmp_path}/copy") == f"Does not write to files outside {folder}"


def test_a_folder_that_somebody_else_put_there_is_not_used(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "pscheduler-copies").symlink_to(tmp_path / "elsewhere")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    assert file_copy.dest_refusal(f"{tmp_path}/pscheduler-copies/copy")


def test_a_new_copy_is_for_nobody_else_to_read(web: WebServer, dest: pathlib.Path) -> None:
    copy(f"{web.url}/large", dest, cleanup=False)

    assert dest.stat().st_mode & 0o077 == 0


def test_copies_files_of_this_machine(dest: pathlib.Path) -> None:
    source = dest.with_name("the source")
    source.write_bytes(LARGE)

    result = copy(str(source), dest, cleanup=False)

    assert result["bytes-sent"] == len(LARGE)
    assert dest.read_bytes() == LARGE


def test_an_empty_file_is_one_too(web: WebServer, dest: pathlib.Path) -> None:
    result = copy(f"{web.url}/empty", dest)

    assert (result["bytes-sent"], result["throughput"]) == (0, 0)


def test_more_is_copied_than_is_ever_held(
    web: WebServer, dest: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "KEPT", 10)

    assert copy(f"{web.url}/large", dest)["bytes-sent"] == len(LARGE)


def test_waits_for_the_start(web: WebServer, dest: pathlib.Path) -> None:
    host = FakeHost()

    copy(f"{web.url}/large", dest, host)

    assert host.slept_until == [at(2)]


@pytest.mark.parametrize("cleanup", [True, False])
@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/nowhere", "Nothing here"),
        ("/stall", "[Nn]o answer|timed out"),
        ("/long", "No answer|in time|timed out"),
    ],
)
def test_what_does_not_come_whole_is_a_failure_and_is_removed(
    web: WebServer, dest: pathlib.Path, path: str, said: str, cleanup: bool
) -> None:
    with pytest.raises(PluginFailed, match=said):
        copy(web.url + path, dest, timeout="PT0.3S", cleanup=cleanup)

    assert not dest.exists()


def test_a_destination_that_became_a_link_is_not_followed(web: WebServer, dest: pathlib.Path) -> None:
    treasure = dest.with_name("treasure")
    treasure.write_text("mine")
    dest.symlink_to(treasure)

    with pytest.raises(PluginFailed, match="exists already"):
        curl_d2d.run(job(curl_d2d.TOOL, {"source": f"{web.url}/large", "dest": str(dest)}))

    assert treasure.read_text() == "mine"
    assert web.asked == []


def test_a_full_or_missing_disk_is_a_failure(
    web: WebServer, dest: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_copy, "dest_refusal", lambda dest: None)

    with pytest.raises(PluginFailed, match="cannot be written: No such file or directory"):
        curl_d2d.run(job(curl_d2d.TOOL, {"source": f"{web.url}/large", "dest": str(dest / "below")}))


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("-", "Copies to files of this machine only, not to -"),
        ("http://example.org/x", "Copies to files of this machine only"),
        ("copy", "Copies to files of this machine only"),
        ("file://[::1", "Copies to files of this machine only"),
        ("/etc/cron.d/x", "Does not write to files outside"),
        ("{}/../x", "Does not write to files without a plain absolute path"),
        ("file://{}/%2e%2e/x", "Does not write to files without a plain absolute path"),
        ("{}/\0", "Does not write to files without a plain absolute path"),
        ("file:x", "Does not write to files without a plain absolute path"),
        ("{}/out/passwd", "Does not write to files outside"),
        ("{}/nowhere/x", "Does not write to files outside"),
        ("{}/folder", "exists already"),
        ("{}/link", "exists already"),
        ("{}/folder/", "exists already"),
        ("/tmp/copy", "Does not write to files outside"),
    ],
)
def test_declines_to_write_elsewhere(dest: pathlib.Path, place: str, reason: str) -> None:
    dest.with_name("folder").mkdir()
    dest.with_name("out").symlink_to("/etc")
    dest.with_name("link").symlink_to(dest)
    spec = {"source": "http://example.org/", "dest": place.format(dest.parent)}

    reasons = curl_d2d.TOOL.reasons_against("disk-to-disk", spec)

    assert any(reason in each for each in reasons)


@pytest.mark.parametrize(
    "source",
    [
        "gopher://example.org/",
        "ftp://example.org/x",
        "/etc/passwd",
        "file:///proc/self/environ",
        "",
        "http://[::1",
    ],
)
def test_declines_to_read_elsewhere(dest: pathlib.Path, source: str) -> None:
    assert curl_d2d.TOOL.reasons_against("disk-to-disk", {"source": source, "dest": str(dest)})


def test_copies_only_files_that_may_be(
    dest: pathlib.Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    elsewhere.joinpath("data").write_bytes(LARGE)
    (dest.parent / "folder").symlink_to(elsewhere)
    sources = [f"{elsewhere}/data", f"{dest.parent}/folder/data"]

    refused = [file_copy.source_refusal(source) for source in sources]
    monkeypatch.setenv("PSCHEDULER_COPY_FROM", f"/nowhere:{elsewhere}")

    assert refused == [f"Does not copy files outside {dest.parent}"] * 2
    assert copy(sources[0], dest)["bytes-sent"] == len(LARGE)


def test_the_time_a_run_needs() -> None:
    assert curl_d2d.TOOL.duration("disk-to-disk", {}) == seconds(10)
    assert curl_d2d.TOOL.duration("disk-to-disk", {"timeout": "PT1M"}) == seconds(60)
