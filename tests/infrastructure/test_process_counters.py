"""What a process counts, and what it includes of another."""

import pickle
from collections.abc import Iterator, Mapping

import pytest

from chalicelib.domain.telemetry import CONFLICTS, LATENESS, REQUESTS, Sample
from chalicelib.infrastructure import process_counters


@pytest.fixture(autouse=True)
def from_nothing() -> Iterator[None]:
    process_counters.forget()
    yield
    process_counters.forget()


def shown() -> Mapping[str, float]:
    return {
        " ".join((each.metric.name, *each.labels.values())): each.value for each in process_counters.samples()
    }


def test_counters_of_both_processes_are_added_label_by_label() -> None:
    process_counters.count(REQUESTS, status="200")
    process_counters.count(REQUESTS, status="404")

    process_counters.include([Sample(REQUESTS, 3, {"status": "200"}), Sample(CONFLICTS, 2)])

    assert shown() == {"pscheduler_requests 200": 4, "pscheduler_requests 404": 1, "pscheduler_conflicts": 2}


def test_what_is_included_takes_the_place_of_what_was() -> None:
    process_counters.include([Sample(CONFLICTS, 2)])
    process_counters.include([Sample(CONFLICTS, 5)])
    process_counters.count(CONFLICTS)

    assert shown() == {"pscheduler_conflicts": 6}


def test_what_another_noted_is_shown_until_this_process_notes_it() -> None:
    process_counters.include([Sample(LATENESS, 0.25)])
    theirs = shown()
    process_counters.note(LATENESS, 0.5)

    assert theirs == {"pscheduler_run_lateness_seconds": 0.25}
    assert shown() == {"pscheduler_run_lateness_seconds": 0.5}


def test_labels_of_another_are_kept_apart_however_many_this_process_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process_counters, "_MOST", 1)
    for status in ("200", "404", "405"):
        process_counters.count(REQUESTS, status=status)

    process_counters.include([Sample(REQUESTS, 2, {"status": "404"}), Sample(REQUESTS, 3, {"status": "500"})])

    assert shown() == {
        "pscheduler_requests 200": 1,
        "pscheduler_requests other": 2,
        "pscheduler_requests 404": 2,
        "pscheduler_requests 500": 3,
    }


def test_samples_pass_from_process_to_process_as_they_are() -> None:
    process_counters.count(REQUESTS, status="200")
    found = process_counters.samples()
    process_counters.forget()

    process_counters.include(pickle.loads(pickle.dumps(found)))

    assert process_counters.samples() == found
