"""disk-to-disk: how fast a file gets from one place to another (docs/contract/tests.md, disk-to-disk)."""

from chalicelib.domain.errors import Invalid
from chalicelib.domain.metrics import BITS_A_SECOND, BYTES, Metric, milliseconds, number, present
from chalicelib.domain.schemas import closed
from chalicelib.domain.si import format_si
from chalicelib.domain.types import TYPES
from plugins.sdk.fields import Field, Spec
from plugins.sdk.show import Block, Rows
from plugins.sdk.test import Result, Test


def participants(spec: Spec) -> list[str | None]:
    return [spec.get("host")]


def amend(given: Spec) -> Spec:
    """The members, ``parallel`` always among them. Raises Invalid for less than one transfer at a time."""
    if given.get("parallel", 1) < 1:
        raise Invalid(f"--parallel: must be at least 1, not {given['parallel']}")
    return {"parallel": 1, **given}


def show(spec: Spec, result: Result) -> list[Block]:
    rows = [("Time", result["time"])]
    measured = (("Bytes Sent", "bytes-sent", "B"), ("Throughput", "throughput", "b/s"))
    rows += [(label, format_si(result[name], unit)) for label, name, unit in measured if name in result]
    return [Rows(rows)]


def metrics(spec: Spec, result: Result) -> list[Metric]:
    return present(
        number("throughput.bps", result.get("throughput"), BITS_A_SECOND),
        milliseconds("transfer.time", result.get("time")),
        number("transfer.bytes", result.get("bytes-sent"), BYTES),
    )


# fmt: off
FIELDS = (
    Field("source", "String", "--source", required=True, label="Source", help="URL or path to copy from"),
    Field("dest", "String", "--dest", required=True, label="Destination", help="URL or path to copy to"),
    Field("host", "Host", "--host", label="Host", help="Host that should copy"),
    Field("parallel", "Cardinal", "--parallel", kind="int", label="Parallel", help="How many transfers to make side by side (1)"),
    Field("duration", "Duration", "--duration", label="Duration", help="Accepted for compatibility, and not used"),
    Field("timeout", "Duration", "--timeout", label="Timeout", help="Time in which to copy the whole of it"),
    Field("cleanup", "Boolean", "--cleanup --do-cleanup", kind="opt-out", label="Clean Up",
          help="Leave the copy where it is, rather than remove it in the end"),
)
# fmt: on

RESULT = closed(
    {
        "schema": TYPES["Cardinal"],
        "succeeded": TYPES["Boolean"],
        "time": TYPES["Duration"],
        "bytes-sent": TYPES["Float"],
        "throughput": TYPES["Float"],
        "diags": TYPES["String"],
        "error": TYPES["String"],
    },
    required=("succeeded", "time"),
)

TEST = Test(
    name="disk-to-disk",
    label="Disk-to-Disk",
    description="Measure the transfer of a file",
    scheduling_class="background",
    fields=FIELDS,
    participants=participants,
    amend=amend,
    null_reason="No host specified",
    results={1: RESULT},
    show=show,
    metrics=metrics,
    examples=(
        {"schema": 1, "source": "https://www.example.org/1GB", "dest": "/tmp/1GB", "parallel": 1},  # noqa: S108
        {
            "schema": 1,
            "source": "gsiftp://dtn.example.org/1GB",
            "dest": "file:///tmp/1GB",
            "host": "198.51.100.1",
            "parallel": 4,
            "duration": "PT30S",
            "timeout": "PT1M",
            "cleanup": False,
        },
        {"schema": 1, "source": "/tmp/a", "dest": "/tmp/b", "parallel": 1, "cleanup": True},  # noqa: S108
    ),
    result_examples=(
        {"schema": 1, "succeeded": True, "time": "PT8S", "bytes-sent": 1e9, "throughput": 1e9},
        {"succeeded": True, "time": "PT8S"},
        {"succeeded": False, "time": "PT10S", "error": "Timed out", "diags": ""},
    ),
)
