"""Series: what measurements came to over time (an addition to the contract)."""

import csv
import datetime as dt
import io
import itertools
from collections.abc import Iterable, Iterator

from chalicelib.api.http import pagination
from chalicelib.api.http.router import Answer, Request, as_json
from chalicelib.api.openapi import response_schemas
from chalicelib.api.openapi.operations import flag, moment, operation, word
from chalicelib.domain.errors import Invalid
from chalicelib.domain.rollup import Rollup, shown
from chalicelib.domain.schemas import JSON
from chalicelib.domain.series import Point
from chalicelib.domain.times import UTC, format_timestamp, parse_duration
from chalicelib.service.series import series_reader
from chalicelib.store import point_table, series_table
from chalicelib.store.series_table import Stored

NAME = "series"
DAY = dt.timedelta(days=1)
_FIRST = dt.datetime.min.replace(tzinfo=UTC)
MOST_POINTS = 100_000
"""Points in one answer; more come by steps, or in shorter times."""
CSV_TYPE = "text/csv"

IDENTITY = {
    "id": response_schemas.STRING,
    "href": response_schemas.HREF,
    **dict.fromkeys(("test", "tool", "source", "checksum"), response_schemas.STRING),
    "since": response_schemas.TIME,
}
NUMBER_OR_TEXT = {"type": ["number", "string"]}
POINT = response_schemas.shape(
    {
        "time": response_schemas.TIME,
        "state": response_schemas.STATE,
        "values": {"type": "object", "additionalProperties": NUMBER_OR_TEXT},
    },
    {"unreliable": response_schemas.array(response_schemas.STRING), "run": response_schemas.HREF},
)
SERIES = response_schemas.shape(
    IDENTITY, {**dict.fromkeys(("destination", "label"), response_schemas.STRING), "last": POINT}
)
COLUMNS = {"type": "object", "additionalProperties": {"type": "array"}}
DATA = response_schemas.shape(
    {"series": SERIES, "start": response_schemas.TIME, "end": response_schemas.TIME},
    {
        "points": COLUMNS,
        "step": response_schemas.DURATION,
        "steps": response_schemas.array(
            response_schemas.shape(
                {
                    "time": response_schemas.TIME,
                    "runs": response_schemas.OBJECT,
                    "metrics": response_schemas.OBJECT,
                }
            )
        ),
    },
)
FILTERS = ("test", "tool", "source", "destination", "label")


@operation(
    "Series",
    arguments=[
        *(word(name, f"Only series of this {name}") for name in FILTERS),
        flag("last", "Include the latest result of each"),
        *pagination.ARGUMENTS,
    ],
    answer=response_schemas.array(SERIES),
    paged=True,
)
def list_series(request: Request) -> Answer:
    """List what is measured between which hosts, and with `last` the latest result of each.

    A series has the results of all tasks that measure the same thing. With `limit`, part of them, and a Link
    to the next part.
    """
    cut = pagination.cut(request, NAME)
    found = series_table.every(request.node, cut.after and cut.after[1])
    part = pagination.page(
        found, lambda chunk: [each for each in chunk if _wanted(request, each)], _place, cut.limit
    )
    link = pagination.link(request, "/series", NAME, part.next)
    return as_json(request, [_described(request, each) for each in part.items], headers=link)


def _place(stored: Stored) -> tuple[dt.datetime, str]:
    return stored.added, stored.series.uuid


def _wanted(request: Request, stored: Stored) -> bool:
    return all(request.args[name] == getattr(stored.series, name) for name in FILTERS if name in request.args)


def _described(request: Request, stored: Stored) -> dict[str, JSON]:
    href = f"{request.base}/series/{stored.series.uuid}"
    members = {**stored.series.describe(), "href": href, "since": format_timestamp(stored.added)}
    last = point_table.newest(request.node, stored.series.uuid) if request.flag("last") else None
    return {**members, "last": _shown(request, last)} if last else members


def _shown(request: Request, point: Point) -> dict[str, JSON]:
    members = point.describe()
    task = members.pop("task")
    return {**members, "run": f"{request.base}/tasks/{task}/runs/{members['run']}"}


