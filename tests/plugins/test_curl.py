"""The curl tool, against a web server on loopback."""

import pathlib
import ssl
import time
from collections.abc import Iterator
from typing import Any

import pytest
import trustme

from chalicelib.domain import result_size
from chalicelib.domain.times import parse_duration
from plugins.sdk.jobs import PluginFailed
from plugins.tests.http import TEST
from plugins.tools.web import curl, fetched_urls
from plugins.tools.web import fetch as _fetching
from plugins.tools.web import phases as _phases
from tests.builders import at, seconds
from tests.plugins.jobs import FakeHost, job
from tests.plugins.web import STALL, WebServer, serving

PAGE = "<p>Grüße aus dem Netz</p>"


@pytest.fixture
def web() -> Iterator[WebServer]:
    answers = {
        "/": (200, {"Content-Type": "text/html"}, PAGE.encode()),
        "/latin": (200, {"Content-Type": "text/html; charset=ISO-8859-1"}, PAGE.encode("latin-1")),
        "/binary": (200, {}, b"\xff\xfe\x00"),
        "/odd": (200, {"Content-Type": "text/plain; charset=hex"}, b"plain"),
        "/moved": (302, {"Location": "/"}, b""),
        "/round": (301, {"Location": "/round"}, b""),
        "/to-file": (302, {"Location": "file:///tmp/x"}, b""),
        "/to-localhost": (307, {"Location": ""}, b""),
        "/empty": (500, {}, b""),
        "/long": (200, {}, b"x" * 1000),
    }
    with serving(answers) as server:
        server.stalls, server.drips = {"/stall"}, {"/long"}
        yield server


def fetch(url: str, **spec: Any) -> dict[str, Any]:
    """The result, which must be one that the test declares."""
    result: dict[str, Any] = curl.run(job(curl.TOOL, {"url": url, **spec}))["result"]
    assert TEST.result_versions.problem(result) is None
    return result


def test_measures_how_long_a_page_takes(web: WebServer) -> None:
    result = fetch(f"{web.url}/")

    assert result.keys() == {"schema", "succeeded", "time"}
    assert result["schema"] == 1
    assert seconds(0) < parse_duration(result["time"]) < seconds(5)


def test_waits_for_the_start(web: WebServer) -> None:
    host = FakeHost()

    curl.run(job(curl.TOOL, {"url": f"{web.url}/"}, host))

    assert host.slept_until == [at(2)]


def test_sends_headers_and_names_itself(web: WebServer) -> None:
    fetch(f"{web.url}/?q=a%20b#part", headers={"X-Test": "yes", "accept": "text/html"})

    ((method, path, headers, _),) = web.asked
    assert (method, path) == ("GET", "/?q=a%20b")
    assert headers["X-Test"] == "yes"
    assert headers["accept"] == "text/html"
    assert "Accept" not in headers
    assert headers["Host"] == web.host
    assert headers["User-Agent"].startswith("Mozilla/")
    assert "pScheduler" in headers["User-Agent"]


def test_sends_the_credentials_of_the_url(web: WebServer) -> None:
    fetch(f"http://user:p%40ss@{web.host}/")

    assert web.asked[0][2]["Authorization"] == "Basic dXNlcjpwQHNz"


def test_follows_redirects(web: WebServer) -> None:
    result = fetch(f"{web.url}/moved", parse="Grüße")

    assert result["found"] is True
    assert [path for _, path, _, _ in web.asked] == ["/moved", "/"]


def test_keeps_credentials_from_other_hosts(web: WebServer) -> None:
    with serving({"/": (302, {"Location": f"{web.url}/"}, b"")}) as elsewhere:
        fetch(f"{elsewhere.url}/", headers={"Authorization": "secret", "X-Test": "yes"})

    assert elsewhere.asked[0][2]["Authorization"] == "secret"
    assert "Authorization" not in web.asked[0][2]
    assert web.asked[0][2]["X-Test"] == "yes"


@pytest.mark.parametrize(("path", "said"), [("/round", "more than 20"), ("/to-file", "file:///tmp/x")])
def test_redirects_have_limits(web: WebServer, path: str, said: str) -> None:
    with pytest.raises(PluginFailed, match=said):
        fetch(web.url + path)


def test_a_page_that_is_not_there_is_a_failure(web: WebServer) -> None:
    with pytest.raises(PluginFailed) as failed:
        fetch(f"{web.url}/nowhere")

    assert failed.value.message == "Nothing here"
    assert "404" in failed.value.diags


