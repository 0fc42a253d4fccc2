"""The task specification and what stands in it (docs/contract/types.md section 5).

Every document says by its ``schema`` member which version it follows, 1 when it has none; a member
that came with a later version is refused in an earlier one.
"""

from collections.abc import Mapping

from chalicelib.domain.schemas import JSON, Versions, closed
from chalicelib.domain.types import TYPES

Members = Mapping[int, Mapping[str, dict[str, JSON]]]
"""{version that brought them: {member: type}}."""


def _versions(members: Members, newest: int, required: tuple[str, ...] = ()) -> Versions:
    return Versions(
        {
            version: closed(
                {
                    "schema": TYPES["Cardinal"],
                    **{
                        name: kind
                        for since, brought in members.items()
                        if since <= version
                        for name, kind in brought.items()
                    },
                },
                required,
            )
            for version in range(1, newest + 1)
        }
    )


CONTEXT = closed({"context": TYPES["String"], "data": TYPES["AnyJSON"]}, ("context", "data"))
CONTEXTS = closed(
    {
        "schema": TYPES["Cardinal"],
        "contexts": {"type": "array", "items": {"type": "array", "items": CONTEXT}},  # one list a participant
    },
    ("contexts",),
)

TASK = _versions(
    {
        1: {
            "test": TYPES["TestSpecification"],
            "lead-bind": TYPES["Host"],
            "tool": TYPES["String"],
            "tools": TYPES["StringList"],
            "schedule": TYPES["AnyJSON"],  # checked by itself: it has versions of its own
            "archives": TYPES["Array"],  # and so has each of these
            "reference": TYPES["AnyJSON"],
            "_key": TYPES["String"],
        },
        2: {"contexts": CONTEXTS},
        3: {"priority": TYPES["Int32"]},
        4: {"debug": TYPES["Boolean"]},
        5: {"keep-after-archive": TYPES["Duration"]},
    },
    newest=5,
    required=("test",),
)

SCHEDULE = _versions(
    {
        1: {
            "start": TYPES["TimestampAbsoluteRelative"],
            "slip": TYPES["Duration"],
            "sliprand": TYPES["Boolean"],
            "repeat": TYPES["Duration"],
            "until": TYPES["TimestampAbsoluteRelative"],
            "max-runs": TYPES["Cardinal"],
        },
        2: {"repeat-cron": TYPES["POSIXCronSpecification"]},
    },
    newest=2,
)

EVENTS = ["nonstart", "missed", "preempted", "canceled", "overdue"]
"""Ends of runs without a result that an archive may ask for."""

ARCHIVE = _versions(
    {
        1: {
            "archiver": TYPES["String"],
            "data": TYPES["AnyJSON"],
            "transform": TYPES["JQTransformSpecification"],
            "ttl": TYPES["Duration"],
        },
        2: {"runs": {"enum": ["all", "succeeded", "failed"]}, "uri-host": TYPES["URLHostPort"]},
        3: {"label": TYPES["String"]},
        4: {"events": {"type": "array", "items": {"enum": EVENTS}, "uniqueItems": True}},  # an addition
    },
    newest=4,
    required=("archiver", "data"),
)


def check_task(document: JSON) -> None:
    """Raises Invalid, as ``/path/to/member: sentence``, unless this is a task specification.

    Whether its test, archivers and contexts exist and like their parts of it is not looked at.
    """
    _check(TASK, document, "")
    if "schedule" in document:
        _check(SCHEDULE, document["schedule"], "/schedule")
    for number, archive in enumerate(document.get("archives", ())):
        _check(ARCHIVE, archive, f"/archives/{number}")


def check_archive(document: JSON) -> None:
    """The same for one archive specification that stands by itself."""
    _check(ARCHIVE, document, "")


def _check(versions: Versions, document: JSON, where: str) -> None:
    fault = versions.fault(document)
    if fault is not None:
        raise fault.inside(where)
