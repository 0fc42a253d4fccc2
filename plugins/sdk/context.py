"""What a context declares: its settings, and how a tool's environment is changed."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from chalicelib.domain.schemas import JSON, Versions
from plugins.sdk.plugin import Plugin


@dataclasses.dataclass(frozen=True, kw_only=True)
class Context(Plugin):
    """A change of environment around a tool; ``enter`` raises PluginFailed where it cannot be made.

    The environment must hold for the calling thread and the processes it starts.
    """

    data: Mapping[int, dict[str, JSON]]
    enter: Callable[[JSON], AbstractContextManager[None]]

    @functools.cached_property
    def data_versions(self) -> Versions:
        return Versions(self.data)
