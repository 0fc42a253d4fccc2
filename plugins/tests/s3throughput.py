"""s3throughput: how fast objects get into an S3 store, out of it, and away (docs/contract/tests.md, s3throughput)."""

import json
import urllib.parse
from collections.abc import Iterator

from chalicelib.domain.errors import Invalid
from chalicelib.domain.metrics import SECONDS, Metric, milliseconds, number, present
from chalicelib.domain.schemas import JSON, closed
from chalicelib.domain.types import TYPES
from plugins.sdk.fields import Field, Spec
from plugins.sdk.show import Block, Lines, Rows
from plugins.sdk.test import Result, Test, at_host


def check(spec: Spec) -> None:
    """Raises Invalid unless the store is spoken to by HTTP."""
    try:
        scheme = urllib.parse.urlsplit(spec["url"]).scheme
    except ValueError as error:
        raise Invalid(str(error), "/url") from error
    if scheme not in ("http", "https"):
        raise Invalid("must begin with http:// or https://", "/url")


def show(spec: Spec, result: Result) -> list[Block]:
    """The time it took, each loop, and the averages."""
    rows = [("Time", result["time"])] if "time" in result else []
    averages = [(f"Average {label} Time (s)", f"{result[name]:.3f}") for label, name in AVERAGES]
    loops = [line for loop in _loops(result) for line in _loop_lines(loop)]
    return [*([Rows(rows)] if rows else []), *([Lines(loops)] if loops else []), Rows(averages)]


def _loops(result: Result) -> list[dict[str, JSON]]:
    """The loops that ``loops`` tells of, in order; none where it is no such thing."""
    try:
        loops = json.loads(result.get("loops", "{}"))
    except (ValueError, RecursionError):
        return []
    return [loop for loop in loops.values() if isinstance(loop, dict)] if isinstance(loops, dict) else []


def _loop_lines(loop: dict[str, JSON]) -> Iterator[str]:
    for verb in ("put", "get"):
        time, objects, speed, operations = (
            loop.get(f"{verb}_{name}", "?") for name in ("time", "objects", "speed", "operations")
        )
        head = f"Loop {loop.get('loop_num', '?')}: {verb.upper()}"
        yield f"{head} {objects} objects in {time}, {speed}, {operations} operations/s"
    deleted = f"in {loop.get('delete_time', '?')}, {loop.get('deletes', '?')} deletes/s"
    yield f"Loop {loop.get('loop_num', '?')}: DELETE {deleted}"


AVERAGES = (
    ("PUT", "average_put_time"),
    ("GET", "average_get_time"),
    ("DELETE", "average_delete_time"),
)


def metrics(spec: Spec, result: Result) -> list[Metric]:
    averages = [number(f"s3.{name.split('_')[1]}-time", result.get(name), SECONDS) for _, name in AVERAGES]
    return present(*averages, milliseconds("s3.total", result.get("time")))


# fmt: off
FIELDS = (
    Field("url", "URL", "--url", required=True, label="URL", help="URL of the S3 service"),
    Field("bucket", "String", "--bucket", required=True, label="Bucket", help="Bucket to put objects into"),
    Field("_access-key", "String", "--access-key", required=True, label="Access Key", help="Access key to authenticate with"),
    Field("_secret-key", "String", "--secret-key", required=True, label="Secret Key", help="Secret key that belongs to it"),
    Field("object-size", "Cardinal", "--object-size", kind="si", required=True, label="Object Size", help="Bytes in each object, such as 1M"),
    Field("iterations", "Cardinal", "--iterations", kind="int", label="Iterations", help="How many times to do it all"),
    Field("duration", "Duration", "--duration", label="Duration", help="How long to put objects, and how long to get them"),
    Field("timeout", "Duration", "--timeout", label="Timeout", help="Time in which all must be done"),
    Field("host", "Host", "--host", label="Host", help="Host that should do it"),
    Field("host-node", "Host", "--host-node", label="Host Node", help="pScheduler node of the host, where that is another"),
)
# fmt: on

RESULT = closed(
    {
        "schema": TYPES["Cardinal"],
        "succeeded": TYPES["Boolean"],
        **{name: TYPES["Float"] for _, name in AVERAGES},
        "loops": TYPES["String"],
        "time": TYPES["Duration"],
        "error": TYPES["String"],
        "diags": TYPES["String"],
    },
    required=("succeeded", *(name for _, name in AVERAGES)),
)

_LOOP = {
    "loop_num": 1,
    "put_time": "10.0 secs",
    "put_objects": "100",
    "put_speed": "10.0MB/sec",
    "put_operations": "10.0",
    "get_time": "10.0 secs",
    "get_objects": "200",
    "get_speed": "20.0MB/sec",
    "get_operations": "20.0",
    "delete_time": "1.0 secs",
    "deletes": "100.0",
}

TEST = Test(
    name="s3throughput",
    label="S3 Throughput",
    description="Measure the throughput of an S3 object store",
    scheduling_class="exclusive",
    fields=FIELDS,
    participants=at_host,
    check=check,
    null_reason="No host specified",
    results={1: RESULT},
    show=show,
    metrics=metrics,
    examples=(
        {
            "schema": 1,
            "url": "https://s3.example.org",
            "bucket": "probe",
            "_access-key": "AKIAEXAMPLE",
            "_secret-key": "secret",
            "object-size": 1000000,
        },
        {
            "schema": 1,
            "url": "http://192.0.2.1:9000",
            "bucket": "probe",
            "_access-key": "AKIAEXAMPLE",
            "_secret-key": "secret",
            "object-size": 5,
            "iterations": 3,
            "duration": "PT10S",
            "timeout": "PT2M",
            "host": "198.51.100.1",
            "host-node": "node.example.org",
        },
    ),
    result_examples=(
        {
            "schema": 1,
            "succeeded": True,
            "time": "PT21S",
            "average_put_time": 0.1,
            "average_get_time": 0.05,
            "average_delete_time": 0.01,
            "loops": json.dumps({"1": _LOOP}),
        },
        {"succeeded": True, "average_put_time": 0.1, "average_get_time": 0.05, "average_delete_time": 0},
        {
            "succeeded": False,
            "average_put_time": 0,
            "average_get_time": 0,
            "average_delete_time": 0,
            "error": "No such bucket",
            "diags": "",
        },
    ),
)
