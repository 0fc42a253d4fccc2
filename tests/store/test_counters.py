"""Counters with a bound; with many who count at a time in ``service/limits/test_quotas.py``."""

import pytest

from chalicelib.domain.names import NodeName
from chalicelib.store import counters
from chalicelib.store.counters import KEPT_AFTER
from chalicelib.store.models.item_keys import key
from chalicelib.store.models.node_models import NodeItem
from tests.builders import NODE, NOON, at

pytestmark = pytest.mark.usefixtures("empty_aws")


def test_a_counter_takes_amounts_up_to_its_bound() -> None:
    counters.add(NODE, "few", 2, 5, NOON)
    counters.add(NODE, "few", 3, 5, NOON)

    with pytest.raises(counters.Full, match="few is full"):
        counters.add(NODE, "few", 1, 5, NOON)
    assert counters.read(NODE, "few") == 5
    assert counters.read(NODE, "others") == counters.read(NodeName("other"), "few") == 0


@pytest.mark.parametrize(("amount", "fits"), [(5, True), (6, False)])
def test_an_amount_beyond_the_bound_never_fits(amount: int, fits: bool) -> None:
    if fits:
        counters.add(NODE, "few", amount, 5, NOON)
    else:
        with pytest.raises(counters.Full, match="few is full"):
            counters.add(NODE, "few", amount, 5, NOON)

    assert counters.read(NODE, "few") == (amount if fits else 0)


def test_no_more_is_taken_back_than_was_counted() -> None:
    counters.add(NODE, "few", 3, 5, NOON)

    counters.take_back(NODE, "few", 4)
    counters.take_back(NODE, "never", 1)
    assert (counters.read(NODE, "few"), counters.read(NODE, "never")) == (3, 0)

    counters.take_back(NODE, "few", 3)
    assert counters.read(NODE, "few") == 0


def test_a_counter_is_kept_for_a_day_after_it_is_of_use() -> None:
    counters.add(NODE, "few", 1, 5, at(60))

    item = NodeItem.get(key(NODE, "counter", "few"))

    assert (item.value, item.expires) == ({}, (at(60) + KEPT_AFTER).timestamp())
