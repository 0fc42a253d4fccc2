"""Trying again what was given up: deliveries that failed for good, once somebody says that it is worth it."""

import dataclasses
import datetime as dt
import logging
from collections.abc import Sequence

from chalicelib.domain.delivery import Delivery
from chalicelib.domain.errors import Conflict
from chalicelib.service.archiving import announce
from chalicelib.store import delivery_table

LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class DeliveryFilter:
    """Which deliveries are meant; what is None does not matter."""

    archiver: str | None = None
    task: str | None = None
    run: str | None = None
    label: str | None = None

    def holds(self, delivery: Delivery) -> bool:
        members = (
            (self.archiver, delivery.archiver),
            (self.task, delivery.task),
            (self.run, delivery.run),
            (self.label, delivery.spec.get("label")),
        )
        return all(wanted is None or wanted == found for wanted, found in members)


def chosen(wanted: DeliveryFilter, deliveries: Sequence[Delivery]) -> list[Delivery]:
    return [delivery for delivery in deliveries if wanted.holds(delivery)]


def retry(deliveries: Sequence[Delivery], now: dt.datetime) -> list[Delivery]:
    """Have deliveries attempted anew, as if their results had just come to be; those that were."""
    revived = []
    for delivery in deliveries:
        try:
            revived.append(delivery_table.change(delivery.revived(now)))
        except Conflict:
            LOG.info("Delivery %s is being tried again by somebody else", delivery.id)
    announce.at_once(revived)
    return revived
