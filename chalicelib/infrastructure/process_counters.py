"""What this process counts of itself. On AWS it is written out after each event, and begins anew."""

import datetime as dt
import json
import os
import sys
import threading
from collections.abc import Sequence

from chalicelib.domain import telemetry
from chalicelib.domain.telemetry import Metric, Sample
from chalicelib.domain.times import UTC

STACK = "PSCHEDULER_STACK"
"""The variable that names the stack, by which CloudWatch tells deployments of an account apart."""
_MOST = 1000
"""Different labels that are kept apart; what is more is counted with others of its metric."""

_lock = threading.Lock()
_values: dict[tuple[Metric, tuple[tuple[str, str], ...]], float] = {}


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


def _key(metric: Metric, labels: dict[str, str]) -> tuple[Metric, tuple[tuple[str, str], ...]]:
    key = (metric, tuple((name, labels[name]) for name in metric.labels))
    return (
        key
        if key in _values or len(_values) < _MOST
        else (metric, tuple((name, "other") for name in metric.labels))
    )


def samples() -> list[Sample]:
    """What was counted and noted so far."""
    with _lock:
        return [Sample(metric, value, dict(labels)) for (metric, labels), value in _values.items()]


def forget() -> None:
    with _lock:
        _values.clear()


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
