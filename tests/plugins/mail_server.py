"""A mail server on loopback, as much of one as a client needs to get rid of a message (RFC 5321)."""

import base64
import contextlib
import dataclasses
import socket
import ssl
import threading
from collections.abc import Iterator
from typing import Any


@dataclasses.dataclass
class MailServer:
    """What it got, and what it refuses.

    answers  {command: answer} in place of the usual ones; ``RCPT TO:<address>`` is one as well
    """

    port: int = 0
    answers: dict[str, str] = dataclasses.field(default_factory=dict)
    context: ssl.SSLContext | None = None
    is_tls_at_once: bool = False
    messages: list[str] = dataclasses.field(default_factory=list)
    recipients: list[str] = dataclasses.field(default_factory=list)
    credentials: list[str] = dataclasses.field(default_factory=list)
    secured: int = 0


@contextlib.contextmanager
def serving(**settings: Any) -> Iterator[MailServer]:
    """A server that is there meanwhile."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = MailServer(listener.getsockname()[1], **settings)
        thread = threading.Thread(target=_accept, args=(listener, server), daemon=True)
        thread.start()
        yield server
        listener.shutdown(socket.SHUT_RDWR)  # or the thread goes on accepting


def _accept(listener: socket.socket, server: MailServer) -> None:
    with contextlib.suppress(OSError):
        while True:
            link, _ = listener.accept()
            session = _Session(server, link)
            with contextlib.suppress(OSError, ssl.SSLError):
                session.run()
            session.close()


class _Session:
    def __init__(self, server: MailServer, link: socket.socket):
        self.server, self.link = server, link
        self.stream = link.makefile("rb")

    def close(self) -> None:
        self.stream.close()
        self.link.close()

    def _secure(self) -> None:
        assert self.server.context is not None
        self.link = self.server.context.wrap_socket(self.link, server_side=True)
        self.server.secured += 1
        self.stream.close()
        self.stream = self.link.makefile("rb")

    def say(self, line: str) -> None:
        self.link.sendall(f"{line}\r\n".encode())

    def run(self) -> None:
        if self.server.is_tls_at_once:
            self._secure()
        self.say(self.server.answers.get("", "220 here"))
        while line := self.stream.readline():
            text = line.decode().strip()
            verb, command = text[:4].upper(), f"{text[:4].upper()}{text[4:]}"
            answers = {verb: self.usual(verb, command), **self.server.answers}
            said = answers.get(command, answers[verb])
            self.note(verb, command, said)
            self.say(said)
            self.go_on(verb, said)
            if verb == "QUIT":
                return

    def usual(self, verb: str, command: str) -> str:
        offers_tls = self.server.context and not self.server.secured
        hello = f"250-here\r\n{'250-STARTTLS' if offers_tls else '250-8BITMIME'}\r\n250 AUTH PLAIN"
        usual = {"EHLO": hello, "AUTH": "235 welcome", "STAR": "220 go ahead", "DATA": "354 go ahead"}
        return {**usual, "QUIT": "221 bye"}.get(verb, "250 ok")

    def note(self, verb: str, command: str, said: str) -> None:
        if verb == "AUTH":
            self.server.credentials.append(base64.b64decode(command.split()[2]).decode())
        if verb == "RCPT" and said.startswith("2"):
            self.server.recipients.append(command.partition("<")[2].partition(">")[0])

    def go_on(self, verb: str, said: str) -> None:
        """What follows an answer: TLS, or the message."""
        if verb == "STAR":
            self._secure()
        if verb == "DATA" and said.startswith("3"):
            self.server.messages.append(self.content())
            self.say(self.server.answers.get(".", "250 taken"))

    def content(self) -> str:
        lines = []
        while (line := self.stream.readline()) not in (b".\r\n", b""):
            lines.append(line.decode().removeprefix(".") if line.startswith(b"..") else line.decode())
        return "".join(lines)
