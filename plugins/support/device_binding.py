"""Binding every socket that a thread, or what it starts, will make to one network interface.

The way of ``ip vrf exec``: a control group whose sockets a program of three instructions binds as
they are made. The group is a threaded one, so that a single thread can be in it.
"""

import contextlib
import os
import pathlib
import struct
import tempfile
import threading
from collections.abc import Iterator, Sequence

from plugins.support import linux

# From <linux/bpf.h>.
_PROG_LOAD, _PROG_ATTACH = 5, 8
_CGROUP_SOCK, _INET_SOCK_CREATE = 9, 2
_ALLOW_OVERRIDE = 1
_SYSTEM_CALL = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "ppc64le": 361, "s390x": 351}
_INSTRUCTION = struct.Struct("=BBhi")


@contextlib.contextmanager
def bound(interface: int) -> Iterator[None]:
    """Bind this thread's sockets to the interface of a number. Raises OSError where that cannot be."""
    before = _own_group()
    group = pathlib.Path(tempfile.mkdtemp(prefix="pscheduler-", dir=before))
    try:
        (group / "cgroup.type").write_text("threaded")
        _attach(group, interface)
        _move_to(group)
        try:
            yield
        finally:
            _move_to(before)
    finally:
        with contextlib.suppress(OSError):  # a thread that was left behind may still be in it
            group.rmdir()


def _own_group() -> pathlib.Path:
    """The folder of this thread's control group."""
    mounts = [line.split() for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()]
    roots = [where for _, where, kind, *_ in mounts if kind == "cgroup2"]
    groups = pathlib.Path(f"{linux.THREAD}/cgroup").read_text().splitlines()
    own = [line.removeprefix("0::") for line in groups if line.startswith("0::")]
    if not roots or not own:
        raise OSError("this system has no control groups version 2 (cgroup2)")
    return pathlib.Path(roots[0] + own[0].rstrip("/"))


def _move_to(group: pathlib.Path) -> None:
    (group / "cgroup.threads").write_text(str(threading.get_native_id()))


def program(interface: int) -> bytes:
    """``sock->bound_dev_if = interface; return 1`` for the kernel; the member is the first of its struct."""
    instructions: Sequence[tuple[int, int, int, int]] = (
        (0xB7, 3, 0, interface),  # r3 = interface
        (0x63, 0x31 if struct.pack("=H", 1)[0] else 0x13, 0, 0),  # *(u32 *)(r1 + 0) = r3
        (0xB7, 0, 0, 1),  # r0 = 1, which is: go on
        (0x95, 0, 0, 0),
    )
    return b"".join(_INSTRUCTION.pack(*one) for one in instructions)


def _attach(group: pathlib.Path, interface: int) -> None:
    import ctypes

    code, licence = (ctypes.create_string_buffer(text) for text in (program(interface), b"GPL"))
    addresses = (ctypes.addressof(code), ctypes.addressof(licence))
    count = len(program(interface)) // _INSTRUCTION.size
    loaded = _bpf(_PROG_LOAD, struct.pack("=IIQQIIQII", _CGROUP_SOCK, count, *addresses, 0, 0, 0, 0, 0))
    folder = os.open(group, os.O_DIRECTORY)
    try:
        _bpf(_PROG_ATTACH, struct.pack("=IIII", folder, loaded, _INET_SOCK_CREATE, _ALLOW_OVERRIDE))
    finally:  # attached, it lives as long as the group
        os.close(folder)
        os.close(loaded)


def _bpf(command: int, attributes: bytes) -> int:
    import ctypes

    number = _SYSTEM_CALL.get(os.uname().machine)
    if number is None:
        raise OSError(f"calling bpf is not supported on {os.uname().machine}")
    return linux.call("syscall", number, command, ctypes.create_string_buffer(attributes), len(attributes))
