"""Clients of AWS for archivers, as whoever posted the task: never with the node's own credentials."""

import contextlib
import functools
import logging
from collections.abc import Iterator, Mapping

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import parse_duration
from chalicelib.domain.types import TYPES
from plugins.sdk.jobs import Outcome, Parcel, retry_after
from plugins.support import guarded_connections, sayings

TIMEOUT = "PT30S"
LONGEST_ATTEMPT = 60.0
"""Seconds that a delivery may take."""

OUTSIDE = "means-the-service-it-names"
"""What tells the engine of a one-machine node, which answers the node's own clients, to leave one alone."""

PASSING = frozenset({"InternalError", "InternalFailure", "ServiceUnavailable", "SlowDown", "RequestTimeout"})
"""Codes of refusals that pass; throttling is told by its name. All others are for good."""

SETTINGS: dict[str, JSON] = {
    "schema": TYPES["Cardinal"],
    "region": {"type": "string", "pattern": r"^[a-z]{2}(-[a-z]+)+-[0-9]\Z"},
    "endpoint": TYPES["URL"],
    "_access-key": {"type": "string", "minLength": 1, "maxLength": 128},
    "_secret-key": {"type": "string", "minLength": 1, "maxLength": 256},
    "_session-token": {"type": "string", "maxLength": 4096},
    "timeout": TYPES["Duration"],
    "retry-policy": TYPES["RetryPolicy"],
}
REQUIRED = ("region", "_access-key", "_secret-key")


def deliver(parcel: Parcel, service: str, operation: str, arguments: Mapping[str, JSON]) -> Outcome:
    """Do one operation of a service, and say how it went; a refusal that does not pass is for good."""
    from botocore.exceptions import BotoCoreError, ClientError

    again = retry_after(parcel.data.get("retry-policy", ()), parcel.attempts)
    try:
        with _client(service, parcel.data) as client:
            answer = getattr(client, operation)(**arguments)
    except ClientError as error:
        code = str(error.response["Error"]["Code"])
        passes = code in PASSING or "Throttl" in code
        said = f"{code}: {error.response['Error'].get('Message', '')}"
        return Outcome(False, said, again if passes else None)
    except guarded_connections.Refused as error:
        return Outcome(False, error.message)
    except (BotoCoreError, guarded_connections.Unresolvable, OSError, ValueError) as error:
        inner = error.kwargs.get("error") if isinstance(error, BotoCoreError) else None
        if isinstance(inner, guarded_connections.Refused):
            return Outcome(False, inner.message)
        return Outcome(False, sayings.said(inner if isinstance(inner, Exception) else error), again)
    failed = [entry for entry in answer.get("Entries", ()) if entry.get("ErrorCode")]
    return Outcome(False, f"{failed[0]['ErrorCode']}", again) if failed else Outcome(True)


@contextlib.contextmanager
def _client(service: str, data: Mapping[str, JSON]) -> Iterator[JSON]:
    """A client that lives for one delivery, and is cut when its time is up."""
    seconds = min(LONGEST_ATTEMPT, max(0.1, parse_duration(data.get("timeout", TIMEOUT)).total_seconds()))
    client = guarded_client(
        service,
        seconds,
        region_name=data["region"],
        endpoint_url=data.get("endpoint") or f"https://{service}.{data['region']}.amazonaws.com",
        aws_access_key_id=data["_access-key"],
        aws_secret_access_key=data["_secret-key"],
        aws_session_token=data.get("_session-token"),
    )
    with guarded_connections.ending(seconds), contextlib.closing(client):
        yield client


def guarded_client(service: str, seconds: float, **arguments: JSON) -> JSON:
    """A client of botocore whose connections are made by the guard, and which tries nothing twice.

    Its ``endpoint_url`` has to be said, or an address in the node's environment would be taken.
    """
    import botocore.config
    import botocore.session

    # At its most talkative it logs keys, and the headers that are made with them.
    logging.getLogger("botocore").setLevel(logging.WARNING)
    settings = botocore.config.Config(
        proxies={},  # what a proxy connects to, nobody here could check
        connect_timeout=seconds,
        read_timeout=seconds,
        retries={"total_max_attempts": 1},
        signature_version="s3v4" if service == "s3" else None,
        s3={"addressing_style": "path", "payload_signing_enabled": False},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        user_agent_extra=OUTSIDE,
    )
    session = botocore.session.Session()
    session.register_component("data_loader", _descriptions(session.get_config_variable("data_path")))
    client = session.create_client(service, config=settings, **arguments)
    # The library has no public way to choose its connections.
    pools = client._endpoint.http_session._manager.pool_classes_by_scheme
    pools.update({scheme: guarded_connections.guarded_pool(pool) for scheme, pool in pools.items()})
    return client


@functools.cache
def _descriptions(path: str | None) -> JSON:
    """The descriptions of services, for all clients: to read them anew takes longer than a delivery."""
    import botocore.loaders

    return botocore.loaders.create_loader(path)
