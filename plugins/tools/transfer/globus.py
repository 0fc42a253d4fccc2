"""globus: performs disk-to-disk with the program globus-url-copy (docs/contract/tools.md section 2)."""

import contextlib
import datetime as dt
import re
import time
import urllib.parse

from chalicelib.domain.schemas import JSON
from chalicelib.domain.si import parse_si
from chalicelib.domain.times import format_duration
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Job, PluginFailed, wrapped
from plugins.sdk.test import Result
from plugins.sdk.tool import Tool
from plugins.support import guarded_connections
from plugins.tools.transfer import file_copy

PROGRAM = "globus-url-copy"
_PORTS = {"gsiftp": 2811, "ftp": 21, "http": 80, "https": 443, "sshftp": 22}

_PROGRESS = re.compile(
    r"([0-9]{1,30}) bytes\s+([0-9]{1,30}(?:\.[0-9]{1,9})?) ([KMGTP]?)B/sec avg", re.IGNORECASE | re.ASCII
)


def declines(test: str, spec: Spec) -> list[str]:
    source, dest = spec["source"], spec["dest"]
    options = [place for place in (source, dest) if "://" not in file_copy.as_url(place)]
    return [f"{place} is neither a URL nor an absolute path" for place in options]


def here(test: str, spec: Spec) -> list[str]:
    refusals = (file_copy.source_refusal(spec["source"]), file_copy.dest_refusal(spec["dest"]))
    return [refusal for refusal in refusals if refusal]


def argv(spec: Spec, dest: str | None = None) -> list[str]:
    """The program and its arguments, to another place where one is given; ``-vb`` reports progress."""
    parallel = int(spec.get("parallel", 1))
    return [
        *(PROGRAM, "-vb"),
        *(["-p", str(parallel)] if parallel > 1 else []),
        *(file_copy.as_url(place) for place in (spec["source"], dest or spec["dest"])),
    ]


def parse(output: str) -> dict[str, JSON]:
    """What the last progress line says: ``{bytes-sent, throughput}``, the latter in bits a second.

    Nothing where there is no such line, as with a file that is copied before the first is due.
    """
    lines = _PROGRESS.findall(output)
    if not lines:
        return {}
    size, rate, prefix = lines[-1]
    return {"bytes-sent": int(size), "throughput": 8 * parse_si(rate + prefix)}


def _check(spec: Spec) -> None:
    """Raise where an end must not be reached.

    The program looks names up again itself: its servers' certificates are for names, so it cannot be handed
    the address that was checked.
    """
    for end in ("source", "dest"):
        parts = urllib.parse.urlsplit(file_copy.as_url(spec[end]))
        if parts.hostname and parts.scheme != "file":
            with contextlib.suppress(guarded_connections.Unresolvable):  # which is for the program to say
                guarded_connections.places(parts.hostname, parts.port or _PORTS.get(parts.scheme, 0))


def run(job: Job) -> JSON:
    """Raises PluginFailed where the program could not copy all of it in time."""
    spec = job.spec
    _check(spec)
    job.wait_for_start()
    refusal = file_copy.source_refusal(spec["source"])  # it may have changed since the tool was chosen
    if refusal:
        raise PluginFailed(refusal)
    with file_copy.landed(spec["dest"], keep=not spec.get("cleanup", True)) as dest:
        command = argv(spec, dest)
        begun = time.monotonic()
        done = job.host.execute(command, timeout=file_copy.timeout(spec).total_seconds())
        taken = dt.timedelta(seconds=time.monotonic() - begun)
        diags = f"{' '.join(command)}\n\n{done.stdout}{done.stderr}"
        if done.status != 0:
            raise PluginFailed(done.stderr.strip() or f"{PROGRAM} ended with status {done.status}", diags)
    result: Result = {"schema": 1, "succeeded": True, "time": format_duration(taken), **parse(done.stdout)}
    return wrapped(result, diags)


TOOL = Tool(
    name="globus",
    description="Copy a file with GridFTP, by the program globus-url-copy",
    tests=("disk-to-disk",),
    max_schema=1,
    programs=(PROGRAM,),
    declines=declines,
    here=here,
    duration=lambda test, spec: file_copy.timeout(spec),
    run=run,
)
