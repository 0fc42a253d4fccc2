"""How long imports take in a fresh interpreter, against a bare chalice and pynamodb."""

import os
import statistics
import subprocess
import sys
import time

from bench.node import HERE

BARE = "import chalice, pynamodb.models"
REGISTRY = "import plugins.registry"
APP = "import app"
RUNS = 7


def imports() -> dict[str, float]:
    """Median milliseconds, by what is imported; the interpreter's own start included."""
    return {what: _median(what) for what in ("pass", BARE, REGISTRY, APP)}


def _median(code: str) -> float:
    return statistics.median(_once(code) for _ in range(RUNS))


def _once(code: str) -> float:
    environment = {**os.environ, "PYTHONPATH": str(HERE), "AWS_DEFAULT_REGION": "us-east-1"}
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], cwd=HERE, env=environment, check=True)
    return (time.perf_counter() - begun) * 1000
