"""wifibssid: the access points of wireless networks that this host hears (docs/contract/tests.md, wifibssid)."""

from collections.abc import Sequence

from chalicelib.domain.metrics import COUNT, DECIBELS, Metric, milliseconds, number, present
from chalicelib.domain.schemas import JSON, closed
from chalicelib.domain.si import format_si
from chalicelib.domain.types import TYPES
from plugins.sdk.fields import Field, Spec
from plugins.sdk.show import Block, Rows, Table
from plugins.sdk.test import Result, Test, at_host


def show(spec: Spec, result: Result) -> list[Block]:
    """Every access point, and the time it took."""
    rows = [_row(heard) for heard in result["ssid_list"]]
    blocks: list[Block] = [Table(HEADINGS, rows, line=_lines)] if rows else []
    return [*blocks, Rows([("Time", result["time"])])]


def _row(heard: dict[str, JSON]) -> list[JSON]:
    rates = ", ".join(format_si(rate, "b/s") for rate in heard["bitrates"])
    encrypted = "yes" if heard["encrypted"] else "no"
    frequency, quality = format_si(heard["frequency"], "Hz"), f"{heard['quality']:.2f}"
    plain = [heard[name] for name in ("ssid", "address", "mode", "channel", "signal")]
    return [*plain, frequency, quality, encrypted, rates]


def _lines(row: Sequence[JSON]) -> str:
    width = max(len(heading) for heading in HEADINGS) + 2
    members = list(zip(HEADINGS, row, strict=True))[2:]
    indented = [f"    {(heading + ' ').ljust(width, '.')} {value}" for heading, value in members]
    return "\n".join([f"{row[0]}  {row[1]}", *indented])


HEADINGS = ("SSID", "BSSID", "Mode", "Channel", "Signal (dBm)", "Frequency", "Quality", "Encrypted", "Rates")


def metrics(spec: Spec, result: Result) -> list[Metric]:
    signals = [each["signal"] for each in result.get("ssid_list", ())]
    return present(
        milliseconds("wifi.time", result.get("time")),
        number("wifi.stations", len(signals), COUNT),
        number("wifi.signal", max(signals, default=None), DECIBELS),
    )


# fmt: off
FIELDS = (
    Field("interface", "String", "--interface", required=True, label="Interface", help="Wireless interface to listen on"),
    Field("ssid", "String", "--ssid", required=True, label="SSIDs", help="Names of the networks to look for, separated by commas"),
    Field("host", "Host", "--host", label="Host", help="Host that should listen"),
    Field("host-node", "Host", "--host-node", label="Host Node", help="pScheduler node of the host, where that is another"),
    Field("duration", "Duration", "--duration", label="Duration", help="How long to listen"),
    Field("timeout", "Duration", "--timeout", label="Timeout", help="Time to wait for what was heard"),
)
# fmt: on

BSSID = closed(
    {
        **dict.fromkeys(("ssid", "address", "mode"), TYPES["String"]),
        **dict.fromkeys(("signal", "frequency", "quality"), TYPES["Number"]),
        "bitrates": {"type": "array", "items": TYPES["Number"]},
        "encrypted": TYPES["Boolean"],
        "channel": TYPES["Cardinal"],
    },
    required=(
        "ssid", "address", "mode", "signal", "frequency", "quality", "bitrates", "encrypted", "channel"
    ),
)  # fmt: skip
"""An access point: signal in dBm, frequency in Hz, quality from 0 to 1, rates in bits a second."""

RESULT = closed(
    {
        "schema": {"enum": [1]},
        "succeeded": TYPES["Boolean"],
        "time": TYPES["Duration"],
        "ssid_list": {"type": "array", "items": BSSID},
    },
    required=("succeeded", "time", "ssid_list"),
)

TEST = Test(
    name="wifibssid",
    label="WiFi BSSID",
    description="Find the access points of wireless networks",
    scheduling_class="background",
    fields=FIELDS,
    participants=at_host,
    null_reason="No host specified",
    results={1: RESULT},
    show=show,
    metrics=metrics,
    examples=(
        {"schema": 1, "interface": "wlan0", "ssid": "eduroam"},
        {
            "schema": 1,
            "interface": "wlan0",
            "ssid": "eduroam,guests",
            "host": "198.51.100.1",
            "host-node": "node.example.org",
            "duration": "PT3S",
            "timeout": "PT5S",
        },
    ),
    result_examples=(
        {
            "schema": 1,
            "succeeded": True,
            "time": "PT3.1S",
            "ssid_list": [
                {
                    "ssid": "eduroam",
                    "address": "00:00:5E:00:53:01",
                    "mode": "Master",
                    "signal": -52,
                    "frequency": 2437000000.0,
                    "quality": 0.83,
                    "bitrates": [1000000.0, 54000000.0],
                    "encrypted": True,
                    "channel": 6,
                }
            ],
        },
        {"succeeded": True, "time": "PT3S", "ssid_list": []},
        {"succeeded": False, "time": "PT10S", "ssid_list": []},
    ),
)
