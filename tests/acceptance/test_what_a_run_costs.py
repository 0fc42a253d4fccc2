"""What a run costs on AWS, from placing to purge, the clocks' share included: five hosts for an hour."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def test_a_run_that_a_host_makes_by_itself_costs_no_more_than_it_should() -> None:
    command = [sys.executable, "-m", "bench", "mesh-cost", "--hosts", "5", "--tests", "alone"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    rows = json.loads(done.stdout.splitlines()[-1])["mesh-cost"]
    a_run = {row["billed"]: row["a run"] for row in rows}

    # Of these the clocks take 2.8 and 1.3, which more runs would share.
    assert a_run["read units"] <= 7
    assert a_run["write units"] <= 10.5
    assert a_run["invocations"] <= 4
