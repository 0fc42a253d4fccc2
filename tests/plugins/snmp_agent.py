"""A real SNMP agent, Net-SNMP's snmpd, on a port of its own on loopback."""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

import pytest

CONFIGURATION = """
agentAddress udp:127.0.0.1:{port}
rocommunity public
rwcommunity private
createUser hidden SHA "sign with this" AES "hide with this"
createUser signed MD5 "sign with this"
createUser des SHA "sign with this" DES "hide with this"
createUser plain
createUser writer SHA "sign with this"
rwuser writer auth
rwuser hidden priv
rouser signed auth
rouser des priv
rouser plain noauth
sysName agent
sysLocation loopback
"""
PROGRAM = shutil.which("snmpd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


@contextlib.contextmanager
def running(folder: pathlib.Path) -> Iterator[int]:
    """The port of an agent that runs until the end; the test is skipped where there is no program."""
    if PROGRAM is None:
        pytest.skip("the program snmpd is not installed")
    port = _free_port()
    configuration, log = folder / "snmpd.conf", folder / "log"
    configuration.write_text(CONFIGURATION.format(port=port))
    configuration.chmod(0o600)
    command = [PROGRAM, "-f", "-C", "-c", str(configuration), "-Lf", str(log), "-I", "-smux"]
    environment = {"SNMP_PERSISTENT_DIR": str(folder), "MIBS": "", "PATH": "/usr/bin:/bin"}
    with subprocess.Popen(command, env=environment, cwd=folder) as agent:
        try:
            _wait_until_it_speaks(agent, log)
            yield port
        finally:
            agent.terminate()


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _wait_until_it_speaks(agent: "subprocess.Popen[bytes]", log: pathlib.Path) -> None:
    deadline = time.monotonic() + 20
    while not (log.exists() and "NET-SNMP version" in log.read_text()):
        if agent.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"snmpd did not start: {log.read_text() if log.exists() else 'it said nothing'}")
        time.sleep(0.05)
