"""A policy as a document, and what is made of it once all of it is known to be right.

Everything that could fail later is looked at here: names that lead nowhere, networks with host bits, jq
that does not compile. The first mistake is named by its JSON pointer.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence

from chalicelib.domain import echoes
from chalicelib.domain.echoes import shown
from chalicelib.domain.errors import Invalid, TooLarge
from chalicelib.domain.jq_scripts import Jq
from chalicelib.domain.limits import identifiers, limit_kinds, prioritizer, rewriter
from chalicelib.domain.limits.applications import Application, Group
from chalicelib.domain.limits.classifiers import Classifier
from chalicelib.domain.limits.identifiers import Identifier
from chalicelib.domain.limits.kind_base import Kind, checked
from chalicelib.domain.limits.limit_kinds import Limit
from chalicelib.domain.limits.policy_schema import CHECKERS, HIGHEST
from chalicelib.domain.limits.policy_scripts import Script
from chalicelib.domain.limits.quotas import Quota, quotas
from chalicelib.domain.schemas import JSON, Checker

LARGEST_POLICY = 256 * 1024
"""Characters of a policy."""


@dataclasses.dataclass(frozen=True)
class Policy:
    """A policy that is right, ready to judge."""

    schema: int
    identifiers: Sequence[Identifier]
    classifiers: Sequence[Classifier]
    limits: Mapping[str, Limit]
    applications: Sequence[Application]
    rewrite: Script | None = None
    priority: Script | None = None
    quotas: Sequence[Quota] = ()


def parse(document: JSON, jq: Jq) -> Policy:
    """The policy that a document describes. Raises Invalid, naming the member at fault."""
    if not isinstance(document, dict):
        raise Invalid("must be an object", "")
    _require_size(document)
    version = document.get("schema")
    if isinstance(version, bool) or not isinstance(version, int) or version not in CHECKERS:
        raise Invalid(f"must be a number from 1 to {HIGHEST}", "/schema")
    checked(CHECKERS[version], document, "")
    known = _identifiers(document["identifiers"], jq)
    classifiers = _classifiers(document["classifiers"], {one.name for one in known})
    limits = _limits(document["limits"], jq)
    names = {one.name for one in classifiers}
    return Policy(
        schema=version,
        identifiers=known,
        classifiers=classifiers,
        limits=limits,
        applications=_applications(document["applications"], names, limits),
        rewrite=rewriter.prepare(document["rewrite"], "/rewrite", jq) if "rewrite" in document else None,
        priority=prioritizer.prepare(document["priority"], "/priority", jq)
        if "priority" in document
        else None,
        quotas=quotas(document.get("quotas", []), names),
    )


def _require_size(document: JSON) -> None:
    try:
        size = len(json.dumps(document))
    except RecursionError as error:
        raise Invalid("is nested too deeply", "") from error
    if size > LARGEST_POLICY:
        raise TooLarge(f"A policy must have at most {LARGEST_POLICY} characters; this one has {size}")


def _identifiers(found: Sequence[JSON], jq: Jq) -> list[Identifier]:
    known: dict[str, Identifier] = {}
    for number, one in enumerate(found):
        at = f"/identifiers/{number}"
        _require_new(one["name"], known, at)
        kind = _kind(identifiers.KINDS, one["type"], at, {})
        data = _prepared(kind, one["data"], f"{at}/data", jq)
        known[one["name"]] = Identifier(one["name"], one["type"], data, one.get("invert", False))
    return list(known.values())


def _classifiers(found: Sequence[JSON], identified: set[str]) -> list[Classifier]:
    known: dict[str, Classifier] = {}
    for number, one in enumerate(found):
        at = f"/classifiers/{number}"
        _require_new(one["name"], known, at)
        _require_known(one["identifiers"], identified, f"{at}/identifiers", "identifier")
        known[one["name"]] = Classifier(one["name"], one["identifiers"], one.get("require", "any"))
    return list(known.values())


def _limits(found: Sequence[JSON], jq: Jq) -> dict[str, Limit]:
    made: dict[str, Limit] = {}
    sources: dict[str, tuple[str, JSON]] = {}
    for number, one in enumerate(found):
        at = f"/limits/{number}"
        name = _member(one, "name", at)
        _require_new(name, made, at)
        kind_name, data = (
            _cloned(one, sources, at) if "clone" in one else (_member(one, "type", at), one.get("data"))
        )
        if "data" not in one:
            raise Invalid('"data" is a required property', at)
        kind = _kind(limit_kinds.KINDS, kind_name, at, limit_kinds.REMOVED)
        sources[name] = (kind_name, data)
        made[name] = Limit(name, kind_name, _prepared(kind, data, f"{at}/data", jq), _inverted(one, at))
    return made


def _inverted(limit: Mapping[str, JSON], at: str) -> bool:
    """Whether a limit is inverted; a clone is not, whatever it or its source says, as in the reference."""
    inverted = limit.get("invert", False)
    if not isinstance(inverted, bool):
        raise Invalid("must be true or false", f"{at}/invert")
    return inverted and "clone" not in limit


def _cloned(limit: Mapping[str, JSON], sources: Mapping[str, tuple[str, JSON]], at: str) -> tuple[str, JSON]:
    """The type and the data of a clone: those of a limit before it, with its own merged in."""
    _member(limit, "description", at)
    source = _member(limit, "clone", at)
    if source not in sources:
        raise Invalid(
            f"must be defined before this limit; there is no limit {shown(source)} before it", f"{at}/clone"
        )
    kind, data = sources[source]
    return kind, _merged(data, limit.get("data"))


def _merged(one: JSON, other: JSON) -> JSON:
    """Objects merged, member by member; of anything else the second."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return other
    return {
        **one,
        **{name: _merged(one[name], item) if name in one else item for name, item in other.items()},
    }


