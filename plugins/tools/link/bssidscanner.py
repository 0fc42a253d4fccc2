"""bssidscanner: performs wifibssid with the program iwlist (docs/contract/tools.md section 7).

Scans follow each other for as long as the spec wants to listen; an access point is told of as it was
heard last.
"""

import datetime as dt
import re
import time
from collections.abc import Iterator

from chalicelib.domain.schemas import JSON
from chalicelib.domain.si import parse_si
from chalicelib.domain.times import SECOND, format_duration, parse_duration
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Cancelled, Completed, Job, PluginFailed, wrapped
from plugins.sdk.tool import Tool
from plugins.tools.link import interfaces

PROGRAM = "iwlist"
DURATION = 5 * SECOND
TIMEOUT = 10 * SECOND
MARGIN = 2 * SECOND
PAUSE = SECOND
"""Between scans: hardware needs some."""

_SCANNED = re.compile(r"Scan completed|No scan results")
_NUMBER = r"[0-9]{1,12}(?:\.[0-9]{1,6})?"
_CELL = re.compile(r"^\s*Cell [0-9]+ - Address: *([0-9A-Fa-f:]{17})\s*$", re.MULTILINE | re.ASCII)
_ESSID = re.compile(r'^\s*ESSID:"(.*)"\s*$', re.MULTILINE)
_ESCAPE = re.compile(rb"\\x([0-9A-Fa-f]{2})")
_MODE = re.compile(r"^\s*Mode:(.+?)\s*$", re.MULTILINE)
_FREQUENCY = re.compile(rf"Frequency[:=]({_NUMBER}) ([kMG])Hz(?: *\(Channel ([0-9]{{1,4}})\))?", re.ASCII)
_CHANNEL = re.compile(r"^\s*Channel[:=]([0-9]{1,4})\s*$", re.MULTILINE | re.ASCII)
_QUALITY = re.compile(r"Quality[:=]([0-9]{1,4})/([0-9]{1,4})", re.ASCII)
_SIGNAL = re.compile(r"Signal level[:=](-?[0-9]{1,4})", re.ASCII)
_RATE = re.compile(rf"({_NUMBER}) ([kMG])b/s", re.ASCII)


def listening(spec: Spec) -> dt.timedelta:
    return parse_duration(spec["duration"]) if "duration" in spec else DURATION


def timeout(spec: Spec) -> dt.timedelta:
    return parse_duration(spec["timeout"]) if "timeout" in spec else TIMEOUT


def duration(test: str, spec: Spec) -> dt.timedelta:
    return timeout(spec) + MARGIN


def declines(test: str, spec: Spec) -> list[str]:
    reasons = interfaces.refusal(spec["interface"])
    if "duration" in spec and listening(spec) > timeout(spec):
        reasons.append("Cannot listen for longer than the timeout")
    return reasons


def argv(spec: Spec) -> list[str]:
    """The program and its arguments."""
    return [PROGRAM, spec["interface"], "scan"]


def parse(output: str) -> list[dict[str, JSON]]:
    """The access points that a scan found, in its order; those it says too little of are left out."""
    _, *parts = _CELL.split(output)
    cells = [_cell(address, text) for address, text in zip(parts[::2], parts[1::2], strict=True)]
    return [cell for cell in cells if cell is not None]


def _cell(address: str, text: str) -> dict[str, JSON] | None:
    name, mode, frequency = _ESSID.search(text), _MODE.search(text), _FREQUENCY.search(text)
    quality, signal, channel = _QUALITY.search(text), _SIGNAL.search(text), _CHANNEL.search(text)
    if not (name and frequency and quality and signal) or int(quality[2]) == 0:
        return None
    hertz = parse_si(frequency[1] + frequency[2])
    number = int(channel[1] if channel else frequency[3] or _channel_of(hertz))
    if number < 1:
        return None
    return {
        "ssid": _unescaped(name[1]),
        "address": address,
        "mode": mode[1] if mode else "",
        "signal": int(signal[1]),
        "frequency": hertz,
        "quality": int(quality[1]) / int(quality[2]),
        "bitrates": [parse_si(value + prefix) for value, prefix in _RATE.findall(text)],
        "encrypted": "Encryption key:on" in text,
        "channel": number,
    }


def _unescaped(name: str) -> str:
    """The program writes bytes beyond ASCII as \\xNN."""
    raw = _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), name.encode(errors="replace"))
    return raw.decode(errors="replace")


def _channel_of(hertz: float) -> int:
    """The channel at a frequency (IEEE 802.11-2020, annex E)."""
    megahertz = round(hertz / 1e6)
    if megahertz == 2484:
        return 14
    if megahertz < 2484:
        return (megahertz - 2407) // 5
    return (megahertz - (5000 if megahertz < 5925 else 5950)) // 5


def run(job: Job) -> JSON:
    """Raises PluginFailed where the interface cannot scan."""
    wanted = set(job.spec["ssid"].split(","))
    job.wait_for_start()
    begun = time.monotonic()
    heard, printed = {}, ""
    for done in _scans(job):
        printed = done.stdout + done.stderr
        heard.update({cell["address"]: cell for cell in parse(done.stdout) if cell["ssid"] in wanted})
    taken = dt.timedelta(seconds=time.monotonic() - begun)
    found = [heard[address] for address in sorted(heard)]
    result = {"schema": 1, "succeeded": True, "time": format_duration(taken), "ssid_list": found}
    return wrapped(result, f"{' '.join(argv(job.spec))}\n\n{printed}")


def _scans(job: Job) -> Iterator[Completed]:
    """Scans, for as long as is to be listened: one at least. Raises PluginFailed where the first fails."""
    begun = job.host.now()
    enough, latest = begun + min(listening(job.spec), timeout(job.spec)), begun + timeout(job.spec)
    yield _scan(job, timeout(job.spec).total_seconds())
    while job.host.now() + PAUSE < enough:
        job.sleep(PAUSE)
        try:
            yield _scan(job, (latest - job.host.now()).total_seconds())
        except Cancelled:
            raise
        except PluginFailed:  # the hardware is busy, or was when time was up
            return


def _scan(job: Job, limit: float) -> Completed:
    done = job.host.execute(argv(job.spec), timeout=limit)
    if done.status != 0 or not _SCANNED.search(done.stdout):
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        why = " ".join(said[0].split()) if said else f"{PROGRAM} ended with status {done.status}"
        raise PluginFailed(why, done.stdout + done.stderr)
    return done


TOOL = Tool(
    name="bssidscanner",
    label="BSSID Scanner",
    description="Find the access points of wireless networks, by the program iwlist",
    tests=("wifibssid",),
    programs=(PROGRAM,),
    declines=declines,
    duration=duration,
    run=run,
)
