"""Where runs measure to, as their specs name it."""

from typing import Any

import pytest

from agent.measured_hosts import destinations
from plugins import registry


@pytest.mark.parametrize(
    ("test", "spec", "participant", "found"),
    [
        ("rtt", {"dest": "192.0.2.1"}, 0, ["192.0.2.1"]),
        (
            "rtt",
            {"source": "192.0.2.7", "dest": "192.0.2.1", "source-node": "a.example.org"},
            0,
            ["192.0.2.1"],
        ),
        # The second of two measures to the first.
        ("throughput", {"source": "192.0.2.7", "dest": "192.0.2.1", "dest-node": "b"}, 1, ["192.0.2.7"]),
        ("http", {"url": "https://user@www.example.org:8443/x"}, 0, ["www.example.org"]),
        ("dns", {"query": "www.example.org", "record": "a", "nameserver": "192.0.2.53"}, 0, ["192.0.2.53"]),
        (
            "netreach",
            {"network": "192.0.2.0/24", "gateway": "192.0.2.254"},
            0,
            ["192.0.2.0/24", "192.0.2.254"],
        ),
        ("idle", {"duration": "PT1S"}, 0, []),
        ("idle", {"duration": "PT1S", "host": "a.example.org"}, 0, []),
    ],
)
def test_the_destinations_of_a_spec(
    test: str, spec: dict[str, Any], participant: int, found: list[str]
) -> None:
    assert sorted(destinations(registry.tests()[test], spec, participant)) == sorted(found)
