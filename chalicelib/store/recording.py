"""Results and what is to be delivered of them, stored together or not at all."""

from collections.abc import Sequence

from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from chalicelib.domain.delivery import Delivery
from chalicelib.domain.run import Run
from chalicelib.store import deliveries, runs, tasks
from chalicelib.store.conditions import lost_means
from chalicelib.store.tables import DeliveryItem, RunItem, TaskItem, connection


def finish(run: Run, due: Sequence[Delivery]) -> Run:
    """Write a run that is over over the one it was made from, with its deliveries.

    Raises StaleRun when somebody else was faster.
    """
    if not due:
        return runs.change(run)
    written = run.evolve(revision=run.revision + 1)
    with lost_means(runs.changed(run.uuid)), TransactWrite(connection=connection()) as transaction:
        transaction.save(runs.to_item(written), condition=RunItem.revision == run.revision)
        _deliveries(transaction, due)
    return written


def append(run: Run, due: Sequence[Delivery]) -> None:
    """Write a run that was over when it began: one result of a task that streams them.

    Raises StaleRun when the task is gone.
    """
    counted: list[Action] = [TaskItem.runs.add(1)]
    with lost_means(runs.changed(run.uuid)), TransactWrite(connection=connection()) as transaction:
        transaction.save(runs.to_item(run), condition=RunItem.run.does_not_exist())
        transaction.update(tasks.reference_to(run.task), counted, condition=TaskItem.task.exists())
        _deliveries(transaction, due)


def _deliveries(transaction: TransactWrite, due: Sequence[Delivery]) -> None:
    for delivery in due:
        transaction.save(deliveries.to_item(delivery), condition=DeliveryItem.run.does_not_exist())
