"""Archive specifications as this node can keep them, be they of a task or of the node itself."""

from collections.abc import Mapping, Sequence

from chalicelib.domain import echoes, transforms
from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import JSON
from chalicelib.infrastructure.jq_sandbox import SANDBOX
from plugins import registry

MOST = 40
"""Archives of a task, and of a node: the deliveries of a result are written in one transaction with it, which
holds 100 items."""


def require_valid(
    archives: Sequence[Mapping[str, JSON]], where: str = "/archives", by_operator: bool = False
) -> None:
    """Raise Invalid for more archives than a result can have, one that cannot be delivered to, or one that is
    for whoever operates the node where anybody posted it."""
    if len(archives) > MOST:
        raise Invalid(f"has {len(archives)} archives; a task can have at most {MOST}", where)
    for number, archive in enumerate(archives):
        require_deliverable(archive, f"{where}/{number}")
        if registry.archivers()[archive["archiver"]].for_operators and not by_operator:
            raise Invalid(
                f"{archive['archiver']} is reserved for the node's operator: it can be used in default"
                " archives and alert rules, but not in tasks",
                f"{where}/{number}/archiver",
            )


def require_deliverable(archive: Mapping[str, JSON], where: str = "") -> None:
    """Raise Invalid unless there is such an archiver, it likes its settings, and the transform compiles."""
    archiver = registry.archivers().get(archive["archiver"])
    if archiver is None:
        raise Invalid(f"there is no archiver {echoes.name(archive['archiver'])}", f"{where}/archiver")
    fault = archiver.fault(archive["data"])
    if fault:
        raise fault.inside(f"{where}/data")
    if "transform" in archive:
        _check_transform(archive["transform"], f"{where}/transform")


def _check_transform(transform: Mapping[str, JSON], where: str) -> None:
    try:
        transforms.check(transform, SANDBOX)
    except Invalid as error:
        raise error.inside(where) from error
