"""The terms a task is found by: the paths and values of its document's members.

A document holds another (``documents.contains``) only if it has each of its scalars at the same path,
whatever the place in an array. So the tasks that a document finds are among those that have any one of its
terms, and whoever reads the tasks of one term need only check those.

A member with more scalars than a task may have terms is not taken apart: the task has the one term that
says so, and is looked at by every search for that member.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence

from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.domain.task_filter import ANY, TaskFilter

Term = str
"""A digest of a path and the value there."""
Alternatives = tuple[Term, ...]
"""Terms of which a task has one."""

MEMBERS = {"reference": 32, "test": 16, "tool": 1, "schedule": 6}
"""The members of a task that are taken apart, and the most terms each may have: every one is a write. A task
is found by its other members too, but only by looking at every task."""
MOST_ASKED = 16
"""Terms of a search that are looked up; what its others ask is checked all the same."""
_IN_ARRAY = 0
"""Stands in a path for the place in an array."""
_UNDIVIDED = 1
"""Stands in a path for all there is of a member that has too many scalars."""


def of_task(task: Task) -> list[Term]:
    """The terms of a task as it is now."""
    found = [enabled(task.enabled), *_of_requester(task.hints.get("requester"))]
    for name in MEMBERS:
        if name in task.document:
            found += _of_member(name, task.document[name])
    return found


def enabled(value: bool) -> Term:
    """The term of tasks that are, or are not, enabled."""
    return _digest(("detail", "enabled"), value)


def _of_requester(value: JSON) -> list[Term]:
    return [_digest(("detail", "hints", "requester"), value)] if isinstance(value, str) else []


def _of_member(name: str, value: JSON) -> list[Term]:
    terms: dict[Term, None] = {}
    for path, scalar in _scalars((name,), value):
        terms[_digest(path, scalar)] = None
        if len(terms) > MEMBERS[name]:
            return [_undivided(name)]
    return list(terms)


def of_filter(wanted: TaskFilter) -> list[Alternatives]:
    """What a task must have that a filter finds; nothing where every task has to be looked at."""
    held = wanted.held if isinstance(wanted.held, Mapping) else {}
    found = [terms for name in MEMBERS if name in held for terms in _wanted(name, held[name])]
    if wanted.test is not None:
        found += _wanted("test", {"type": wanted.test})
    if wanted.tool is not None:
        found += _wanted("tool", wanted.tool)
    if wanted.reference is not ANY:
        found += _wanted("reference", wanted.reference)
    if wanted.requester is not None:
        found.append((*_of_requester(wanted.requester),))
    found += _of_detail(held.get("detail"))
    if wanted.enabled is not None:
        found.append((enabled(wanted.enabled),))
    return list(dict.fromkeys(found))[:MOST_ASKED]


def _wanted(name: str, value: JSON) -> Sequence[Alternatives]:
    return [(_digest(path, scalar), _undivided(name)) for path, scalar in _scalars((name,), value)]


def _of_detail(detail: JSON) -> list[Alternatives]:
    if not isinstance(detail, Mapping):
        return []
    hints = detail.get("hints")
    requester = _of_requester(hints.get("requester")) if isinstance(hints, Mapping) else []
    flag = detail.get("enabled")
    return [*((term,) for term in requester), *([(enabled(flag),)] if isinstance(flag, bool) else [])]


_spelled = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
Path = tuple[str | int, ...]


def _scalars(path: Path, value: JSON) -> Iterator[tuple[Path, JSON]]:
    """The scalars in a value, with their paths, but for those that no search may match."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            if name[:1] != "_":
                yield from _scalars((*path, name), item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _scalars((*path, _IN_ARRAY), item)
    else:
        yield path, value


def _undivided(name: str) -> Term:
    return _digest((name, _UNDIVIDED), None)


def _digest(path: Path, value: JSON) -> Term:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # 1.0 is 1 in a search
    text = _spelled([*path, value])
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()[:18]).decode()
