"""What an archiver declares: its settings, and how a result is sent."""

import dataclasses
import functools
from collections.abc import Callable, Mapping

from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import JSON, Versions
from plugins.sdk.jobs import Outcome, Parcel
from plugins.sdk.plugin import Plugin


@dataclasses.dataclass(frozen=True, kw_only=True)
class Archiver(Plugin):
    """A place to send results: ``data`` {schema version: schema} of its settings, ``deliver`` does it.

    ``check`` is a rule no schema can hold: raises Invalid, naming the member and not its value.
    ``for_operators``: not for tasks, which anybody posts, but for default archives and alert rules alone.
    """

    data: Mapping[int, dict[str, JSON]]
    deliver: Callable[[Parcel], Outcome]
    check: Callable[[Mapping[str, JSON]], None] | None = None
    for_operators: bool = False

    @functools.cached_property
    def data_versions(self) -> Versions:
        return Versions(self.data)

    def problem(self, data: JSON) -> str | None:
        """What is wrong with settings, as a sentence; None when they are valid."""
        found = self.fault(data)
        return None if found is None else found.message

    def fault(self, data: JSON) -> Invalid | None:
        """What is wrong with settings, with the member's pointer; None when they are valid."""
        found = self.data_versions.fault(data)
        if found or not self.check:
            return found
        try:
            self.check(data)
        except Invalid as error:
            return error
        return None
