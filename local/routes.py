"""Which route of the app a path is of, and what it takes to answer it.

The stage is stripped from the path, as API Gateway does.
"""

import re
from collections.abc import Iterable

STAGE = "pscheduler"
_SLASHES = re.compile("/{2,}")

FROM_MEMORY = ("/", "/api", "/hostname", "/tests", "/tests/{name}")
"""What is answered without a look at anything stored or anybody else, sooner than a worker would wake."""
FROM_ONE_ITEM = ("/tasks/{task}", "/tasks/{task}/runtimes")
"""What is mostly answered from one item that is stored, sooner than a worker would wake, too."""
LISTS = ("/tasks", "/tasks/{task}/runs", "/schedule", "/monitor", "/openapi.json")


class Routes:
    """Finds the route of a path; a fixed segment goes before a parameter."""

    def __init__(self, routes: Iterable[str]):
        self._by_start: dict[tuple[int, str], list[tuple[str, list[str]]]] = {}
        for route in sorted(routes):  # "{" sorts behind every letter
            segments = route.strip("/").split("/")
            if segments[0].startswith("{"):
                raise ValueError(f"{route} begins with a parameter: everything would be looked for there")
            self._by_start.setdefault((len(segments), segments[0]), []).append((route, segments))

    def find(self, path: str) -> tuple[str, dict[str, str]] | None:
        """The route and its parameters, percent-encoded as they came; None when there is none."""
        segments = path.removeprefix("/").split("/")
        for route, wanted in self._by_start.get((len(segments), segments[0]), ()):
            captured = _captured(wanted, segments)
            if captured is not None:
                return route, captured
        return None


def _captured(wanted: list[str], segments: list[str]) -> dict[str, str] | None:
    captured = {}
    for want, segment in zip(wanted, segments, strict=True):
        if want.startswith("{") and segment:
            captured[want.strip("{}")] = segment
        elif want != segment:
            return None
    return captured


def without_stage(path: str) -> str | None:
    """The path behind the stage, without a trailing slash; None outside the stage.

    Slashes in a row count as one, as they do at the web server of other nodes: a lead asks
    participants for ``/pscheduler//api`` and ``/pscheduler//tools``.
    """
    path = _SLASHES.sub("/", path)
    if path != f"/{STAGE}" and not path.startswith(f"/{STAGE}/"):
        return None
    return path.removeprefix(f"/{STAGE}").removesuffix("/") or "/"


def is_list(route: str) -> bool:
    """Whether much is read, or made, for one answer."""
    return route in LISTS or route.startswith(("/stat/", "/schedule/"))


def is_of_agents(route: str) -> bool:
    """Whether it is agents that ask for it, as long as they are there."""
    return route.startswith("/agent/")
