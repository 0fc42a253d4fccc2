"""Places within an item: found, cut out, set and removed."""

from collections.abc import Iterable, Sequence
from typing import Any

from local.engine.dynamodb.syntax import Path
from local.engine.dynamodb.values import Item, Value
from local.engine.engine_errors import invalid


def find(item: Item, path: Path) -> Value | None:
    """The value at a path; None where there is none."""
    found = item.get(path[0])
    for part in path[1:]:
        if found is None:
            return None
        found = _member(found, part)
    return found


def _member(value: Value, part: Any) -> Value | None:
    if isinstance(part, str):
        return value["M"].get(part) if "M" in value else None
    members = value.get("L")
    return members[part] if members is not None and part < len(members) else None


def project(item: Item, paths: Sequence[Path]) -> Item:
    """What there is of an item at some paths, in its place; lists close up."""
    if all(len(path) == 1 for path in paths):
        return {path[0]: item[path[0]] for path in paths if path[0] in item}
    wanted: dict[Any, Any] = {}
    for path in paths:
        if find(item, path) is not None:
            _want(wanted, path)
    return {name: _cut(item[name], below) for name, below in wanted.items()}


def _want(wanted: dict[Any, Any], path: Path) -> None:
    for part in path[:-1]:
        wanted = wanted.setdefault(part, {})
    wanted[path[-1]] = {}


def _cut(value: Value, below: dict[Any, Any]) -> Value:
    if not below:
        return value
    if "M" in value:
        return {"M": {name: _cut(value["M"][name], more) for name, more in below.items()}}
    return {"L": [_cut(value["L"][at], below[at]) for at in sorted(below)]}


def put(item: Item, path: Path, value: Value) -> None:
    """Set the value at a path; a position behind the end of a list is its end."""
    holder, last = require_holder(item, path), path[-1]
    if isinstance(last, str) or last < len(holder):
        holder[last] = value
    else:
        holder.append(value)


def require_holder(item: Item, path: Path) -> Any:
    """The map or list a path leads into. Raises ValidationException where there is none."""
    if len(path) == 1:
        return item
    holder = find(item, path[:-1])
    kind = "M" if isinstance(path[-1], str) else "L"
    if holder is None or kind not in holder:
        raise invalid("The document path provided in the update expression is invalid for update")
    return holder[kind]


def remove(item: Item, paths: Iterable[Path]) -> None:
    """Take away what there is at some paths; positions in lists are those before any of it."""
    for path in sorted(paths, key=_from_the_end):
        holder, last = require_holder(item, path), path[-1]
        if isinstance(last, str):
            holder.pop(last, None)
        elif last < len(holder):
            del holder[last]


def _from_the_end(path: Path) -> tuple[Any, ...]:
    return tuple((0, part) if isinstance(part, str) else (1, -part) for part in path)


def require_apart(paths: Sequence[Path], kind: str) -> None:
    """Raise ValidationException where one path is in another, or both say different things of one place."""
    if all(len(path) == 1 for path in paths) and len(set(paths)) == len(paths):
        return
    for number, one in enumerate(paths):
        for other in paths[number + 1 :]:
            _require_two_apart(one, other, kind)


def _require_two_apart(one: Path, other: Path, kind: str) -> None:
    shared = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    said = f"path one: {_spelled(one)}, path two: {_spelled(other)}"
    if shared is None:
        raise invalid(
            f"Invalid {kind}: Two document paths overlap with each other; must remove or rewrite one of"
            f" these paths; {said}"
        )
    if isinstance(one[shared], str) != isinstance(other[shared], str):
        raise invalid(
            f"Invalid {kind}: Two document paths conflict with each other; must remove or rewrite one of"
            f" these paths; {said}"
        )


def _spelled(path: Path) -> str:
    return "[" + ", ".join(part if isinstance(part, str) else f"[{part}]" for part in path) + "]"
