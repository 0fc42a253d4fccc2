"""rabbitmq: publishes results to an exchange of RabbitMQ, over AMQP (contract/archivers.md section 6).

Every result has a connection of its own, so ``connection-expires`` is taken and has nothing to say.
"""

import json
import socket

from chalicelib.domain import transforms
from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import closed, pattern
from chalicelib.domain.times import parse_duration
from chalicelib.domain.types import TYPES
from plugins.sdk.base import Archiver, Outcome, Parcel, retry_after

TIMEOUT = "PT10S"

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
    except (AMQPError, AMQPConnectorException, OSError, ValueError) as error:
        again = retry_after(parcel.data.get("retry-policy", ()), parcel.attempts)
        return Outcome(False, f"{type(error).__name__}: {_said(error)}", again)
    return Outcome(True)


def routing_key(parcel: Parcel) -> str:
    """The key as given, or what its transform makes of the result. Raises Invalid."""
    key = parcel.data.get("routing-key", "")
    made = key if isinstance(key, str) else transforms.apply(key, parcel.result)
    if not isinstance(made, str):
        raise Invalid(f"{json.dumps(made)[:100]} is no text")
    return made


def _publish(parcel: Parcel, key: str) -> None:
    import pika

    seconds = parse_duration(parcel.data.get("timeout", TIMEOUT)).total_seconds()
    where = pika.URLParameters(parcel.data["_url"])
    where.socket_timeout = where.stack_timeout = where.blocked_connection_timeout = max(seconds, 0.1)
    where.connection_attempts = 1
    connection = pika.BlockingConnection(where)
    try:
        channel = connection.channel()
        channel.confirm_delivery()  # with this, publishing waits for the broker and raises what it says
        channel.basic_publish(
            parcel.data.get("exchange", ""),
            key,
            json.dumps(parcel.result).encode(),
            pika.BasicProperties(content_type="application/json", delivery_mode=2),
            mandatory=True,
        )
    finally:
        if connection.is_open:
            connection.close()


def _said(error: Exception) -> str:
    # pika's errors often hold what was wrong as another error, and say nothing themselves.
    inner = error.args[0] if error.args and isinstance(error.args[0], Exception) else error
    return "no answer in time" if isinstance(inner, socket.timeout) else str(inner) or "no reason given"


ARCHIVER = Archiver(
    name="rabbitmq",
    description="Send results to RabbitMQ",
    data={
        1: closed(V1, required=("_url",)),
        2: closed(V2, required=("schema", "_url")),
        3: closed(V3, required=("schema", "_url")),
    },
    deliver=deliver,
)
