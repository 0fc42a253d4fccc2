"""dot1x: whether and how fast a network lets this host in by IEEE 802.1X (docs/contract/tests.md, dot1x)."""

from chalicelib.domain.metrics import FLAG, Metric, milliseconds, number, present
from chalicelib.domain.schemas import closed
from chalicelib.domain.types import TYPES
from plugins.sdk.fields import Field, Spec
from plugins.sdk.show import UNSPECIFIED, Block, Rows
from plugins.sdk.test import Result, Test, at_host


def show(spec: Spec, result: Result) -> list[Block]:
    answer = ("yes" if result["authenticated"] else "no") if "authenticated" in result else UNSPECIFIED
    return [Rows([("Authenticated", answer), ("Time", result["time"])])]


def metrics(spec: Spec, result: Result) -> list[Metric]:
    return present(
        milliseconds("dot1x.time", result.get("time")),
        number("dot1x.authenticated", result.get("authenticated"), FLAG),
    )


# fmt: off
FIELDS = (
    Field("interface", "String", "--interface", required=True, label="Interface", help="Interface to authenticate on"),
    Field("host", "Host", "--host", label="Host", help="Host that should authenticate"),
    Field("host-node", "Host", "--host-node", label="Host Node", help="pScheduler node of the host, where that is another"),
    Field("timeout", "Duration", "--timeout", label="Timeout", help="Time to wait until authenticated"),
    Field("driver", "String", "--driver", label="Driver", help="Driver of the interface, such as wired or nl80211"),
    Field("ssid", "String", "--ssid", label="SSID", help="Name of the wireless network"),
    Field("bssid", "String", "--bssid", label="BSSID", help="Address of the access point"),
    Field("_username", "String", "--username", label="User Name", help="User to authenticate as"),
    Field("_password", "String", "--password", label="Password", help="Password of the user, or of the network"),
    Field("key-management", "String", "--key-management", label="Key Management",
          help="How keys are agreed on, such as IEEE8021X, WPA-EAP or WPA-PSK"),
)
# fmt: on

RESULT = closed(
    {
        "schema": {"enum": [1]},
        "succeeded": TYPES["Boolean"],
        "time": TYPES["Duration"],
        "authenticated": TYPES["Boolean"],
    },
    required=("succeeded", "time"),
)

TEST = Test(
    name="dot1x",
    label="802.1X",
    description="Measure the time it takes to authenticate by IEEE 802.1X",
    scheduling_class="background",
    fields=FIELDS,
    participants=at_host,
    null_reason="No host specified",
    results={1: RESULT},
    show=show,
    metrics=metrics,
    examples=(
        {"schema": 1, "interface": "eth1", "driver": "wired", "_username": "probe", "_password": "secret"},
        {
            "schema": 1,
            "interface": "wlan0",
            "host": "198.51.100.1",
            "host-node": "node.example.org",
            "timeout": "PT20S",
            "driver": "nl80211",
            "ssid": "eduroam",
            "bssid": "00:00:5e:00:53:01",
            "_username": "probe@example.org",
            "_password": "secret",
            "key-management": "WPA-EAP",
        },
    ),
    result_examples=(
        {"schema": 1, "succeeded": True, "time": "PT2.4S", "authenticated": True},
        {"schema": 1, "succeeded": True, "time": "PT3S", "authenticated": False},
        {"succeeded": True, "time": "PT3S"},
        {"succeeded": False, "time": "PT10S"},
    ),
)
