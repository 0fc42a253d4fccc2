"""linuxnns: lets the tool run inside a network namespace of Linux (docs/contract/contexts.md).

As ``ip netns exec`` does, it gives the tool the namespace's own files of /etc, its resolv.conf above
all, where /etc/netns has a folder for it.
"""

import contextlib
import os
import pathlib
from collections.abc import Iterator

from chalicelib.domain.schemas import JSON
from plugins.sdk.context import Context
from plugins.support import linux

NAMESPACES = pathlib.Path("/run/netns")
SETTINGS = pathlib.Path("/etc")
"""The machine's own files, and in ``netns`` those of its namespaces: tests have another folder."""

# From <linux/sched.h> and <linux/mount.h>.
_NEW_NETWORK, _NEW_MOUNTS, _OWN_FOLDERS = 0x40000000, 0x00020000, 0x00000200
_BIND, _RECURSIVE, _SLAVE = 0x1000, 0x4000, 0x80000


@contextlib.contextmanager
def enter(data: JSON) -> Iterator[None]:
    """Be inside the namespace, and back outside afterwards. Raises PluginFailed where that cannot be."""
    name = data["namespace"]
    with contextlib.ExitStack() as changes:
        with linux.refused_as(f"The network namespace {name} cannot be entered"):
            changes.enter_context(_network(name))
            changes.enter_context(_files(SETTINGS / "netns" / name))
        yield


@contextlib.contextmanager
def _network(name: str) -> Iterator[None]:
    with open(f"{linux.THREAD}/ns/net") as before:
        with open(NAMESPACES / name) as wanted:
            linux.call("setns", wanted.fileno(), _NEW_NETWORK)
        try:
            yield
        finally:
            linux.call("setns", before.fileno(), _NEW_NETWORK)


@contextlib.contextmanager
def _files(folder: pathlib.Path) -> Iterator[None]:
    """See the files of a folder in the place of those of the machine that have their names."""
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    if not found:
        yield
        return
    here = os.getcwd()
    with open(f"{linux.THREAD}/ns/mnt") as before:
        linux.call("unshare", _NEW_MOUNTS)
        try:
            _mount("none", "/", _SLAVE | _RECURSIVE)  # what is mounted from here on stays here
            for path in found:
                if (SETTINGS / path.name).exists():
                    _mount(str(path), str(SETTINGS / path.name), _BIND)
            yield
        finally:
            # Threads that the tool started share this one's folders, and whoever shares them cannot move
            # to other mounts. Some may be left: a look-up that is not waited for any more.
            linux.call("unshare", _OWN_FOLDERS)
            linux.call("setns", before.fileno(), _NEW_MOUNTS)
            os.chdir(here)  # of this thread alone: it has parted with the others


def _mount(source: str, target: str, flags: int) -> None:
    import ctypes

    nothing = ctypes.c_char_p()
    linux.call("mount", source.encode(), target.encode(), nothing, ctypes.c_ulong(flags), nothing)


CONTEXT = Context(
    name="linuxnns",
    label="Linux Network Namespace",
    description="Run the tool in a network namespace of Linux",
    data={1: linux.settings("namespace")},
    enter=enter,
)
