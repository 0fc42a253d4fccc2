"""simplestream: text over a TCP connection from one node to another (docs/contract/tests.md, simplestream)."""

from chalicelib.domain.metrics import FLAG, Metric, milliseconds, number, present
from chalicelib.domain.schemas import closed
from chalicelib.domain.types import TYPES
from plugins.sdk.fields import Field, Spec
from plugins.sdk.show import UNSPECIFIED, Block, Rows
from plugins.sdk.test import Result, Test


def participants(spec: Spec) -> list[str | None]:
    """The sender and the receiver."""
    return [spec.get("source-node", spec.get("source")), spec.get("dest-node", spec["dest"])]


def show(spec: Spec, result: Result) -> list[Block]:
    return [Rows([(label, result.get(name, UNSPECIFIED)) for label, name in ROWS])]


ROWS = (
    ("Dawdled", "dawdled"),
    ("Text Sent", "sent"),
    ("Text Received", "received"),
    ("Elapsed Time", "elapsed-time"),
)


def metrics(spec: Spec, result: Result) -> list[Metric]:
    return present(
        milliseconds("stream.time", result.get("elapsed-time")),
        number("stream.intact", result.get("sent") == result.get("received"), FLAG),
    )


# fmt: off
FIELDS = (
    Field("dest", "Host", "-e --dest", required=True, label="Destination", help="Host that receives"),
    Field("dest-node", "URLHostPort", "--dest-node", label="Destination Node", help="pScheduler node of the destination, where that is another"),
    Field("source", "Host", "-s --source", label="Source", help="Host that sends"),
    Field("source-node", "URLHostPort", "--source-node", label="Source Node", help="pScheduler node of the source, where that is another"),
    Field("dawdle", "Duration", "-d --dawdle", label="Dawdle", help="Longest time to wait, by chance, before sending"),
    Field("fail", "Probability", "-f --fail", kind="float", label="Failure Probability", help="Chance of failing on purpose, from 0 to 1"),
    Field("test-material", "String", "-m --test-material", label="Test Material", help="Text to send"),
    Field("timeout", "Duration", "-t --timeout", label="Timeout", help="Time for the whole test"),
    Field("ip-version", "ip-version", "-i --ip-version", kind="int", since=2, label="IP Version", help="Version of IP to use, 4 or 6"),
    Field("port", "IPPort", "-p --port", kind="int", since=3, label="Port", help="Port to receive on"),
)
# fmt: on

RESULT = closed(
    {
        "schema": TYPES["Cardinal"],
        "succeeded": TYPES["Boolean"],
        "dawdled": TYPES["Duration"],
        "elapsed-time": TYPES["Duration"],
        "sent": TYPES["String"],
        "received": TYPES["String"],
        "error": TYPES["String"],
        "diags": TYPES["String"],
    },
    required=("succeeded", "dawdled", "elapsed-time", "sent", "received"),
)

TEST = Test(
    name="simplestream",
    label="Simple Stream",
    description="Send a text from one node to another over TCP",
    scheduling_class="background",
    fields=FIELDS,
    participants=participants,
    results={1: RESULT},
    show=show,
    metrics=metrics,
    open=True,
    examples=(
        {
            "schema": 1,
            "dest": "192.0.2.1",
            "source": "198.51.100.1",
            "dawdle": "PT2S",
            "fail": 0.5,
            "test-material": "hello",
            "timeout": "PT5S",
        },
        {
            "schema": 2,
            "dest": "www.example.org",
            "dest-node": "node.example.org",
            "source-node": "[2001:db8::2]:8443",
            "ip-version": 6,
        },
        {"schema": 3, "dest": "192.0.2.1", "port": 5999},
    ),
    result_examples=(
        {
            "schema": 1,
            "succeeded": True,
            "dawdled": "PT0.5S",
            "elapsed-time": "PT0.75S",
            "sent": "hello",
            "received": "hello",
        },
        {
            "succeeded": False,
            "dawdled": "P0D",
            "elapsed-time": "P0D",
            "sent": "",
            "received": "",
            "error": "Nobody connected",
        },
    ),
)
