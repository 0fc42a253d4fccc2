"""How long imports take in a fresh interpreter, against a bare chalice and pynamodb."""

import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from typing import Any

from bench.benched_node import HERE
from local import package

BARE = "import chalice, pynamodb.models"
CLIENT = f"{BARE}; from pynamodb.connection import Connection as C; C(region='us-east-1').client"
"""What no function that keeps something in DynamoDB can do without."""
REGISTRY = "import plugins.registry as r; r.tests(), r.tools(), r.archivers(), r.contexts()"
APP = "import app"
ON_LAMBDA = "import os; os.environ['AWS_LAMBDA_FUNCTION_NAME'] = 'bench'; import app"
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
import plugins.registry as r
r.tests(), r.tools(), r.archivers(), r.contexts()
print((time.process_time() - begun) * 1000)
"""


def imports() -> dict[str, float]:
    """Median milliseconds, by what is imported; the interpreter's own start included."""
    return {what: _median(what) for what in ("pass", BARE, REGISTRY, APP)}


def packaged(runs: int = 3 * RUNS) -> list[dict[str, Any]]:
    """How long the packaged app takes from nothing, beside what it cannot do without, as installed."""
    with tempfile.TemporaryDirectory(prefix="bench-package-") as name:
        folder = pathlib.Path(name)
        made = package.package(folder)
        with zipfile.ZipFile(made) as archive:
            archive.extractall(folder / "app")
        alone = (
            f"import sys; sys.path[:] = [{str(folder / 'app')!r},"
            " *(p for p in sys.path if 'site-packages' not in p)]; "
        )
        wanted = {
            "chalice, pynamodb, a client": CLIENT,
            "the same, from the package": alone + CLIENT,
            "app.py": alone + APP,
            "app.py on Lambda, a client": alone + ON_LAMBDA,
        }
        times: dict[str, list[tuple[float, float]]] = {what: [] for what in wanted}
        for _ in range(runs):  # in turn, so that what else the machine does is done to all
            for what, code in wanted.items():
                begun = _processor()
                elapsed = _timed(["-I", "-c", code])
                times[what].append((elapsed, _processor() - begun))
        size = made.stat().st_size / 1e6
    rows: list[dict[str, Any]] = [
        {
            "import": what,
            "ms": statistics.median(elapsed for elapsed, _ in some),
            "of the processor": statistics.median(spent for _, spent in some),
        }
        for what, some in times.items()
    ]
    bare = rows[0]["of the processor"]  # which does not grow with what else the machine does, as time does
    return [{**row, "ratio": row["of the processor"] / bare, "zip MB": size} for row in rows]


def _processor() -> float:
    """Milliseconds of a processor that children took so far which are over."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (spent.ru_utime + spent.ru_stime) * 1000


def registry_share() -> float:
    """Median milliseconds that importing the plugins takes, once they are needed."""
    return statistics.median(float(_run(SHARE)) for _ in range(RUNS))


def _median(code: str) -> float:
    return statistics.median(_once(code) for _ in range(RUNS))


def _once(code: str) -> float:
    return _timed(["-c", code])


def _timed(options: list[str]) -> float:
    begun = time.perf_counter()
    _python(options)
    return (time.perf_counter() - begun) * 1000


def _run(code: str) -> str:
    """What a fresh interpreter prints."""
    return _python(["-c", code])


def _python(options: list[str]) -> str:
    # What is measured is loading, not compiling, whatever the shell says of that; a package is compiled once.
    compiled = {"PYTHONPYCACHEPREFIX": str(HERE / ".local/compiled"), "PYTHONDONTWRITEBYTECODE": ""}
    aws = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "none")
    environment = {
        **os.environ,
        **compiled,
        **aws,
        "PYTHONPATH": str(HERE),
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    return subprocess.run(
        [sys.executable, *options], cwd=HERE, env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout
