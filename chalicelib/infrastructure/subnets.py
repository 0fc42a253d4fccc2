"""The networks that this machine's interfaces are in, read from the kernel anew once a minute."""

import functools
import ipaddress
import time

import ifaddr

from chalicelib.domain.limits.networks import Networks
from chalicelib.infrastructure.addresses import KEPT_FOR, own_addresses


class LocalInterfaces:
    """The interfaces of this machine, as identifiers ask for them."""

    def addresses(self) -> Networks:
        return Networks(ipaddress.ip_network(each) for each in own_addresses())

    def subnets(self) -> Networks:
        return _subnets(int(time.monotonic() // KEPT_FOR))


@functools.lru_cache(maxsize=1)
def _subnets(period: int) -> Networks:
    ips = [ip for adapter in ifaddr.get_adapters() for ip in adapter.ips]
    pairs = [(ip.ip if isinstance(ip.ip, str) else ip.ip[0], ip.network_prefix) for ip in ips]
    return Networks(ipaddress.ip_network(f"{address}/{length}", strict=False) for address, length in pairs)
