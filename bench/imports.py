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

# The app without its plugins, and then what importing them adds, of the processor's time.
SHARE = """
import importlib, pkgutil, time
import chalice, pynamodb.models
import chalicelib.domain, chalicelib.infrastructure, chalicelib.store
for package in (chalicelib.domain, chalicelib.infrastructure, chalicelib.store):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
begun = time.process_time()
import plugins.registry
print((time.process_time() - begun) * 1000)
"""


def imports() -> dict[str, float]:
    """Median milliseconds, by what is imported; the interpreter's own start included."""
    return {what: _median(what) for what in ("pass", BARE, REGISTRY, APP)}


def registry_share() -> float:
    """Median milliseconds that importing the plugins adds to the start of the app: at most 60 are wanted."""
    return statistics.median(float(_run(SHARE)) for _ in range(RUNS))


def _median(code: str) -> float:
    return statistics.median(_once(code) for _ in range(RUNS))


def _once(code: str) -> float:
    begun = time.perf_counter()
    _run(code)
    return (time.perf_counter() - begun) * 1000


def _run(code: str) -> str:
    """What a fresh interpreter prints."""
    # What is measured is loading, not compiling, whatever the shell says of that; a package is compiled once.
    compiled = {"PYTHONPYCACHEPREFIX": str(HERE / ".local/compiled"), "PYTHONDONTWRITEBYTECODE": ""}
    environment = {**os.environ, **compiled, "PYTHONPATH": str(HERE), "AWS_DEFAULT_REGION": "us-east-1"}
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, cwd=HERE, env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout
