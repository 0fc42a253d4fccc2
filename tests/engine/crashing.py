"""A process that writes through the product's own models until it is killed, and says what was acknowledged.

    python -m tests.engine.crashing FILE SEED

A line is printed, and flushed, once an answer has come: what was done, and the names it was done to.
"""

import datetime as dt
import os
import random
import sys
import threading
import uuid

from local import environment

_PRINTING = threading.Lock()


def say(*words: object) -> None:
    with _PRINTING:
        os.write(1, (" ".join(map(str, words)) + "\n").encode())  # at once, whole


def write(seed: int) -> None:
    """One thread's writes, for ever: items, transactions over three tables, messages, documents."""
    from pynamodb.transactions import TransactWrite

    from chalicelib.domain.messages import PlanTask
    from chalicelib.domain.names import NodeName
    from chalicelib.infrastructure import blobs, queues
    from chalicelib.infrastructure.aws import client
    from chalicelib.store.models.connection import connection
    from chalicelib.store.models.item_keys import key
    from chalicelib.store.models.node_models import NodeItem
    from chalicelib.store.models.run_models import RunItem
    from chalicelib.store.models.timeline_models import TimelineItem

    node = NodeName("local")
    chooser = random.Random(seed)
    now = dt.datetime(2026, 11, 23, 12, tzinfo=dt.timezone.utc)
    number = 0
    while True:
        number += 1
        name = f"{seed}-{number}"
        match chooser.randrange(6):
            case 0 | 1:
                NodeItem(name, value={"number": number, "ballast": "x" * chooser.randrange(3000)}).save()
                say("item", name)
            case 2 | 3:
                with TransactWrite(connection=connection()) as transaction:
                    once = NodeItem.name.does_not_exist()
                    transaction.save(NodeItem(f"all-{name}", value=1), condition=once)
                    time = {"start": now, "end": now, "exclusive": True, "expires": 1}
                    for entry in range(3):
                        transaction.save(TimelineItem("all", f"{name}-{entry}", **time))
                    run = RunItem(key(node, "all"), name, start=now, end=now, state="pending", added=now)
                    run.revision, run.state_key, run.documents = 1, key(node, "pending"), os.urandom(500)
                    transaction.save(run)
                    guard = TimelineItem("all-guard", str(seed), expires=1)
                    transaction.update(guard, [TimelineItem.exclusives.add(1), TimelineItem.expires.set(1)])
                say("all", name)
            case 4:
                queues.send(queues.PLAN, PlanTask(node, name))
                say("sent", name)
                url = queues.queue_url("plan")
                if chooser.random() < 0.3:
                    answer = client("sqs").receive_message(QueueUrl=url, VisibilityTimeout=0)
                    for message in answer.get("Messages", []):
                        say("deleting", message["Body"])
                        client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            case _:
                blobs.put(name, uuid.uuid5(uuid.NAMESPACE_OID, name).bytes * 2000)
                say("blob", name)


def main() -> None:
    environment.set_environment()
    from local.engine import Engine

    Engine(sys.argv[1]).install()
    environment.create_everything()
    say("ready")
    for thread in range(3):
        threading.Thread(target=write, args=(int(sys.argv[2]) * 10 + thread,), daemon=True).start()
    threading.Event().wait(60)


if __name__ == "__main__":
    main()
