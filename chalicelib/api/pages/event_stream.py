"""The stream of events: what changes at a node, as it does (an addition to the contract)."""

from collections.abc import Callable, Sequence

from chalicelib.api.http.negotiation import preferred
from chalicelib.api.http.routing import Answer, Request, as_text
from chalicelib.api.openapi.operations import header, integer, operation, word
from chalicelib.api.pages.single_run import LONGEST_WAIT
from chalicelib.domain.errors import Invalid, Unsupported
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import format_timestamp
from chalicelib.store import changes, journal
from chalicelib.store.journal import Event, Journal

LINES_TYPE, STREAM_TYPE = "application/jsonl", "text/event-stream"
KINDS = ("run", "task", "result", "alert")
MOST = 1000
"""Events of one answer; the next begins behind them."""
RESUMED = "Last-Event-ID"
CURSOR = "Cursor"
"""The header that says where the next answer begins."""
UNCACHED = {"Cache-Control": "no-store"}
_PATIENCE = 15.0
"""Seconds after which a stream says that it is still there."""


@operation(
    "Events",
    arguments=[
        word("since", "The cursor of the last event one has; without, from now on"),
        integer("wait", f"Seconds to wait for an event, {LONGEST_WAIT} at most", least=0),
        word("type", f"Only events of these types, separated by commas: {', '.join(KINDS)}"),
        header(RESUMED, "The same as `since`, as a browser sends it when it connects again"),
    ],
    kinds=[LINES_TYPE, STREAM_TYPE],
    headers={CURSOR: "Where to go on: the `since` of the next request"},
    errors=[501],
)
def events(request: Request) -> Answer:
    """What happens at this node: runs, tasks, results and alerts, from a cursor on, a line of JSON each.

    Each has its `type`, `time` and `cursor`. With nothing to tell there is one line that is no event: `begin`
    where no cursor was given, `idle` once the wait is over, `reset` where the cursor is of before what is
    known, for the node was started anew or too much has happened: then look at everything again. With
    `Accept: text/event-stream` they come as server-sent events as they happen. Functions have none (501).
    """
    kept = journal.kept()
    if kept is None:
        raise Unsupported("Events are kept where one process serves the node, and this one runs as functions")
    is_stream = preferred(request.headers, (LINES_TYPE, STREAM_TYPE)) == STREAM_TYPE
    kinds = _kinds(request)
    number = _since(request, kept)
    if number is None:
        return _answer(request, kept, [], is_stream, "begin", kept.number)
    if not kept.has_all_behind(number):
        return _answer(request, kept, [], is_stream, "reset", kept.number)
    last = kept.number
    found = kept.behind(request.node, number, MOST)
    if found:
        last = found[-1].number if len(found) == MOST else max(last, found[-1].number)
    wanted = [event for event in found if event.kind in kinds]
    if not wanted:
        request.wait(changes.ANYTHING, _PATIENCE if is_stream else _seconds(request))
    return _answer(request, kept, wanted, is_stream, "idle", last)


def _kinds(request: Request) -> Sequence[str]:
    asked = request.args.get("type")
    if asked is None:
        return KINDS
    kinds = asked.split(",")
    if not set(kinds) <= set(KINDS):
        raise Invalid(f"type: must be one or more of {', '.join(KINDS)}, separated by commas")
    return kinds


def _seconds(request: Request) -> float:
    return float(min(LONGEST_WAIT, request.integer("wait", least=0) or 0))


def _since(request: Request, kept: Journal) -> int | None:
    """The number of the last event the client has: None for none, -1 where that is not known here."""
    text = request.args.get("since") or request.headers.get(RESUMED)
    if not text:
        return None
    name, _, number = text.partition("-")
    if not number.isascii() or not number.isdigit() or len(number) > 15:
        raise Invalid("since: must be the cursor of an earlier answer")
    return int(number) if name == kept.name else -1


def _answer(
    request: Request, kept: Journal, found: Sequence[Event], is_stream: bool, nothing: str, last: int
) -> Answer:
    def cursor(number: int) -> str:
        return f"{kept.name}-{number}"

    shown = [_described(request, event, cursor(event.number)) for event in found]
    if not shown:
        shown = [{"type": nothing, "time": format_timestamp(request.now), "cursor": cursor(last)}]
    form: Callable[[dict[str, JSON]], str] = _as_event if is_stream else _as_line
    kind = STREAM_TYPE if is_stream else LINES_TYPE
    # A body that ends otherwise would get a line's end, and half an event is none.
    return Answer(
        "".join(map(form, shown)), kind, headers={**UNCACHED, CURSOR: cursor(last), "Vary": "Accept"}
    )


def _as_line(event: dict[str, JSON]) -> str:
    return f"{as_text(event)}\n"


def _as_event(event: dict[str, JSON]) -> str:
    if event["type"] == "idle":
        return ": nothing new\n\n"
    return f"id: {event['cursor']}\nevent: {event['type']}\ndata: {as_text(event)}\n\n"


def _described(request: Request, event: Event, cursor: str) -> dict[str, JSON]:
    head = {"type": event.kind, "time": format_timestamp(event.at), "cursor": cursor}
    return {**head, **event.members, **_hrefs(request, event)}


def _hrefs(request: Request, event: Event) -> dict[str, JSON]:
    members = event.members
    if event.kind == "alert":
        return {"href": f"{request.base}/alerts/{members['id']}"}
    task = f"{request.base}/tasks/{members['task']}"
    run = {"href": f"{task}/runs/{members['run']}", "task-href": task} if "run" in members else {"href": task}
    if event.kind != "result":
        return run
    return {**run, "series-href": f"{request.base}/series/{members['series']['id']}"}
