"""Reads a transcript in Markdown: what the second of two reference servers was asked, and answered.

A request is a numbered line; indented lines below it show its body and its answer. Texts that were too long
for the transcript end in an ellipsis; of those nothing is kept.
"""

import json
import re
import urllib.parse
from collections.abc import Iterator
from typing import Any

CONVERSATIONS = ("simplestream", "throughput")
"""Those in which a second server takes part."""

_REQUEST = re.compile(r"^\d+\. \+\S+ \(\d+ ms\) \*\*(\w+)\*\* \[.*?\] `(\S+) /pscheduler(.*)`$")
_BODY = re.compile(r"^   - body \(.*?\): `(.*)`$")
_ANSWER = re.compile(r"^   - -> (\d+) [^`]*? (\S+/[\w-]+)[^`]*: `(.*?)`?$")
_WORDING = {"description", "maintainer", "diags", "limit-diags", "state-display"}
"""Members that a person reads, or that name somebody."""


def distilled(transcript: str) -> Iterator[dict[str, Any]]:
    """The requests to the second server, in order, each with the name of its conversation."""
    for name in CONVERSATIONS:
        _, _, rest = transcript.partition(f"\n## {name}:")
        section, _, _ = rest.partition("\n## ")
        for request in _requests(section):
            if request.pop("to") == "node2":
                yield {"conversation": name, **request}


def _requests(section: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for line in section.splitlines():
        if asked := _REQUEST.match(line):
            found.append(_asked(*asked.groups()))
        elif body := _BODY.match(line):
            if (value := _complete(body[1])) is not None:
                found[-1]["body"] = value
        elif (answer := _ANSWER.match(line)) and "status" not in found[-1]:
            found[-1] |= {"status": int(answer[1]), **_answered(answer[2], answer[3])}
    return found


def _asked(server: str, method: str, target: str) -> dict[str, Any]:
    path, _, query = target.partition("?")
    return {"to": server, "method": method, "path": path, "query": urllib.parse.parse_qsl(query)}


def _complete(text: str) -> Any:
    """The JSON of a text, or None where the transcript breaks off."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def _answered(media: str, text: str) -> dict[str, Any]:
    if not media.endswith("json"):
        return {"text": text}
    value = _complete(text)
    return {} if value is None else {"json": "" if _is_prose(value) else without_wording(value)}


def _is_prose(value: Any) -> bool:
    return isinstance(value, str) and " " in value


def without_wording(value: Any) -> Any:
    if isinstance(value, list):
        return [without_wording(one) for one in value]
    if isinstance(value, dict):
        return {name: without_wording(one) for name, one in value.items() if name not in _WORDING}
    return value