def test_an_empty_failure_is_told_by_its_status(web: WebServer) -> None:
    with pytest.raises(PluginFailed, match="Status 500"):
        fetch(f"{web.url}/empty")


def test_always_succeeds_where_it_is_to(web: WebServer) -> None:
    result = fetch(f"{web.url}/nowhere", **{"always-succeed": True})

    assert (result["schema"], result["status"], result["content"]) == (2, 404, "Nothing here")


def test_a_success_has_no_content_unless_asked_for(web: WebServer) -> None:
    result = fetch(f"{web.url}/", **{"always-succeed": True})

    assert result["status"] == 200
    assert "content" not in result


@pytest.mark.parametrize(("keep", "content"), [(0, PAGE), (5, PAGE[:5]), (999, PAGE)])
@pytest.mark.parametrize("path", ["/", "/latin"])
def test_keeps_content(web: WebServer, path: str, keep: int, content: str) -> None:
    result = fetch(web.url + path, **{"keep-content": keep})

    assert (result["schema"], result["content"]) == (2, content)


def test_content_that_is_no_text_has_a_status_of_its_own(web: WebServer) -> None:
    result = fetch(f"{web.url}/binary", **{"keep-content": 0, "always-succeed": True})

    assert result["status"] == 415
    with pytest.raises(PluginFailed, match="not text"):
        fetch(f"{web.url}/binary", **{"keep-content": 0})


def test_content_that_is_not_kept_need_not_be_text(web: WebServer) -> None:
    assert fetch(f"{web.url}/binary", parse="x")["found"] is False


def test_a_charset_that_is_none_is_ignored(web: WebServer) -> None:
    assert fetch(f"{web.url}/odd", parse="plain")["found"] is True


def test_phases_are_reported_where_they_are_asked_for_and_never_else(web: WebServer) -> None:
    with_phases = fetch(f"{web.url}/", phases=True)
    without = fetch(f"{web.url}/", phases=False)

    assert with_phases["schema"] == 5
    assert with_phases["phases"].keys() == {"dns", "connect", "first-byte", "total"}
    assert with_phases["phases"]["total"] == with_phases["time"]
    assert (without["schema"], "phases" in without) == (1, False)


def test_phases_add_up_over_redirects_and_are_within_the_whole(web: WebServer) -> None:
    phases = {
        name: parse_duration(text) for name, text in fetch(f"{web.url}/moved", phases=True)["phases"].items()
    }

    total = phases.pop("total")
    assert sum(phases.values(), seconds(0)) <= total
    assert phases["connect"] > seconds(0)
    assert phases["first-byte"] > seconds(0)


def test_the_handshake_is_a_phase_of_its_own() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with serving({"/": (200, {}, b"")}, context) as secure:
        phases = fetch(secure.url.replace("http:", "https:"), phases=True)["phases"]

    assert list(phases) == ["dns", "connect", "tls", "first-byte", "total"]
    assert parse_duration(phases["tls"]) > seconds(0)


def test_no_authorities_are_loaded_while_time_is_measured() -> None:
    assert _phases.tls() is _phases.tls()
    assert _phases.tls().cert_store_stats()["x509_ca"] == 0


def test_a_slow_answer_is_a_long_wait_for_the_first_byte(web: WebServer) -> None:
    result = fetch(f"{web.url}/stall", phases=True, timeout="PT0.3S", **{"always-succeed": True})

    assert (result["schema"], result["status"]) == (5, 400)
    assert set(result["phases"]) >= {"dns", "connect", "total"}


def test_a_file_has_no_phases_but_the_whole(folder: pathlib.Path) -> None:
    assert fetch(f"file://{folder}/a%20file", phases=True)["phases"].keys() == {"total"}


@pytest.mark.parametrize("path", ["/stall", "/long"])
def test_gives_up_in_time(web: WebServer, path: str) -> None:
    begun = time.monotonic()

    with pytest.raises(PluginFailed):
        fetch(web.url + path, timeout="PT0.2S")

    assert time.monotonic() - begun < STALL / 4


def test_no_answer_counts_as_status_400(closed_port: int) -> None:
    result = fetch(f"http://127.0.0.1:{closed_port}", **{"always-succeed": True})

    assert result["status"] == 400
    assert result["content"]


def test_a_version_of_ip_that_the_host_lacks_is_a_failure(web: WebServer) -> None:
    assert fetch(f"{web.url}/", **{"ip-version": 4})["succeeded"]
    with pytest.raises(PluginFailed, match="IPv6"):
        fetch(f"{web.url}/", **{"ip-version": 6})


