"""opensearch: adds results to an index or data stream of OpenSearch or Elasticsearch, by their bulk API.

An addition to the contract. A document goes under the run's own identifier and only where there is none
yet, so that one that is sent twice is there once.
"""

import json
from collections.abc import Mapping

from chalicelib.domain.schemas import JSON, closed, pattern
from plugins.sdk.archiver import Archiver
from plugins.sdk.jobs import Outcome, Parcel
from plugins.support import urls, web_posts
from plugins.support.web_answers import outcome_of

THERE_ALREADY = 409
_INDEX = pattern(
    r"[a-z0-9][a-z0-9_.\-]{0,200}", "{value!r} is not the name of an index: lower case letters, digits, . _ -"
)


def deliver(parcel: Parcel) -> Outcome:
    """Add the result; ``_url`` is the server's, to which ``/_bulk`` is added."""
    data = {**parcel.data, "_url": _bulk(parcel.data["_url"])}
    content = "".join(f"{json.dumps(line)}\n" for line in (_action(parcel), document(parcel.result)))
    return outcome_of(parcel, urls.post(data, content.encode(), "application/x-ndjson"), _refusal)


def _bulk(url: str) -> str:
    return url if url.rstrip("/").endswith("/_bulk") else f"{url.rstrip('/')}/_bulk"


def _action(parcel: Parcel) -> dict[str, JSON]:
    where: dict[str, JSON] = {"_index": parcel.data["index"]}
    run = parcel.result.get("id") if isinstance(parcel.result, dict) else None
    return {"create": {**where, **({"_id": run} if isinstance(run, str) else {})}}


def document(result: JSON) -> dict[str, JSON]:
    """The document with the ``@timestamp`` that data streams ask for; what is no object is put into one."""
    if not isinstance(result, dict):
        return {"result": result}
    schedule = result.get("schedule")
    start = schedule.get("start") if isinstance(schedule, dict) else None
    return {"@timestamp": start, **result} if start and "@timestamp" not in result else result


def _refusal(reply: web_posts.Reply) -> str | None:
    """What the server would not take of the one document; None where it is there."""
    try:
        done = json.loads(reply.body)["items"][0]["create"]
        status, error = int(done["status"]), done.get("error") or {}
    except (ValueError, LookupError, TypeError, AttributeError):
        return "The server's response is not one of the bulk API"
    if status == THERE_ALREADY or 200 <= status < 300:
        return None
    return f"The document was refused with status {status}: {_told(error)}"


def _told(error: Mapping[str, JSON] | str) -> str:
    return error if isinstance(error, str) else str(error.get("reason", error.get("type", "")))


ARCHIVER = Archiver(
    name="opensearch",
    label="OpenSearch",
    description="Add results to an index of OpenSearch",
    data={1: closed({**urls.SETTINGS, "index": _INDEX}, required=("_url", "index"))},
    deliver=deliver,
    check=urls.check,
)
