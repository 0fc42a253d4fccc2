"""One request as the pages see it (docs/contract/api.md, "Global rules")."""

import dataclasses
import datetime as dt
import types
import uuid
from collections.abc import Mapping

from chalicelib.domain import echoes, numerals
from chalicelib.domain.documents import DEEPEST, load
from chalicelib.domain.echoes import shown
from chalicelib.domain.errors import Invalid, NotFound, TooLarge, Unsupported
from chalicelib.domain.names import NodeName, RunId, TaskId
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import parse_timestamp

LOOK_EVERY = 0.5
"""Seconds between looks for what is not there yet, where the front cannot wait for it."""
_AS_CAME: Mapping[str, str] = types.MappingProxyType({})
API_LEVEL = 7
LARGEST_BODY = 10 * 1024 * 1024
"""Bytes of a request's body, also of what it is compressed from; API Gateway lets no more pass."""
LARGEST_DOCUMENT = 512 * 1024
"""Characters of a document that is posted, where nothing else is said: three times those of a task. What is
made of JSON takes up to fifty times its size, and all the time of a processor."""
MOST_MEMBERS = 1_000_000
"""Commas in a document, however large."""


class NotYet(Exception):
    """What is asked for is not there, and the client would wait: ask again when something has happened to
    ``task``, and in any case at ``until``.

    Where nobody hears of that, ask again ``every`` so many seconds, with the arguments in ``moved`` in place
    of those that came: how far it was looked already.
    """

    def __init__(self, task: str, until: dt.datetime, every: float, moved: Mapping[str, str]):
        super().__init__(task, until)
        self.task, self.until, self.every, self.moved = task, until, every, moved


class TakesTime(Exception):
    """A page that is asked at once is to be asked where it may take its time: see ``Request.take_time``."""


@dataclasses.dataclass(frozen=True)
class Request:
    """One request: ``base`` is the API's root as the client addressed it, ``node`` whose it
    is by that, ``now`` when it came in."""

    method: str
    path: str
    base: str
    args: Mapping[str, str]
    body: str
    headers: Mapping[str, str]
    caller: str
    server: str
    node: NodeName
    now: dt.datetime
    principal: str = ""
    """The ARN of who asks, where AWS has authenticated them."""
    came: dt.datetime | None = None
    """When it came in, where it is asked again: ``now`` is when it was asked last."""
    is_forwarded: bool = False
    """Whether a proxy is in front, or a page of another origin is behind it: never this host itself, then."""
    is_caller_known: bool = True
    """Whether ``caller`` is who asks, and not a proxy that nobody has named."""
    at_once: bool = False
    """Whether the front waits for the answer, and does nothing else until it has it."""

    def flag(self, name: str) -> bool:
        """A boolean argument: true when it is empty, ``true``, ``yes`` or ``1``."""
        return self.args.get(name, "no").lower() in ("", "true", "yes", "1")

    def integer(self, name: str, least: int | None = None) -> int | None:
        """An integer argument, None when absent. Raises Invalid."""
        text = self.args.get(name)
        if text is None:
            return None
        value = numerals.integer(text)
        if value is None:
            raise Invalid(f"{name}: {shown(text)} is not an integer of at most {numerals.MOST_DIGITS} digits")
        if least is not None and value < least:
            raise Invalid(f"{name}: must be {least} or more")
        return value

    def moment(self, name: str) -> dt.datetime | None:
        """An instant, None when absent. Raises Invalid."""
        try:
            return parse_timestamp(self.args[name]) if name in self.args else None
        except Invalid as error:
            raise Invalid(f"{name}: {error}") from error

    def document(self, name: str) -> JSON:
        """A JSON argument that must be there. Raises Invalid."""
        if name not in self.args:
            raise Invalid(f"The argument {name} is missing")
        return load(self.args[name], name)

    def json(self, deepest: int = DEEPEST, largest: int = LARGEST_DOCUMENT) -> JSON:
        """The body as JSON.

        Raises TooLarge for more than so many characters, and Invalid, also for more than so many arrays and
        objects in each other.
        """
        if len(self.body) > largest:
            raise TooLarge(f"The body has {len(self.body)} characters; at most {largest} are allowed here")
        if self.body.count(",") > MOST_MEMBERS:
            raise TooLarge(f"The body has more than {MOST_MEMBERS} members")
        return load(self.body, "The body", deepest)

    def take_time(self) -> None:
        """To be called before what may take more than a read of one item. Raises TakesTime."""
        if self.at_once:
            raise TakesTime

    def wait(
        self, task: str, seconds: float, every: float = LOOK_EVERY, moved: Mapping[str, str] = _AS_CAME
    ) -> None:
        """Come back when something has happened to a task or its runs, unless so long has passed already.

        Raises NotYet.
        """
        until = (self.came or self.now) + dt.timedelta(seconds=seconds)
        if self.now < until:
            raise NotYet(task, until, every, moved)

    @property
    def key(self) -> str | None:
        return self.args.get("key")

    @property
    def api_level(self) -> int:
        """The level the client speaks, 1 when it does not say. Raises Invalid, Unsupported."""
        level = self.integer("api")
        if level is not None and level > API_LEVEL:
            raise Unsupported(f"api: must be {API_LEVEL} or less, the highest API level of this node")
        return 1 if level is None else level


def identifier(text: str) -> str:
    """A UUID in a path, in its usual form. Raises NotFound for what is none."""
    try:
        if text[:4].lower() != "urn:":
            return str(uuid.UUID(text))
    except ValueError:
        pass
    raise NotFound(f"There is nothing at this path: {echoes.name(text)} is not a UUID")


def task_id(text: str) -> TaskId:
    """A task's identifier in a path. Raises NotFound."""
    return TaskId(identifier(text))


def run_id(text: str) -> RunId:
    """A run's identifier in a path. Raises NotFound."""
    return RunId(identifier(text))