@operation(
    "Series",
    path={"series": response_schemas.STRING},
    arguments=[
        moment("start", "Only runs that start then or later; a day before the end if absent"),
        moment("end", "Only runs that start before then; now if absent"),
        word("step", "Summarize this much time in each point, such as PT1H; a point for each run if absent"),
        word("metric", "Only these metrics, separated by commas"),
        word("format", "The form of the answer", "json", "csv"),
    ],
    answer=DATA,
    kinds=[CSV_TYPE],
)
def get_series(request: Request, series: str) -> Answer:
    """Get a series over time, as a point for each run, in columns, or with `step` as summaries.

    Summaries of whole hours are kept for half a year; a number that cannot be trusted is listed under
    `unreliable`, and left out of summaries.
    """
    stored = series_table.get(request.node, series)
    start, end = _bounds(request)
    names = _names(request)
    step = _step(request)
    if step is None:
        return _points(request, stored, start, end, names)
    found = series_reader.steps(request.node, series, start, end, step, names)
    if _wants_csv(request):
        return _csv(_step_rows(found, names))
    steps = [{"time": format_timestamp(at), **rollup.describe(names)} for at, rollup in found]
    head = _head(request, stored, start, end)
    return as_json(request, {**head, "step": request.args["step"], "steps": steps})


def _bounds(request: Request) -> tuple[dt.datetime, dt.datetime]:
    end = request.moment("end") or request.now
    start = request.moment("start") or end - min(DAY, end - _FIRST)
    if start >= end:
        raise Invalid("start: must be before the end")
    return start, end


def _names(request: Request) -> list[str] | None:
    return [name for name in request.args["metric"].split(",") if name] if "metric" in request.args else None


def _step(request: Request) -> dt.timedelta | None:
    text = request.args.get("step")
    try:
        return None if text is None else parse_duration(text)
    except Invalid as error:
        raise Invalid("step: must be an ISO 8601 duration such as PT1H") from error


def _wants_csv(request: Request) -> bool:
    wanted = request.args.get("format", "csv" if CSV_TYPE in request.headers.get("accept", "") else "json")
    if wanted not in ("json", "csv"):
        raise Invalid("format: must be json or csv")
    return wanted == "csv"


def _head(request: Request, stored: Stored, start: dt.datetime, end: dt.datetime) -> dict[str, JSON]:
    times = {"start": format_timestamp(start), "end": format_timestamp(end)}
    return {"series": _described(request, stored), **times}


def _points(
    request: Request, stored: Stored, start: dt.datetime, end: dt.datetime, names: list[str] | None
) -> Answer:
    found = list(
        itertools.islice(series_reader.points(request.node, stored.series.uuid, start, end), MOST_POINTS + 1)
    )
    if len(found) > MOST_POINTS:
        raise Invalid(f"step: is needed for more than {MOST_POINTS} points, such as PT1H")
    wanted = names or sorted({name for point in found for name in point.values})
    if _wants_csv(request):
        return _csv(_point_rows(found, wanted))
    columns: dict[str, JSON] = {
        "time": [round(point.at.timestamp(), 3) for point in found],
        "state": [point.state.value for point in found],
        "run": [f"{point.task}/runs/{point.run}" for point in found],
        **{name: [_value(point, name) for point in found] for name in wanted},
    }
    unreliable = {name: _marked(found, name) for name in wanted}
    columns["unreliable"] = [[name, *places] for name, places in unreliable.items() if places]
    return as_json(request, {**_head(request, stored, start, end), "points": columns})


def _value(point: Point, name: str) -> float | str | None:
    value = point.values.get(name)
    return shown(value) if isinstance(value, float | int) else value


def _marked(found: list[Point], name: str) -> list[int]:
    return [place for place, point in enumerate(found) if name in point.unreliable]


def _point_rows(found: Iterable[Point], names: list[str]) -> Iterator[list[JSON]]:
    yield ["time", "state", *names, "unreliable", "run"]
    for point in found:
        values = [_value(point, name) for name in names]
        unreliable = " ".join(sorted(point.unreliable))
        yield [format_timestamp(point.at), point.state.value, *values, unreliable, point.run]


def _step_rows(found: Iterable[tuple[dt.datetime, Rollup]], names: list[str] | None) -> Iterator[list[JSON]]:
    """A row a step and metric: what a sheet or a database takes as it is."""
    columns = ("count", "unreliable", "min", "mean", "max", "p50", "p95", "p99", "changes", "last")
    yield ["time", "metric", *columns]
    for at, rollup in found:
        for name, members in rollup.describe(names)["metrics"].items():
            yield [format_timestamp(at), name, *(members.get(column, "") for column in columns)]


def _csv(rows: Iterable[list[JSON]]) -> Answer:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([_plain(cell) for cell in row] for row in rows)
    return Answer(text.getvalue(), CSV_TYPE)


def _plain(cell: JSON) -> JSON:
    """A cell; a text that a spreadsheet would take for a formula gets an apostrophe."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@") else cell
