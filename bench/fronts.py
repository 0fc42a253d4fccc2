"""``python -m bench.fronts --servers-of PYTHON``: our front beside other servers of HTTP, with the same page.

GET / is asked over a kept connection and over new ones: alone, and beside a hundred half-sent requests and a
hundred and fifty that wait. The others are those installed for the interpreter that is named, an environment
to throw away, say; those of ASGI wait without a thread, those of WSGI have as many threads as our front.
"""

import argparse
import http.client
import json
import multiprocessing
import pathlib
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from tabulate import tabulate

from bench.attack import attackers
from bench.attack.others import Prober
from bench.attack.report import CROWD
from bench.attack.victim import allow_many_descriptors
from bench.benched_node import HERE, free_port

APPS = pathlib.Path(__file__).with_name("fronts_app.py")
THREADS = 96
"""Of the servers of WSGI, as many as the slow lane of our front has."""
PAGE = f"sys.path.insert(0, {str(APPS.parent)!r}); from fronts_app import wsgi"
CHEROOT = (
    f"import sys; {PAGE}; from cheroot.wsgi import Server;"
    f" Server(('127.0.0.1', int(sys.argv[1])), wsgi, numthreads={THREADS}, request_queue_size=512).start()"
)
WAITRESS = (
    f"import sys; {PAGE}; from waitress import serve; serve(wsgi, host='127.0.0.1',"
    f" port=int(sys.argv[1]), threads={THREADS}, connection_limit=5000, backlog=512, _quiet=True)"
)
ASGI = ("fronts_app:asgi", "--app-dir", str(APPS.parent))


def commands(python: str, port: int) -> dict[str, Sequence[str]]:
    """How each server is started: ours, and those of ``python``."""
    number = str(port)
    return {
        "ours": (sys.executable, "-m", "bench.fronts_app", number),
        "uvicorn, as it comes": (python, "-m", "uvicorn", *ASGI, "--port", number, "--log-level", "error"),
        "hypercorn": (
            python,
            "-m",
            "hypercorn",
            f"{APPS.parent}/fronts_app:asgi",
            "-b",
            f"127.0.0.1:{number}",
        ),
        "granian": (
            *(python, "-m", "granian", "--interface", "asgi", "--port", number, "--log-level", "error"),
            *("--working-dir", str(APPS.parent), "fronts_app:asgi"),
        ),
        f"cheroot, {THREADS} threads": (python, "-c", CHEROOT, number),
        f"waitress, {THREADS} threads": (python, "-c", WAITRESS, number),
    }


def measured(command: Sequence[str], port: int, seconds: float) -> list[dict[str, Any]]:
    """Rows of how soon a server answers, alone and in a crowd."""
    with subprocess.Popen(command, cwd=HERE, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        try:
            _until_it_answers(port)
            alone = _probed(port, lambda: time.sleep(seconds))
            counts: dict[str, int] = {}
            crowd = _probed(port, lambda: counts.update(_crowd(port, seconds)))
        finally:
            process.kill()
    kinds = ("half-sent: 408", "half-sent: hung up")
    ended = {"half-sent hung up on": sum(counts.get(kind, 0) for kind in kinds)}
    return [{"beside": "nobody", **row} for row in alone] + [
        {"beside": "crowd", **row, **ended} for row in crowd
    ]


def _until_it_answers(port: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            link.request("GET", "/pscheduler/")
            if link.getresponse().status == 200:
                return
        except (OSError, http.client.HTTPException):
            time.sleep(0.2)
        finally:
            link.close()
    raise SystemExit("A server did not answer within 30 s")


def _probed(port: int, happens: Any) -> list[dict[str, Any]]:
    probers = [Prober(port, keeps_connection=kept) for kept in (True, False)]
    for prober in probers:
        prober.start()
    happens()
    return [prober.figures() for prober in probers]


def _crowd(port: int, seconds: float) -> dict[str, int]:
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    told = {"poll": "/wait", "hanging": None}
    process = context.Process(
        target=attackers.attack, args=(port, seconds, CROWD, told, results), daemon=True
    )
    process.start()
    counts: dict[str, int] = results.get(timeout=seconds + 120)
    process.join(30)
    return counts


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.fronts", description="Our front beside others.")
    parser.add_argument("--servers-of", required=True, help="the Python that has the others installed")
    parser.add_argument("--seconds", type=float, default=15, help="how long each is asked, twice (15)")
    given = parser.parse_args()
    allow_many_descriptors()
    rows = []
    for name in commands(given.servers_of, 0):
        port = free_port()
        print(f"{name} ...", file=sys.stderr, flush=True)
        command = commands(given.servers_of, port)[name]
        rows += [{"front": name, **row} for row in measured(command, port, given.seconds)]
    print(tabulate(rows, headers="keys", floatfmt=".1f"))
    print(json.dumps({"fronts": rows}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
