"""The stream of events: what changes at a node, as it does (an addition to the contract)."""

from collections.abc import Callable, Sequence

from chalicelib.api.http.negotiation import preferred
from chalicelib.api.http.router import Answer, Request, as_text
from chalicelib.api.openapi.operations import header, integer, operation, word
from chalicelib.api.pages.single_run import LONGEST_WAIT
from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import format_timestamp
from chalicelib.store import changes, journal, streams
from chalicelib.store.events import KINDS, Event, Forgotten, Source, Told

LINES_TYPE, STREAM_TYPE = "application/jsonl", "text/event-stream"
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
        word("since", "The cursor of the last event that the client has; from now on if absent"),
        integer("wait", f"Seconds to wait for an event, {LONGEST_WAIT} at most", least=0),
        word("type", f"Only events of these types, separated by commas: {', '.join(KINDS)}"),
        header(RESUMED, "The same as `since`, as browsers send it when they reconnect"),
    ],
    kinds=[LINES_TYPE, STREAM_TYPE],
    headers={CURSOR: "Where to continue: the `since` of the next request"},
    errors=[501],
)
def events(request: Request) -> Answer:
    """List what happens at this node, starting at a cursor.

    Runs, tasks, results and alerts, one line of JSON for each event, with its `type`, `time` and `cursor`. If
    there is nothing to report, there is one line that is not an event: `begin` if no cursor was given, `idle`
    when the wait is over, `reset` if the cursor is older than what is known, because the node was restarted
    or too much has happened: then read everything again. With `Accept: text/event-stream` events are sent as
    server-sent events as they happen, if the node runs on a machine. If it is served by functions, times are
    whole seconds, a cursor is valid for 23 hours, and of the events of one second only those about the same
    thing are sure to be in order; 501 if there is nothing to read events from, because the tables have no
    streams.
    """
    source = _source()
    is_stream = _is_stream(request)
    kinds = _kinds(request)
    since = request.args.get("since") or request.headers.get(RESUMED)
    if not since:
        return _answer(request, Told((), source.begin()), is_stream, "begin")
    try:
        told = source.behind(request.node, since, MOST)
    except Forgotten:
        return _answer(request, Told((), source.begin()), is_stream, "reset")
    wanted = Told([event for event in told.events if event.kind in kinds], told.cursor)
    if not wanted.events:
        seconds = _PATIENCE if is_stream else _seconds(request)
        request.wait(changes.ANYTHING, seconds, source.look_every, {"since": told.cursor})
    return _answer(request, wanted, is_stream, "idle")


def _source() -> Source:
    """The journal, where one process serves the node; else the streams of the tables."""
    return journal.kept() or streams.streams()


def _is_stream(request: Request) -> bool:
    """Whether to answer server-sent events: a function's answer would end at once."""
    if journal.kept() is None:
        return False
    return preferred(request.headers, (LINES_TYPE, STREAM_TYPE)) == STREAM_TYPE


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


def _answer(request: Request, told: Told, is_stream: bool, nothing: str) -> Answer:
    shown = [_described(request, event) for event in told.events]
    if not shown:
        shown = [{"type": nothing, "time": format_timestamp(request.now), "cursor": told.cursor}]
    form: Callable[[dict[str, JSON]], str] = _as_event if is_stream else _as_line
    kind = STREAM_TYPE if is_stream else LINES_TYPE
    # A body that ends otherwise would get a line's end, and half an event is none.
    headers = {**UNCACHED, CURSOR: told.cursor, "Vary": "Accept"}
    return Answer("".join(map(form, shown)), kind, headers=headers)


def _as_line(event: dict[str, JSON]) -> str:
    return f"{as_text(event)}\n"


def _as_event(event: dict[str, JSON]) -> str:
    if event["type"] == "idle":
        return ": nothing new\n\n"
    return f"id: {event['cursor']}\nevent: {event['type']}\ndata: {as_text(event)}\n\n"


def _described(request: Request, event: Event) -> dict[str, JSON]:
    head = {"type": event.kind, "time": format_timestamp(event.at), "cursor": event.cursor}
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
