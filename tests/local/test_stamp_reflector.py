"""The STAMP reflector that users can run."""

import pathlib
import signal
import socket
import subprocess
import sys

import pytest

from local import stamp_reflector
from local.stamp_reflector import Reflector
from plugins.tools.one_way import stamp_packets

HERE = pathlib.Path(__file__).resolve().parents[2]
REQUEST = stamp_packets.request(5, 1 << 40, 0x8001, padding=20)


def exchange(port: int, *packets: bytes) -> bytes:
    """The first answer to any of the packets."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.settimeout(20)
        end.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 77)
        for packet in packets:
            end.sendto(packet, ("127.0.0.1", port))
        return end.recv(65535)


def test_sends_back_what_it_gets_with_its_own_times() -> None:
    with Reflector(port=0) as reflector:
        answer = exchange(reflector.port, REQUEST)

    reply = stamp_packets.read_reply(answer)
    assert reply is not None
    assert len(answer) == len(REQUEST)
    assert (reply.number, reply.there.seq, reply.there.sent.time) == (5, 5, 1 << 40)
    assert 0 < reply.there.received.time <= reply.sent.time
    assert reply.there.ttl == 77


def test_says_nothing_to_what_is_no_request() -> None:
    with Reflector(port=0) as reflector:
        answer = exchange(reflector.port, b"", REQUEST[:43], REQUEST)

    assert len(answer) == len(REQUEST)


def test_stops_with_its_context() -> None:
    with Reflector(port=0) as reflector:
        thread = reflector._thread

    assert not thread.is_alive()
    with Reflector(port=reflector.port):  # its port is free again
        pass


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_can_be_run_and_stopped(how: signal.Signals) -> None:
    command = [sys.executable, "-m", "local.stamp_reflector", "--port", "0"]
    with subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        port = int(said.partition(" port ")[2].split()[0])
        answer = exchange(port, REQUEST)
        process.send_signal(how)
        try:
            status = process.wait(timeout=20)
        finally:
            process.kill()

    assert said.startswith("Reflecting STAMP packets at 127.0.0.1 port ")
    assert len(answer) == len(REQUEST)
    assert status == 0


@pytest.mark.parametrize(
    "arguments", [["--address", "nowhere"], ["--port", "99999"], ["--address", "192.0.2.1"]]
)
def test_says_why_it_cannot_listen(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    status = stamp_reflector.main(arguments)

    assert status == 1
    assert capsys.readouterr().err.startswith("Cannot listen at ")


def test_the_port_is_that_of_the_rfc(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        stamp_reflector.main(["--help"])

    assert "UDP port (default: 862)" in capsys.readouterr().out
