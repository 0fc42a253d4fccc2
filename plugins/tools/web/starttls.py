"""The talk before TLS in protocols that begin without it (RFC 3207, RFC 2595, RFC 4217)."""

import socket
from collections.abc import Callable

PORTS = {"ftp": 21, "imap": 143, "pop3": 110, "smtp": 25}
LONGEST_LINE = 4096
MOST_LINES = 100

# What is said, and how the answer to it begins; the first is the server's greeting, to nothing.
_DIALOGS = {
    "ftp": (("", "220"), ("AUTH TLS", "234")),
    "imap": (("", "* OK"), ("a STARTTLS", "a OK")),
    "pop3": (("", "+OK"), ("STLS", "+OK")),
    "smtp": (("", "220"), ("EHLO localhost", "250"), ("STARTTLS", "220")),
}


def ask(end: socket.socket, protocol: str, left: Callable[[], float]) -> None:
    """Bring a connection to where TLS begins. Raises OSError where the server does not go along.

    ``left`` says how many seconds there still are, and raises TimeoutError when there are none.
    """
    for said, wanted in _DIALOGS[protocol]:
        if said:
            end.sendall(f"{said}\r\n".encode())
        answer = _answer(end, said.startswith("a "), left)
        if not answer.startswith(wanted):
            raise OSError(f"the server answered {answer[:100]!r} to {said or 'the connection'}")


def _answer(end: socket.socket, tagged: bool, left: Callable[[], float]) -> str:
    """The last line of an answer: those before it have a hyphen after their number, or no tag."""
    for _ in range(MOST_LINES):
        line = _line(end, left)
        if line.startswith("a ") if tagged else not (line[:3].isdigit() and line[3:4] == "-"):
            return line
    raise OSError("the server's answer does not end")


def _line(end: socket.socket, left: Callable[[], float]) -> str:
    # Byte by byte: what follows the last line is no longer ours to read.
    line = bytearray()
    while not line.endswith(b"\n"):
        end.settimeout(left())
        byte = end.recv(1)
        line += byte
        if not byte or len(line) > LONGEST_LINE:
            raise OSError(
                "the server closed the connection" if not byte else "the server's answer does not end"
            )
    return line.decode(errors="replace").rstrip()
