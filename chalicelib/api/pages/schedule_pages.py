"""The pages that show the runs of all tasks in time (docs/contract/api.md, Schedule)."""

import datetime as dt
from collections.abc import Iterator, Sequence

from chalicelib.api.http import pagination
from chalicelib.api.http.router import TEXT_TYPE, Answer, Request, as_json_array, task_id
from chalicelib.api.openapi import response_schemas
from chalicelib.api.openapi.operations import Argument, integer, moment, operation, word
from chalicelib.api.pages.scheduled_runs import Lines
from chalicelib.domain import chart, chart_svg
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.names import NodeName, TaskId
from chalicelib.domain.run import Run
from chalicelib.domain.run_states import FINAL, State
from chalicelib.domain.times import EPOCH, SECOND, truncate
from chalicelib.infrastructure.svg_to_png import png
from chalicelib.service.node import node_directory
from chalicelib.store import long_runs, run_counts, run_table, task_table
from chalicelib.store.run_counts import within

FORMATS = ("json", "png", "svg", "data", "script")

UNDER_WAY = (State.SCHEDULING, State.PENDING, State.RUNNING)
"""Of these states are the runs of the present. None is ever on deck here, so that nobody asks for those."""
OVER = (*FINAL, State.CLEANUP)
PAST_ALONE = (State.FINISHED, State.FAILED, State.OVERDUE, State.CLEANUP)
"""States that a run enters at its end or after it, so that none is of the present."""
AHEAD = (State.PENDING, State.NONSTART)
CURSORS = "schedule"
MOST_RUNS = 10_000
"""The widest window: more than an answer can hold."""
AT_LEAST = 100
"""How many of the runs that ended in one state are looked at for some that are not over in time."""


@operation(
    "Schedule",
    arguments=[
        moment("start", "Only runs that end later"),
        moment("end", "Only runs that start earlier"),
        Argument("task", "Only runs of this task", {"type": "string", "format": "uuid"}),
        word("format", "How to show it", *FORMATS),
        *pagination.ARGUMENTS,
    ],
    answer=response_schemas.array(response_schemas.SCHEDULED),
    kinds=["image/png", "image/svg+xml", "text/plain"],
    paged=True,
)
def schedule(request: Request) -> Answer:
    """List the runs of all tasks in a period, ordered by time.

    As a picture it has a column for each class of runs, with time running downwards; ``data`` has the column,
    start and end of each run, and ``script`` is a gnuplot program that draws them. With `limit`, part of
    them, and a Link to the next part; a picture has all.
    """
    start, end = request.moment("start"), request.moment("end")
    if start and end and start > end:
        raise Invalid("end: must not be before start")
    form = request.args.get("format", "json")
    if form not in FORMATS:
        raise Invalid(f"format: must be one of {', '.join(FORMATS)}")
    cut = pagination.cut(request, CURSORS) if form == "json" else pagination.Cut(None, None)
    found = _listed(request, start, end, cut)

    def chosen(runs: Sequence[Run]) -> Sequence[Run]:
        return [run for run in run_table.kept(runs, request.now) if _overlaps(run, start, end)]

    if form != "json":
        return _picture(request, chosen(list(found)), form)
    lines = Lines(request, with_plugins=True)
    if cut.limit is None:
        return as_json_array(request, map(lines.of, pagination.pieces(found, chosen)))
    part = pagination.page(found, chosen, lambda run: (run.start, run.uuid), cut.limit)
    link = pagination.link(request, "/schedule", CURSORS, part.next)
    return as_json_array(request, iter([lines.of(part.items)]), headers=link)


def _picture(request: Request, runs: Sequence[Run], form: str) -> Answer:
    known = task_table.get_many(request.node, [run.task for run in runs])
    bars = [
        chart.Bar(chart.column_of(known[run.task].scheduling_class, run.state), run.start, run.end)
        for run in runs
        if run.task in known
    ]
    bounds = request.moment("start"), request.moment("end")
    return _charted(chart.chart(_title(request, len(bars)), bars, *bounds, request.now), form)


def _listed(
    request: Request, start: dt.datetime | None, end: dt.datetime | None, cut: pagination.Cut
) -> Iterator[Run]:
    size = cut.first_read if cut.limit else None
    if "task" in request.args:
        return run_table.behind(request.node, _task_argument(request), None, end, cut.after, size)
    # A run is filed under its start; what began earlier and reaches into the range is looked for too.
    since = start - long_runs.look_back(request.node, start) if start and start > EPOCH else None
    bounds = [(state, None if state is State.RUNNING else since, end) for state in State]
    return run_counts.behind(request.node, bounds, request.now, cut.after, size)


def _task_argument(request: Request) -> TaskId:
    try:
        return task_id(request.args["task"])
    except NotFound as error:
        raise Invalid("task: must be a UUID") from error


def _overlaps(run: Run, start: dt.datetime | None, end: dt.datetime | None) -> bool:
    return (end is None or run.start < end) and (start is None or run.end > start)


def _title(request: Request, count: int) -> str:
    when = request.now.strftime("%Y-%m-%d %H:%M:%S UTC")
    host = node_directory.hostname_of(request.node)
    return f"Schedule of {host} at {when}: {count} run{'' if count == 1 else 's'}"


def _charted(drawn: chart.Chart, form: str) -> Answer:
    if form == "data":
        return Answer(chart.data(drawn), TEXT_TYPE)
    if form == "script":
        return Answer(chart.script(drawn), TEXT_TYPE)
    svg = chart_svg.svg(drawn)
    return Answer(svg, "image/svg+xml") if form == "svg" else Answer(png(svg), "image/png")


@operation(
    "Schedule",
    arguments=[integer("window", "How many runs of the past and of the future; all if absent", 1)],
    answer=response_schemas.array(response_schemas.SCHEDULED),
)
def monitor(request: Request) -> Answer:
    """List the latest finished runs, those in progress, and the next ones.

    ``ppf`` is -1 for the past, 0 for the present and 1 for the future.
    """
    asked = request.integer("window", least=1)
    window = min(asked, MOST_RUNS) if asked else None
    now = truncate(request.now)
    begun = list(_begun(request.node, now, window))
    over = run_table.kept([run for run in begun if run.end < now], now)
    past = sorted(over, key=lambda run: (run.end, run.start))
    groups = {
        -1: past[-window:] if window else past,
        0: [run for run in begun if run.end >= now],
        1: list(run_counts.in_order(request.node, within(AHEAD, now + SECOND), now, limit=window)),
    }
    lines = Lines(request, with_plugins=False)
    lines.read(run.task for group in groups.values() for run in group)
    shown = [
        lines.line(run, ppf=ppf)
        for ppf, group in groups.items()
        for run in sorted(group, key=lambda run: (run.start, run.end, lines.added(run)))
    ]
    return as_json_array(request, iter([list(filter(None, shown))]))


def _begun(node: NodeName, now: dt.datetime, window: int | None) -> Iterator[Run]:
    """The runs that have begun, or were to have: all that are not over, and the latest of the others."""
    yield from run_counts.in_order(node, within(UNDER_WAY, end=now), now)
    for state in OVER:
        limit = window if state in PAST_ALONE or window is None else max(window, AT_LEAST)
        yield from run_counts.in_order(node, within([state], end=now), now, backwards=True, limit=limit)
