"""What the tools that measure RDMA share: they need a device for it, and report one figure for the whole.

Both find the device by the address they measure from or to, through the connection manager of RDMA.
"""

import datetime as dt
import pathlib

from chalicelib.domain.schemas import JSON
from plugins.sdk.fields import Spec
from plugins.support import configured

DEVICES = pathlib.Path("/sys/class/infiniband")
"""Where Linux has InfiniBand, RoCE and iWARP alike."""


def needs(tool: str, program: str) -> list[str]:
    """Why RDMA is not measured here; an empty list when it is."""
    device = [] if has_device() else ["There is no RDMA device here"]
    return [*configured.missing(tool, program), *device]


def refusals(spec: Spec) -> list[str]:
    """Why this is not measured with RDMA; an empty list when it is."""
    return ["Measures reliable connections only, not udp"] if spec.get("udp") else []


def has_device() -> bool:
    try:
        return any(DEVICES.iterdir())
    except OSError:
        return False


def measurement(
    bits: float, size: float, time: dt.timedelta, received: float | None = None
) -> dict[str, JSON]:
    """The members of a throughput result for so many bits a second, and so many bytes in all."""
    total: dict[str, JSON] = {
        "start": 0,
        "end": time.total_seconds(),
        "throughput-bits": bits,
        "throughput-bytes": size,
        **({} if received is None else {"receiver-throughput-bits": received}),
    }
    return {"intervals": [], "summary": {"streams": [], "summary": total}}
