"""curl: performs http by fetching a URL, without the program of that name (docs/contract/tools.md section 2).

How a URL is fetched stands in ``fetch.py``; here is what is made of the answer. A failure to get
any answer counts as status 400, and content that is to be kept but cannot be read as text as 415.
"""

import dataclasses
import datetime as dt

from chalicelib.domain import result_size
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND, format_duration, parse_duration
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Job, PluginFailed, wrapped
from plugins.sdk.tool import Tool
from plugins.tools.web import fetch, fetched_urls, phases
from plugins.tools.web.fetch import Fetched

TIMEOUT = 10 * SECOND
NOT_TEXT = 415
LONGEST_ERROR = 1000
"""Characters of a body that are given as the error of a run that failed."""


def timeout(spec: Spec) -> dt.timedelta:
    return parse_duration(spec["timeout"]) if "timeout" in spec else TIMEOUT


def declines(test: str, spec: Spec) -> list[str]:
    error = fetched_urls.form_refusal(spec["url"])
    if error:
        return [error]
    about_content = [name for name in ("keep-content", "parse") if name in spec]
    if about_content and fetched_urls.is_file(spec["url"]):
        return [f"Does not do {name} with files" for name in about_content]
    return []


def here(test: str, spec: Spec) -> list[str]:
    error = None if declines(test, spec) else fetched_urls.refusal(spec["url"])
    return [error] if error else []


def run(job: Job) -> JSON:
    """Raises PluginFailed with the body, or what went wrong, unless the spec says ``always-succeed``."""
    spec = job.spec
    phases.tls()
    job.wait_for_start()
    fetched = fetch.fetch(
        spec["url"], spec.get("headers", {}), timeout(spec).total_seconds(), spec.get("ip-version")
    )
    if "keep-content" in spec and fetched.text is None:
        error = f"The content is not text in {fetched.encoding}"
        fetched = dataclasses.replace(fetched, status=NOT_TEXT, body=error.encode(), encoding="utf-8")
    if not fetched.succeeded and not spec.get("always-succeed"):
        body = fetched.body.decode(errors="replace")[:LONGEST_ERROR]
        raise PluginFailed(body or fetched.summary, f"{fetched.summary}\n")
    found = result(spec, fetched)
    return wrapped(found, f"{fetched.summary}\n{_left_out(spec, fetched, found)}")


def content(fetched: Fetched) -> str:
    """What was fetched as text, whatever it is."""
    return fetched.body.decode(fetched.encoding, errors="replace")


def _left_out(spec: Spec, fetched: Fetched, found: dict[str, JSON]) -> str:
    """A line that says what of the content is not kept although it was asked for; "" where all of it is."""
    if "content" not in found:
        return ""
    wanted = len(content(fetched)[: spec.get("keep-content") or None])
    kept = len(found["content"])
    return f"Of {wanted} characters, {kept} are kept: a run can have no more\n" if kept < wanted else ""


def result(spec: Spec, fetched: Fetched) -> dict[str, JSON]:
    """The test's result, of the lowest schema that has what is in it: status and content came with 2,
    phases with 5."""
    text = content(fetched)
    found: dict[str, JSON] = {"succeeded": True, "time": format_duration(fetched.time)}
    if "parse" in spec:
        found["found"] = spec["parse"] in text
    if spec.get("always-succeed"):
        found["status"] = fetched.status
    if "keep-content" in spec or not fetched.succeeded:
        found["content"] = result_size.cut(text[: spec.get("keep-content") or None])
    newer = 2 if "status" in found or "content" in found else 1
    if spec.get("phases"):
        found["phases"] = phases.shown(fetched.phases, fetched.time)
    return {"schema": 5 if "phases" in found else newer, **found}


TOOL = Tool(
    name="curl",
    label="cURL",
    description="Fetch a URL and measure how long it takes",
    tests=("http",),
    max_schema=5,
    declines=declines,
    here=here,
    duration=lambda test, spec: timeout(spec),
    run=run,
)
