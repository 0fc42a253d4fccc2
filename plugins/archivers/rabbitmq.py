"""rabbitmq: publishes results to an exchange of RabbitMQ, over AMQP (docs/contract/archivers.md section 6).

Every result has a connection of its own, so ``connection-expires`` is taken and has nothing to say.
"""

import json
import logging
import urllib.parse
from collections.abc import Mapping

from chalicelib.domain import transforms
from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import JSON, closed, pattern
from chalicelib.domain.times import parse_duration
from chalicelib.domain.types import TYPES
from plugins.sdk.archiver import Archiver
from plugins.sdk.jobs import Outcome, Parcel, retry_after
from plugins.support import guarded_connections, sayings

TIMEOUT = "PT10S"
LONGEST_ATTEMPT = 60.0
"""Seconds that a time-out may be; one that is longer counts as this."""
SPEECHLESS = logging.getLogger("pika")
"""It would log each failure with its URL's host and a traceback: what there is to say is in the outcome."""
SPEECHLESS.setLevel(logging.CRITICAL + 1)

V1 = {
    "schema": TYPES["Cardinal"],
    "_url": pattern(r"amqps?://\S+", "{value!r} is not a URL of amqp or amqps"),
    "exchange": TYPES["String"],
    "routing-key": TYPES["String"],
    "retry-policy": TYPES["RetryPolicy"],
}
V2 = {
    **V1,
    "connection-expires": TYPES["Duration"],
    "routing-key": {"anyOf": [TYPES["String"], TYPES["JQTransformSpecification"]]},
}
V3 = {**V2, "timeout": TYPES["Duration"]}


def deliver(parcel: Parcel) -> Outcome:
    """Publish the result as JSON; it counts once the broker has confirmed that it reached a queue.

    A routing key that cannot be made of the result fails for good, all else as the retry policy says.
    """
    from pika.adapters.utils.connection_workflow import AMQPConnectorException
    from pika.exceptions import AMQPError

    try:
        _publish(parcel, routing_key(parcel))
    except Invalid as error:
        return Outcome(False, f"routing-key: {error.message}")
    except guarded_connections.Refused as error:
        return Outcome(False, error.message)
    except (
        AMQPError,
        AMQPConnectorException,
        guarded_connections.Unresolvable,
        OSError,
        ValueError,
    ) as error:
        again = retry_after(parcel.data.get("retry-policy", ()), parcel.attempts)
        return Outcome(False, _said(error), again)
    return Outcome(True)


def routing_key(parcel: Parcel) -> str:
    """The key as given, or what its transform makes of the result. Raises Invalid."""
    key = parcel.data.get("routing-key", "")
    if isinstance(key, str):
        return key
    if parcel.jq is None:
        raise Invalid("The routing key cannot be computed: this node has no jq")
    made = transforms.apply(key, parcel.result, parcel.jq)
    if not isinstance(made, str):
        raise Invalid(f"The routing key must be a string, not {json.dumps(made)[:100]}")
    return made


def _publish(parcel: Parcel, key: str) -> None:
    import pika

    seconds = patience(parcel.data)
    with guarded_connections.ending(seconds):
        connection = pika.BlockingConnection(parameters(parcel.data["_url"], seconds))
        guarded_connections.watch(
            connection._impl._transport._sock
        )  # which the library does not show otherwise
        try:
            channel = connection.channel()
            channel.confirm_delivery()  # with this, publishing waits for the broker and raises what it says
            channel.basic_publish(
                parcel.data.get("exchange", ""),
                key,
                json.dumps(parcel.result).encode(),
                pika.BasicProperties(
                    content_type="application/json", delivery_mode=2, message_id=parcel.delivery or None
                ),
                mandatory=True,
            )
        finally:
            if connection.is_open:
                connection.close()


def check(data: Mapping[str, JSON]) -> None:
    """Raise Invalid for a URL that cannot be read, never showing it."""
    try:
        parts = urllib.parse.urlsplit(data["_url"])
        readable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        readable = False
    if not readable:
        raise Invalid("must be a URL such as amqps://user:password@host/vhost", "/_url")


def patience(data: Mapping[str, JSON]) -> float:
    """Seconds that the whole exchange may take: a worker waits meanwhile, so there is a longest."""
    return min(LONGEST_ATTEMPT, max(0.1, parse_duration(data.get("timeout", TIMEOUT)).total_seconds()))


def parameters(url: str, seconds: float) -> JSON:
    """Where and as whom to connect. The library is handed an address that was checked, not the name.

    Raises guarded_connections.Unresolvable and Refused, and ValueError for a URL that cannot be read.
    """
    import pika

    where = pika.URLParameters(url)
    name, where.host = where.host, guarded_connections.address_of(where.host, where.port)
    if where.ssl_options is not None:
        where.ssl_options.server_hostname = where.ssl_options.server_hostname or name
    where.socket_timeout = where.stack_timeout = where.blocked_connection_timeout = seconds
    where.connection_attempts = 1
    return where


_SAID = {
    "UnroutableError": "the broker has no queue for it",
    "NackError": "the broker did not accept it",
    "ProbableAuthenticationError": "the broker refused the user and the password",
    "ProbableAccessDeniedError": "the broker refused the virtual host",
}


def _said(error: Exception) -> str:
    # pika's errors often hold what was wrong as another error, and say nothing themselves.
    inner = error.args[0] if error.args and isinstance(error.args[0], Exception) else error
    known = _SAID.get(type(inner).__name__) or getattr(inner, "reply_text", None)
    if known:
        return str(known)
    if isinstance(error, ValueError):
        return "/_url: is not a URL such as amqp://user:password@host/vhost"
    return sayings.said(error)


ARCHIVER = Archiver(
    name="rabbitmq",
    label="RabbitMQ",
    description="Send results to RabbitMQ",
    data={
        1: closed(V1, required=("_url",)),
        2: closed(V2, required=("schema", "_url")),
        3: closed(V3, required=("schema", "_url")),
    },
    deliver=deliver,
    check=check,
)
