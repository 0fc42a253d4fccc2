"""``python -m bench``: the figures of a node, as tables and, last, as one line of JSON.

Compare ratios within one run; machines differ, and the same one from hour to hour.
"""

import argparse
import dataclasses
import datetime as dt
import json
import os
import pathlib
import sys
import tempfile
import urllib.parse
from collections.abc import Callable
from typing import Any

from tabulate import tabulate

from bench import (
    agent_requests,
    agents,
    capacity_units,
    engine_speed,
    engines,
    history_size,
    imports,
    lists,
    mesh,
    mesh_cost,
    mesh_growth,
    page,
    planner_speed,
    scale,
    scale_play,
    series_cost,
    state,
)
from bench.archiver_speed import archiving
from bench.benched_node import post, serving
from bench.lateness import lateness
from bench.limit_cost import limits
from bench.load import Call, load, percentile
from bench.outage import outage
from bench.together import together
from bench.unresponsive import unresponsive
from local import engine_sqlite, environment

IDLE = {"schema": 1, "test": {"type": "idle", "spec": {"duration": "PT1S"}}, "schedule": {"start": "PT2H"}}
REPEATING = {
    "schema": 1,
    "test": {"type": "rtt", "spec": {"dest": "127.0.0.1", "count": 5}},
    "schedule": {"repeat": "PT5M", "slip": "PT5M", "sliprand": True},
    "reference": {"label": "Mesh"},
}
SPEC = urllib.parse.quote(json.dumps({"schema": 1, "dest": "127.0.0.1", "count": 5}))
FEW, MANY = 100, 10_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description="Benchmarks of a node.")
    parser.add_argument(
        "figures", nargs="*", help=f"which benchmarks to run; all if absent: {', '.join(FIGURES)}"
    )
    parser.add_argument(
        "--many", type=int, default=MANY, help="costs, lists, page: how many tasks are stored"
    )
    parser.add_argument("--runs", type=int, default=200, help="lateness: how many runs are measured")
    parser.add_argument(
        "--tasks",
        type=int,
        default=planner_speed.TASKS,
        help="planning, engines: how many repeating tasks are planned",
    )
    parser.add_argument("--hosts", type=int, default=20, help="mesh-cost: hosts of the mesh")
    parser.add_argument("--hours", type=float, default=1.0, help="mesh-cost: hours simulated")
    parser.add_argument(
        "--tests",
        choices=mesh.CHOICES,
        default="both",
        help="mesh-cost: tests that the hosts perform: alone, those that involve one host; both, those and"
        " then all; or one test",
    )
    parser.add_argument(
        "--stored",
        default="100,1000,10000",
        help="mesh-growth: how many tasks are stored, of which a hundred are simulated",
    )
    parser.add_argument("--all-played", action="store_true", help="mesh-growth: simulate all of them")
    parser.add_argument("--series", type=int, default=200, help="series: how many series have a month read")
    parser.add_argument(
        "--agents", type=int, default=1000, help="agents: how many agents the coordinator has"
    )
    parser.add_argument(
        "--runs-a-second", type=float, default=50, help="agents: runs a second, of all agents together"
    )
    parser.add_argument("--nodes", type=int, default=10_000, help="scale: nodes of the deployment")
    parser.add_argument("--runs-an-hour", type=int, default=1000, help="scale: runs an hour of each node")
    parser.add_argument("--shards", type=int, default=256, help="scale: shards of the deployment")
    parser.add_argument("--at-agents", action="store_true", help="scale: all nodes measure at agents")
    parser.add_argument("--one-of", type=int, default=128, help="scale: one node in this many is simulated")
    parser.add_argument("--seconds", type=float, default=600, help="agents: how many seconds that lasts")
    given = parser.parse_args()
    os.environ["PSCHEDULER_LIMITS"] = "open"  # the limits are not what is measured
    wanted = given.figures or list(FIGURES)
    unknown = [name for name in wanted if name not in FIGURES]
    if unknown:
        parser.error(f"there are no figures called {', '.join(unknown)}")
    print(json.dumps({name: FIGURES[name](given) for name in wanted}))
    return 0


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def show(title: str, rows: list[dict[str, Any]]) -> None:
    print(f"\n{title}\n{tabulate(rows, headers='keys', floatfmt='.1f')}", flush=True)


def _imports(_: argparse.Namespace) -> list[dict[str, Any]]:
    say("Importing ...")
    rows = [{"import": what, "ms": time} for what, time in imports.imports().items()]
    rows.append({"import": "all plugins, once they are needed", "ms": imports.registry_share()})
    show("Import time, a fresh interpreter, median", rows)
    return rows


def _packaged(_: argparse.Namespace) -> list[dict[str, Any]]:
    say("Packaging ...")
    rows = imports.packaged()
    show("A cold start of the package, a fresh interpreter, median; at most 1.3 times is wanted", rows)
    return rows


