"""The rules behind the alerts, and the times at which they are quiet: for whoever operates the node."""

from chalicelib.api.http import principal
from chalicelib.api.http.router import Answer, Request, as_json
from chalicelib.api.openapi import response_schemas
from chalicelib.api.openapi.operations import operation
from chalicelib.domain.alert_rules import RULE
from chalicelib.domain.documents import sanitized
from chalicelib.domain.maintenance import WINDOW
from chalicelib.service.alerts import rules
from chalicelib.service.alerts.rules import RULES, WINDOWS

LOSS = {
    "series": {"test": "rtt", "destination": "*.example.org"},
    "metric": "loss.ratio",
    "critical": {"above": 0.05, "clear": 0.01},
    "results": {"at-least": 3, "of": 5},
    "no-data": "PT1H",
    "notify": [{"archiver": "syslog", "data": {"ident": "paths"}}],
}
NIGHT = {"start": "2026-11-24T02:00:00Z", "duration": "PT1H", "repeat": "P1D"}
LISTED = {"type": "object", "additionalProperties": response_schemas.OBJECT}
PATH = {"name": {"type": "string", "examples": ["loss"]}}


@operation("Alerts", answer=LISTED, errors=[403])
def list_rules(request: Request) -> Answer:
    """List the alert rules by name. Reserved for the node's operator; private members are null."""
    return _listed(request, RULES)


@operation("Alerts", path=PATH, answer=response_schemas.OBJECT, errors=[403])
def get_rule(request: Request, name: str) -> Answer:
    """Get an alert rule."""
    return _shown(request, RULES, name)


@operation(
    "Alerts",
    path=PATH,
    body=RULE,
    answer=response_schemas.OBJECT,
    errors=[403, 409],
    examples={"loss": LOSS},
)
def put_rule(request: Request, name: str) -> Answer:
    """Store an alert rule under a name, replacing the previous one.

    A level is reached when `at-least` of the last `of` results are beyond its threshold, and left when the
    last `recover` results are on the good side of `clear`. `notify` contains archives, as in tasks. Existing
    series are evaluated within a minute.
    """
    principal.require_upkeep(request)
    rules.put_rule(request.node, name, request.json(), request.now)
    return _shown(request, RULES, name)


@operation("Alerts", path=PATH, errors=[403, 409])
def delete_rule(request: Request, name: str) -> Answer:
    """Delete an alert rule, and its alerts."""
    return _deleted(request, RULES, name)


@operation("Alerts", answer=LISTED, errors=[403])
def list_windows(request: Request) -> Answer:
    """List the maintenance windows by name. Reserved for the node's operator."""
    return _listed(request, WINDOWS)


@operation("Alerts", path=PATH, answer=response_schemas.OBJECT, errors=[403])
def get_window(request: Request, name: str) -> Answer:
    """Get a maintenance window."""
    return _shown(request, WINDOWS, name)


@operation(
    "Alerts",
    path=PATH,
    body=WINDOW,
    answer=response_schemas.OBJECT,
    errors=[403, 409],
    examples={"every night": NIGHT},
)
def put_window(request: Request, name: str) -> Answer:
    """Store a maintenance window under a name.

    Alerts are not announced during it. Alerts that have changed when the window closes are announced then.
    """
    principal.require_upkeep(request)
    rules.put_window(request.node, name, request.json(), request.now)
    return _shown(request, WINDOWS, name)


@operation("Alerts", path=PATH, errors=[403, 409])
def delete_window(request: Request, name: str) -> Answer:
    """Delete a maintenance window."""
    return _deleted(request, WINDOWS, name)


def _listed(request: Request, kind: str) -> Answer:
    principal.require_upkeep(request)
    found = rules.documents(request.node, kind)
    return as_json(request, {name: sanitized(found[name]) for name in sorted(found)})


def _shown(request: Request, kind: str, name: str) -> Answer:
    principal.require_upkeep(request)
    return as_json(request, sanitized(rules.document(request.node, kind, name)))


def _deleted(request: Request, kind: str, name: str) -> Answer:
    principal.require_upkeep(request)
    rules.remove(request.node, kind, name, request.now)
    return Answer("OK")
