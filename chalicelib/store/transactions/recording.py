"""Results and what is to be delivered of them, stored together or not at all."""

from collections.abc import Sequence

from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from chalicelib.domain.delivery import Delivery
from chalicelib.domain.run import Run
from chalicelib.store import changes, delivery_table, long_runs, run_items, run_table, task_table
from chalicelib.store.models.connection import connection
from chalicelib.store.models.delivery_models import DeliveryItem
from chalicelib.store.models.run_models import RunItem
from chalicelib.store.models.task_models import TaskItem
from chalicelib.store.store_errors import on_condition_failed


def finish(run: Run, due: Sequence[Delivery]) -> Run:
    """Write a run that is over over the one it was made from, with its deliveries.

    Raises StaleRun when somebody else was faster.
    """
    if not due:
        return run_table.change(run)
    written = run.evolve(revision=run.revision + 1)
    with (
        on_condition_failed(run_table.changed(run.uuid)),
        TransactWrite(connection=connection()) as transaction,
    ):
        transaction.save(run_items.to_item(written), condition=RunItem.revision == run.revision)
        add_deliveries(transaction, due)
    changes.run_written(written)
    return written


def append(run: Run, due: Sequence[Delivery]) -> None:
    """Write a run that was over when it began: one result of a task that streams them.

    Raises StaleRun when the task is gone.
    """
    counted: list[Action] = [TaskItem.runs.add(1)]
    long_runs.note(run)
    with (
        on_condition_failed(run_table.changed(run.uuid)),
        TransactWrite(connection=connection()) as transaction,
    ):
        transaction.save(run_items.to_item(run), condition=RunItem.run.does_not_exist())
        transaction.update(
            task_table.reference_to(run.node, run.task), counted, condition=TaskItem.task.exists()
        )
        add_deliveries(transaction, due)
    changes.run_written(run)


def add_deliveries(transaction: TransactWrite, due: Sequence[Delivery]) -> None:
    """Have deliveries written with what else a transaction writes."""
    for delivery in due:
        transaction.save(delivery_table.to_item(delivery), condition=DeliveryItem.run.does_not_exist())
