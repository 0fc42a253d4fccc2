"""The schedule, the monitor and the statistics (docs/contract/api.md)."""

import dataclasses
import datetime as dt
import sys
from typing import Any

import pytest

from chalicelib.domain.run import Run
from chalicelib.domain.run_states import State
from chalicelib.domain.times import UTC, format_timestamp
from chalicelib.infrastructure.svg_to_png import png
from chalicelib.service.node import pause
from chalicelib.store import delivery_table, run_counts
from chalicelib.store.transactions.booking import Booking, commit
from tests.api.conftest import Api, query
from tests.builders import NODE, run, task

NOW = dt.datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(autouse=True)
def now_is_when_the_test_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "NOW", dt.datetime.now(UTC).replace(microsecond=0))


def after(seconds: float) -> dt.datetime:
    return NOW + dt.timedelta(seconds=seconds)


def stored(*states: tuple[State, float, float], **changes: Any) -> list[Run]:
    """Runs of one new task, each in a state from so many seconds after now to so many."""
    owner = task(**changes)
    runs = [run(owner, state=state, start=0).evolve(start=after(a), end=after(b)) for state, a, b in states]
    commit(Booking(None, owner, runs), NOW)
    return runs


def paths(shown: list[dict[str, Any]]) -> list[str]:
    return [one["href"].rsplit("/", 1)[-1] for one in shown]


# --- the schedule -----------------------------------------------------------------------------------


def test_runs_come_in_time_order_with_their_task_test_and_tool(api: Api) -> None:
    late, early = stored((State.PENDING, 100, 110), (State.FINISHED, -50, -40))

    shown = api.get("/schedule")

    assert paths(shown) == [early.uuid, late.uuid]
    first = shown[0]
    assert first["href"] == f"http://node.test/tasks/{early.task}/runs/{early.uuid}"
    assert first["result-href"] == f"{first['href']}/result"
    assert first["task"]["href"] == f"http://node.test/tasks/{early.task}"
    assert "detail" not in first["task"]
    assert (first["test"]["name"], first["tool"]["name"]) == ("idle", "snooze")
    assert (first["state"], first["state-display"]) == ("finished", "Finished")
    assert first["start-time"] == format_timestamp(after(-50))


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        (0, 10, "here"),  # both run over it
        (-10, -5, ""),
        (20, 30, ""),  # its end is no more of it
        (19, 30, "here"),
        (-10, 0, ""),  # nor is its start before it
    ],
)
def test_a_range_has_the_runs_that_overlap_it(api: Api, start: float, end: float, found: str) -> None:
    (one,) = stored((State.PENDING, 0, 20))

    shown = api.get(
        query("/schedule", start=format_timestamp(after(start)), end=format_timestamp(after(end)))
    )

    assert paths(shown) == ([one.uuid] if found else [])


def test_a_run_that_still_runs_is_found_however_long_ago_it_began(api: Api) -> None:
    (one,) = stored((State.RUNNING, -900_000, 50))

    assert paths(api.get(query("/schedule", start=format_timestamp(NOW)))) == [one.uuid]


@pytest.mark.parametrize("length", [800, 3000, 20_000, 80_000])
def test_a_run_that_reaches_into_a_range_is_found_however_long_it_was(api: Api, length: float) -> None:
    (one,) = stored((State.FINISHED, -length - 5, -5))
    stored((State.FINISHED, -length - 5, -length))

    shown = api.get(query("/schedule", start=format_timestamp(after(-10)), end=format_timestamp(NOW)))

    assert paths(shown) == [one.uuid]


def test_where_no_run_is_long_those_of_hours_before_are_not_read(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored((State.FINISHED, -5000, -4990), (State.FINISHED, -20, -5))
    read: list[Run] = []
    behind = run_counts.behind
    monkeypatch.setattr(
        run_counts, "behind", lambda *a, **more: (read.append(each) or each for each in behind(*a, **more))
    )

    api.get(query("/schedule", start=format_timestamp(after(-10))))

    assert [each.start for each in read] == [after(-20)]


def test_one_task_can_be_asked_for(api: Api) -> None:
    (mine,) = stored((State.NONSTART, 10, 20))
    stored((State.PENDING, 10, 20))

    assert paths(api.get(f"/schedule?task={mine.task}")) == [mine.uuid]
    assert api.get("/schedule?task=00000000-0000-4000-8000-000000000000") == []


def test_a_task_that_another_node_leads_is_shown_with_its_participants(api: Api) -> None:
    pair = ("lead.test", "here.test")
    stored((State.PENDING, 10, 20), participants=pair, participant=1)
    stored((State.PENDING, 30, 40), participants=pair[::-1])

    for page in ("/schedule", "/monitor"):
        followed, led = (one["task"] for one in api.get(page))
        assert followed["participants"] == ["lead.test", "here.test"]
        assert "participants" not in led


def test_runs_of_a_task_say_why_they_did_not_start(api: Api) -> None:
    owner = task(document={**task().document, "schema": 3, "priority": 7})
    failed = run(owner, state=State.NONSTART, errors="No time", priority=7, end=after(10))
    commit(Booking(None, owner, [failed]), NOW)

    for path in ("/schedule", f"/schedule?task={owner.uuid}"):
        (shown,) = api.get(path)
        assert (shown["errors"], shown["priority"]) == ("No time", 7)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"start": "x"}, "start:"),
        ({"end": "x"}, "end:"),
        ({"start": "2026-11-24T01:00:00Z", "end": "2026-11-24T00:00:00Z"}, "end: must not be before start"),
        ({"task": "zz"}, "task:"),
        ({"format": "gif"}, "format: must be one of"),
    ],
)
def test_what_is_wrong_with_the_arguments_is_told(
    api: Api, arguments: dict[str, str], complaint: str
) -> None:
    assert complaint in api.get(query("/schedule", **arguments), 400)


