"""latency: how long packets take one way, and how many are lost (docs/contract/tests.md, latency)."""

import re
from collections.abc import Mapping

from chalicelib.domain.echoes import shown
from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import JSON
from plugins.sdk.fields import Field, Spec
from plugins.sdk.test import Test
from plugins.support.latency_results import RESULT, RESULT_EXAMPLES, metrics, show

_PORTS = re.compile(r"([0-9]{1,9})-([0-9]{1,9})")


def participants(spec: Spec) -> list[str | None]:
    """The one end that begins the measurement: the source, or with ``flip`` the destination."""
    if spec.get("flip"):
        return [spec.get("dest-node", spec["dest"])]
    return [spec.get("source-node", spec.get("source"))]


def check(spec: Spec) -> None:
    if spec.get("flip") and "source" not in spec:
        raise Invalid("must be absent or false if there is no source to measure from", "/flip")


def read_ports(text: str) -> dict[str, int]:
    """``LOW-HIGH`` -> range of ports. Raises Invalid unless it is one that rises."""
    found = _PORTS.fullmatch(text)
    if not found or int(found[1]) >= int(found[2]):
        raise Invalid(f"--data-ports: must be a range of ports such as 8760-8770, not {shown(text)}")
    return {"lower": int(found[1]), "upper": int(found[2])}


def write_ports(ports: Mapping[str, JSON]) -> list[str]:
    return ["--data-ports", f"{int(ports['lower'])}-{int(ports['upper'])}"]


# fmt: off
FIELDS = (
    Field("source", "Host", "-s --source", label="Source", help="Host, or address on it, that the packets come from"),
    Field("source-node", "URLHostPort", "--source-node", label="Source Node", help="pScheduler node of the source, where that is another"),
    Field("dest", "Host", "-d --dest", required=True, label="Destination", help="Host the packets go to"),
    Field("dest-node", "URLHostPort", "--dest-node", label="Destination Node", help="pScheduler node of the destination, where that is another"),
    Field("packet-count", "Cardinal", "-c --packet-count", kind="int", label="Packet Count", help="How many packets to send"),
    Field("packet-interval", {"type": "number", "exclusiveMinimum": 0}, "-i --packet-interval", kind="float", label="Packet Interval",
          help="Seconds from one packet to the next"),
    Field("packet-timeout", "CardinalZero", "-L --packet-timeout", kind="float", label="Packet Timeout",
          help="Whole seconds after which a packet counts as lost"),
    Field("packet-padding", "CardinalZero", "-p --packet-padding", kind="int", label="Packet Padding", help="Bytes to add to each packet"),
    Field("ctrl-port", "IPPort", "-C --ctrl-port", kind="int", label="Control Port", help="Port at which the other end takes sessions"),
    Field("data-ports", "IPPortRange", "-P --data-ports", read=read_ports, write=write_ports, label="Data Ports",
          help="Range of ports to exchange packets on, as LOW-HIGH"),
    Field("ip-tos", "IPTOS", "-T --ip-tos", kind="int", label="IP TOS", help="The type-of-service octet of the packets"),
    Field("ip-version", "ip-version", "--ip-version", kind="int", label="IP Version", help="Version of IP to use, 4 or 6"),
    Field("bucket-width", {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, "-b --bucket-width", kind="float", label="Bucket Width",
          help="Seconds that are one in the latency histogram, below 1"),
    Field("output-raw", "Boolean", "-R --output-raw", kind="flag", label="Output Raw", help="Report every packet in the result"),
    Field("flip", "Boolean", "-f --flip", kind="flag", label="Flip", help="Let the destination begin the measurement"),
    Field("reverse", "Boolean", "-r --reverse", kind="flag", since=2, label="Reverse", help="Report the way back from the destination to the source"),
    Field("traverse-nat", "Boolean", "--traverse-nat", kind="flag", since=3, label="Traverse NAT", help="Name no addresses in the session, so that NAT can be between"),
    Field("protocol", "String", "--protocol", since=4, label="Protocol", help="Protocol to measure with, such as owamp, twamp, stamp or icmp"),
)
# fmt: on

TEST = Test(
    name="latency",
    description="Measure the one-way latency and loss of packets between hosts",
    scheduling_class="normal",
    fields=FIELDS,
    participants=participants,
    check=check,
    results={1: RESULT},
    show=show,
    metrics=metrics,
    examples=(
        {"schema": 1, "dest": "192.0.2.1"},
        {
            "schema": 1,
            "source": "198.51.100.1",
            "source-node": "[2001:db8::2]:8443",
            "dest": "192.0.2.1",
            "dest-node": "192.0.2.2:8443",
            "packet-count": 600,
            "packet-interval": 0.01,
            "packet-timeout": 2,
            "packet-padding": 100,
            "ctrl-port": 8861,
            "data-ports": {"lower": 8760, "upper": 9960},
            "ip-tos": 32,
            "ip-version": 4,
            "bucket-width": 0.0001,
            "output-raw": True,
            "flip": True,
        },
        {"schema": 2, "dest": "www.example.org", "reverse": True},
        {"schema": 3, "dest": "www.example.org", "traverse-nat": True},
        {"schema": 4, "dest": "www.example.org", "protocol": "twamp", "reverse": True, "bucket-width": 0.5},
    ),
    result_examples=RESULT_EXAMPLES,
)