def test_a_header_that_cannot_be_sent_is_a_failure(web: WebServer) -> None:
    with pytest.raises(PluginFailed, match="nvalid header"):
        fetch(f"{web.url}/", headers={"X-Test": "a\r\nb: c"})


def test_does_not_take_work_from_the_function_it_runs_in(
    web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", web.host)

    with pytest.raises(PluginFailed, match="may not be reached by tasks"):
        fetch(f"{web.url}/")

    assert web.asked == []


def test_longer_content_than_is_kept_is_a_failure(web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_fetching, "KEPT", 10)

    with pytest.raises(PluginFailed, match="longer than 10"):
        fetch(f"{web.url}/")


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    tmp_path.joinpath("a file").write_text("content")
    tmp_path.joinpath("passwords").symlink_to("/etc/passwd")
    tmp_path.joinpath("etc").symlink_to("/etc")
    return tmp_path


def test_reads_plain_files(folder: pathlib.Path) -> None:
    url = f"file://{folder}/a%20file"

    assert curl.TOOL.reasons_against("http", {"url": url}) == []
    assert fetch(url)["succeeded"] is True


def test_a_file_that_is_not_there_is_a_failure(folder: pathlib.Path) -> None:
    url = f"file://{folder}/nothing"

    assert curl.TOOL.reasons_against("http", {"url": url}) == []
    with pytest.raises(PluginFailed, match="nothing"):
        fetch(url)


@pytest.mark.parametrize(
    "path", ["passwords", "etc/passwd", "", "../x", "%2e%2e/x", "./a%20file", "\0", "..%2fx"]
)
def test_declines_files_behind_tricks_and_never_reads_them(folder: pathlib.Path, path: str) -> None:
    url = f"file://{folder}/{path}"

    assert curl.TOOL.reasons_against("http", {"url": url})
    with pytest.raises(PluginFailed):
        fetch(url)


@pytest.mark.parametrize(
    "spec",
    [
        {"url": "file:///etc/passwd"},
        {"url": "file:////etc/passwd"},
        {"url": "file:///proc/self/environ"},
        {"url": "file:///var"},
        {"url": "file://elsewhere/tmp/x"},
        {"url": "file:x"},
        {"url": "file:///tmp/x", "keep-content": 0},
        {"url": "file:///tmp/x", "parse": "x"},
        {"url": "ftp://ftp.example.org/"},
        {"url": "gopher://example.org/"},
        {"url": ""},
        {"url": "javascript:alert(1)"},
        {"url": "http://"},
        {"url": "http://[::1"},
        {"url": "http://example.org:port/"},
        {"url": "http://example.org:0/"},
    ],
    ids=str,
)
def test_declines_what_it_does_not_fetch(spec: dict[str, Any]) -> None:
    assert curl.TOOL.reasons_against("http", spec)


@pytest.mark.parametrize(
    ("url", "whole"),
    [
        ("www.example.org", "http://www.example.org"),
        ("localhost:8080/a?b=http://c", "http://localhost:8080/a?b=http://c"),
        ("FILE:///tmp/x", "FILE:///tmp/x"),
        ("https://example.org", "https://example.org"),
        ("bücher.example:8080/ä", "http://xn--bcher-kva.example:8080/ä"),
        ("http://u:p@bücher.example/", "http://u:p@xn--bcher-kva.example/"),
    ],
)
def test_a_url_is_taken_as_people_write_it(url: str, whole: str) -> None:
    assert fetched_urls.whole(url) == whole
    assert curl.TOOL.reasons_against("http", {"url": url}) == []


def test_fetches_a_url_without_a_scheme(web: WebServer) -> None:
    assert fetch(f"{web.host}/moved", parse="Grüße")["found"] is True


def test_content_that_no_run_can_have_is_cut_and_that_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(result_size.cut, "__defaults__", (500,))

    with serving({"/": (200, {}, b"x" * 1000)}) as web:
        local = curl.run(job(curl.TOOL, {"url": web.url, "keep-content": 0}))

    assert local["result"]["content"] == "x" * len(local["result"]["content"])
    assert 490 < result_size.travelling(local["result"]["content"]) <= 500
    assert "Of 1000 characters," in local["diags"]


@pytest.mark.parametrize("url", ["http://www.example.org", "HTTPS://[::1]:8443/x", "file:///tmpfile"])
def test_fetches_the_rest(url: str) -> None:
    assert curl.TOOL.reasons_against("http", {"url": url, "timeout": "PT1S"}) == []
