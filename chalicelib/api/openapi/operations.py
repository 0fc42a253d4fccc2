"""What a page takes and gives, declared beside its function: the source of the OpenAPI document.

    @operation("Tasks", arguments=[flag("detail", "Say how far it has come")], answer=shapes.TASK)
    def get_task(request: Request, task: str) -> Answer:
        \"\"\"One task.

        What stands here explains it at /docs.
        \"\"\"

What holds for every page is not repeated: ``api`` and ``pretty``, the parameters in its path, 400,
501, 503, 507, and 404 where there is something in the path to be missed.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from chalicelib.api.http.answer import Answer
from chalicelib.domain.schemas import JSON
from chalicelib.domain.types import TYPES

Schema = dict[str, JSON]
Page = Callable[..., Answer]
AnyPage = TypeVar("AnyPage", bound=Page)

PAGES: dict[str, Mapping[str, Page]] = {}
"""{path: {method: page}} of all that the app serves, in the order of app.py."""


@dataclasses.dataclass(frozen=True)
class Argument:
    """A query argument or, ``where`` says so, a header; ``is_json`` when its text is JSON of the schema."""

    name: str
    text: str
    schema: Schema
    required: bool = False
    where: str = "query"
    is_json: bool = False


@dataclasses.dataclass(frozen=True)
class Operation:
    """What a page takes and gives.

    tag        the section it stands in
    arguments  what it reads of the query and the headers
    path       the schemas of parameters in its path that are not the usual ones
    body       the schema of its JSON body, None where it takes none
    answer     the schema of the JSON it answers with 200, None where that is text; this and the body
               can be functions, for schemas that are not to be made while the app is imported
    kinds      other media types of its 200, by ``format`` or otherwise
    answers    {status: what it means} besides 200 and the errors
    headers    {name: what it says} of headers of the 200
    errors     statuses besides those every page has
    links      {name: (operation, parameters)}: where the answer leads, in OpenAPI's expressions
    examples   {name: body}
    conditional  has an ETag, and answers 304
    paged      answers a list that ``limit`` and ``cursor`` cut
    """

    tag: str
    arguments: Sequence[Argument] = ()
    path: Mapping[str, Schema] = dataclasses.field(default_factory=dict)
    body: Schema | Callable[[], Schema] | None = None
    answer: Schema | Callable[[], Schema] | None = None
    kinds: Sequence[str] = ()
    answers: Mapping[int, str] = dataclasses.field(default_factory=dict)
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    errors: Sequence[int] = ()
    links: Mapping[str, tuple[str, Mapping[str, str]]] = dataclasses.field(default_factory=dict)
    examples: Mapping[str, JSON] = dataclasses.field(default_factory=dict)
    conditional: bool = False
    paged: bool = False


_DECLARED: dict[Page, Operation] = {}


def operation(tag: str, **declared: JSON) -> Callable[[AnyPage], AnyPage]:
    """Declare what a page takes and gives; the members are those of Operation."""
    whole = Operation(tag, **declared)

    def declare(page: AnyPage) -> AnyPage:
        _DECLARED[page] = whole
        return page

    return declare


def of(page: Page) -> Operation | None:
    """What was declared of a page; None when nothing was, which a test complains of."""
    return _DECLARED.get(page)


def flag(name: str, text: str) -> Argument:
    """A boolean argument: true when empty, ``true``, ``yes`` or ``1``."""
    return Argument(name, text, {"type": "string", "examples": ["true", ""]})


def integer(name: str, text: str, least: int | None = None) -> Argument:
    return Argument(name, text, {"type": "integer", **({} if least is None else {"minimum": least})})


def moment(name: str, text: str) -> Argument:
    """An instant, ISO 8601."""
    return Argument(name, text, TYPES["Timestamp"])


def word(name: str, text: str, *allowed: str) -> Argument:
    """A string, one of those allowed where there are any."""
    return Argument(name, text, {"type": "string", **({"enum": list(allowed)} if allowed else {})})


def document(name: str, text: str, schema: Schema | None = None, required: bool = False) -> Argument:
    """JSON in the query."""
    return Argument(name, text, schema or {}, required, is_json=True)


def header(name: str, text: str, schema: Schema | None = None) -> Argument:
    return Argument(name, text, schema or {"type": "string"}, where="header")


EXPANDED = flag("expanded", "Answer the things themselves instead of their hrefs")
KEY = word("key", "The task's key, where it has one")
