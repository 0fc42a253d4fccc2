"""Whether the path to a host takes packets as large as leave here (docs/contract/api.md, Administrative)."""

import shutil
from collections.abc import Sequence

from chalicelib.domain.echoes import shown
from chalicelib.domain.errors import PluginFailed
from chalicelib.infrastructure.addresses import is_local
from chalicelib.infrastructure.machine import Machine
from plugins.support.host_lookup import Address, resolve
from plugins.tools.route import fwmtu, tracemtu

Verdict = tuple[bool, str]


def verdict(dest: str, limit: float = tracemtu.TRACE_TIMEOUT) -> Verdict:
    """Whether packets keep their size on the way to a host, and a sentence that says why or why not.

    Tracing takes ``limit`` seconds at most.
    What cannot be measured is not safe, and the sentence says what kept it from being.
    """
    try:
        address = resolve(dest)
        if is_local(str(address)):
            return True, f"{dest} is this host"
        return _traced(address, limit) if shutil.which("traceroute") else _guessed(address)
    except PluginFailed as error:
        return False, f"The MTU to {shown(dest)} cannot be measured: {error.message}"


def _traced(address: Address, limit: float) -> Verdict:
    done = Machine().execute(tracemtu.argv(str(address), address.version), limit)
    if done.status != 0:
        raise PluginFailed(done.stderr.strip() or f"traceroute ended with status {done.status}")
    return judged(tracemtu.parse(done.stdout))


def judged(sizes: Sequence[int]) -> Verdict:
    """The MTUs along a path, the first link's first -> the verdict."""
    first, *later = sizes
    falls = [first]
    for size in later:
        if size < falls[-1]:
            falls.append(size)
    if len(falls) == 1:
        return True, f"The path takes packets of {first} bytes"
    return False, f"The MTU falls along the path: {', then '.join(map(str, falls))} bytes"


def _guessed(address: Address) -> Verdict:
    size = fwmtu.path_mtu(address)
    missing = "The program traceroute is missing, so a router that drops large packets goes unnoticed"
    return False, f"{missing}; as far as the kernel knows, the path takes {size} bytes"
