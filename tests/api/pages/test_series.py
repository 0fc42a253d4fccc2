"""The pages of series: what is measured, and what it came to over time."""

import csv
import datetime as dt
import io
import json
from typing import Any

import pytest

from chalicelib.domain.run_states import State
from chalicelib.domain.times import format_timestamp
from chalicelib.service.series import points
from tests.api.conftest import Api, query
from tests.builders import run, task

NOW = dt.datetime.now(dt.timezone.utc).replace(microsecond=0)
BEGUN = NOW - dt.timedelta(minutes=30)


def rtt(dest: str = "b.example.org", **reference: str) -> dict[str, Any]:
    test = {"type": "rtt", "spec": {"dest": dest}}
    return {"schema": 1, "test": test, "tool": "ping", "schedule": {}, "reference": reference}


def leave(minutes: float, mean: float | None, document: dict[str, Any] | None = None) -> str:
    """A run some minutes after BEGUN and its point; the task."""
    owner = task(document=document or rtt(), participants=("a.example.org",))
    state = State.FAILED if mean is None else State.FINISHED
    over = run(owner, state=state, start=0)
    over = over.evolve(start=BEGUN + dt.timedelta(minutes=minutes))
    result = None if mean is None else {"succeeded": True, "loss": 0.0, "mean": f"PT{mean / 1000}S"}
    points.leave(owner, over.with_documents(result_merged=result), NOW)
    return owner.uuid


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    points._current.clear()


def test_series_are_listed_with_their_ends(api: Api) -> None:
    leave(0, 1.5, rtt(label="Backbone"))

    (found,) = api.get("/series")

    assert {name: found[name] for name in ("test", "tool", "source", "destination", "label")} == {
        "test": "rtt",
        "tool": "ping",
        "source": "a.example.org",
        "destination": "b.example.org",
        "label": "Backbone",
    }
    assert api.get(found["href"].removeprefix("http://node.test"))["series"]["id"] == found["id"]


def test_the_last_point_is_shown_where_it_is_asked_for(api: Api) -> None:
    leave(0, 1.5)
    owner = leave(1, 2.5)

    (found,) = api.get("/series?last=1")

    assert found["last"]["values"] == {"rtt.mean": 2.5, "loss.ratio": 0.0}
    assert found["last"]["time"] == format_timestamp(BEGUN + dt.timedelta(minutes=1))
    assert f"/tasks/{owner}/runs/" in found["last"]["run"]


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({"test": "rtt"}, 2),
        ({"destination": "c.example.org"}, 1),
        ({"source": "c.example.org"}, 0),
        ({"label": ""}, 2),
    ],
)
def test_series_are_filtered(api: Api, wanted: dict[str, str], count: int) -> None:
    leave(0, 1.0)
    leave(0, 1.0, rtt("c.example.org"))

    assert len(api.get(query("/series", **wanted))) == count


def test_series_come_in_pages(api: Api) -> None:
    for number in range(5):
        leave(0, 1.0, rtt(f"host{number}.example.org"))
    found, path = [], "/series?limit=2"
    while path:
        found += [each["destination"] for each in api.get(path)]
        path = (
            api.headers.get("Link", "").partition("<")[2].partition(">")[0].removeprefix("http://node.test")
        )

    assert sorted(found) == [f"host{number}.example.org" for number in range(5)]


def series(api: Api) -> str:
    return f"/series/{api.get('/series')[0]['id']}"


def test_points_come_in_columns_and_a_failure_is_a_gap_with_a_name(api: Api) -> None:
    leave(0, 1.5)
    leave(1, None)
    leave(2, 2.5)

    found = api.get(series(api))["points"]

    assert found["rtt.mean"] == [1.5, None, 2.5]
    assert found["state"] == ["finished", "failed", "finished"]
    assert found["time"] == [BEGUN.timestamp() + 60 * minute for minute in range(3)]