def _mesh_cost(given: argparse.Namespace) -> list[dict[str, Any]]:
    bills = []
    for tests in mesh.chosen(given.tests):
        names = ", ".join(test.name for test in tests)
        counts = mesh_cost.mesh_cost(given.hosts, given.hours, say, tests)
        bill = mesh_cost.bill(counts, given.hours)
        show(f"Where the units of a run go: {names}", mesh_cost.where(counts))
        show("What a measurement takes, at both ends where there are two", mesh_cost.by_test(counts, tests))
        show(f"A mesh of {given.hosts} hosts, {names}; prices of {mesh_cost.PRICES_OF}", bill)
        bills += [{"tests": names, **row} for row in bill]
    return bills


def _mesh_growth(given: argparse.Namespace) -> list[dict[str, Any]]:
    rows = [mesh_growth.growth(int(tasks), given.all_played, say) for tasks in given.stored.split(",")]
    show(f"What a run costs with so many tasks stored; prices of {mesh_cost.PRICES_OF}", rows)
    return rows


def _scale(given: argparse.Namespace) -> list[dict[str, Any]]:
    size = scale_play.Size(given.nodes, given.runs_an_hour, given.shards, given.one_of, given.at_agents)
    keys, functions = scale.scale(size, say)
    show(f"The busiest keys with {given.nodes} nodes, {size.a_second:.0f} runs a second", keys)
    show("Functions", functions)
    show("What gives, and at how many nodes", scale.limits(keys, functions, size))
    print(f"\nShards needed: {scale.shards_needed(functions, size)}", flush=True)
    return keys + functions


def _lateness(given: argparse.Namespace) -> list[float]:
    say(f"Starting {given.runs} runs ...")
    with serving() as base:
        late = sorted(lateness(base, given.runs))
    row = {
        "runs": len(late),
        "p50 ms": percentile(late, 50),
        "p99 ms": percentile(late, 99),
        "max ms": late[-1],
    }
    show("Start lateness", [row])
    return late


def _load(_: argparse.Namespace) -> list[dict[str, Any]]:
    rows = []
    with serving() as base:
        for call in _calls(base):
            for connections in (1, 4):
                say(f"{call.name}, {connections} connections ...")
                rows.append(dataclasses.asdict(load(base, call, connections)))
    show("Load; times in ms", rows)
    return rows


def _calls(base: str) -> list[Call]:
    path = urllib.parse.urlsplit(post(base, "/tasks", IDLE)).path.removeprefix("/pscheduler")
    return [
        Call("GET /", "GET", _always("/")),
        Call("GET /tests", "GET", _always("/tests")),
        Call("GET spec/is-valid", "GET", _always(f"/tests/rtt/spec/is-valid?spec={SPEC}")),
        Call("POST /tasks (idle)", "POST", _always("/tasks"), lambda: IDLE),
        Call("GET /tasks/<t>", "GET", _always(path)),
        Call("GET runtimes", "GET", _always(f"{path}/runtimes")),
        Call("POST runs", "POST", _always(f"{path}/runs"), _run_body),
    ]


def _together(_: argparse.Namespace) -> list[dict[str, Any]]:
    say("Two nodes ...")
    rows = together()
    show("Several participants", rows)
    return rows


def _unresponsive(_: argparse.Namespace) -> list[dict[str, Any]]:
    say("Five nodes, one of them sick now and then ...")
    rows = unresponsive()
    show("Beside a participant that accepts connections and never answers", rows)
    return rows


def _run_costs(_: argparse.Namespace) -> list[dict[str, Any]]:
    say("Placing the runs of a day ...")
    with state.fresh("sqlite"):
        rows = planner_speed.run_costs()
    show("DynamoDB calls and capacity units a placed run, by class", rows)
    return rows


def _planning(given: argparse.Namespace) -> list[dict[str, Any]]:
    say(f"Planning {given.tasks} repeating tasks ...")
    with state.fresh("sqlite"):
        rows = planner_speed.planning(given.tasks)
    show("Runs placed a second, exclusive ones of repeating tasks", rows)
    return rows


def _archiving(_: argparse.Namespace) -> list[dict[str, Any]]:
    say("Delivering beside sinks that hang ...")
    rows = archiving()
    show("From a result's being stored until a healthy sink has it", rows)
    return rows


def _limits(_: argparse.Namespace) -> list[dict[str, Any]]:
    say("Posting tasks under policies ...")
    environment.set_environment()
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        engine_sqlite.opened(pathlib.Path(folder), synchronous="OFF"),
    ):
        environment.create_everything()
        rows = limits()
    show("POST /tasks under a policy of thirty limits", rows)
    return rows


def _outage(_: argparse.Namespace) -> list[dict[str, Any]]:
    say("An outage of a minute ...")
    rows = outage()
    show("Runs that start around an outage", rows)
    return rows


def _engine(_: argparse.Namespace) -> list[dict[str, Any]]:
    say("The embedded engine ...")
    rows = engine_speed.engine()
    show("The embedded engine, one process: how often a second, waiting for the disk or not", rows)
    return rows


def _lists(given: argparse.Namespace) -> list[dict[str, Any]]:
    rows = lists.lists([FEW, given.many], say)
    show("Lists, searches and single reads in one process, by tasks stored", rows)
    return rows