def _member(limit: Mapping[str, JSON], name: str, at: str) -> str:
    if name not in limit:
        raise Invalid(f"{shown(name)} is a required property", at)
    value = limit[name]
    if not isinstance(value, str):
        raise Invalid("must be a string", f"{at}/{name}")
    return value


def _kind(kinds: Mapping[str, Kind], name: str, at: str, removed: Mapping[str, str]) -> Kind:
    if name in removed:
        raise Invalid(removed[name], f"{at}/type")
    if name not in kinds:
        raise Invalid(f"must be one of {', '.join(sorted(kinds))}, not {shown(name)}", f"{at}/type")
    return kinds[name]


_DATACHECKERS: dict[int, Checker] = {}


def _prepared(kind: Kind, data: JSON, pointer: str, jq: Jq) -> object:
    checker = _DATACHECKERS.setdefault(id(kind), Checker(dict(kind.schema)))  # kinds are there for good
    checked(checker, data, pointer)
    return kind.prepare(data, pointer, jq)


def _applications(
    found: Sequence[JSON], classifiers: set[str], limits: Mapping[str, Limit]
) -> list[Application]:
    made = []
    for number, one in enumerate(found):
        at = f"/applications/{number}"
        if "classifier" in one:
            _require_known([one["classifier"]], classifiers, f"{at}/classifier", "classifier")
        for place, group in enumerate(one["apply"]):
            _require_known(group["limits"], set(limits), f"{at}/apply/{place}/limits", "limit")
        groups = [Group(group["require"], group["limits"]) for group in one["apply"]]
        made.append(
            Application(
                one.get("description", ""),
                one.get("classifier"),
                groups,
                one.get("stop-on-failure", False),
                one.get("invert", False),
            )
        )
    return made


def _require_new(name: str, known: Mapping[str, object], at: str) -> None:
    if name in known:
        raise Invalid(f"must be unique; another one before it is called {shown(name)}", f"{at}/name")


def _require_known(names: Sequence[str], known: set[str], at: str, what: str) -> None:
    missing = [name for name in names if name not in known]
    if missing:
        raise Invalid(
            f"must be defined in this policy; there is no {what} {echoes.names(missing)}",
            at,
        )
