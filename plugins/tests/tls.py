"""tls: how long a TLS handshake takes, and what the two sides agreed on.

An addition to the tests of the contract.
"""

from collections.abc import Sequence

from chalicelib.domain.metrics import DAYS, FLAG, Metric, milliseconds, number, present
from chalicelib.domain.schemas import JSON, closed
from chalicelib.domain.types import TYPES
from plugins.sdk.fields import Field, Spec
from plugins.sdk.show import Block, Rows
from plugins.sdk.test import Result, Test, at_host


def show(spec: Spec, result: Result) -> list[Block]:
    certificate = result.get("certificate", {})
    return [Rows([*_rows(HANDSHAKE, result), *_rows(CERTIFICATE, certificate)])]


def _rows(labels: Sequence[tuple[str, str]], members: dict[str, JSON]) -> list[tuple[str, JSON]]:
    return [(label, members[name]) for label, name in labels if name in members]


HANDSHAKE = (
    ("Handshake", "time"),
    ("Connection", "connect"),
    ("Protocol", "protocol"),
    ("Cipher", "cipher"),
    ("Verified", "verified"),
    ("Reason", "reason"),
)
CERTIFICATE = (
    ("Subject", "subject"),
    ("Issuer", "issuer"),
    ("Names", "names"),
    ("Serial Number", "serial"),
    ("Not Before", "not-before"),
    ("Not After", "not-after"),
    ("Days Left", "days-left"),
)


def metrics(spec: Spec, result: Result) -> list[Metric]:
    return present(
        number("tls.days-left", result.get("certificate", {}).get("days-left"), DAYS),
        milliseconds("tls.handshake", result.get("time")),
        milliseconds("tls.connect", result.get("connect")),
        number("tls.verified", result.get("verified"), FLAG),
    )


# fmt: off
FIELDS = (
    Field("dest", "Host", "-d --dest", required=True, label="Destination", help="Host to shake hands with"),
    Field("port", "IPPort", "-p --port", kind="int", label="Port", help="Port to connect to; 443, or that of the protocol that TLS is started in, unless given"),
    Field("server-name", "Host", "--server-name", label="Server Name", help="Name to ask for and to expect in the certificate, where it is not the destination's"),
    Field("starttls", {"enum": ["ftp", "imap", "pop3", "smtp"]}, "--starttls", kind="lower", label="STARTTLS", help="Protocol to start TLS in: ftp, imap, pop3 or smtp"),
    Field("timeout", "Duration", "--timeout", label="Timeout", help="Time to wait for the whole of it"),
    Field("ip-version", "ip-version", "--ip-version", kind="int", label="IP Version", help="Version of IP to use, 4 or 6"),
    Field("host", "Host", "--host", label="Host", help="Host that should run the test"),
    Field("host-node", "URLHostPort", "--host-node", label="Host Node", help="pScheduler node of the host, where that is another"),
)
# fmt: on

RESULT: dict[str, JSON] = {
    **closed(
        {
            "schema": TYPES["Cardinal"],
            "succeeded": TYPES["Boolean"],
            "time": TYPES["Duration"],  # of the handshake alone
            "connect": TYPES["Duration"],  # of the TCP connection before it
            "protocol": TYPES["String"],
            "cipher": TYPES["String"],
            "verified": TYPES["Boolean"],
            "reason": TYPES["String"],  # why it could not be verified
            "certificate": closed(
                {
                    **dict.fromkeys(("subject", "issuer", "serial"), TYPES["String"]),
                    "names": TYPES["StringList"],
                    **dict.fromkeys(("not-before", "not-after"), TYPES["Timestamp"]),
                    "days-left": TYPES["Number"],  # below zero once it has expired
                },
                required=("subject", "issuer", "names", "not-after", "days-left"),
            ),
            "error": TYPES["String"],
            "diags": TYPES["String"],
        },
        required=("schema", "succeeded"),
    ),
    "if": {"properties": {"succeeded": {"const": True}}},
    "then": {"required": ["time", "protocol", "cipher", "verified"]},
}

TEST = Test(
    name="tls",
    label="TLS",
    description="Measure a TLS handshake and look at the certificate",
    scheduling_class="background",
    fields=FIELDS,
    participants=at_host,
    null_reason="No host specified",
    results={1: RESULT},
    show=show,
    metrics=metrics,
    examples=(
        {"schema": 1, "dest": "www.example.org"},
        {
            "schema": 1,
            "dest": "192.0.2.1",
            "port": 8443,
            "server-name": "www.example.org",
            "timeout": "PT5S",
            "ip-version": 4,
            "host": "198.51.100.1",
            "host-node": "node.example.org:8443",
        },
        {"schema": 1, "dest": "mail.example.org", "starttls": "smtp"},
    ),
    result_examples=(
        {
            "schema": 1,
            "succeeded": True,
            "time": "PT0.0123S",
            "connect": "PT0.0045S",
            "protocol": "TLSv1.3",
            "cipher": "TLS_AES_256_GCM_SHA384",
            "verified": False,
            "reason": "certificate has expired",
            "certificate": {
                "subject": "O=Example, CN=www.example.org",
                "issuer": "CN=An Authority",
                "names": ["www.example.org", "192.0.2.1"],
                "serial": "0A1B2C",
                "not-before": "2025-11-23T12:00:00+00:00",
                "not-after": "2026-11-22T12:00:00+00:00",
                "days-left": -1.0,
            },
        },
        {"schema": 1, "succeeded": False, "error": "Connection refused"},
    ),
)
