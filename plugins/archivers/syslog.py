"""syslog: writes results to the machine's log (docs/contract/archivers.md section 6)."""

import json
import pathlib
import socket

from chalicelib.domain.schemas import JSON, closed
from chalicelib.domain.types import TYPES
from plugins.sdk.archiver import Archiver
from plugins.sdk.jobs import Outcome, Parcel

SOCKET = pathlib.Path("/dev/log")
IDENT, FACILITY, PRIORITY = "pScheduler", "user", "info"

_FACILITIES = "kern user mail daemon auth syslog lpr news uucp cron"
_PRIORITIES = "emerg alert crit err warning notice info debug"
FACILITIES = {
    **{name: number for number, name in enumerate(_FACILITIES.split())},
    **{f"local{number}": 16 + number for number in range(8)},
}
"""By their numbers in RFC 5424, section 6.2.1."""
PRIORITIES = {name: number for number, name in enumerate(_PRIORITIES.split())}


def line(data: dict[str, JSON], result: JSON) -> bytes:
    """What is written of a result: text as it is, all else as JSON, behind who says it and how urgently."""
    urgency = FACILITIES[data.get("facility", FACILITY)] * 8 + PRIORITIES[data.get("priority", PRIORITY)]
    text = result if isinstance(result, str) else json.dumps(result)
    return f"<{urgency}>{data.get('ident', IDENT)}: {text}".encode()


def deliver(parcel: Parcel, path: pathlib.Path = SOCKET) -> Outcome:
    """Hand the result to the log's socket; where there is none, or it does not fit, that is final."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.connect(str(path))
            end.send(line(dict(parcel.data), parcel.result))
    except OSError as error:
        return Outcome(False, f"{path} does not accept it: {error.strerror or error}")
    return Outcome(True)


ARCHIVER = Archiver(
    name="syslog",
    description="Write results to the system log",
    data={
        1: closed(
            {
                "schema": TYPES["Cardinal"],
                "ident": TYPES["String"],
                "facility": {"enum": list(FACILITIES)},
                "priority": {"enum": list(PRIORITIES)},
            }
        )
    },
    deliver=deliver,
)
