"""What the throughput tools share: who does what, where, and for how long (docs/contract/tools.md section 4).

Participant 0 sends, as the client of a server that participant 1 runs. A single-ended test has its
server at the destination already; a loopback test runs both here.
"""

import datetime as dt
import math
import socket
import threading
from collections.abc import Callable, Mapping, Sequence

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND, parse_duration
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Completed, Job, PluginFailed
from plugins.support import guarded_connections, host_lookup
from plugins.support.host_lookup import Ends
from plugins.support.program_arguments import number

LENGTH = 10 * SECOND
LINK_RTT = SECOND / 5

Told = Mapping[str, JSON]
"""What the server's side has told: ``server_port``, and what else its tool needs."""
Unwanted = Callable[[], bool]
"""Whether a server is not needed any longer."""
Client = Callable[[Job, Told], JSON]
Server = Callable[[Job, Told, Unwanted], JSON]
Parse = Callable[[str], Mapping[str, JSON]]
"""Reads what a program printed. Raises PluginFailed where it has no figures."""


def find_ends(spec: Spec) -> Ends:
    """The addresses, the same at both participants. Raises PluginFailed where there are none."""
    near = spec.get("local-address", spec.get("source"))
    return host_lookup.ends(near, spec["dest"], spec.get("ip-version"))


def member(spec: Spec, name: str, default: dt.timedelta) -> dt.timedelta:
    """A member of the spec that is a duration."""
    return parse_duration(spec[name]) if name in spec else default


def length(spec: Spec) -> dt.timedelta:
    """How long the measurement takes by itself."""
    return member(spec, "duration", LENGTH)


def set_up(spec: Spec) -> dt.timedelta:
    """What connecting is given: a second, or 20 round trips of the link where that is more."""
    return max(SECOND, 20 * member(spec, "link-rtt", LINK_RTT))


def whole_seconds(time: dt.timedelta) -> int:
    """For programs that know no fractions: rounded up, and never 0, which often means for ever."""
    return max(1, math.ceil(time / SECOND))


def decimal(time: dt.timedelta) -> str:
    """Seconds, with as many digits as they need."""
    return f"{time.total_seconds():.6f}".rstrip("0").rstrip(".")


def interval(spec: Spec) -> str | None:
    """The time between reports as programs take it; None where the spec has none."""
    return decimal(parse_duration(spec["interval"])) if "interval" in spec else None


def options(pairs: Sequence[tuple[str, JSON]]) -> list[str]:
    """Flags and their values as arguments; one that is None or False is left away, True stands alone."""
    given = [(flag, value) for flag, value in pairs if value is not None and value is not False]
    return [text for flag, value in given for text in ([flag] if value is True else [flag, number(value)])]


def perform(job: Job, port: int, client: Client, server: Server) -> JSON:
    """Do this participant's part; ``port`` is where the servers of single-ended tests usually listen.

    Raises PluginFailed where the participants are not those the spec needs, and what the parts raise.
    """
    if job.spec.get("loopback"):
        return _both(job, client, server)
    if job.spec.get("single-ended"):
        return _checked(client, job, {"server_port": int(job.spec.get("single-ended-port", port))})
    if len(job.participant_data) != 2:
        raise PluginFailed(f"There must be two participants, not {len(job.participant_data)}")
    told = job.participant_data[1]
    if not isinstance(told, dict) or type(told.get("server_port")) is not int:  # True is an int as well
        raise PluginFailed("Participant 1 did not report the port of its server")
    return _checked(client, job, told) if job.participant == 0 else server(job, told, lambda: False)


def _checked(client: Client, job: Job, told: Told) -> JSON:
    """Be the client of a server whose ports, which the other end chose, tasks may reach. Raises Refused."""
    for name in ("server_port", "data_port_start"):
        if type(told.get(name)) is int:
            guarded_connections.check(find_ends(job.spec).dest, told[name])
    return client(job, told)


def _both(job: Job, client: Client, server: Server) -> JSON:
    """Both ends here, on free ports: at the usual one there may be a server already."""
    from concurrent.futures import ThreadPoolExecutor

    told = {"server_port": free_port(), "data_port_start": free_port()}
    done = threading.Event()
    with ThreadPoolExecutor(1) as server_thread:
        serving = server_thread.submit(server, job, told, done.is_set)
        try:
            measured = client(job, told)
        finally:
            done.set()
            serving.result()  # where the server broke down, that is why the client did
    return measured


def free_port() -> int:
    with socket.create_server(("", 0)) as listener:
        found: int = listener.getsockname()[1]
    return found


def measure(
    job: Job,
    command: Sequence[str],
    wait: dt.timedelta,
    limit: dt.timedelta,
    parse: Parse,
    note: str = "",
) -> dict[str, JSON]:
    """The local result of a client that is run ``wait`` after the start and takes ``limit`` at most.

    ``note`` goes before what it said. Raises PluginFailed, with all of that, where it failed.
    """
    job.wait_for_start()
    job.sleep(wait)
    done = job.host.execute(command, limit.total_seconds())
    diags = note + describe(command, done)
    if done.status != 0:
        raise PluginFailed(complaint(command, done), diags)
    return read(parse, done.stdout, diags)


def serve(
    job: Job,
    command: Sequence[str],
    time: dt.timedelta,
    unwanted: Unwanted,
    *,
    ends_itself: bool = False,
    note: str = "",
) -> dict[str, JSON]:
    """The local result of a server, which leaves the figures to its client.

    It runs from the start until it is not needed or its time is up. One that ends before that has failed,
    unless it ``ends_itself`` after its client and says that all went well. ``note`` goes before what it said.
    Raises PluginFailed, with all of that, where it failed.
    """
    job.wait_for_start()
    end = job.host.now() + time
    # Being over the limit is a failure, so it has to be behind the end.
    limit = (time + SECOND).total_seconds()
    done = job.host.execute(command, limit, until=lambda: unwanted() or job.host.now() >= end)
    diags = note + describe(command, done)
    if not done.stopped and not (ends_itself and done.status == 0):
        raise PluginFailed(complaint(command, done), diags)
    return result({}, diags)


def result(measured: Mapping[str, JSON], diags: str) -> dict[str, JSON]:
    """A local result in the flat form: the test's own."""
    return {"schema": 1, "succeeded": True, "diags": diags, **measured}


def read(parse: Parse, printed: str, diags: str) -> dict[str, JSON]:
    """What a program printed, as a local result. Raises PluginFailed with the diags where ``parse`` does."""
    try:
        return result(parse(printed), diags)
    except PluginFailed as error:
        raise PluginFailed(error.message, diags) from error


def describe(command: Sequence[str], done: Completed) -> str:
    """What was run, and all that it said."""
    return f"{' '.join(command)}\n\n{done.stdout}{done.stderr}"


def complaint(command: Sequence[str], done: Completed) -> str:
    """Why a program failed: the first line of its errors, or of what it printed, or its status."""
    said = [line.strip() for line in f"{done.stderr}\n{done.stdout}".splitlines() if line.strip()]
    return said[0] if said else f"{command[0]} ended with status {done.status}"
