"""The pages about deliveries of results, those given up above all (an addition to the reference's API)."""

import functools

from chalicelib.api.http import pagination, principal
from chalicelib.api.http.router import Answer, Request, as_json
from chalicelib.api.openapi import response_schemas
from chalicelib.api.openapi.operations import flag, operation, word
from chalicelib.api.pages.single_run import href
from chalicelib.domain.delivery import Delivery
from chalicelib.domain.delivery_states import DeliveryState
from chalicelib.domain.documents import sanitized
from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import JSON, Checker, closed
from chalicelib.service.archiving import attempt, replay
from chalicelib.service.archiving.replay import DeliveryFilter
from chalicelib.store import delivery_table
from chalicelib.store.list_order import Place

NAME, TO_RETRY = "archivings", "archivings to retry"
STATES = tuple(state.value for state in DeliveryState)
HREFS = response_schemas.shape({}, dict.fromkeys(("run-href", "alert-href"), response_schemas.HREF))
LISTED = {"allOf": [response_schemas.ARCHIVING, HREFS]}
"""It is of a run, or tells of an alert."""
FILTER = closed(dict.fromkeys(("archiver", "task", "run", "label"), response_schemas.STRING))
BODY = closed({"filter": FILTER}, ("filter",))
_CHECKER = Checker(BODY)
RETRIED = response_schemas.shape(
    {
        "retried": response_schemas.array(response_schemas.STRING),
        "dry-run": response_schemas.BOOLEAN,
        "complete": response_schemas.BOOLEAN,
    }
)


@operation(
    "Archivings",
    arguments=[
        word("state", "Waiting, archived, or given up; those given up if absent", *STATES),
        word("archiver", "Only those to this archiver"),
        word("task", "Only those of this task"),
        word("label", "Only those to archives with this label"),
        *pagination.ARGUMENTS,
    ],
    answer=response_schemas.array(LISTED),
    paged=True,
)
def list_archivings(request: Request) -> Answer:
    """List the deliveries of results in a state, in the order of their results.

    Returns at most a hundred, or `limit`, and a Link to the next part, which may be shorter or empty: the
    list ends where there is no Link.
    """
    state = request.args.get("state", DeliveryState.FAILED.value)
    if state not in STATES:
        raise Invalid(f"state: must be one of {', '.join(STATES)}")
    asked = {name: request.args.get(name) for name in ("archiver", "task", "label")}
    part = _part(request, DeliveryState(state), DeliveryFilter(**asked), NAME)
    link = pagination.link(request, "/archivings", NAME, part.next)
    return as_json(request, [_describe(request, each) for each in part.items], headers=link)


@operation(
    "Archivings",
    arguments=[flag("dry-run", "Report which ones it would be, and retry none"), *pagination.ARGUMENTS],
    body=BODY,
    answer=RETRIED,
    errors=[403],
    paged=True,
    examples={"all of an archiver": {"filter": {"archiver": "http"}}},
)
def retry_archivings(request: Request) -> Answer:
    """Retry deliveries that were given up and match a filter, as if their results were new.

    Reserved for the node's operator. An empty filter matches all. `complete` is false if there may be more:
    post again to the Link.
    """
    principal.require_upkeep(request)
    part = _part(request, DeliveryState.FAILED, _filter(request.json()), TO_RETRY)
    link = pagination.link(request, "/archivings/retry", TO_RETRY, part.next)
    dry = request.flag("dry-run")
    retried = part.items if dry else replay.retry(part.items, request.now)
    document = {
        "retried": [delivery.id for delivery in retried],
        "dry-run": dry,
        "complete": part.next is None,
    }
    return as_json(request, document, headers=link)


def _part(
    request: Request, state: DeliveryState, wanted: DeliveryFilter, name: str
) -> pagination.Page[Delivery]:
    cut = pagination.cut(request, name)
    found = delivery_table.in_state(request.node, state, cut.after, cut.first_read)
    chosen = functools.partial(replay.chosen, wanted)
    return pagination.page(found, chosen, _place_of, cut.limit or pagination.PAGE)


def _place_of(delivery: Delivery) -> Place:
    return delivery.added, delivery_table.place_name(delivery.run, delivery.number)


def _describe(request: Request, delivery: Delivery) -> JSON:
    if delivery.document is not None:
        of = {"alert-href": f"{request.base}/alerts/{delivery.document['id']}"}
    else:
        of = {"run-href": href(request, delivery.task, delivery.run)}
    return sanitized({**attempt.describe(delivery), **of})


def _filter(body: JSON) -> DeliveryFilter:
    fault = _CHECKER.fault(body)
    if fault:
        raise fault
    return DeliveryFilter(**body["filter"])
