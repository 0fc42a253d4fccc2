"""kafka: publishes results to a topic of Kafka (docs/contract/archivers.md section 6).

Needs the package kafka-python, which is not among what Lambda's functions bring. What the reference reads
without asking whether it is there has defaults here.
"""

import contextlib
import importlib.util
import json
import pathlib
import re
import tempfile
from collections.abc import Mapping
from typing import TYPE_CHECKING

from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import JSON, closed, integer, pattern
from chalicelib.domain.types import TYPES
from plugins.sdk.archiver import Archiver
from plugins.sdk.jobs import Outcome, Parcel, retry_after
from plugins.support import guarded_connections, kafka_wire, sayings

if TYPE_CHECKING:
    import ssl

MISSING = "The package kafka-python is not installed on this node"
SECONDS = 30.0
"""That a delivery may take, as with the reference."""
CLIENT, RETRIES, MOST_RETRIES = "pscheduler", 3, 10

_TOPIC = pattern(
    r"(?!\.{1,2}\Z)[A-Za-z0-9._\-]{1,249}",
    "{value!r} is not a topic: must be 1 to 249 letters, digits, . _ and -",
)
_SERVER = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]]+)(?::(?P<port>[0-9]{1,5}))?")
_AS_TEXT = "as PEM text; files of this node are not read"
_PEM: dict[str, JSON] = {"type": "string", "maxLength": 65536}

V1 = {"schema": TYPES["Cardinal"], "topic": _TOPIC, "server": TYPES["String"]}
V2 = {
    **V1,
    "security-protocol": {"enum": ["PLAINTEXT", "SSL"]},
    "archiver-id": {"type": "string", "maxLength": 200},
    "kafka-retries": integer(0),
    "retry-policy": TYPES["RetryPolicy"],
    "_ssl-cacert": _PEM,
    "_ssl-cert": _PEM,
    "_ssl-key": _PEM,
    "_ssl-password": {"type": "string", "maxLength": 1024},
    "ssl-checkhostname": TYPES["Boolean"],
}


def deliver(parcel: Parcel) -> Outcome:
    """Publish the result as JSON; it counts once all replicas that are in step have it.

    Certificates that cannot be read and addresses that must not be reached fail for good, all else as the
    retry policy says.
    """
    if importlib.util.find_spec("kafka") is None:
        return Outcome(False, MISSING)
    data = parcel.data
    message = kafka_wire.Message(data["topic"], json.dumps(parcel.result).encode(), parcel.delivery)
    try:
        kafka_wire.send(*place(data["server"]), message, access(data))
    except Invalid as error:
        return Outcome(False, error.message)
    except guarded_connections.Refused as error:
        return Outcome(False, error.message)
    except (kafka_wire.Refusal, guarded_connections.Unresolvable, OSError, ValueError) as error:
        again = retry_after(_options(data).get("retry-policy", ()), parcel.attempts)
        return Outcome(False, sayings.said(error), again)
    return Outcome(True)


def place(server: str) -> tuple[str, int]:
    """Host and port of a broker as it is written. Raises Invalid."""
    found = _SERVER.fullmatch(server)
    port = int(found["port"] or kafka_wire.PORT) if found else 0
    if found is None or not 0 < port < 65536:
        raise Invalid("must be a broker such as kafka.example.org:9092", "/server")
    return found["host"].strip("[]"), port


def access(data: Mapping[str, JSON]) -> kafka_wire.Access:
    """How the settings have the cluster spoken to. Raises Invalid."""
    options = _options(data)
    return kafka_wire.Access(
        client=options.get("archiver-id", CLIENT),
        tls=_tls(options) if options.get("security-protocol") == "SSL" else None,
        seconds=SECONDS,
        retries=min(MOST_RETRIES, options.get("kafka-retries", RETRIES)),
    )


def _options(data: Mapping[str, JSON]) -> Mapping[str, JSON]:
    """What schema 1 does not know it takes, and leaves."""
    return data if data.get("schema", 1) > 1 else {}


def _tls(options: Mapping[str, JSON]) -> "ssl.SSLContext":
    import ssl

    try:
        context = ssl.create_default_context(cadata=options.get("_ssl-cacert") or None)
    except (ssl.SSLError, ValueError) as error:
        raise Invalid(f"must be a certificate {_AS_TEXT}", "/_ssl-cacert") from error
    context.check_hostname = options.get("ssl-checkhostname", True)
    if "_ssl-cert" in options or "_ssl-key" in options:
        _identify(context, options)
    return context


def _identify(context: "ssl.SSLContext", options: Mapping[str, JSON]) -> None:
    """Have a connection show a certificate, which the standard library takes from files alone."""
    with tempfile.TemporaryDirectory() as folder:
        cert, key = (_written(pathlib.Path(folder, name), options) for name in ("_ssl-cert", "_ssl-key"))
        try:
            context.load_cert_chain(cert, key, password=lambda: str(options.get("_ssl-password", "")))
        except (OSError, ValueError, TypeError) as error:  # ssl.SSLError is the first
            raise Invalid(
                f"must be a certificate that matches _ssl-key and _ssl-password, {_AS_TEXT}", "/_ssl-cert"
            ) from error


def _written(file: pathlib.Path, options: Mapping[str, JSON]) -> pathlib.Path:
    file.touch(mode=0o600)
    file.write_text(options.get(file.name, ""))
    return file


def check(data: Mapping[str, JSON]) -> None:
    """Raise Invalid for a broker or certificates that cannot be read, never showing them."""
    place(data["server"])
    with contextlib.suppress(ImportError):  # a Python without TLS
        access(data)


ARCHIVER = Archiver(
    name="kafka",
    label="Kafka",
    description="Send results to Kafka",
    version="1.2",
    data={
        1: {**closed(V1, required=("topic", "server")), "additionalProperties": True},
        2: {
            **closed(V2, required=("schema", "topic", "server", "security-protocol")),
            "additionalProperties": True,
        },
    },
    deliver=deliver,
    check=check,
)
