"""Archives with something private in every setting that may have it, and sinks that fail in each way."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

CANARY = "kanarienvogel77"
SSL = {"schema": 2, "topic": "t", "security-protocol": "SSL"}
FAILS_ALONE = ("bitbucket", "syslog", "failer")
"""Archivers without private settings."""


def settings(port: int, canary: str = CANARY) -> dict[str, list[dict[str, Any]]]:
    """Settings of every archiver that has private ones, with the canary in all of them."""
    base = {"table": "t", "column": "c"}
    return {
        "http": [
            {
                "schema": 2,
                "_url": f"http://u:{canary}@127.0.0.1:{port}/?k={canary}",
                "_headers": {"A": canary},
            },
            {"schema": 2, "_url": f"gopher://{canary}/", "_headers": {"A": canary + "\n€"}},
            {"schema": 2, "_url": f"http://127.0.0.1:{port}/", "_headers": {"A": f"{canary}€"}},
            {"schema": 2, "_url": f"http://{canary}.invalid/{canary}"},
            {"schema": 2, "_url": f"http://[{canary}/"},
        ],
        "kafka": [
            {"topic": "t", "server": f"127.0.0.1:{port}", "_a": canary},
            {**SSL, "server": f"127.0.0.1:{port}", "_ssl-cert": canary, "_ssl-key": canary},
            {**SSL, "server": f"127.0.0.1:{port}", "_ssl-cacert": canary, "_ssl-password": canary},
        ],
        "postgresql": [
            {"_dsn": f"host=127.0.0.1 port={port} user={canary} password={canary} dbname={canary}", **base},
            {"_dsn": f"postgresql://{canary}:{canary}@127.0.0.1:{port}/{canary}", **base},
            {"_dsn": f"{canary}={canary}", **base},
            {"_dsn": f"sslmode={canary}", **base},
            {"_dsn": f"host={canary}.invalid", **base},
        ],
        "rabbitmq": [
            {"_url": f"amqp://{canary}:{canary}@127.0.0.1:{port}/{canary}"},
            {"_url": f"amqp://{canary}.invalid/"},
            {"_url": f"amqp://host:{canary}/"},
            {"_url": f"amqp://127.0.0.1:{port}/?{canary}={canary}&heartbeat={canary}"},
        ],
        "snmptrap": [
            {"dest": "127.0.0.1", "_community": canary, "trap-oid": "nowhere"},
            {
                "dest": "127.0.0.1",
                "security-name": "u",
                "auth-protocol": "MD5",
                "_auth-key": canary,
                "priv-protocol": "AES",
                "_priv-key": f"{canary}x",
                "trap-oid": "nowhere",
            },
        ],
        "smtp": [
            {"host": "127.0.0.1", "port": port, **mail, "user": "node", "_password": canary}
            for mail in (
                {"security": how, "from": "a@b.example", "_to": [f"{canary}@c.example"]}
                for how in ("none", "starttls", "tls")
            )
        ],
        **{name: posting(port, canary) for name in ("otlp", "opensearch", "prometheus")},
        **{name: [in_the_cloud(port, canary)] for name in ("eventbridge", "s3", "sqs")},
        "tcp": [{"host": "127.0.0.1", "port": port}],
        "udp": [{"host": "127.0.0.1", "port": port, "payload-size": 1}],
    }


def posting(port: int, canary: str) -> list[dict[str, Any]]:
    return [
        {
            "_url": f"http://u:{canary}@127.0.0.1:{port}/?k={canary}",
            "_headers": {"Authorization": canary},
            "index": "results",
        },
        {"_url": f"http://{canary}.invalid/{canary}", "index": "results"},
        {"_url": f"gopher://{canary}/", "index": "results"},
    ]


def in_the_cloud(port: int, canary: str) -> dict[str, Any]:
    return {
        "region": "eu-west-1",
        "endpoint": f"http://127.0.0.1:{port}",
        "_access-key": canary,
        "_secret-key": canary,
        "_session-token": canary,
        "bucket": "results",
        "queue-url": f"http://127.0.0.1:{port}/1/results",
    }


def echo(end: socket.socket) -> bytes:
    asked = end.recv(65536)
    return b"HTTP/1.1 403 No\r\nContent-Length: %d\r\n\r\n" % len(asked) + asked


def silence(end: socket.socket) -> bytes:
    end.recv(65536)  # or the system would tell the other side that it was not read
    return b""


@contextlib.contextmanager
def sink(answer: Callable[[socket.socket], bytes]) -> Iterator[int]:
    """A server that answers each connection so, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    end, _ = server.accept()
                    with end, contextlib.suppress(OSError):
                        end.settimeout(2)
                        end.sendall(answer(end))

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(5)
