"""http: how long it takes to fetch a URL (docs/contract/tests.md, http)."""

from chalicelib.domain.echoes import shown
from chalicelib.domain.errors import Invalid
from chalicelib.domain.metrics import COUNT, FLAG, Metric, milliseconds, number, present
from chalicelib.domain.schemas import JSON, MESSAGE, closed
from chalicelib.domain.types import TYPES
from plugins.sdk.fields import Field, Spec
from plugins.sdk.show import Block, Preformatted, Rows
from plugins.sdk.test import Result, Test, at_host
from plugins.support import urls

HEADERS: dict[str, JSON] = {
    "type": "object",
    # RFC 7230 tokens, but for the underscore: it marks members that are secret.
    "propertyNames": {
        "pattern": r"^[!#$%&'*+\-.^`|~0-9A-Za-z]+\Z",
        MESSAGE: "{value!r} is not the name of a header",
    },
    "additionalProperties": urls.VALUES,
}


def read_headers(arguments: list[str]) -> dict[str, str]:
    """``Name: value`` each, split at the first colon: values may have colons. Raises Invalid."""
    headers = {}
    for argument in arguments:
        name, colon, value = argument.partition(":")
        if not colon:
            raise Invalid(
                f"--header: must have a colon between name and value, as {shown(argument)} does not"
            )
        headers[name.strip()] = value.strip()
    return headers


def write_headers(headers: dict[str, str]) -> list[str]:
    return [text for name, value in headers.items() for text in ("--header", f"{name}: {value}")]


def show(spec: Spec, result: Result) -> list[Block]:
    rows = [
        (label, result[name]) for label, name in (("Time", "time"), ("Status", "status")) if name in result
    ]
    if "parse" in spec:
        rows.append(("Found", f"{spec['parse']!r}: {'yes' if result.get('found') else 'no'}"))
    blocks: list[Block] = [Rows(rows)]
    if "phases" in result:
        blocks.append(Rows([(LABELS[name], taken) for name, taken in result["phases"].items()]))
    if result.get("headers"):
        blocks.append(Rows(list(result["headers"].items())))
    if "content" in result:
        blocks.append(Preformatted(result["content"]))
    return blocks


LABELS = {
    "dns": "Looking Up",
    "connect": "Connecting",
    "tls": "TLS",
    "first-byte": "First Byte",
    "total": "Total",
}


def metrics(spec: Spec, result: Result) -> list[Metric]:
    """The time of the whole, of its phases where they were asked for, and what came."""
    phases = {"total": result.get("time"), **result.get("phases", {})}
    return present(
        *(milliseconds(f"http.{phase}", time) for phase, time in phases.items()),
        number("http.status", result.get("status"), COUNT),
        number("http.found", result.get("found"), FLAG),
    )


# fmt: off
FIELDS = (
    Field("url", "URL", "--url", required=True, label="URL", help="URL to fetch"),
    Field("host", "Host", "--host", label="Host", help="Host that should fetch it"),
    Field("host-node", "Host", "--host-node", label="Host Node", help="pScheduler node of the host, where that is another"),
    Field("parse", "String", "--parse", label="Parse", help="Text to look for in what was fetched"),
    Field("timeout", "Duration", "--timeout", label="Timeout", help="Time to wait for the whole of it"),
    Field("always-succeed", "Boolean", "--always-succeed", kind="flag", since=2, label="Always Succeed",
          help="Count an answer of any status as a success, and report the status"),
    Field("keep-content", "CardinalZero", "--keep-content", kind="si", since=2, label="Keep Content",
          help="How many bytes of what was fetched to keep in the result, such as 10k; 0 for all"),
    Field("ip-version", "ip-version", "--ip-version", kind="int", since=3, label="IP Version", help="Version of IP to use, 4 or 6"),
    Field("headers", HEADERS, "--header", kind="list", since=4, read=read_headers, write=write_headers,
          label="Headers", help="Header to send, as 'Name: value'; repeat for several"),
    Field("phases", "Boolean", "--phases --no-phases", kind="switch", since=5, label="Phases",
          help="Report how long looking up, connecting, TLS and the wait for the answer took"),
)
# fmt: on

_MEMBERS = {
    "schema": TYPES["Cardinal"],
    "succeeded": TYPES["Boolean"],
    "time": TYPES["Duration"],
    "found": TYPES["Boolean"],
    "error": TYPES["String"],
    "diags": TYPES["String"],
}
RESULT_1 = closed(_MEMBERS, required=("succeeded", "time"))
RESULT_2 = closed(
    {**_MEMBERS, "status": TYPES["Cardinal"], "headers": HEADERS, "content": TYPES["String"]},
    required=("schema", "succeeded", "time"),
)

# An addition to the contract, and only in results of specs that ask for it. Each is the time of its phase
# alone, over all redirects: first-byte that from the connection to the answer's head; total is everything.
PHASES = closed(dict.fromkeys(LABELS, TYPES["Duration"]), required=("total",))
RESULT_5 = closed(
    {
        **RESULT_2["properties"],
        "phases": PHASES,
    },
    required=("schema", "succeeded", "time"),
)

_ANSWER = {
    "succeeded": True,
    "time": "PT0.15S",
    "status": 404,
    "headers": {"Content-Type": "text/html"},
    "content": "<h1>Not here</h1>",
}

TEST = Test(
    name="http",
    label="HTTP",
    description="Measure the time it takes to fetch a URL",
    scheduling_class="background",
    fields=FIELDS,
    participants=at_host,
    null_reason="No host specified",
    results={
        1: RESULT_1,
        **dict.fromkeys((2, 3, 4), RESULT_2),  # what came with 3 and 4 is in specs only
        5: RESULT_5,
    },
    show=show,
    metrics=metrics,
    examples=(
        {"schema": 1, "url": "https://www.example.org/", "parse": "Example", "timeout": "PT5S"},
        {"schema": 2, "url": "https://www.example.org/", "always-succeed": True, "keep-content": 0},
        {"schema": 3, "url": "https://www.example.org/", "host": "198.51.100.1", "ip-version": 6},
        {
            "schema": 4,
            "url": "https://www.example.org/",
            "host-node": "node.example.org",
            "headers": {"Accept": "text/html", "Referer": "https://example.org:8443/"},
        },
        {"schema": 5, "url": "https://www.example.org/", "phases": True},
    ),
    result_examples=(
        {"schema": 1, "succeeded": True, "time": "PT0.1S", "found": True},
        *({"schema": version, **_ANSWER} for version in (2, 3, 4)),
        {
            "schema": 5,
            "succeeded": True,
            "time": "PT0.15S",
            "phases": {
                "dns": "PT0.01S",
                "connect": "PT0.02S",
                "tls": "PT0.03S",
                "first-byte": "PT0.08S",
                "total": "PT0.15S",
            },
        },
        {"schema": 1, "succeeded": False, "time": "PT10S", "error": "Timed out"},
    ),
)
