"""The rules and the maintenance windows of a node: kept in one item, changed by one at a time."""

import contextlib
import dataclasses
import datetime as dt
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from chalicelib.domain import echoes
from chalicelib.domain.alert_rules import Rule, rule_of
from chalicelib.domain.alerts import Alert
from chalicelib.domain.errors import Conflict, Invalid, NotFound, TooLarge
from chalicelib.domain.maintenance import MOST_RULES, Window, window_of
from chalicelib.domain.names import NodeName
from chalicelib.domain.schemas import JSON
from chalicelib.domain.series import Series
from chalicelib.service.archiving import archive_specs
from chalicelib.service.node import turns_to_change
from chalicelib.store import alert_table, node_table, series_table

LOG = logging.getLogger(__name__)
KEPT = "alert-rules"
RULES, WINDOWS = "rules", "windows"
LARGEST, LARGEST_IN_ALL = 20_000, 300_000
"""Characters of a document, and of all: they are kept in one item."""
MOST_SERIES = 1000
"""Series a rule watches."""
MOST_LOOKED_AT = 20_000
"""Series that are held against a new rule; others come under it with their next result."""
FULL_FOR = dt.timedelta(minutes=5)
SEEN_FOR = dt.timedelta(seconds=5)
"""How long what was read is good for: after so long a change holds in every process."""


@dataclasses.dataclass(frozen=True)
class Known:
    """The rules and windows of a node as they were read."""

    rules: Mapping[str, Rule]
    windows: Sequence[Window]


Parsed = TypeVar("Parsed")
_NONE = Known({}, ())
_seen: dict[NodeName, tuple[dt.datetime, Known]] = {}
_full: dict[tuple[NodeName, str], dt.datetime] = {}
"""The rules that may watch no more series, and when that was found."""


def current(node: NodeName, now: dt.datetime) -> Known:
    """The rules and windows, as they are or were a moment ago."""
    at, known = _seen.get(node, (None, _NONE))
    if at is None or not at <= now < at + SEEN_FOR:
        known = _known(_documents(node_table.glance(node, KEPT)))
        _seen[node] = now, known
    return known


def documents(node: NodeName, kind: str) -> dict[str, JSON]:
    """The documents of rules, or of windows, by name."""
    found: dict[str, JSON] = _read(node)[kind]
    return found


def document(node: NodeName, kind: str, name: str) -> JSON:
    """One of them. Raises NotFound."""
    found = documents(node, kind).get(name)
    if found is None:
        raise NotFound(f"There is no {echoes.name(name)}")
    return found


def put_rule(node: NodeName, name: str, posted: JSON, now: dt.datetime) -> None:
    """Keep a rule, and have the series it is about looked at. Raises Invalid, Conflict, TooLarge."""
    rule = rule_of(name, posted)
    archive_specs.require_valid(rule.notify, "/notify", by_operator=True)
    _put(node, RULES, name, posted, now)
    _watch(node, rule, now)


def put_window(node: NodeName, name: str, posted: JSON, now: dt.datetime) -> None:
    """Keep a maintenance window. Raises Invalid, Conflict, TooLarge."""
    window_of(name, posted)
    _put(node, WINDOWS, name, posted, now)


def remove(node: NodeName, kind: str, name: str, now: dt.datetime) -> None:
    """Forget a rule and its alerts, or a window. Raises NotFound, Conflict."""
    with _changing(node, now) as kept:
        if kept[kind].pop(name, None) is None:
            raise NotFound(f"There is no {echoes.name(name)}")
    if kind == RULES:
        alert_table.delete(node, alert_table.of_rule(node, name))


def has_room(node: NodeName, rule: str, now: dt.datetime) -> bool:
    """Whether a rule may watch one more series; that it may not is remembered for a while."""
    full = _full.get((node, rule))
    if full is not None and full <= now < full + FULL_FOR:
        return False
    has = len(alert_table.of_rule(node, rule, limit=MOST_SERIES)) < MOST_SERIES
    if not has:
        LOG.warning("The rule %s watches %d series, and no more", rule, MOST_SERIES)
        _full[(node, rule)] = now
    return has


def _watch(node: NodeName, rule: Rule, now: dt.datetime) -> None:
    """Have a rule's alerts looked at by the next tick: those there are, and those of the series there are."""
    watched = alert_table.of_rule(node, rule.name)
    for alert in watched:
        with contextlib.suppress(Conflict):  # it is being forgotten
            alert_table.look_at_once(node, alert, now)
    left = MOST_SERIES - len(watched)
    for series in _series(node, rule):
        new = Alert(node, rule.name, series, added=now, since=now)
        if left > 0 and new.id not in watched:
            left -= 1
            with contextlib.suppress(Conflict):  # its next result was faster
                alert_table.put(new, now, [])


def _series(node: NodeName, rule: Rule) -> Iterator[Series]:
    for number, stored in enumerate(series_table.every(node)):
        if number >= MOST_LOOKED_AT:
            return
        if rule.wanted.fits(stored.series):
            yield stored.series


def _put(node: NodeName, kind: str, name: str, posted: JSON, now: dt.datetime) -> None:
    if len(json.dumps(posted)) > LARGEST:
        raise TooLarge(f"must have at most {LARGEST} characters", "")
    with _changing(node, now) as kept:
        kept[kind][name] = posted
        if len(kept[kind]) > MOST_RULES:
            raise Conflict(f"There are {MOST_RULES} {kind}: delete some first")
        if len(json.dumps(kept)) > LARGEST_IN_ALL:
            raise TooLarge(
                f"all rules and windows together must have at most {LARGEST_IN_ALL} characters", ""
            )


@contextlib.contextmanager
def _changing(node: NodeName, now: dt.datetime) -> Iterator[dict[str, dict[str, JSON]]]:
    """The documents, to be changed by nobody else meanwhile, and stored when that is done."""
    with turns_to_change.changing(node, KEPT, "the alert rules and maintenance windows", now) as kept:
        kept.update(_documents(kept))
        yield kept
    _seen.pop(node, None)


def _read(node: NodeName) -> dict[str, dict[str, JSON]]:
    return _documents(node_table.read(node, KEPT))


def _documents(kept: JSON) -> dict[str, dict[str, JSON]]:
    return {RULES: {}, WINDOWS: {}, **(kept or {})}


def _known(kept: Mapping[str, Mapping[str, JSON]]) -> Known:
    rules = _parsed(kept[RULES], rule_of)
    return Known({rule.name: rule for rule in rules}, _parsed(kept[WINDOWS], window_of))


def _parsed(documents: Mapping[str, JSON], parse: Callable[[str, JSON], Parsed]) -> list[Parsed]:
    """What documents mean, without those that an earlier version took and this one does not."""
    found = []
    for name, document in documents.items():
        try:
            found.append(parse(name, document))
        except Invalid as error:
            LOG.warning("The document %s is left out: %s", name, error)
    return found
