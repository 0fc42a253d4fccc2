"""The handlers that app.py registers: all of them, each with the time it needs."""

import json
import pathlib
from typing import Any

import pytest
from chalice.app import SQSEvent

from chalicelib.domain import messages
from chalicelib.domain.errors import Invalid
from chalicelib.domain.messages import Message
from chalicelib.events import clock_handlers, queue_handlers
from chalicelib.infrastructure.machine import Machine
from chalicelib.infrastructure.queues import QUEUES
from tests.builders import NODE, NOON

CONFIG = pathlib.Path(__file__).parents[2] / ".chalice" / "config.json"


def configured() -> dict[str, int]:
    """The seconds each function may take, as it is deployed."""
    stages = json.loads(CONFIG.read_text())["stages"]
    found: dict[str, int] = {}
    for stage in stages.values():
        for name, function in stage.get("lambda_functions", {}).items():
            found[name] = function.get("lambda_timeout", 0)
    return found


def registered() -> dict[str, str]:
    """The functions that app.py registers beside the pages: their names, and what handles them."""
    from app import app

    handlers = [*app.pure_lambda_functions, *app.event_sources]
    return {one.name: one.handler_string for one in handlers}


def test_every_function_may_take_as_long_as_its_handler_needs() -> None:
    needed = clock_handlers.TIMEOUTS | {queue.handler: queue.timeout for queue in QUEUES}

    assert configured() == needed
    assert registered().keys() == needed.keys()


def test_every_handler_is_where_lambda_looks_for_it() -> None:
    import app

    for name, where in registered().items():
        function = where.removeprefix("app.")
        assert callable(getattr(app, function)), name


@pytest.mark.parametrize("kind", Message.__subclasses__())
def test_every_kind_of_message_is_handled(kind: type[Message], monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[Any] = []
    for name in ("shard_planner.plan_shard", "shard_planner.plan_task", "outbox.attempt", "probe.ask"):
        monkeypatch.setattr(f"{queue_handlers.__name__}.{name}", lambda *what: done.append(what))
    for name in ("removal.sweep", "dispatch_tick.dispatch"):
        monkeypatch.setattr(f"{queue_handlers.__name__}.{name}", lambda *what: done.append(what))
    for name in ("planner.plan_leased", "runner.run", "attempt.deliver", "waits.end"):
        monkeypatch.setattr(f"{queue_handlers.__name__}.{name}", lambda *what: done.append(what))
    members = {"shard": 0, "tasks": [], "task": "t", "run": "r", "number": 0, "outbox_request": "o"} | {
        "after": [],
        "what": "dispatch",
    }
    sent = {"kind": kind.__name__, "lease": NOON.isoformat(), "until": NOON.isoformat(), **members}

    queue_handlers.handle(messages.from_json((kind,), sent, NODE), NOON, Machine())

    assert len(done) == 1


def event(*messages_: dict[str, Any]) -> Any:
    """An event of a queue as Chalice hands it over."""
    records = [
        {"messageId": f"m{number}", "receiptHandle": "r", "body": json.dumps(one)}
        for number, one in enumerate(messages_)
    ]
    return SQSEvent({"Records": records}, None)


@pytest.mark.usefixtures("empty_aws")
def test_of_several_messages_those_that_failed_are_named() -> None:
    good, bad = {"kind": "PlanShard", "node": NODE, "shard": 0}, {"kind": "Nonsense"}

    answer = queue_handlers.plan_task(event(good, bad, good))

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}]}


@pytest.mark.usefixtures("empty_aws")
def test_a_message_alone_fails_its_event() -> None:
    with pytest.raises(Invalid):
        queue_handlers.plan_task(event({"kind": "Nonsense"}))


def test_a_message_that_nobody_handles_is_an_error() -> None:
    with pytest.raises(TypeError, match="Nobody handles"):
        queue_handlers.handle(Message(NODE), NOON, Machine())
