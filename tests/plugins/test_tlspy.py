"""The tlspy tool, against TLS servers on loopback."""

import contextlib
import datetime as dt
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trustme

from chalicelib.domain.times import UTC, parse_duration
from plugins.sdk.jobs import PluginFailed
from plugins.sdk.show import HTML, TEXT, render
from plugins.tests.tls import TEST
from plugins.tools.web import tlspy
from tests.builders import seconds
from tests.plugins.jobs import FakeHost, job
from tests.plugins.web import WebServer, serving

NOW = dt.datetime.now(UTC)


class Now(FakeHost):
    """A machine that knows what time it is: certificates have dates."""

    def __init__(self) -> None:
        super().__init__()
        self.time = NOW


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA(organization_name="Authority of the tests")


@pytest.fixture(scope="module")
def certificate(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert(
        "localhost", "*.example.org", "127.0.0.1", organization_name="Ex <b>", common_name="localhost"
    )


@pytest.fixture
def server(certificate: trustme.LeafCert) -> Iterator[WebServer]:
    with serving({}, _context(certificate)) as running:
        yield running


def _context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@pytest.fixture
def _trusted(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with authority.cert_pem.tempfile() as path:
        monkeypatch.setenv("SSL_CERT_FILE", path)
        yield


def shake(server: WebServer, **spec: Any) -> dict[str, Any]:
    """The result, which must be one that the test declares."""
    whole = {"dest": "127.0.0.1", "port": server.server_address[1], **spec}
    result: dict[str, Any] = tlspy.run(job(tlspy.TOOL, whole, Now()))["result"]
    assert TEST.result_versions.problem(result) is None
    return result


@pytest.mark.usefixtures("_trusted")
def test_a_certificate_that_is_trusted_is_verified(server: WebServer) -> None:
    result = shake(server, **{"server-name": "localhost"})

    assert result["verified"] is True
    assert "reason" not in result
    assert result["protocol"] == "TLSv1.3"
    assert result["cipher"].startswith("TLS_")
    assert seconds(0) < parse_duration(result["time"]) < seconds(10)
    assert seconds(0) < parse_duration(result["connect"]) < seconds(10)


@pytest.mark.usefixtures("_trusted")
def test_an_address_is_looked_for_in_the_certificate_too(server: WebServer) -> None:
    assert shake(server)["verified"] is True


def test_the_certificate_is_described(server: WebServer, certificate: trustme.LeafCert) -> None:
    described = shake(server)["certificate"]

    assert "O=Ex <b>" in described["subject"]
    assert "CN=localhost" in described["subject"]
    assert described["issuer"].startswith("O=Authority of the tests, ")
    assert described["names"] == ["localhost", "*.example.org", "127.0.0.1"]
    ends = dt.datetime.fromisoformat(described["not-after"])
    assert described["days-left"] == pytest.approx((ends - NOW) / dt.timedelta(days=1), abs=0.01)
    assert dt.datetime.fromisoformat(described["not-before"]) < NOW < ends
    assert described["serial"]


def test_one_that_nobody_vouches_for_is_measured_and_says_why(server: WebServer) -> None:
    result = shake(server)

    assert result["verified"] is False
    assert "issuer certificate" in result["reason"]
    assert result["certificate"]["names"]


@pytest.mark.usefixtures("_trusted")
def test_one_for_another_name_says_so(server: WebServer) -> None:
    result = shake(server, **{"server-name": "www.example.com"})

    assert result["verified"] is False
    assert "www.example.com" in result["reason"]


@pytest.mark.usefixtures("_trusted")
def test_one_that_has_expired_says_so_and_has_days_below_zero(authority: trustme.CA) -> None:
    old = authority.issue_cert(
        "127.0.0.1", not_before=NOW - dt.timedelta(days=9), not_after=NOW - dt.timedelta(days=3)
    )
    with serving({}, _context(old)) as server:
        result = shake(server)

    assert result["reason"] == "certificate has expired"
    assert result["certificate"]["days-left"] == pytest.approx(-3, abs=0.01)


def test_an_older_protocol_is_reported(certificate: trustme.LeafCert) -> None:
    context = _context(certificate)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with serving({}, context) as server:
        result = shake(server)

    assert result["protocol"] == "TLSv1.2"


def test_a_server_without_tls_is_a_failure() -> None:
    with serving({}) as plain, pytest.raises(PluginFailed, match=r"No TLS handshake with 127\.0\.0\.1 port"):
        shake(plain)


def test_a_port_nobody_listens_at_is_a_failure() -> None:
    with serving({}) as gone:
        pass

    with pytest.raises(PluginFailed, match="refused"):
        shake(gone)


@pytest.mark.parametrize("timeout", ["PT0.2S", "PT0S"])
def test_a_server_that_says_nothing_is_given_up(timeout: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        spec = {"dest": "127.0.0.1", "port": silent.getsockname()[1], "timeout": timeout}
        with pytest.raises(PluginFailed, match="No TLS handshake within 0"):
            tlspy.run(job(tlspy.TOOL, spec, Now()))


@contextlib.contextmanager
def until_the_end(server: socket.socket, serve: Callable[[], None]) -> Iterator[None]:
    """Somebody who accepts connections, and has gone before another server has the same descriptor."""
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)  # closing alone does not wake who waits in accept
        thread.join()


def test_garbage_in_the_place_of_a_handshake_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as odd:

        def answer() -> None:
            with contextlib.suppress(OSError):  # the test is over
                for _ in range(2):
                    end, _ = odd.accept()
                    with end:
                        end.sendall(b"SSH-2.0-Odd\r\n")

        with until_the_end(odd, answer):
            spec = {"dest": "127.0.0.1", "port": odd.getsockname()[1]}
            with pytest.raises(PluginFailed, match="No TLS handshake with"):
                tlspy.run(job(tlspy.TOOL, spec, Now()))


@pytest.mark.parametrize("name", ["_a.example.com", "::1", "192.0.2.1", "example.com.", "a" * 63])
def test_any_name_that_a_spec_may_have_can_be_asked_for(server: WebServer, name: str) -> None:
    assert TEST.problem({"dest": "127.0.0.1", "server-name": name}) is None
    assert shake(server, **{"server-name": name})["verified"] is False


DIALOGS = {
    "smtp": [
        "220-mail ready\r\n220 go on",
        ("EHLO localhost", "250-mail\r\n250 STARTTLS"),
        ("STARTTLS", "220 go"),
    ],
    "imap": ["* OK ready", ("a STARTTLS", "* NOTE\r\na OK begin")],
    "pop3": ["+OK ready", ("STLS", "+OK begin")],
    "ftp": ["220 ready", ("AUTH TLS", "234 begin")],
}


@contextlib.contextmanager
def talking(dialog: list[Any], context: ssl.SSLContext) -> Iterator[int]:
    """The port of a server that goes through a dialog and then speaks TLS."""

    def serve() -> None:
        with contextlib.suppress(OSError):  # a client that goes away is what some of the tests are about
            while True:
                talk(server.accept()[0])

    def talk(end: socket.socket) -> None:
        with end, contextlib.suppress(OSError), end.makefile("rb") as lines:
            end.sendall(f"{dialog[0]}\r\n".encode())
            for heard, answer in dialog[1:]:
                if lines.readline().decode().strip() != heard:
                    return
                end.sendall(f"{answer}\r\n".encode())
            if end.recv(1, socket.MSG_PEEK):  # wrapping an end whose client has gone would leave it open
                with context.wrap_socket(end, server_side=True) as secure:
                    secure.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as server, until_the_end(server, serve):
        yield server.getsockname()[1]


@pytest.mark.parametrize("protocol", DIALOGS)
def test_tls_is_started_within_a_protocol(protocol: str, certificate: trustme.LeafCert) -> None:
    with talking(DIALOGS[protocol], _context(certificate)) as port:
        spec = {"dest": "127.0.0.1", "port": port, "starttls": protocol}
        result = tlspy.run(job(tlspy.TOOL, spec, Now()))["result"]

    assert result["protocol"] == "TLSv1.3"
    assert "localhost" in result["certificate"]["names"]


@pytest.mark.parametrize(
    ("dialog", "said"),
    [
        (["554 go away"], "answered '554 go away' to the connection"),
        (["220 ready", ("EHLO localhost", "500 what?")], "answered '500 what\\?' to EHLO localhost"),
        (["220 " + "x" * 5000], "does not end"),
        (["\r\n".join(["220-more"] * 120)], "does not end"),
    ],
)
def test_a_server_that_does_not_go_along_is_a_failure(
    dialog: list[Any], said: str, certificate: trustme.LeafCert
) -> None:
    with talking(dialog, _context(certificate)) as port, pytest.raises(PluginFailed, match=said):
        tlspy.run(job(tlspy.TOOL, {"dest": "127.0.0.1", "port": port, "starttls": "smtp"}, Now()))


def test_a_server_that_breaks_off_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            server.accept()[0].close()

        spec = {"dest": "127.0.0.1", "port": server.getsockname()[1], "starttls": "pop3"}
        with (
            until_the_end(server, hang_up),
            pytest.raises(PluginFailed, match=r"closed the connection|reset"),
        ):
            tlspy.run(job(tlspy.TOOL, spec, Now()))


@pytest.mark.parametrize(
    ("spec", "port"),
    [({}, 443), ({"starttls": "imap"}, 143), ({"starttls": "smtp", "port": 587}, 587)],
)
def test_the_port_is_the_protocols(spec: dict[str, Any], port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tlspy.Peer] = []

    def refuse(peer: tlspy.Peer) -> tlspy.Handshake:
        asked.append(peer)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(tlspy, "shake", refuse)
    with pytest.raises(PluginFailed, match=f"port {port}: Connection refused"):
        tlspy.run(job(tlspy.TOOL, {"dest": "127.0.0.1", **spec}, Now()))

    assert asked[0].port == port


def test_waits_for_the_start_and_plans_its_timeout(server: WebServer) -> None:
    host = Now()
    spec = {"dest": "127.0.0.1", "port": server.server_address[1]}

    tlspy.run(job(tlspy.TOOL, spec, host))

    assert len(host.slept_until) == 1
    assert tlspy.TOOL.duration("tls", spec) == seconds(11)
    assert tlspy.TOOL.duration("tls", {**spec, "timeout": "PT2S"}) == seconds(3)


def test_unusual_names_say_what_they_are() -> None:
    described = {
        "notBefore": "Nov 23 12:00:00 2026 GMT",
        "notAfter": "Nov 25 12:00:00 2026 GMT",
        "subject": ((("commonName", "a"), ("emailAddress", "a@b")),),
        "subjectAltName": (("email", "a@b"), ("DirName", ((("commonName", "c"),),))),
    }

    found = tlspy.certificate(described, dt.datetime(2026, 11, 24, tzinfo=UTC))

    assert found["names"] == ["email:a@b", "DirName:CN=c"]
    assert found["subject"] == "CN=a, emailAddress=a@b"
    assert (found["issuer"], found["days-left"]) == ("", 1.5)


def test_a_result_as_a_person_reads_it() -> None:
    measured = TEST.result_examples[0]

    text, page = (render(TEST.show({}, measured), mime) for mime in (TEXT, HTML))

    assert text.splitlines()[0] == "Handshake ..... PT0.0123S"
    assert text.splitlines()[-1] == "Days Left ..... -1.0"
    assert "<td>www.example.org, 192.0.2.1</td>" in page


def test_a_success_has_its_figures() -> None:
    assert TEST.result_versions.problem({"schema": 1, "succeeded": False}) is None
    assert '"time" is a required property' in str(
        TEST.result_versions.problem({"schema": 1, "succeeded": True})
    )
