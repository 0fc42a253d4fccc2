"""curl-d2d: performs disk-to-disk by fetching a URL into a file (contract/tools.md section 2).

Sources are http, https and files of this machine, destinations files in its folder for temporary ones.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import format_duration
from plugins.sdk.base import Job, PluginFailed, Result, Spec, Tool, wrapped
from plugins.tools.transfer import file_copy
from plugins.tools.web import fetch

LONGEST_ERROR = 1000
"""Characters of a body that are given as the error of a run that failed."""


def declines(test: str, spec: Spec) -> list[str]:
    source, dest = spec["source"], spec["dest"]
    if file_copy.local_path(dest) is None:
        return [f"Copies to files of this machine only, not to {dest}"]
    if file_copy.same_file(source, dest):
        return ["The source and the destination are the same file"]
    refusals = (fetch.refusal(file_copy.as_url(source)), file_copy.dest_refusal(dest))
    return [refusal for refusal in refusals if refusal]


def run(job: Job) -> JSON:
    """Raises PluginFailed where the whole did not come in time, or cannot be written."""
    source, dest = job.spec["source"], job.spec["dest"]
    job.wait_for_start()
    try:
        with _opened(dest) as file:
            result = _copied(file_copy.as_url(source), file, file_copy.timeout(job.spec).total_seconds())
    except PluginFailed:
        file_copy.remove(dest)
        raise
    if job.spec.get("cleanup", True):
        file_copy.remove(dest)
    return wrapped(result, f"Copied {source} to {dest}")


@contextmanager
def _opened(dest: str) -> Iterator[BinaryIO]:
    refusal = file_copy.dest_refusal(dest)  # it may have changed since the tool was chosen
    if refusal:
        raise PluginFailed(refusal)
    try:
        number = os.open(
            file_copy.local_path(dest) or "", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600
        )
        with os.fdopen(number, "wb") as file:
            yield file
    except OSError as error:
        raise PluginFailed(f"{dest} cannot be written: {error.strerror}") from error


def _copied(url: str, file: BinaryIO, limit: float) -> Result:
    """Copy what a URL holds into a file: its size in bytes, and bits a second."""
    fetched = fetch.fetch(url, {}, limit, save=file.write)
    if not fetched.succeeded:
        error = fetched.body.decode(errors="replace")[:LONGEST_ERROR]
        raise PluginFailed(error or fetched.summary, f"{fetched.summary}\n")
    size, seconds = file.tell(), max(fetched.time.total_seconds(), 1e-6)
    time = format_duration(fetched.time)
    return {
        "schema": 1,
        "succeeded": True,
        "time": time,
        "bytes-sent": size,
        "throughput": 8 * size / seconds,
    }


TOOL = Tool(
    name="curl-d2d",
    description="Copy what a URL holds into a file and measure how long it takes",
    tests=("disk-to-disk",),
    max_schema=1,
    declines=declines,
    duration=lambda test, spec: file_copy.timeout(spec),
    run=run,
)
