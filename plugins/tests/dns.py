"""dns: how long a look-up takes, and what it finds (docs/contract/tests.md, dns)."""

from chalicelib.domain.metrics import COUNT, Metric, milliseconds, number, present
from chalicelib.domain.schemas import JSON, closed
from chalicelib.domain.types import TYPES
from plugins.sdk.fields import Field, Spec
from plugins.sdk.show import Block, Rows
from plugins.sdk.test import Result, Test, at_host

RECORDS = ("a", "aaaa", "ns", "cname", "soa", "ptr", "mx", "txt")


def show(spec: Spec, result: Result) -> list[Block]:
    named = (("Time", "time"), ("Answer", "rcode"))
    rows = [(label, result[name]) for label, name in named if name in result]
    if "record" in result:
        rows += _record_rows(spec["record"].upper(), result["record"])
    return [Rows(rows)]


def _record_rows(kind: str, record: JSON) -> list[tuple[str, JSON]]:
    if isinstance(record, dict):
        return [(label, record[name]) for label, name in SOA_ROWS]
    entries = record if isinstance(record, list) else [record]
    return [(kind, _entry(entry)) for entry in entries]


def _entry(entry: JSON) -> str:
    return f"{entry['mx']} (preference {entry['pref']})" if isinstance(entry, dict) else str(entry)


def metrics(spec: Spec, result: Result) -> list[Metric]:
    record = result.get("record")
    answers = len(record) if isinstance(record, list) else None if record is None else 1
    return present(milliseconds("dns.time", result.get("time")), number("dns.records", answers, COUNT))


# fmt: off
FIELDS = (
    Field("query", "Host", "--query", required=True, label="Query", help="Name or address to look up"),
    Field("record", {"enum": list(RECORDS)}, "--record", kind="lower", required=True, label="Record",
          help=f"Type of record to ask for: {', '.join(RECORDS)}"),
    Field("host", "Host", "--host", label="Host", help="Host that should ask"),
    Field("host-node", "URLHostPort", "--host-node", label="Host Node", help="pScheduler node of the host, where that is another"),
    Field("nameserver", "Host", "--nameserver", label="Name Server", help="Server to ask, in place of the system's"),
    Field("timeout", "Duration", "--timeout", label="Timeout", help="Time to wait for an answer, over all servers"),
    # An addition to the contract.
    Field("always-succeed", "Boolean", "--always-succeed", kind="flag", since=2, label="Always Succeed",
          help="Count an answer of any kind as a success, and report its code, such as NXDOMAIN"),
)

SOA_ROWS = (
    ("Name Server", "nameserver"), ("Owner", "owner"), ("Serial", "serial"), ("Refresh", "refresh"),
    ("Retry", "retry"), ("Expire", "expire"), ("Minimum", "minimum"),
)
# fmt: on


def _some(kind: JSON) -> dict[str, JSON]:
    return {"type": "array", "items": kind, "minItems": 1}


_INT32 = TYPES["Int32"]
_SOA = {
    "nameserver": TYPES["Host"],
    "owner": TYPES["String"],
    "serial": TYPES["UInt32"],
    "refresh": _INT32,
    "retry": _INT32,
    "expire": _INT32,
    "minimum": _INT32,
}

_MEMBERS = {
    "schema": TYPES["Cardinal"],
    "succeeded": TYPES["Boolean"],
    "time": TYPES["Duration"],
    "record": {
        "anyOf": [
            _some(TYPES["String"]),  # a, aaaa, ns and txt: with txt among them, all are strings
            _some(closed({"pref": TYPES["Int16"], "mx": TYPES["Host"]}, ("pref", "mx"))),
            TYPES["Host"],  # cname, ptr
            closed(_SOA, tuple(_SOA)),
        ]
    },
    "error": TYPES["String"],
    "diags": TYPES["String"],
}
RESULT = closed(_MEMBERS, required=("succeeded",))
RESULT_2 = closed({**_MEMBERS, "rcode": TYPES["String"]}, required=("schema", "succeeded", "time", "rcode"))

TEST = Test(
    name="dns",
    label="DNS",
    description="Measure the time of a DNS look-up",
    scheduling_class="background",
    fields=FIELDS,
    participants=at_host,
    null_reason="No host specified",
    results={1: RESULT, 2: RESULT_2},
    show=show,
    metrics=metrics,
    examples=(
        {"schema": 1, "query": "www.example.org", "record": "a"},
        {
            "schema": 1,
            "query": "example.org",
            "record": "soa",
            "host": "198.51.100.1",
            "host-node": "node.example.org:8443",
            "nameserver": "2001:db8::53",
            "timeout": "PT3S",
        },
        {"schema": 2, "query": "www.example.org", "record": "aaaa", "always-succeed": True},
    ),
    result_examples=(
        {"schema": 1, "succeeded": True, "time": "PT0.012S", "record": ["192.0.2.1", "192.0.2.2"]},
        {"schema": 1, "succeeded": True, "time": "PT0.012S", "record": "www.example.org."},
        {
            "schema": 1,
            "succeeded": True,
            "time": "PT0.012S",
            "record": [{"pref": 10, "mx": "mail.example.org"}],
        },
        {
            "schema": 1,
            "succeeded": True,
            "time": "PT0.012S",
            "record": {
                "nameserver": "ns.example.org.",
                "owner": "hostmaster.example.org.",
                "serial": 4294967295,
                "refresh": 7200,
                "retry": 3600,
                "expire": 1209600,
                "minimum": 300,
            },
        },
        {"schema": 1, "succeeded": False, "time": "PT0.012S", "error": "NXDOMAIN: the domain does not exist"},
        {"schema": 2, "succeeded": True, "time": "PT0.012S", "rcode": "NXDOMAIN"},
    ),
)
