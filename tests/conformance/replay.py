"""Asks a node what a reference server was asked, and compares the answers::

    python -m tests.conformance.replay http://127.0.0.1:8000/pscheduler api

A conversation is a ``.jsonl`` file of this folder, made by ``distill.py``. Its requests go out in order,
since later ones speak of what earlier ones made: ``{task:minimal}`` is an identifier that a case saves from
its answer, or defines; ``{task:minimal|upper}`` and ``{...|bare}`` are the same written in other ways, and
``{now+3600}`` is a time, in seconds from now.

A case agrees when the status is the recorded one and the answer has its shape. Where the reference failed
(500), anything below 500 will do. What a run looks like depends on when one asks, so that is asked again
until it agrees or patience ends.
"""

import argparse
import dataclasses
import datetime as dt
import http.client
import json
import pathlib
import re
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterator
from typing import Any

from tests.conformance import shapes

HERE = pathlib.Path(__file__).resolve().parent
Case = dict[str, Any]

_IDENTIFIER = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SYMBOL = re.compile(
    r"\{(?P<clock>now|naivenow)(?P<offset>[+-]\d+)\}|\{(?P<name>[a-z]+:[^{}|]+)(?:\|(?P<form>\w+))?\}"
)
_FORMS: dict[str | None, Callable[[str], str]] = {
    None: str,
    "upper": str.upper,
    "bare": lambda name: name.replace("-", ""),
}
_AS_IT_IS = "/:%?&=~-._!$'()*+,;@"
"""What stands in a recorded path the way it was sent."""
_UNAVAILABLE = (502, 503, 504)


def cases(name: str) -> list[Case]:
    """The requests of a conversation, in order."""
    return [json.loads(line) for line in (HERE / f"{name}.jsonl").read_text().splitlines()]


@dataclasses.dataclass(frozen=True)
class Answer:
    """What came back: ``value`` is the JSON, or the text where it is none."""

    status: int
    media: str
    value: Any

    @property
    def is_json(self) -> bool:
        return self.media.partition(";")[0].strip().endswith("json")


class Conversation:
    """What is said to one node, with the identifiers that came up in it."""

    def __init__(self, base: str, patience: float = 15):
        self._url = urllib.parse.urlsplit(base.rstrip("/"))
        self._known: dict[str, str] = {}
        self._patience = patience
        self._disappointing: set[str] = set()

    def differences(self, case: Case) -> list[str]:
        """Ask, and say how the answer differs from the recorded one."""
        found = self._differences_now(case)
        until = time.monotonic() + self._patience_with(case)
        while found and time.monotonic() < until:
            time.sleep(0.5)
            found = self._differences_now(case)
        if found and self._depends_on_when(case):
            self._disappointing.add(self._task(case))
        return found

    def ask(self, case: Case) -> Answer:
        """Send a case's request, and save the identifiers it wants from the answer."""
        self._known.update(case.get("define", {}))
        answer = self._send(case)
        for name, pointer in case.get("save", {}).items():
            if identifiers := _IDENTIFIER.findall(_text_at(answer.value, pointer)):
                self._known[name] = identifiers[-1]
        return answer

    def filled(self, text: str) -> str:
        """The text with identifiers and times in the places of their symbols."""
        return _SYMBOL.sub(self._replacement, text)

    def _differences_now(self, case: Case) -> list[str]:
        try:
            return list(self._compared(case, self.ask(case)))
        except (OSError, http.client.HTTPException, ValueError) as error:
            return [f"no answer: {type(error).__name__}: {error}"]

    def _compared(self, case: Case, answer: Answer) -> Iterator[str]:
        """How an answer differs from the recorded one."""
        failed_there = case["status"] >= 500 and case["status"] != 501
        if failed_there:
            if answer.status >= 500 and answer.status not in _UNAVAILABLE:
                yield f"status {answer.status}, not below 500"
        elif answer.status != case["status"]:
            yield f"status {answer.status}, not {case['status']}: {str(answer.value)[:200]}"
        elif "answer" in case and not answer.is_json:
            yield f"{answer.media}, not JSON"
        elif "answer" in case:
            wanted = json.loads(self.filled(json.dumps(case["answer"])))
            yield from shapes.differences(wanted, answer.value)

    def _patience_with(self, case: Case) -> float:
        """Seconds; a task that once kept us waiting in vain is not waited for again."""
        hopeless = not self._depends_on_when(case) or self._task(case) in self._disappointing
        return 0 if hopeless else self._patience

    def _depends_on_when(self, case: Case) -> bool:
        return case["method"] == "GET" and "/runs" in case["path"]

    def _task(self, case: Case) -> str:
        return str(case["path"].partition("/runs")[0])

    def _replacement(self, symbol: "re.Match[str]") -> str:
        if name := symbol["name"]:
            known = self._known.get(name)
            return symbol[0] if known is None else _FORMS[symbol["form"]](known)
        when = dt.datetime.now(dt.timezone.utc) + dt.timedelta(seconds=int(symbol["offset"]))
        return f"{when:%Y-%m-%dT%H:%M:%S}{'+00:00' if symbol['clock'] == 'now' else ''}"

    def _send(self, case: Case) -> Answer:
        source = (case["from"], 0) if "from" in case else None
        assert self._url.hostname
        link = http.client.HTTPConnection(
            self._url.hostname, self._url.port, timeout=90, source_address=source
        )
        try:
            body, headers = self._body(case), case.get("headers", {})
            if body is not None:
                headers = {"Content-Type": "application/json", **headers}
            link.request(case["method"], self._target(case), body=body, headers=headers)
            reply = link.getresponse()
            text = reply.read().decode(errors="replace")
            answer = Answer(reply.status, reply.getheader("Content-Type") or "", text)
        finally:
            link.close()
        return dataclasses.replace(answer, value=json.loads(text)) if answer.is_json and text else answer

    def _target(self, case: Case) -> str:
        path = self._url.path + urllib.parse.quote(self.filled(case["path"]), safe=_AS_IT_IS)
        query = urllib.parse.urlencode([(name, self.filled(value)) for name, value in case.get("query", [])])
        return f"{path}?{query}" if query else path

    def _body(self, case: Case) -> bytes | None:
        if "json" in case:
            return self.filled(json.dumps(case["json"])).encode()
        return self.filled(case["text"]).encode() if "text" in case else None


def _text_at(value: Any, pointer: str) -> str:
    """The text that the JSON pointer leads to, empty where there is none."""
    for step in pointer.split("/")[1:]:
        try:
            value = value[int(step)] if isinstance(value, list) else value[step]
        except (LookupError, TypeError, ValueError):
            return ""
    return value if isinstance(value, str) else ""


def replay(base: str, name: str, patience: float = 15) -> dict[str, list[str]]:
    """The cases of a conversation with how each answer differs; an empty list where it agrees."""
    conversation = Conversation(base, patience)
    return {case["id"]: conversation.differences(case) for case in cases(name)}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("base", help="the root of the node's API")
    parser.add_argument("name", help="the conversation: api, specs or lifecycle")
    parser.add_argument("--patience", type=float, default=15, help="seconds to wait for a run to agree")
    options = parser.parse_args()
    found = replay(options.base, options.name, options.patience)
    different = {identity: sentences for identity, sentences in found.items() if sentences}
    for identity, sentences in different.items():
        print(identity, *sentences[:4], sep="\n    ")
    print(f"{len(found) - len(different)} of {len(found)} cases agree")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
