"""linuxvrf: lets the tool run inside a VRF of Linux, its sockets bound to it (docs/contract/contexts.md)."""

import array
import contextlib
import errno
import socket
import struct
from collections.abc import Iterator

from chalicelib.domain.schemas import JSON
from plugins.sdk.context import Context
from plugins.support import device_binding, linux

_LONGEST_NAME = 15
_ETHTOOL, _DRIVER_INFO = 0x8946, 3  # from <linux/sockios.h> and <linux/ethtool.h>
_INFO_SIZE, _DRIVER = 196, slice(4, 36)


@contextlib.contextmanager
def enter(data: JSON) -> Iterator[None]:
    """Have sockets bound to the VRF, and no longer afterwards. Raises PluginFailed where that cannot be."""
    name = data["vrf"]
    with contextlib.ExitStack() as changes:
        with linux.refused_as(f"The VRF {name} cannot be entered"):
            changes.enter_context(device_binding.bound(vrf(name)))
        yield


def vrf(name: str) -> int:
    """The number of a VRF's interface. Raises OSError where there is none of the name, or it is no VRF."""
    number = socket.if_nametoindex(name)
    if driver(name) != "vrf":
        raise OSError("it is an interface of another kind")
    return number


def driver(name: str) -> str:
    """Which driver an interface has, as ``ethtool -i`` would say; "" where it has none. Raises OSError."""
    import fcntl

    info = array.array("B", struct.pack("=I", _DRIVER_INFO).ljust(_INFO_SIZE, b"\0"))
    request = struct.pack("16sP16x", name.encode()[:_LONGEST_NAME], info.buffer_info()[0])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            fcntl.ioctl(any_socket, _ETHTOOL, request)
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP:
                raise
    return info.tobytes()[_DRIVER].partition(b"\0")[0].decode(errors="replace")


CONTEXT = Context(
    name="linuxvrf",
    label="Linux VRF",
    description="Run the tool in a VRF of Linux",
    data={1: linux.settings("vrf")},
    enter=enter,
)
