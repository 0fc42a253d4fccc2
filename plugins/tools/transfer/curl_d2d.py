"""curl-d2d: performs disk-to-disk by fetching a URL into a file (docs/contract/tools.md section 2).

Sources are http, https and files of this machine that may be copied, destinations new files in its folders
for copies: see ``file_copy.py``.
"""

from typing import BinaryIO

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import format_duration
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Job, PluginFailed, wrapped
from plugins.sdk.test import Result
from plugins.sdk.tool import Tool
from plugins.tools.transfer import file_copy
from plugins.tools.web import fetch, fetched_urls

LONGEST_ERROR = 1000
"""Characters of a body that are given as the error of a run that failed."""


def declines(test: str, spec: Spec) -> list[str]:
    source, dest = spec["source"], spec["dest"]
    if file_copy.local_path(dest) is None:
        return [f"Copies to files of this machine only, not to {dest}"]
    refusal = fetched_urls.form_refusal(file_copy.as_url(source))
    return [refusal] if refusal else []


def here(test: str, spec: Spec) -> list[str]:
    source, dest = spec["source"], spec["dest"]
    if declines(test, spec):
        return []
    refusals = (file_copy.source_refusal(source), file_copy.dest_refusal(dest))
    return [refusal for refusal in refusals if refusal]


def run(job: Job) -> JSON:
    """Raises PluginFailed where the whole did not come in time, or cannot be written."""
    source, dest = job.spec["source"], job.spec["dest"]
    job.wait_for_start()
    refusal = file_copy.source_refusal(source)  # it may have changed since the tool was chosen
    if refusal:
        raise PluginFailed(refusal)
    with file_copy.made(dest, keep=not job.spec.get("cleanup", True)) as file:
        result = _copied(file_copy.as_url(source), file, file_copy.timeout(job.spec).total_seconds())
    return wrapped(result, f"Copied {source} to {dest}")


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
    label="cURL Disk-to-Disk",
    description="Copy what a URL holds into a file and measure how long it takes",
    tests=("disk-to-disk",),
    max_schema=1,
    declines=declines,
    here=here,
    duration=lambda test, spec: file_copy.timeout(spec),
    run=run,
)
