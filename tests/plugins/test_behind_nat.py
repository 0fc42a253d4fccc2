"""Tools on a host that is known by addresses it does not have: those of a NAT before it."""

from collections.abc import Iterator

import pytest

from plugins.support import host_lookup
from plugins.support.host_lookup import Ends
from plugins.tools.throughput import ethr, iperf3

HERE, NATS = "127.0.0.1", "203.0.113.7"


@pytest.fixture
def behind_nat() -> Iterator[None]:
    host_lookup.behind_translation()
    yield
    host_lookup._translated.clear()


@pytest.mark.parametrize(
    ("address", "bound"), [(HERE, HERE), (NATS, None), ("2001:db8::7", None), (None, None)]
)
@pytest.mark.usefixtures("behind_nat")
def test_nothing_is_bound_to_an_address_that_a_nat_has(address: str | None, bound: str | None) -> None:
    assert host_lookup.to_bind(address) == bound


def test_elsewhere_an_address_that_is_not_here_is_taken_at_its_word() -> None:
    assert host_lookup.to_bind(NATS) == NATS
    assert host_lookup.ends(NATS, "198.51.100.1").source == NATS
    assert host_lookup.source_address(NATS) == NATS


@pytest.mark.usefixtures("behind_nat")
def test_the_system_chooses_where_to_measure_from() -> None:
    assert host_lookup.ends(NATS, "198.51.100.1") == Ends(None, "198.51.100.1", 4)
    assert host_lookup.source_address(NATS) is None


@pytest.mark.usefixtures("behind_nat")
def test_servers_listen_on_all_addresses() -> None:
    ends = Ends(None, NATS, 4)

    assert "-B" not in iperf3.server_argv({"dest": NATS}, ends, 5201)
    assert "-ip" not in ethr.server_argv(ethr.NEW, {"dest": NATS}, ends, 8888)