def _engines(given: argparse.Namespace) -> list[dict[str, Any]]:
    call = Call("POST /tasks (idle)", "POST", _always("/tasks"), lambda: IDLE, 10.0)
    rows = engines.engines(given.tasks, call, say)
    show("The node on the embedded engine, and on MiniStack", rows)
    return rows


def _series(given: argparse.Namespace) -> list[dict[str, Any]]:
    costs, read = series_cost.series(given.series, say)
    show("A result's point, and what rules add: DynamoDB's units", costs)
    show(f"Reading a month of {given.series} series, a point a minute each", read)
    return costs + read


def _page(given: argparse.Namespace) -> list[dict[str, Any]]:
    rows = page.page(given.many, say)
    show(f"The page at /ui/, {given.many} tasks and {given.many * page.RUNS_A_TASK} runs", rows)
    return rows


def _history_size(_: argparse.Namespace) -> list[dict[str, Any]]:
    say("Some history ...")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        rows = history_size.history_size(pathlib.Path(folder))
    show("The file of a one-machine node with a history, without, and with another", rows)
    return rows


def _always(path: str) -> Callable[[], str]:
    return lambda: path


def _run_body() -> dict[str, str]:
    start = dt.datetime.now(dt.timezone.utc) + dt.timedelta(hours=3)
    return {"start-time": start.isoformat(timespec="seconds")}


def _costs(given: argparse.Namespace) -> list[dict[str, Any]]:
    with state.fresh("sqlite"):
        rows = _costs_of_requests(given.many)
    show("DynamoDB calls and capacity units a request, by tasks and runs stored", rows)
    return rows


def _costs_of_requests(many: int) -> list[dict[str, Any]]:
    """The costs of requests, asked in this process of tables of their own."""
    os.environ["PSCHEDULER_PREFIX"] = "bench"
    environment.create_everything()
    from chalice.test import Client

    from app import app
    from chalicelib.settings import settings
    from chalicelib.store import task_table

    with Client(app) as client:
        href = client.http.post("/tasks", body=json.dumps(IDLE).encode()).json_body
        path = urllib.parse.urlsplit(href).path
        run = urllib.parse.urlsplit(client.http.get(f"{path}/runs/first").json_body["href"]).path
        calls = {
            "GET task": ("GET", path, None),
            "GET run": ("GET", run, None),
            "GET runs": ("GET", f"{path}/runs", None),
            "GET runtimes": ("GET", f"{path}/runtimes", None),
            "GET /tasks (100)": ("GET", "/tasks?limit=100", None),
            "GET /status": ("GET", "/status", None),
            "POST /tasks": ("POST", "/tasks", IDLE),
            "POST /tasks (repeating)": ("POST", "/tasks", REPEATING),
            "POST /tasks (exclusive)": ("POST", "/tasks", _exclusive()),
        }
        model = task_table.get(settings().node, path.rsplit("/", 1)[-1])
        capacity_units.fill(model, FEW, say)
        few = capacity_units.costs(client, calls)
        capacity_units.fill(model, many - FEW, say)
        lots = capacity_units.costs(
            client, {**calls, "POST /tasks (exclusive)": ("POST", "/tasks", _exclusive())}
        )
    return [
        {
            "request": name,
            f"calls at {FEW}": few[name].calls,
            f"read units at {FEW}": few[name].reads,
            f"write units at {FEW}": few[name].writes,
            f"calls at {many}": lots[name].calls,
            f"read units at {many}": lots[name].reads,
            f"write units at {many}": lots[name].writes,
        }
        for name in calls
    ]


def _exclusive() -> dict[str, Any]:
    return {
        "schema": 1,
        "test": {"type": "idleex", "spec": {"duration": "PT1S"}},
        "schedule": {"start": "PT5H", "slip": "PT1H"},
    }


def _agent_requests(_: argparse.Namespace) -> list[dict[str, Any]]:
    say("Agents at work, in this process ...")
    rows = agent_requests.agent_requests()
    show("What an agent's requests take of the processor, without the front", rows)
    return rows


def _agents(given: argparse.Namespace) -> list[dict[str, Any]]:
    say(f"{given.agents} agents, {given.runs_a_second:g} runs a second, {given.seconds:.0f} s ...")
    rows = agents.agents(agents.Load(given.agents, given.runs_a_second, given.seconds), say)
    show("Agents of one coordinator, all on this machine", rows)
    return rows


FIGURES = {
    "imports": _imports,
    "packaged": _packaged,
    "lateness": _lateness,
    "load": _load,
    "costs": _costs,
    "run-costs": _run_costs,
    "planning": _planning,
    "together": _together,
    "unresponsive": _unresponsive,
    "engine": _engine,
    "engines": _engines,
    "history-size": _history_size,
    "lists": _lists,
    "outage": _outage,
    "archiving": _archiving,
    "limits": _limits,
    "mesh-cost": _mesh_cost,
    "mesh-growth": _mesh_growth,
    "scale": _scale,
    "series": _series,
    "agent-requests": _agent_requests,
    "agents": _agents,
    "page": _page,
}


if __name__ == "__main__":
    sys.exit(main())
