"""The limit url-fetch: a server elsewhere decides (docs/contract/limits.md section 7)."""

import dataclasses
import datetime as dt
import json
from collections.abc import Mapping

from chalicelib.domain.documents import load_whole
from chalicelib.domain.errors import Invalid, Unavailable
from chalicelib.domain.jq_scripts import Jq, ScriptFailed
from chalicelib.domain.limits.kind_base import check_proxy
from chalicelib.domain.limits.policy_scripts import JQ, Script, given_hints, script_with_hints
from chalicelib.domain.limits.surroundings import Query, Surroundings
from chalicelib.domain.schemas import JSON, closed
from chalicelib.domain.times import parse_duration
from chalicelib.domain.types import TYPES

LONGEST_TIMEOUT = dt.timedelta(seconds=5)
MOST_REASON = 1000
"""Characters of what the server says that are passed on."""

_BOOLEAN, _OBJECT = TYPES["Boolean"], {"type": "object"}
SCHEMA = closed(
    {
        "url": TYPES["URL"],
        "proxy": TYPES["URL"],
        "url-transform": JQ,
        "headers": _OBJECT,
        "headers-transform": JQ,
        "params": _OBJECT,
        "params-transform": JQ,
        "bind": TYPES["Host"],
        "verify-keys": _BOOLEAN,
        "follow-redirects": _BOOLEAN,
        "timeout": TYPES["Duration"],
        "success-only": _BOOLEAN,
        "fail-result": _BOOLEAN,
    },
    ("url",),
)


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a limit says of a task."""

    passed: bool
    reasons: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Judge:
    """A server that is asked, and what counts where it does not say."""

    data: Mapping[str, JSON]
    transforms: Mapping[str, Script]
    timeout: dt.timedelta

    def ask(self, task: Mapping[str, JSON], hints: Mapping[str, JSON], around: Surroundings) -> Verdict:
        """What the server says of a task."""
        try:
            status, text = around.pages.get(self._query(task, hints, around.jq))
        except (ScriptFailed, Unavailable, Invalid) as error:
            return self._without_verdict(str(error))
        return self._read(status, text)

    def _query(self, task: Mapping[str, JSON], hints: Mapping[str, JSON], jq: Jq) -> Query:
        # Headers and parameters are input to their transforms; without one nothing is sent.
        url = self._made("url", {"url": self.data["url"], "run": {"task": task}}, hints, jq, self.data["url"])
        sent = {}
        for name in ("headers", "params"):
            made = self._made(name, {name: self.data.get(name, {}), "run": {"task": task}}, hints, jq, {})
            found = made.get(name, {}) if isinstance(made, dict) else None
            if not isinstance(found, dict):
                raise Invalid(
                    f"The transform of {name} must produce an object with a member {name} that is an object"
                )
            sent[name] = {str(key): _text(value) for key, value in found.items()}
        if not isinstance(url, str) or not url.startswith(("https://", "http://")):
            raise Invalid("The URL must begin with https:// or http://")
        return Query(
            url,
            sent["headers"],
            sent["params"],
            self.timeout,
            self.data.get("bind"),
            self.data.get("verify-keys", True),
            self.data.get("follow-redirects", True),
            self.data.get("proxy"),
        )

    def _made(self, name: str, given: JSON, hints: Mapping[str, JSON], jq: Jq, otherwise: JSON) -> JSON:
        transform = self.transforms.get(name)
        return otherwise if transform is None else given_hints(transform, hints).first(jq, given)

    def _read(self, status: int, text: str) -> Verdict:
        if self.data.get("success-only", False) and status in (200, 404):
            return Verdict(status == 200, () if status == 200 else ("The server does not have it",))
        if status != 200:
            return self._without_verdict(f"The server answered with status {status}")
        try:
            answer = load_whole(text, "Its answer")
        except Invalid:
            return self._without_verdict("The server's answer is not JSON")
        if not isinstance(answer, dict):
            return Verdict(False, ("The server's answer is not an object",))
        passed, message = answer.get("passed"), answer.get("message")
        if not isinstance(passed, bool):
            return self._without_verdict("The server's answer has no boolean passed")
        return Verdict(passed, (str(message)[:MOST_REASON],) if message is not None else ())

    def _without_verdict(self, why: str) -> Verdict:
        return Verdict(self.data.get("fail-result", False), (why[:MOST_REASON],))


def _text(value: JSON) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def judge(data: Mapping[str, JSON], pointer: str, jq: Jq) -> Judge:
    """The judge that checked data describes. Raises Invalid."""
    names = ("url", "headers", "params")
    transforms = {
        name: script_with_hints(data[f"{name}-transform"], f"{pointer}/{name}-transform", jq)
        for name in names
        if f"{name}-transform" in data
    }
    try:
        timeout = min(parse_duration(data.get("timeout", "PT3S")), LONGEST_TIMEOUT)
    except Invalid as error:
        raise error.inside(f"{pointer}/timeout") from error
    if "url-transform" not in data and not data["url"].startswith(("https://", "http://")):
        raise Invalid("must begin with https:// or http://", f"{pointer}/url")
    check_proxy(data, pointer)
    return Judge(data, transforms, timeout)
