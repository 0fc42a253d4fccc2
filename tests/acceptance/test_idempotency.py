"""Fifty clients that all think nobody else has posted their task yet."""

import concurrent.futures
import json
import pathlib
import urllib.request

from tests.acceptance.nodes import serving

CLIENTS = 50
TASK = {
    "schema": 1,
    "test": {"type": "idleex", "spec": {"duration": "PT2S"}},
    "schedule": {"start": "PT1H", "slip": "PT1H"},
}


def test_fifty_posts_with_one_key_at_the_same_time_make_one_task(tmp_path: pathlib.Path) -> None:
    with serving(tmp_path / "node") as node:

        def post(_: int) -> str:
            headers = {"Content-Type": "application/json", "Idempotency-Key": "only-one"}
            request = urllib.request.Request(f"{node.base}/tasks", json.dumps(TASK).encode(), headers)
            with urllib.request.urlopen(request, timeout=60) as answer:
                href: str = json.load(answer)
                return href

        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
            hrefs = list(clients.map(post, range(CLIENTS)))
        _, tasks = node.ask("GET", "/tasks")
        _, runs = node.ask("GET", f"{hrefs[0]}/runs")

    assert len(hrefs) == CLIENTS
    assert tasks == [hrefs[0]]
    assert set(hrefs) == {hrefs[0]}
    assert len(runs) == 1
