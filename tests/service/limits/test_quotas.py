"""Quotas hold exactly, however many ask at a time."""

import concurrent.futures
import json

import pytest

from chalicelib.store import counters
from tests.builders import NODE, NOON, seconds
from tests.domain.limits.world import policy
from tests.policies import Install


def test_a_counter_never_passes_its_bound(empty_aws: None) -> None:
    def count(_: int) -> bool:
        try:
            counters.add(NODE, "few", 1, 10, NOON)
        except counters.Full:
            return False
        return True

    with concurrent.futures.ThreadPoolExecutor(25) as pool:
        passed = list(pool.map(count, range(50)))

    assert passed.count(True) == 10
    assert counters.read(NODE, "few") == 10


def test_what_is_taken_back_can_be_counted_again(empty_aws: None) -> None:
    counters.add(NODE, "few", 3, 3, NOON)
    counters.take_back(NODE, "few", 3)
    counters.take_back(NODE, "few", 3)

    assert counters.read(NODE, "few") == 0
    counters.add(NODE, "few", 2, 3, NOON + seconds(1))
    with pytest.raises(counters.Full):
        counters.add(NODE, "few", 2, 3, NOON)


def test_of_fifty_posts_at_a_time_a_quota_of_ten_lets_ten_pass(empty_aws: None, installed: Install) -> None:
    from app import app
    from local import gateway
    from local.http_server import safe_for_threads
    from local.routes import Routes

    quota = {"name": "ten", "description": "", "of": "tasks", "most": 10, "window": "P31D"}
    installed(policy(schema=5, quotas=[quota]))
    threaded, routes = safe_for_threads(app), Routes(app.routes)
    idle = {
        "schema": 1,
        "test": {"type": "idle", "spec": {"duration": "PT2S"}},
        "schedule": {"start": "PT1H"},
    }

    def post(_: int) -> int:
        request = gateway.Request(
            "POST",
            "/pscheduler/tasks",
            {"Host": "node.test", "Content-Type": "application/json"},
            json.dumps(idle).encode(),
            "192.0.2.5",
            "192.0.2.1",
            443,
            "https",
        )
        event = gateway.event(request, routes)
        assert event is not None
        return gateway.response(threaded(event, gateway.Context("api", 29))).status

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(post, range(50)))

    assert sorted(statuses) == [200] * 10 + [403] * 40
