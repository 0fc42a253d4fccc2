"""What requesters have used of their quotas (an addition; the rules are in ``domain.limits.quotas``)."""

import contextlib
import datetime as dt
import logging
from collections.abc import Iterator, Sequence

from chalicelib.domain.errors import Forbidden, PSchedulerError
from chalicelib.domain.limits.quotas import RUNS, SECONDS, TASKS, Charge
from chalicelib.domain.names import NodeName
from chalicelib.domain.task import Task
from chalicelib.service.limits import policy_in_force
from chalicelib.service.limits.admission import classes_of
from chalicelib.store import counters
from chalicelib.store.store_errors import STORE_ERRORS

LOG = logging.getLogger(__name__)


@contextlib.contextmanager
def charged(task: Task, now: dt.datetime) -> Iterator[None]:
    """Have a new task counted while it is stored, and not counted where that fails.

    Raises Forbidden where a quota of tasks is used up.
    """
    charges = _charges(task, {TASKS: 1}, now)
    _charge(task.node, charges)
    try:
        yield
    except BaseException:
        give_back(task.node, charges)
        raise


def charge_run(task: Task, start: dt.datetime, now: dt.datetime) -> Sequence[Charge]:
    """Count a run in the window it is in, and its time where that is exclusive; what was counted.

    That is to be given back should the run not be booked. Raises Forbidden where a quota is used up.
    """
    seconds = int(task.duration.total_seconds()) if task.is_exclusive else 0
    charges = _charges(task, {RUNS: 1, SECONDS: seconds}, now, start)
    _charge(task.node, charges)
    return charges


def _charges(
    task: Task, amounts: dict[str, int], now: dt.datetime, at: dt.datetime | None = None
) -> list[Charge]:
    policy = policy_in_force.in_force(now).policy if policy_in_force.is_configured() else None
    quotas = [quota for quota in policy.quotas if amounts.get(quota.of)] if policy else []
    if policy is None or not quotas:
        return []
    classified = classes_of(policy, task.hints)
    found = (quota.charge(quota.of, amounts[quota.of], task.hints, classified, at or now) for quota in quotas)
    return [charge for charge in found if charge is not None]


def _charge(node: NodeName, charges: Sequence[Charge]) -> None:
    """Count all, or nothing. Raises Forbidden."""
    for number, charge in enumerate(charges):
        try:
            counters.add(node, charge.counter, charge.amount, charge.quota.most, charge.until)
        except counters.Full as error:
            give_back(node, charges[:number])
            raise Forbidden(f"The limits of this node refuse this: {charge.refusal}") from error


def give_back(node: NodeName, charges: Sequence[Charge]) -> None:
    """Have charges not counted after all; where the table does not answer, they stay."""
    for charge in charges:
        try:
            counters.take_back(node, charge.counter, charge.amount)
        except (PSchedulerError, *STORE_ERRORS):
            LOG.warning("%s could not be given back", charge.counter, exc_info=True)
