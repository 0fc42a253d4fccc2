"""tlspy: performs tls with Python's own TLS.

The certificate is verified against the authorities this machine trusts. Where that fails, the reason is
part of the result, and the handshake that is measured is a second one that verifies nothing.
"""

import dataclasses
import datetime as dt
import time
from collections.abc import Mapping, Sequence

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND, UTC, format_duration, format_timestamp, parse_duration
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Job, PluginFailed, wrapped
from plugins.sdk.tool import Tool
from plugins.support import guarded_connections, host_lookup
from plugins.tools.web import starttls as _starttls

PORT = 443
TIMEOUT = 10 * SECOND
DAY = dt.timedelta(days=1)

_SHORT = {
    "commonName": "CN",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "localityName": "L",
    "stateOrProvinceName": "ST",
    "countryName": "C",
}


@dataclasses.dataclass(frozen=True)
class Handshake:
    """What two sides agreed on, and how long it took."""

    connect: dt.timedelta
    time: dt.timedelta
    protocol: str
    cipher: str
    certificate: Mapping[str, JSON]
    reason: str | None = None
    """Why the certificate was not verified; None where it was."""


def timeout(spec: Spec) -> dt.timedelta:
    return parse_duration(spec["timeout"]) if "timeout" in spec else TIMEOUT


def run(job: Job) -> JSON:
    """Raises PluginFailed where no handshake is made; a certificate that is none is a measurement."""
    spec, limit = job.spec, timeout(job.spec).total_seconds()
    job.wait_for_start()
    deadline = time.monotonic() + limit
    port = spec.get("port", _starttls.PORTS.get(spec.get("starttls", ""), PORT))
    try:
        address = host_lookup.limited(
            limit, lambda: str(host_lookup.resolve(spec["dest"], spec.get("ip-version")))
        )
        peer = Peer(address, port, spec.get("server-name", spec["dest"]), spec.get("starttls"), deadline)
        found = result(shake(peer), job.host.now())
    except TimeoutError as error:
        raise PluginFailed(f"No TLS handshake within {limit:g} seconds") from error
    except (OSError, ValueError) as error:  # ValueError: no such name, no such date
        raise PluginFailed(f"No TLS handshake with {spec['dest']} port {port}: {said(error)}") from error
    return wrapped(found, f"{address} port {port}\n")


def said(error: Exception) -> str:
    """What the system or the TLS library says, without numbers of lines in it."""
    reason = getattr(error, "reason", None)
    return str(reason).replace("_", " ").lower() if reason else getattr(error, "strerror", "") or str(error)


@dataclasses.dataclass(frozen=True)
class Peer:
    """Whom to shake hands with: the name is that to expect; ``deadline`` is of the monotonic clock."""

    address: str
    port: int
    name: str
    starttls: str | None
    deadline: float

    def left(self) -> float:
        """Seconds until the deadline. Raises TimeoutError after it."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def shake(peer: Peer) -> Handshake:
    """Connect and shake hands, verifying the certificate for the name if it can be. Raises OSError."""
    import ssl

    context = ssl.create_default_context()
    try:
        return _shake(context, peer)
    except ssl.SSLCertVerificationError as error:
        reason = error.verify_message
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return dataclasses.replace(_shake(context, peer), reason=reason)


def _shake(context: JSON, peer: Peer) -> Handshake:
    begun = time.perf_counter()
    with guarded_connections.create_connection(peer.address, peer.port, peer.left()) as bare:
        connected = time.perf_counter()
        if peer.starttls:
            _starttls.ask(bare, peer.starttls, peer.left)
        asked = time.perf_counter()
        with context.wrap_socket(bare, server_hostname=peer.name, do_handshake_on_connect=False) as secure:
            secure.settimeout(peer.left())
            secure.do_handshake()
            done = time.perf_counter()
            return Handshake(
                connect=dt.timedelta(seconds=connected - begun),
                time=dt.timedelta(seconds=done - asked),
                protocol=secure.version() or "",
                cipher=secure.cipher()[0],
                certificate=_described(context, secure),
            )


def _described(context: JSON, secure: JSON) -> Mapping[str, JSON]:
    import ssl

    # Python describes no certificate to who says that none is required.
    context.verify_mode = ssl.CERT_REQUIRED
    return secure.getpeercert() or {}


def result(found: Handshake, now: dt.datetime) -> dict[str, JSON]:
    """The test's result."""
    members: dict[str, JSON] = {
        "time": format_duration(found.time),
        "connect": format_duration(found.connect),
        "protocol": found.protocol,
        "cipher": found.cipher,
        "verified": found.reason is None,
        "reason": found.reason,
        "certificate": certificate(found.certificate, now) if found.certificate else None,
    }
    given = {name: value for name, value in members.items() if value is not None}
    return {"schema": 1, "succeeded": True, **given}


def certificate(described: Mapping[str, JSON], now: dt.datetime) -> dict[str, JSON]:
    """A certificate as ``ssl`` describes it -> as the result does."""
    begins, ends = _moment(described["notBefore"]), _moment(described["notAfter"])
    return {
        "subject": distinguished_name(described.get("subject", ())),
        "issuer": distinguished_name(described.get("issuer", ())),
        "serial": described.get("serialNumber", ""),
        "names": [_alternative(*each) for each in described.get("subjectAltName", ())],
        "not-before": format_timestamp(begins),
        "not-after": format_timestamp(ends),
        "days-left": round((ends - now) / DAY, 2),
    }


def _moment(text: str) -> dt.datetime:
    import ssl

    return dt.datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC)


def distinguished_name(parts: Sequence[Sequence[tuple[str, str]]]) -> str:
    """``((("commonName", "a"),),)`` -> ``CN=a``."""
    return ", ".join(f"{_SHORT.get(kind, kind)}={value}" for part in parts for kind, value in part)


def _alternative(kind: str, value: JSON) -> str:
    """Names of hosts and addresses as they are, others with what they are."""
    if kind in ("DNS", "IP Address"):
        return str(value)
    return f"{kind}:{distinguished_name(value) if isinstance(value, tuple) else value}"


TOOL = Tool(
    name="tlspy",
    label="TLSPy",
    description="Shake hands by TLS and look at the certificate",
    tests=("tls",),
    max_schema=1,
    duration=lambda test, spec: timeout(spec) + SECOND,
    run=run,
)
