"""umichwpa: performs dot1x with the program wpa_supplicant (docs/contract/tools.md section 7).

The program gets a configuration of its own, in a folder that goes with the run, and ends as soon as it is
clear whether the network lets this host in. What a spec says of the network is written in hexadecimal, so
that nothing in it can be taken for another setting.
"""

import datetime as dt
import pathlib
import re
import tempfile
import time

from chalicelib.domain.echoes import shown
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND, format_duration, parse_duration
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Job, PluginFailed, wrapped
from plugins.sdk.tool import Tool
from plugins.support.secrets import without_secrets
from plugins.tools.link import interfaces

PROGRAM = "wpa_supplicant"
TIMEOUT = 10 * SECOND
MARGIN = 5 * SECOND
STARTING = 2.0
"""Seconds the program may take to end once it is told to."""

_LINE = re.compile(r"^([0-9]{1,12}\.[0-9]{1,6}): (.*)$", re.MULTILINE | re.ASCII)
_LET_IN = re.compile(r"CTRL-EVENT-(?:EAP-SUCCESS|CONNECTED)\b")
_TURNED_AWAY = re.compile(r"CTRL-EVENT-(?:EAP-FAILURE|SSID-TEMP-DISABLED|AUTH-REJECT|ASSOC-REJECT)\b")
_KEY_MANAGEMENT = re.compile(r"[A-Za-z0-9-]+(?: [A-Za-z0-9-]+)*", re.ASCII)
_DRIVER = re.compile(r"[A-Za-z0-9_]+", re.ASCII)
_BSSID = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}", re.ASCII)
_PASSPHRASE = re.compile(r"[ -~]{8,63}")


def timeout(spec: Spec) -> dt.timedelta:
    return parse_duration(spec["timeout"]) if "timeout" in spec else TIMEOUT


def duration(test: str, spec: Spec) -> dt.timedelta:
    return timeout(spec) + MARGIN


def declines(test: str, spec: Spec) -> list[str]:
    forms = (("key-management", _KEY_MANAGEMENT), ("driver", _DRIVER), ("bssid", _BSSID))
    strange = [name for name, form in forms if name in spec and not form.fullmatch(spec[name])]
    shared = "_password" in spec and "_username" not in spec
    return [
        *interfaces.refusal(spec["interface"]),
        *(f"{shown(spec[name])} is not a {name}" for name in strange),
        *(
            ["A password without a user name must have 8 to 63 ASCII characters"]
            if shared and not _PASSPHRASE.fullmatch(spec["_password"])
            else []
        ),
    ]


def is_wired(spec: Spec) -> bool:
    return "wired" in spec.get("driver", "")


def key_management(spec: Spec) -> str:
    """What the spec says, or what goes with what it has."""
    if "key-management" in spec:
        return str(spec["key-management"])
    if "_username" in spec:
        return "IEEE8021X" if is_wired(spec) else "WPA-EAP"
    return "WPA-PSK" if "_password" in spec else "NONE"


def configuration(spec: Spec) -> str:
    """The program's configuration: one network, and on a wire no looking for it."""
    settings = [f"key_mgmt={key_management(spec)}", "scan_ssid=1"]
    settings += ["eapol_flags=0"] if is_wired(spec) else []
    settings += [f"bssid={spec['bssid']}"] if "bssid" in spec else []
    named = (("ssid", "ssid"), ("_username", "identity"))
    settings += [f"{name}={spec[member].encode().hex()}" for member, name in named if spec.get(member)]
    if "_username" in spec and spec.get("_password"):
        settings.append(f"password={spec['_password'].encode().hex()}")
    elif "_password" in spec:
        settings.append(f'psk="{spec["_password"]}"')
    network = "".join(f"  {setting}\n" for setting in settings)
    return f"{'ap_scan=0' if is_wired(spec) else 'ap_scan=1'}\nnetwork={{\n{network}}}\n"


def argv(spec: Spec, folder: str) -> list[str]:
    """The program and its arguments, with its configuration and its log in a folder."""
    driver = ["-D", spec["driver"]] if "driver" in spec else []
    return [PROGRAM, "-i", spec["interface"], *driver, "-c", f"{folder}/conf", "-f", f"{folder}/log", "-t"]


def is_decided(output: str) -> bool:
    """Whether the network has let this host in or turned it away."""
    return bool(_LET_IN.search(output) or _TURNED_AWAY.search(output))


def parse(output: str) -> dict[str, JSON]:
    """``{time, authenticated}`` of what the program logged: from its first line until it was decided.

    Raises PluginFailed where it was not.
    """
    lines = [(float(stamp), text) for stamp, text in _LINE.findall(output)]
    for stamp, text in lines:
        if is_decided(text):
            taken = dt.timedelta(seconds=max(0.0, stamp - lines[0][0]))
            return {"time": format_duration(taken), "authenticated": bool(_LET_IN.search(text))}
    said = [text for _, text in lines if "CTRL-EVENT" not in text]
    raise PluginFailed(f"Not authenticated: {said[-1]}" if said else "Not authenticated", output)


def run(job: Job) -> JSON:
    """Raises PluginFailed where it was not decided in time; being turned away is a measurement."""
    with tempfile.TemporaryDirectory(prefix="pscheduler-") as folder:
        log = pathlib.Path(folder, "log")
        pathlib.Path(folder, "conf").write_text(configuration(job.spec))
        job.wait_for_start()
        limit = timeout(job.spec).total_seconds()
        deadline = time.monotonic() + limit
        done = job.host.execute(
            argv(job.spec, folder),
            timeout=limit + STARTING,
            until=lambda: time.monotonic() > deadline or (log.exists() and is_decided(_read(log))),
        )
        logged = (_read(log) if log.exists() else "") + done.stdout + done.stderr
    logged = without_secrets(logged, job.spec)
    return wrapped({"schema": 1, "succeeded": True, **parse(logged)}, logged)


def _read(log: pathlib.Path) -> str:
    return log.read_text(errors="replace")


TOOL = Tool(
    name="umichwpa",
    label="UMich WPA",
    description="Authenticate by IEEE 802.1X, by the program wpa_supplicant",
    tests=("dot1x",),
    programs=(PROGRAM,),
    needs=interfaces.root_refusal,
    declines=declines,
    duration=duration,
    run=run,
)
