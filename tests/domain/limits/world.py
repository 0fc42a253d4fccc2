"""A world for policies in tests: jq in the process, and names, lists, pages and interfaces as told."""

import dataclasses
import datetime as dt
import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

import jq as library

from chalicelib.domain.errors import Unavailable
from chalicelib.domain.jq_scripts import ScriptFailed
from chalicelib.domain.limits import evaluation, policy_document
from chalicelib.domain.limits.evaluation import Ruling
from chalicelib.domain.limits.limit_kinds import Proposal
from chalicelib.domain.limits.networks import Networks, network
from chalicelib.domain.limits.surroundings import ListSource, Query, Surroundings


class InProcessJq:
    """jq without confinement: for scripts that tests wrote."""

    def check(self, script: str, args: Mapping[str, Any]) -> None:
        try:
            library.compile(script, args=dict(args))
        except ValueError as error:
            raise ScriptFailed(str(error)) from error

    def run(self, script: str, args: Mapping[str, Any], document: Any) -> list[Any]:
        try:
            return library.compile(script, args=dict(args)).input_value(document).all()
        except ValueError as error:
            raise ScriptFailed(str(error)) from error

    def run_all(self, scripts: Sequence[tuple[str, Mapping[str, Any]]], document: Any) -> list[Any]:
        answers: list[Any] = []
        for script, args in scripts:
            try:
                answers.append(self.run(script, args, document))
            except ScriptFailed as error:
                answers.append(error)
        return answers


@dataclasses.dataclass
class World:
    """What is out there; what is not told is not there, and None is what does not answer."""

    text: dict[str, list[str] | None] = dataclasses.field(default_factory=dict)
    address: dict[str, list[str] | None] = dataclasses.field(default_factory=dict)
    name: dict[str, list[str] | None] = dataclasses.field(default_factory=dict)
    lists: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    pages: dict[str, tuple[int, str]] = dataclasses.field(default_factory=dict)
    own: Sequence[str] = ("127.0.0.1", "192.0.2.10")
    subnets_: Sequence[str] = ("127.0.0.0/8", "192.0.2.0/24")
    asked: list[Any] = dataclasses.field(default_factory=list)

    def around(self) -> Surroundings:
        return Surroundings(InProcessJq(), self, _Lists(self), self, _Interfaces(self))

    def texts(self, name: str, timeout: dt.timedelta) -> Sequence[str]:
        return self._told(self.text, name)

    def addresses(self, name: str, timeout: dt.timedelta, version: int | None = None) -> Sequence[str]:
        return self._told(self.address, name)

    def names(self, address: str, timeout: dt.timedelta) -> Sequence[str]:
        return self._told(self.name, address)

    def _told(self, told: Mapping[str, list[str] | None], name: str) -> Sequence[str]:
        self.asked.append(name)
        found = told.get(name, [])
        if found is None:
            raise Unavailable(f"No answer about {name}")
        return found

    def get(self, query: Query) -> tuple[int, str]:
        self.asked.append(query)
        if query.url not in self.pages:
            raise Unavailable(f"{query.url} cannot be reached")
        return self.pages[query.url]


class _Lists:
    def __init__(self, world: World):
        self._world = world

    def networks(self, source: ListSource) -> Networks | None:
        found = self._world.lists.get(source.url)
        return None if found is None else Networks(network(text) for text in found)


class _Interfaces:
    def __init__(self, world: World):
        self._world = world

    def addresses(self) -> Networks:
        return Networks(network(text) for text in self._world.own)

    def subnets(self) -> Networks:
        return Networks(ipaddress.ip_network(text) for text in self._world.subnets_)


IDLE = {"schema": 1, "test": {"type": "idle", "spec": {"duration": "PT2S"}}, "schedule": {}}
EVERYBODY = {"name": "everybody", "description": "All", "type": "always", "data": {}}
ALWAYS = {"name": "always", "description": "Yes", "type": "pass-fail", "data": {"pass": True}}
NEVER = {"name": "never", "description": "No", "type": "pass-fail", "data": {"pass": False}}


def identifier(kind: str, data: Any, name: str = "asking", **more: Any) -> dict[str, Any]:
    return {"name": name, "description": f"A {kind}", "type": kind, "data": data, **more}


def classifier(name: str, *identifiers: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "description": name, "identifiers": list(identifiers), **more}


def limit(kind: str, data: Any, name: str = "limit", **more: Any) -> dict[str, Any]:
    return {"name": name, "description": f"A {kind}", "type": kind, "data": data, **more}


def apply(*limits: str, require: str = "all", **more: Any) -> dict[str, Any]:
    """An application of one group."""
    return {"apply": [{"require": require, "limits": list(limits)}], **more}


def policy(**changes: Any) -> dict[str, Any]:
    """A policy that lets everybody do everything, but for the changes."""
    return {
        "schema": 4,
        "identifiers": [EVERYBODY],
        "classifiers": [classifier("all", "everybody")],
        "limits": [ALWAYS, NEVER],
        "applications": [apply("always")],
        **changes,
    }


def identifying(one: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A policy under which only those pass whom an identifier identifies."""
    return policy(
        identifiers=[EVERYBODY, one],
        classifiers=[classifier("all", "everybody"), classifier("them", one["name"])],
        applications=[apply("always", classifier="them")],
        **changes,
    )


def limiting(*limits: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A policy under which all of some limits must pass."""
    return policy(
        **{"limits": list(limits), "applications": [apply(*(one["name"] for one in limits))], **changes}
    )


def judged(
    written: Any,
    task: Any = IDLE,
    world: World | None = None,
    rewrite: bool = False,
    prioritize: bool = False,
    **hints: Any,
) -> Ruling:
    """What a policy says of a task; an underscore in the name of a hint stands for a hyphen."""
    around = (world or World()).around()
    known = {"requester": "198.51.100.7", **{name.replace("_", "-"): one for name, one in hints.items()}}
    made = policy_document.parse(written, around.jq)
    return evaluation.judge(made, Proposal(task, known), around, rewrite, prioritize)
