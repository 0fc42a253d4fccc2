"""powstream: performs latencybg by sessions of OWAMP one after another (docs/contract/tools.md section 5).

The program comes with perfSONAR's owamp-client, as does owstats. It writes the packets of each session
into a file and prints its path; what owstats finds in the file is a result at once.
"""

import contextlib
import datetime as dt
import pathlib
import tempfile

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND, ZERO, parse_duration
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Cancelled, Job, PluginFailed
from plugins.sdk.test import Result
from plugins.sdk.tool import Tool
from plugins.tools.one_way import packet_records, packet_summary
from plugins.tools.one_way.owamp_options import directed, options, ports, whole
from plugins.tools.one_way.owamp_output import parse_one_way as parse

COUNT = 600
INTERVAL = 0.1
PORT = 861
DURATION = dt.timedelta(days=1)
ENDING = 2 * SECOND
"""What planning adds for the end of the program."""
READING = 30.0
"""Seconds owstats may take for a file."""


def declines(test: str, spec: Spec) -> list[str]:
    protocol = spec.get("protocol", "owamp")
    rules = (
        ("ip-tos" in spec, "Does not set ip-tos"),
        (protocol != "owamp", f"Does not speak {protocol}, only owamp"),
    )
    return [reason for broken, reason in rules if broken]


def duration(test: str, spec: Spec) -> dt.timedelta:
    return (parse_duration(spec["duration"]) if "duration" in spec else DURATION) + ENDING


def argv(spec: Spec, near: str | None, far: str, directory: str) -> list[str]:
    """The program and its arguments, from an address here, where it matters, to one there."""
    given: list[tuple[str, JSON]] = [
        ("-d", directory),
        ("-s", whole(spec, "packet-padding")),
        ("-P", ports(spec)),
        ("-c", int(spec.get("packet-count", COUNT))),
        ("-i", packet_summary.plain(packet_summary.setting(spec, "packet-interval", INTERVAL))),
        ("-L", int(spec.get("packet-timeout", 0)) or None),
    ]
    way = directed(spec, near, far, int(spec.get("ctrl-port", PORT)))
    return ["powstream", "-p", *options(spec, given), *way]


def run(job: Job) -> JSON:
    """Emit a result a session until the time planned is up.

    Raises PluginFailed when the program ends before that, which it never does of its own accord.
    """
    near, far = packet_summary.ends(job.spec)
    job.wait_for_start()
    left = job.start + job.duration - ENDING - job.host.now()
    with tempfile.TemporaryDirectory(prefix="pscheduler-powstream-") as directory:
        command = argv(job.spec, near, far, directory)
        done = job.host.follow(
            command,
            max(ZERO, left).total_seconds(),
            lambda line: _take(job, pathlib.Path(directory), line),
            directory=directory,
        )
    diags = f"{' '.join(command)}\n\n{done.stderr}"
    if done.status >= 0:
        raise PluginFailed(done.stderr.strip() or f"powstream ended with status {done.status}", diags)
    return {"schema": 1, "succeeded": True, "diags": diags}


def _take(job: Job, directory: pathlib.Path, line: str) -> None:
    """Emit what is in the file whose path is printed, and delete it; other kinds are only deleted."""
    path = directory / line.strip()
    if path.parent != directory:
        return  # a message, or no file of ours
    try:
        if path.suffix == ".owp":
            job.emit(_measured(job, path))
    finally:
        with contextlib.suppress(OSError, ValueError):  # ValueError: a NUL in what was printed
            path.unlink()


def _measured(job: Job, path: pathlib.Path) -> Result:
    """The result in a file, or the failure to read it."""
    command = ["owstats", "-R", str(path)]
    try:
        done = job.host.execute(command, timeout=READING)
        if done.status != 0:
            raise PluginFailed(done.stderr.strip() or f"owstats ended with status {done.status}")
        return packet_records.result(parse(done.stdout), job.spec)
    except Cancelled:
        raise
    except PluginFailed as error:
        return {"succeeded": False, "error": f"A session could not be read: {error.message}"}


TOOL = Tool(
    name="powstream",
    description="Measure one-way latency all the time with OWAMP, by the program powstream",
    tests=("latencybg",),
    # 2, not the reference's 1: with 1 there could be no protocol, which it looks at.
    max_schema=2,
    programs=("powstream", "owstats"),
    declines=declines,
    duration=duration,
    run=run,
    resumes=True,
    merge=packet_summary.merge,
)