def test_a_time_and_a_metric_can_be_chosen(api: Api) -> None:
    for minute in range(10):
        leave(minute, float(minute))
    start, end = (format_timestamp(BEGUN + dt.timedelta(minutes=each)) for each in (2, 5))

    found = api.get(query(series(api), start=start, end=end, metric="rtt.mean"))["points"]

    assert found["rtt.mean"] == [2.0, 3.0, 4.0]
    assert "loss.ratio" not in found


@pytest.mark.parametrize(
    "bounds",
    [
        {"end": "1970-01-01T00:00:00Z"},
        {"end": "1969-12-31T23:59:59Z"},
        {"end": "0001-01-01T00:00:01Z"},  # a day before it is no date
        {"start": "0001-01-01T00:00:00Z", "end": "1111-01-01"},
    ],
)
@pytest.mark.parametrize("step", [{}, {"step": "P36500D"}])
def test_there_was_nothing_before_1970(api: Api, bounds: dict[str, str], step: dict[str, str]) -> None:
    leave(0, 1.5)

    found = api.get(query(series(api), **bounds, **step))

    assert found.get("steps", found.get("points", {}).get("time")) == []


def test_from_the_first_of_all_times_on_everything_is_there(api: Api) -> None:
    leave(0, 1.5)

    found = api.get(query(series(api), start="0001-01-01T00:00:00Z"))["points"]

    assert found["rtt.mean"] == [1.5]


def test_steps_sum_up(api: Api) -> None:
    for minute in range(10):
        leave(minute, float(minute + 1))
    start = format_timestamp(BEGUN)

    found = api.get(query(series(api), start=start, step="P1D", metric="rtt.mean"))["steps"]

    assert sum(step["runs"]["finished"] for step in found) == 10
    assert max(step["metrics"]["rtt.mean"]["max"] for step in found) == 10.0


def test_points_and_steps_come_as_csv(api: Api) -> None:
    leave(0, 1.5)
    path = series(api)

    status, text = api.ask("GET", query(path, format="csv"))
    rows = list(csv.DictReader(io.StringIO(text)))
    by_accept, again = api.ask("GET", path, Accept="text/csv")
    steps = list(csv.DictReader(io.StringIO(api.ask("GET", query(path, step="PT1M", format="csv"))[1])))

    assert (status, by_accept, api.headers["Content-Type"]) == (200, 200, "text/csv; charset=utf-8")
    assert rows[0]["rtt.mean"] == "1.5"
    assert again == text
    assert {row["metric"]: row["mean"] for row in steps} == {"rtt.mean": "1.5", "loss.ratio": "0.0"}


def test_a_cell_is_no_formula(api: Api) -> None:
    document = {**rtt(), "test": {"type": "trace", "spec": {"dest": "b.example.org"}}, "tool": "traceroute"}
    owner = task(document=document, participants=("a",))
    result = {"succeeded": True, "paths": [[{"ip": "=1+1"}]]}
    over = run(owner, state=State.FINISHED).evolve(start=BEGUN).with_documents(result_merged=result)
    points.leave(owner, over, NOW)

    (row,) = csv.DictReader(io.StringIO(api.ask("GET", query(series(api), format="csv"))[1]))

    assert row["trace.path"] == "'=1+1"


@pytest.mark.parametrize(
    "wrong",
    [{"start": "soon"}, {"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"}, {"step": "often"},
     {"step": "PT1S", "start": "2026-01-01T00:00:00Z"}, {"step": "PT0S"}, {"format": "xml"},
     {"end": "0001-01-01"}],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(api: Api, wrong: dict[str, str]) -> None:
    leave(0, 1.5)

    assert api.ask("GET", query(series(api), **wrong))[0] == 400


def test_what_is_not_there_is_404(api: Api) -> None:
    assert api.ask("GET", f"/series/{'0' * 20}")[0] == 404


def test_nothing_private_is_in_a_series(api: Api) -> None:
    document = rtt()
    document["test"]["spec"]["_secret"] = "kanarienvogel"
    leave(0, 1.0, document)

    assert "kanarienvogel" not in json.dumps([api.get("/series?last=1"), api.get(series(api))])
