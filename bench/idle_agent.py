"""What an agent that has nothing to do asks of a deployment on AWS, and what that costs in a month.

Its contacts are made in this process, with the carrier that AWS has, and what they ask of DynamoDB is
counted.
"""

import contextlib
import json
import os
import secrets
import time
from typing import Any

from bench.capacity_units import Cost, counted
from bench.simulated_agents import FACTS, PROTOCOL
from local import environment, gateway
from local.routes import STAGE, Routes

HOUR, MONTH = 3600.0, 30 * 86_400.0
GATEWAY, FUNCTION, GIGABYTE_SECOND, RECEIVE, READ, WRITE = 3.50, 0.20, 16.6667, 0.40, 0.125, 0.625
"""Dollars in us-east-1 (November 2026) for a million: requests to a REST API, calls of Lambda, its seconds
with a gigabyte, requests to SQS, and units of DynamoDB on demand."""
LONGEST = 0.1
"""Seconds that a contact's function is paid for, at the gigabyte that it has."""


def figures() -> list[dict[str, Any]]:
    """Rows of what was counted, and what it comes to."""
    from bench import state

    with _carrier("queue"), state.fresh("sqlite"):
        environment.create_everything()
        from chalicelib.domain import host_facts
        from chalicelib.infrastructure import agent_queues

        secret, instance = _joined()
        said = {"instance": instance, "version": "1", "held": [], "facts": host_facts.digest(FACTS)}
        _ask("contact", said, secret)
        with counted() as cost:
            every = _ask("contact", said, secret)["every"]
    contacts, receives = HOUR / every, HOUR / agent_queues.WAIT
    dollars = (contacts * _dollars(cost) + receives * RECEIVE / 1e6) * MONTH / HOUR
    return [
        {"figure": "requests of an idle agent an hour, at AWS", "value": contacts + receives},
        {"figure": "of these contacts", "value": contacts},
        {"figure": "a contact's requests to DynamoDB", "value": cost.calls},
        {"figure": "an idle agent's month at AWS, dollars", "value": dollars},
    ]


def _dollars(contact: Cost) -> float:
    """What a contact costs."""
    work = GATEWAY + FUNCTION + LONGEST * GIGABYTE_SECOND
    return (work + contact.reads * READ + contact.writes * WRITE) / 1e6


@contextlib.contextmanager
def _carrier(name: str) -> Any:
    from chalicelib.settings import forget_settings

    os.environ["PSCHEDULER_AGENT_CARRIER"] = name
    forget_settings()
    try:
        yield
    finally:
        del os.environ["PSCHEDULER_AGENT_CARRIER"]
        forget_settings()


def _joined() -> tuple[str, str]:
    """The secret and the instance of an agent whose node is registered for it."""
    import datetime as dt
    import uuid

    from chalicelib.domain.times import UTC
    from chalicelib.service.node import agent_secrets, registration

    now, instance = dt.datetime.now(UTC), str(uuid.uuid4())
    node = registration.add(f"{secrets.token_hex(4)}.example.org", "agent", now).node
    token = agent_secrets.new_join_token(node, now)
    said = {"token": token, "version": "1", "instance": instance, "facts": FACTS}
    return str(_ask("join", said)["secret"]), instance


def _ask(what: str, body: Any, secret: str = "") -> Any:
    """What the app answers an agent."""
    from app import app
    from local.http_server import safe_for_threads

    bearer = {"Authorization": f"Bearer {secret}"} if secret else {}
    request = gateway.Request(
        method="POST",
        target=f"/{STAGE}/agent/{what}",
        headers={
            "Host": "127.0.0.1",
            "Content-Type": "application/json",
            "X-Agent-Protocol": PROTOCOL,
            **bearer,
        },
        body=json.dumps(body).encode(),
        client="127.0.0.1",
        server="127.0.0.1",
        port=443,
        scheme="https",
        came=time.time(),
    )
    event = gateway.event(request, Routes(app.routes))
    answer = gateway.response(safe_for_threads(app)(event, gateway.Context("api", 29.0)))
    if answer.status != 200 or not isinstance(answer.body, bytes):
        raise SystemExit(f"An agent's {what} is answered {answer.status}")
    return json.loads(answer.body)
