"""clock: how far the clocks of two pScheduler nodes are apart (docs/contract/tests.md, clock)."""

from collections.abc import Mapping

from chalicelib.domain.metrics import MILLISECONDS, Metric, milliseconds, number, present
from chalicelib.domain.schemas import JSON, closed
from chalicelib.domain.types import TYPES
from plugins.sdk.fields import Field, Spec
from plugins.sdk.show import Block, Rows
from plugins.sdk.test import Result, Test, at_source


def show(spec: Spec, result: Result) -> list[Block]:
    return [
        _clock("Local", result["local"]),
        _clock("Remote", result["remote"]),
        Rows([("Difference", result["difference"])]),
    ]


def _clock(whose: str, state: Mapping[str, JSON]) -> Rows:
    told = {"Time": "time"}
    if state["synchronized"]:  # what a clock without a source says of it means nothing
        told.update({"Source": "source", "Reference": "reference", "Offset": "offset"})
    return Rows([(f"{whose} {label}", state[name]) for label, name in told.items() if name in state])


def metrics(spec: Spec, result: Result) -> list[Metric]:
    """How far the clocks are apart; to be believed where both say that they are synchronized."""
    states = {name: result.get(name, {}) for name in ("local", "remote")}
    sure = all(state.get("synchronized") for state in states.values())
    return present(
        milliseconds("clock.difference", result.get("difference"), sure),
        *(
            number(f"clock.{name}-offset", state.get("offset"), MILLISECONDS, times=1000.0)
            for name, state in states.items()
        ),
    )


# fmt: off
FIELDS = (
    Field("dest", "URLHostPort", "--dest", required=True, label="Destination", help="Node whose clock to compare with"),
    Field("source", "URLHostPort", "--source", label="Source", help="Node whose clock to compare; this one by default"),
    Field("source-node", "URLHostPort", "--source-node", since=2, label="Source Node", help="pScheduler node of the source, where that is another"),
    Field("timeout", "Duration", "--timeout", label="Timeout", help="Time to wait for each clock"),
)
# fmt: on

RESULT = closed(
    {
        "schema": TYPES["Cardinal"],
        "succeeded": TYPES["Boolean"],
        "local": TYPES["ClockState"],
        "remote": TYPES["ClockState"],
        "difference": TYPES["Duration"],
        "error": TYPES["String"],
        "diags": TYPES["String"],
    },
    required=("succeeded", "local", "remote", "difference"),
)

_SYNCHRONIZED = {
    "time": "2026-11-23T12:00:00.5+00:00",
    "synchronized": True,
    "source": "ntp",
    "reference": "stratum 2 at 192.0.2.123",
    "offset": -0.00012,
}

TEST = Test(
    name="clock",
    description="Measure the difference between the clocks of two nodes",
    scheduling_class="background",
    fields=FIELDS,
    participants=at_source,
    results={1: RESULT},
    show=show,
    metrics=metrics,
    examples=(
        {"schema": 1, "dest": "192.0.2.1", "source": "node.example.org:8443", "timeout": "PT3S"},
        {"schema": 2, "dest": "[2001:db8::1]:8443", "source": "192.0.2.1", "source-node": "node.example.org"},
    ),
    result_examples=(
        {
            "schema": 1,
            "succeeded": True,
            "local": _SYNCHRONIZED,
            "remote": {"time": "2026-11-23T12:00:00.25Z", "synchronized": False},
            "difference": "PT0.25S",
        },
        {
            "succeeded": False,
            "local": _SYNCHRONIZED,
            "remote": _SYNCHRONIZED,
            "difference": "PT0S",
            "error": "Both answered too late",
        },
    ),
)
