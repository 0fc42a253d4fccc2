"""Alerts: how series are doing by the rules of whoever operates the node (an addition to the contract)."""

from typing import Any

from chalicelib.api.http import pagination
from chalicelib.api.http.router import TEXT_TYPE, Answer, Request, as_json
from chalicelib.api.openapi import response_schemas
from chalicelib.api.openapi.operations import flag, operation, word
from chalicelib.domain import badge, echoes
from chalicelib.domain.alert_notices import path, summary
from chalicelib.domain.alert_rules import LEVELS
from chalicelib.domain.alerts import Alert, AlertState
from chalicelib.domain.errors import Invalid, NotFound
from chalicelib.domain.maintenance import maintained_until
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import format_timestamp
from chalicelib.service.alerts import rules
from chalicelib.store import alert_table
from chalicelib.store.list_order import Place

NAME, ACTIVE = "alerts", "active alerts"
SVG_TYPE = "image/svg+xml"
STATES = tuple(state.value for state in AlertState)
FILTERS = ("test", "tool", "source", "destination", "label")
SERIES = response_schemas.shape(
    dict.fromkeys(("id", "test", "tool", "source", "checksum"), response_schemas.STRING),
    dict.fromkeys(("destination", "label"), response_schemas.STRING),
)
ALERT = response_schemas.shape(
    {
        "id": response_schemas.STRING,
        "rule": response_schemas.STRING,
        "state": {"enum": list(STATES)},
        "since": response_schemas.TIME,
        "why": response_schemas.STRING,
        "series": SERIES,
        **dict.fromkeys(("href", "series-href", "path"), response_schemas.HREF),
    },
    {
        "value": {"type": ["number", "string"]},
        "at": response_schemas.TIME,
        "maintained-until": response_schemas.TIME,
    },
)
UNCACHED = {"Cache-Control": "no-cache"}
PATH = {"alert": {"type": "string", "examples": ["loss.0123456789abcdef0123"]}}


@operation(
    "Alerts",
    arguments=[
        flag("active", "Only those that are not ok, ordered by since when"),
        word("state", "Only those in this state", *STATES),
        word("rule", "Only those under this rule"),
        *(word(name, f"Only those of series of this {name}") for name in FILTERS),
        *pagination.ARGUMENTS,
    ],
    answer=response_schemas.array(ALERT),
    paged=True,
)
def list_alerts(request: Request) -> Answer:
    """List the states of series under the alert rules, since when, and why.

    Each rule has an alert for each series it is about. `value` is that of the result at which the state was
    decided. Returns at most a hundred, or `limit`, and a Link to the next part, which may be shorter or
    empty.
    """
    if request.args.get("state", STATES[0]) not in STATES:
        raise Invalid(f"state: must be one of {', '.join(STATES)}")
    is_active = request.flag("active")
    name = ACTIVE if is_active else NAME
    cut = pagination.cut(request, name)
    if is_active:
        found = alert_table.active(request.node, cut.after, cut.first_read)
    else:
        found = alert_table.every(request.node, cut.after and cut.after[1], cut.first_read)
    part = pagination.page(
        found,
        lambda chunk: [each for each in chunk if _is_wanted(request, each)],
        _place,
        cut.limit or pagination.PAGE,
    )
    link = pagination.link(request, "/alerts", name, part.next)
    return as_json(request, [_described(request, each) for each in part.items], headers=link)


def _place(alert: Alert) -> Place:
    return alert.since, alert.id


def _is_wanted(request: Request, alert: Alert) -> bool:
    if not _is_ruled(request, alert):
        return False
    has: dict[str, Any] = {"state": alert.state.value, "rule": alert.rule, **vars(alert.series)}
    return all(
        request.args[name] == has[name] for name in ("state", "rule", *FILTERS) if name in request.args
    )


def _is_ruled(request: Request, alert: Alert) -> bool:
    """Whether its rule is there still: who had the rule in mind yet may have left an alert behind it."""
    return alert.rule in rules.current(request.node, request.now).rules


def _named(request: Request, alert: str) -> Alert:
    """An alert. Raises NotFound."""
    found = alert_table.get(request.node, alert)
    if not _is_ruled(request, found):
        raise NotFound(f"There is no alert {echoes.name(alert)}")
    return found


def _described(request: Request, alert: Alert) -> dict[str, JSON]:
    until = _maintained(request, alert)
    return {
        **alert.describe(),
        "href": f"{request.base}/alerts/{alert.id}",
        "series-href": f"{request.base}/series/{alert.series.uuid}",
        "path": path(alert.series, request.base),
        **({"maintained-until": format_timestamp(until)} if until else {}),
    }


def _maintained(request: Request, alert: Alert) -> Any:
    windows = rules.current(request.node, request.now).windows
    return maintained_until(windows, alert.rule, alert.series, request.now)


@operation("Alerts", path=PATH, answer=ALERT)
def get_alert(request: Request, alert: str) -> Answer:
    """Get an alert: the state of a series under a rule."""
    return as_json(request, _described(request, _named(request, alert)))


@operation(
    "Alerts",
    path=PATH,
    arguments=[word("level", "The level from which all is not well; critical if absent", *LEVELS)],
    kinds=[TEXT_TYPE],
    answers={503: "All is not well"},
)
def check(request: Request, alert: str) -> Answer:
    """Check whether all is well, for programs that only look at the status: 200, or 503.

    No data is not well at any level. During maintenance all is well.
    """
    level = request.args.get("level", LEVELS[-1])
    if level not in LEVELS:
        raise Invalid(f"level: must be one of {', '.join(LEVELS)}")
    found = _named(request, alert)
    bad = (*LEVELS[LEVELS.index(level) :], AlertState.NO_DATA.value)
    is_well = found.state.value not in bad or _maintained(request, found) is not None
    return Answer(summary(found), status=200 if is_well else 503, headers=UNCACHED)


@operation(
    "Alerts",
    path=PATH,
    arguments=[word("label", "The text on the left")],
    kinds=[SVG_TYPE],
    conditional=True,
)
def get_badge(request: Request, alert: str) -> Answer:
    """Get a badge that shows the state, to embed in another page."""
    found = _named(request, alert)
    label = request.args.get("label") or f"{found.series.test} {found.rule}"
    return Answer(badge.svg(label[:80], found.state.value), SVG_TYPE, headers=UNCACHED)
