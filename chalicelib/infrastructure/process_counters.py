"""What this process counts of itself. On AWS it is written out after each event, and begins anew."""

import datetime as dt
import json
import os
import sys
import threading
from collections.abc import Mapping, Sequence

from chalicelib.domain import telemetry
from chalicelib.domain.telemetry import COUNTER, Metric, Sample
from chalicelib.domain.times import UTC

STACK = "PSCHEDULER_STACK"
"""The variable that names the stack, by which CloudWatch tells deployments of an account apart."""
_MOST = 1000
"""Different labels that are kept apart; what is more is counted with others of its metric."""

_lock = threading.Lock()
_Key = tuple[Metric, tuple[tuple[str, str], ...]]
_values: dict[_Key, float] = {}
_elsewhere: dict[_Key, float] = {}
"""What the node's other process had counted and noted when it last said."""


def is_on_aws() -> bool:
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ


def count(metric: Metric, **labels: str) -> None:
    """Count one more."""
    with _lock:
        key = _key(metric, labels)
        _values[key] = _values.get(key, 0) + 1


def note(metric: Metric, value: float, **labels: str) -> None:
    """Keep a value until the next one."""
    with _lock:
        _values[_key(metric, labels)] = value


def _key(metric: Metric, labels: Mapping[str, str]) -> _Key:
    key = _labelled(metric, labels)
    return (
        key
        if key in _values or len(_values) < _MOST
        else (metric, tuple((name, "other") for name in metric.labels))
    )


def _labelled(metric: Metric, labels: Mapping[str, str]) -> _Key:
    return metric, tuple((name, labels[name]) for name in metric.labels)


def samples() -> list[Sample]:
    """What was counted and noted so far, also by the node's other process: of what both noted, this one's."""
    with _lock:
        found = {**_elsewhere, **_values}
        for key in _elsewhere.keys() & _values.keys():
            if key[0].kind == COUNTER:
                found[key] += _elsewhere[key]
    return [Sample(metric, value, dict(labels)) for (metric, labels), value in found.items()]


def include(found: Sequence[Sample]) -> None:
    """Have samples of the node's other process among this one's, in place of those it gave before."""
    with _lock:
        _elsewhere.clear()
        _elsewhere.update({_labelled(each.metric, each.labels): each.value for each in found})


def forget() -> None:
    with _lock:
        _values.clear()
        _elsewhere.clear()


def flush() -> None:
    """On AWS write out what was counted, for CloudWatch to file, and begin anew; elsewhere it is kept."""
    if is_on_aws():
        found = samples()
        forget()
        emit(found)


def emit(found: Sequence[Sample]) -> None:
    """Write samples to standard output, whence CloudWatch takes them."""
    stack = os.environ.get(STACK, "")
    for document in telemetry.embedded(found, stack, dt.datetime.now(UTC)) if found else ():
        sys.stdout.write(json.dumps(document, separators=(",", ":")) + "\n")
    sys.stdout.flush()
