"""Who may see what is private, and who may change things (docs/contract/scheduler.md section 12)."""

import dataclasses
from collections.abc import Mapping, Sequence

from chalicelib.domain.documents import sanitized
from chalicelib.domain.errors import Forbidden
from chalicelib.domain.schemas import JSON
from chalicelib.domain.task import Task
from chalicelib.infrastructure.addresses import is_local
from plugins import registry


def shown(value: JSON, required: str | None, key: str | None) -> JSON:
    """A document as a caller may see it: whole with the right key, sanitized without any.

    Raises Forbidden for a wrong key.
    """
    return value if opens(required, key) else sanitized(value)


def opens(required: str | None, key: str | None) -> bool:
    """Whether a caller's key opens what a required one guards. Raises Forbidden for a wrong key."""
    if key is None or required is None:
        return False
    if key != required:
        raise Forbidden("The key is wrong")
    return True


def reading_key(task: Task) -> str | None:
    """The key to a task's runs and results."""
    return task.key or task.participant_key


def public_arguments(test: str, spec: Mapping[str, JSON]) -> list[str]:
    """The command line that makes a spec, without what is private in it."""
    public = {name: value for name, value in spec.items() if name[:1] != "_"}
    return registry.tests()[test].arguments(sanitized(public))


def arguments(task: Task, key: str | None) -> Sequence[str]:
    """The command line of a task's spec, whole with the right key. Raises Forbidden for a wrong one."""
    if opens(reading_key(task), key):
        return registry.tests()[task.test].arguments(task.spec)
    return task.cli


@dataclasses.dataclass(frozen=True)
class Caller:
    """Who wants to change something: ``is_direct`` without a proxy in front or a foreign page behind it,
    ``is_known`` unless the address is that of a proxy nobody has named."""

    address: str
    is_direct: bool = True
    is_known: bool = True

    @property
    def is_this_host(self) -> bool:
        """Whether it is a program of this host."""
        return self.is_direct and is_local(self.address)


def require_write(task: Task, caller: Caller, key: str | None) -> None:
    """Let pass this host itself, the holder of the task's key, and the address that posted the task.

    That address is not enough for a task of several participants: they share a key, and it alone counts.
    Raises Forbidden for everybody else, and for whoever comes with a key that is wrong.
    """
    keys = {each for each in (task.participant_key, task.key) if each is not None}
    if key is not None and keys and key not in keys:
        raise Forbidden("The key is wrong")
    required = task.participant_key or task.key
    is_shared = task.participant_key is not None
    by_key = required is not None and key == required
    by_requester = not is_shared and caller.is_known and caller.address == task.hints.get("requester")
    if caller.is_this_host or by_key or by_requester:
        return
    requester = [] if is_shared else ["the task's requester"]
    holder = [] if required is None else ["the holder of the task's key"]
    raise Forbidden(f"Only {' or '.join(['this host', *requester, *holder])} may do this")