@pytest.mark.parametrize("when", ["0001-01-01", "9999-12-31T23:59:59Z", "1000-01-01T00:00:00Z"])
def test_the_ends_of_time_are_fine(api: Api, when: str) -> None:
    (one,) = stored((State.PENDING, 10, 20))

    assert paths(api.get(query("/schedule", start=when))) == ([one.uuid] if when < "2" else [])
    assert paths(api.get(query("/schedule", end=when))) == ([one.uuid] if when > "2" else [])


@pytest.mark.parametrize("form", ["data", "script", "svg"])
@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("0001-01-01", "9999-12-31T23:59:59Z"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
        ("0001-01-01", "0001-01-01"),
        ("0001-01-01", None),
        (None, "9999-12-31T23:59:59Z"),
        ("9999-12-31T23:59:59Z", None),
    ],
)
def test_charts_of_all_time_are_fine(api: Api, form: str, start: str | None, end: str | None) -> None:
    stored((State.PENDING, 10, 20))
    bounds = {name: text for name, text in (("start", start), ("end", end)) if text}

    assert api.ask("GET", query("/schedule", format=form, **bounds))[0] == 200


def test_secrets_are_not_shown(api: Api) -> None:
    api.post_task(_key="sesame", reference={"_secret": "hush"}, schedule={"start": "PT1H"})

    assert "hush" not in str(api.get("/schedule"))
    assert "sesame" not in str(api.get("/monitor"))


def test_a_task_outlives_its_plugins(api: Api) -> None:
    stored(
        (State.PENDING, 10, 20),
        document={**task().document, "tool": "gone", "test": {"type": "gone", "spec": {}}},
    )

    (shown,) = api.get("/schedule")

    assert (shown["test"], shown["tool"]) == ({"name": "gone"}, {"name": "gone"})


# --- charts -----------------------------------------------------------------------------------------


def test_data_and_script_are_text(api: Api) -> None:
    stored((State.PENDING, 10, 20), (State.NONSTART, 30, 40))

    data = api.get("/schedule?format=data")

    assert [line.split()[0] for line in data.splitlines()] == ["3", "5"]
    assert api.headers["Content-Type"].startswith("text/plain")
    assert data in api.get("/schedule?format=script")


def test_pictures_are_drawn(api: Api) -> None:
    stored((State.PENDING, 10, 20))

    assert api.ask("GET", "/schedule?format=png")[0] == 200
    assert (api.headers["Content-Type"], api.body[:4]) == ("image/png", b"\x89PNG")
    assert "</svg>" in api.get("/schedule?format=svg")
    assert api.headers["Content-Type"] == "image/svg+xml"


def test_without_the_renderer_there_is_svg_and_no_png(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)

    assert api.get("/schedule?format=svg").startswith("<svg")
    assert "ask for svg" in api.get("/schedule?format=png", 501)


def test_a_picture_has_its_words_on_a_machine_without_fonts() -> None:
    head = '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="30" font-family="sans-serif">'

    with_words = png(f'{head}<text x="5" y="20">Exclusive</text></svg>')
    without = png(f"{head}</svg>")

    assert len(with_words) > 2 * len(without)


# --- the monitor ------------------------------------------------------------------------------------


def test_past_present_and_future_come_in_this_order_with_right_hrefs(api: Api) -> None:
    future, past, present = stored(
        (State.PENDING, 500, 510), (State.FINISHED, -50, -40), (State.RUNNING, -5, 60)
    )

    shown = api.get("/monitor")

    assert [(one["ppf"], *paths([one])) for one in shown] == [
        (-1, past.uuid),
        (0, present.uuid),
        (1, future.uuid),
    ]
    assert shown[0]["href"] == f"http://node.test/tasks/{past.task}/runs/{past.uuid}"
    assert shown[0]["task"]["href"] == f"http://node.test/tasks/{past.task}"
    assert shown[0]["cli"] is not None


