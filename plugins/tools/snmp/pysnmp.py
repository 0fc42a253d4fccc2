"""pysnmp: performs snmpget and snmpgetbgm with the library of that name
(docs/contract/tools.md section 2)."""

import dataclasses
import datetime as dt
import time
from collections.abc import Iterator

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND, format_duration, parse_duration
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Job, PluginFailed, wrapped
from plugins.sdk.test import Result
from plugins.sdk.tool import Tool
from plugins.support import host_lookup
from plugins.tools.snmp import snmp_names, snmp_session, snmp_values

MARGIN = 10 * SECOND
"""What a run is given on top of its polls."""


@dataclasses.dataclass(frozen=True)
class Sample:
    """The answer to one poll: when, in seconds of the monotonic clock, and an entry for each OID."""

    monotonic: float
    entries: list[dict[str, JSON]]


def _polls(spec: Spec) -> int:
    return int(spec["polls"])


def _period(spec: Spec) -> int:
    return int(spec.get("period", 1))


def longest(spec: Spec) -> dt.timedelta:
    """The time in which all must be polled."""
    return parse_duration(spec["timeout"]) if "timeout" in spec else _polls(spec) * _period(spec) * SECOND


def duration(test: str, spec: Spec) -> dt.timedelta:
    return longest(spec) + MARGIN


def declines(test: str, spec: Spec) -> list[str]:
    polls, period = _polls(spec), _period(spec)
    if polls < 1 or period < 0:
        return [f"Cannot poll {polls} times, every {period} seconds"]
    reasons = snmp_session.refusals(spec)
    if (polls - 1) * period * SECOND > longest(spec):
        reasons.append(f"{polls} polls every {period} seconds do not fit a timeout of {spec['timeout']}")
    if test == "snmpgetbgm" and polls > 1 and period < 1:
        reasons.append("Needs a period of a second or more, since every poll makes a result to keep")
    return reasons


def run(job: Job) -> JSON:
    """Raises PluginFailed where a poll failed; in the background, where all did."""
    address = host_lookup.resolve(job.spec["dest"])
    oids = snmp_names.numbers(job.spec["oid"])
    with snmp_session.session(job.spec, address) as session:
        job.wait_for_start()
        begun = time.monotonic()
        data = _stream(job, session, oids) if job.test == "snmpgetbgm" else _collect(job, session, oids)
        return wrapped(_result(data, begun), f"Asked {address} for {', '.join(oids)}")


def _result(data: JSON, begun: float) -> Result:
    taken = dt.timedelta(seconds=time.monotonic() - begun)
    return {"schema": 1, "succeeded": True, "time": format_duration(taken), "data": data}


def _collect(job: Job, session: snmp_session.Session, oids: list[str]) -> list[JSON]:
    """All polls: for each OID its one entry, or a list of them where there was more than one poll."""
    samples: list[Sample] = []
    for number in _due(job):
        samples.append(_poll(job, session, oids, number, samples[-1] if samples else None))
    by_oid = [list(entries) for entries in zip(*(sample.entries for sample in samples), strict=True)]
    return by_oid if _polls(job.spec) > 1 else [entries[0] for entries in by_oid]


def _stream(job: Job, session: snmp_session.Session, oids: list[str]) -> list[JSON]:
    """Emit a result a poll, also of one that failed; the last that did not is that of the run.

    Only the last is kept, because there may be days of them and each is stored when it is emitted.
    """
    last, error = None, PluginFailed("There was nothing left to poll")
    for number in _due(job):
        begun = time.monotonic()
        try:
            last = _poll(job, session, oids, number, last)
        except PluginFailed as failed:
            error = failed
            failure = {**_result([], begun), "succeeded": False, "error": failed.message}
            job.emit(failure)
        else:
            job.emit(_result([[entry] for entry in last.entries], begun))
    if last is None:
        raise error
    return [[entry] for entry in last.entries]


def _due(job: Job) -> Iterator[int]:
    """The numbers of the polls, each when its time has come. Raises PluginFailed when time is up before.

    A run that was handed over has those that are left; one that was started again late, that of the period
    it begins in, too, and in any case the last: a run that is as late as that has one poll.
    """
    period, polls = _period(job.spec) * SECOND, _polls(job.spec)
    first = job.since or job.host.now() - period
    for number in range(polls):
        is_last_of_late = number == polls - 1 and not job.since
        if period and job.start + number * period <= first and not is_last_of_late:
            continue
        job.host.sleep_until(job.start + number * period)
        if _left(job) <= 0:
            raise PluginFailed(f"Only {number} of {polls} polls were done in time")
        yield number


def _left(job: Job) -> float:
    """Seconds until the last answer must have come."""
    return (job.start + longest(job.spec) + MARGIN - SECOND - job.host.now()).total_seconds()


def _poll(
    job: Job, session: snmp_session.Session, oids: list[str], number: int, before: Sample | None
) -> Sample:
    values = session.get(oids, _left(job))
    now, timestamp = time.monotonic(), job.host.now().isoformat()
    entries = [{"timestamp": timestamp, **snmp_values.entry(value)} for value in values]
    if _polls(job.spec) > 1:
        for entry in entries:
            entry["seq_num"] = number
    if before:
        for entry, old in zip(entries, before.entries, strict=True):
            _add_change(entry, old, now - before.monotonic)
    return Sample(now, entries)


def _add_change(entry: dict[str, JSON], old: dict[str, JSON], seconds: float) -> None:
    change = snmp_values.difference(entry.get("type"), entry["value"], old.get("value"))
    if change is not None:
        entry.update(delta=change, timedelta=seconds)


TOOL = Tool(
    name="pysnmp",
    label="Py SNMP",
    version="1.0.0.3",
    description="Get the values of SNMP objects with the library pysnmp",
    tests=("snmpget", "snmpgetbgm"),
    max_schema=1,
    declines=declines,
    here=lambda test, spec: snmp_session.unable(spec),
    duration=duration,
    run=run,
    resumes=True,
)