def test_a_window_bounds_past_and_future_and_not_the_present(api: Api) -> None:
    past = stored(*[(State.FINISHED, -100 + 10 * n, -95 + 10 * n) for n in range(5)])
    present = stored(*[(State.RUNNING, -5, 60) for _ in range(3)], (State.CANCELED, -5, 60))
    future = stored(*[(State.PENDING, 500 + n, 510) for n in range(4)], (State.NONSTART, 499, 510))

    shown = api.get("/monitor?window=2")

    assert [one["ppf"] for one in shown] == [-1, -1, 0, 0, 0, 0, 1, 1]
    assert paths(shown)[:2] == [run.uuid for run in past[-2:]]  # the latest
    assert set(paths(shown)[2:6]) == {run.uuid for run in present}
    assert paths(shown)[6:] == [future[-1].uuid, future[0].uuid]  # the next


def test_a_monitor_looks_at_little_more_than_it_shows(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(*[(State.FINISHED, -540 + 5 * n, -535 + 5 * n) for n in range(80)])
    stored((State.RUNNING, -250, 20), *[(State.PENDING, 100 + n, 110 + n) for n in range(80)])
    looked_at: list[Run] = []
    listed = run_counts.listed
    monkeypatch.setattr(run_counts, "listed", lambda item: looked_at.append(listed(item)) or looked_at[-1])

    shown = api.get("/monitor?window=2")

    assert [one["ppf"] for one in shown] == [-1, -1, 0, 1, 1]
    assert len(looked_at) <= len(shown) + 2


def test_runs_to_come_that_will_not_be_are_no_future(api: Api) -> None:
    stored((State.CANCELED, 500, 510), (State.PREEMPTED, 500, 510))

    assert api.get("/monitor?window=5") == []


def test_a_window_may_be_as_wide_as_one_likes(api: Api) -> None:
    stored((State.PENDING, 500, 510))

    assert len(api.get(f"/monitor?window={10**30}")) == 1


@pytest.mark.parametrize("window", ["0", "-5", "x", "1.5", ""])
def test_a_window_is_one_or_more(api: Api, window: str) -> None:
    assert "window" in api.get(f"/monitor?window={window}", 400)


# --- statistics -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "state",
    [
        "pending",
        "on-deck",
        "running",
        "cleanup",
        "finished",
        "overdue",
        "missed",
        "failed",
        "preempted",
        "nonstart",
    ],
)
def test_runs_are_counted_by_state(api: Api, state: str) -> None:
    stored((State(state), -10, -5), (State(state), 10, 20), (State.CANCELED, 0, 1))

    assert api.get(f"/stat/runs/{state}") == "2\n"
    assert api.headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("start", "end", "count"),
    [
        ("now", None, 1),
        ("-PT1H", None, 2),
        ("+PT1H", None, 0),
        (" PT5S", None, 1),  # a plus that nobody encoded
        ("-PT1H", "+PT5S", 1),
        ("+PT5S", "-PT1H", 1),  # the wrong way round
        (None, "-PT5S", 1),
    ],
)
def test_counts_have_bounds(api: Api, start: str | None, end: str | None, count: int) -> None:
    stored((State.FINISHED, -600, -590), (State.FINISHED, 600, 610))
    bounds = {name: text for name, text in (("start", start), ("end", end)) if text}
    bounds |= {"start": format_timestamp(NOW)} if start == "now" else {}

    assert api.get(query("/stat/runs/finished", **bounds)) == f"{count}\n"


@pytest.mark.parametrize("text", ["yesterday", "PT1H", "-P1Y", "+", "-PT"])
def test_a_bound_that_is_none_is_named(api: Api, text: str) -> None:
    status, complaint = api.ask("GET", query("/stat/runs/finished", start=text))

    assert status == (200 if text == "-PT" else 400)
    assert status == 200 or "start:" in complaint


@pytest.mark.parametrize("path", ["/stat/runs/wibble", "/stat/runs/canceled", "/stat/runs/scheduling"])
def test_other_counts_there_are_none(api: Api, path: str) -> None:
    assert "There is no count" in api.get(path, 404)


def test_deliveries_are_counted_by_whether_they_are_late(api: Api) -> None:
    archive = {"archiver": "bitbucket", "data": {}}
    ended = api.run(api.post_task(archives=[archive, archive]))
    late, other = delivery_table.of_run(NODE, ended.uuid)
    delivery_table.change(dataclasses.replace(late, next_attempt=after(-60), announced=None))
    delivery_table.change(dataclasses.replace(other, announced=None))

    assert api.get("/stat/archiving/backlog") == "1\n"
    assert api.get("/stat/archiving/upcoming") == "1\n"


def test_requests_to_other_nodes_are_counted(api: Api) -> None:
    assert api.get("/stat/http-queue/backlog") == "0\n"
    assert api.get("/stat/http-queue/length") == "0\n"


def test_a_pause_shows(api: Api) -> None:
    assert api.get("/stat/control/pause") == {"is_paused": False}

    pause.pause(NODE, None)
    assert api.get("/stat/control/pause") == {"is_paused": True, "infinite": True}

    pause.pause(NODE, dt.datetime.now(UTC) + dt.timedelta(hours=1))
    shown = api.get("/stat/control/pause")
    assert (shown["infinite"], shown["remaining"][:2]) == (False, "PT")
