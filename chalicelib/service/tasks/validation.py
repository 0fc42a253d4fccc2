"""Checks of a posted task against what this node has, one a section, each naming the member at fault.

They raise Invalid. What a task looks like is checked before, in ``domain/specs.py``.
"""

import datetime as dt
from collections.abc import Mapping, Sequence

from chalicelib.domain import echoes, hosts, repeat
from chalicelib.domain.errors import Invalid
from chalicelib.domain.names import NodeName
from chalicelib.domain.repeat import Schedule
from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import ZERO, parse_absolute_or_relative, parse_duration
from chalicelib.infrastructure.addresses import ANY_ADDRESS, is_local, is_loopback
from chalicelib.service.node.node_directory import hostname_of
from chalicelib.settings import settings
from plugins import registry
from plugins.sdk.test import Test

SEPARATE = "participants have to be on separate systems"


def test_of(section: Mapping[str, JSON]) -> Test:
    test = registry.tests().get(section["type"])
    if test is None:
        raise Invalid(f"there is no test {echoes.name(section['type'])}", "/test/type")
    fault = test.fault(section["spec"])
    if fault:
        raise fault.inside("/test/spec")
    return test


def schedule_of(section: Mapping[str, JSON], now: dt.datetime) -> Schedule:
    """The wishes of a schedule, resolved once: ``PT5M`` means five minutes from its posting."""
    repeats = "repeat" in section or "repeat-cron" in section
    schedule = Schedule(
        start=_moment(section, "start", now),
        slip=_duration(section, "slip") or ZERO,
        sliprand=section.get("sliprand", False),
        repeat=_duration(section, "repeat"),
        cron=section.get("repeat-cron"),
        until=_moment(section, "until", now),
        max_runs=section.get("max-runs") if repeats else 1,
    )
    repeat.check(schedule, now)
    return schedule


def _moment(section: Mapping[str, JSON], name: str, now: dt.datetime) -> dt.datetime | None:
    try:
        return parse_absolute_or_relative(section[name], now) if name in section else None
    except Invalid as error:
        raise error.inside(f"/schedule/{name}") from error


def _duration(section: Mapping[str, JSON], name: str) -> dt.timedelta | None:
    try:
        return parse_duration(section[name]) if name in section else None
    except Invalid as error:
        raise error.inside(f"/schedule/{name}") from error


def contexts(section: Mapping[str, JSON] | None, participants: int) -> None:
    if section is None:
        return
    lists = section["contexts"]
    if len(lists) != participants:
        raise Invalid(
            f"must have as many lists as the task has participants: {participants}, not {len(lists)}",
            "/contexts/contexts",
        )
    for number, contexts in enumerate(lists):
        for place, context in enumerate(contexts):
            _check_context(context, f"/contexts/contexts/{number}/{place}")


def _check_context(context: Mapping[str, JSON], where: str) -> None:
    plugin = registry.contexts().get(context["context"])
    if plugin is None:
        raise Invalid(f"there is no context {echoes.name(context['context'])}", f"{where}/context")
    fault = plugin.data_versions.fault(context["data"])
    if fault:
        raise fault.inside(f"{where}/data")


def lead_bind(document: Mapping[str, JSON]) -> None:
    address = document.get("lead-bind")
    if address is not None and not is_local(address):
        raise Invalid(f"{echoes.name(address)} is not an address of this host", "/lead-bind")


def participants(node: NodeName, names: Sequence[str]) -> None:
    """Each participant has to be a system of its own: a node cannot agree with itself.

    A name that leads to this node by the DNS alone is found out when it is invited (``join``).
    """
    first, *others = (_place(name) for name in names)
    taken = {
        first,
        _place(hostname_of(node)),
        *(_place(place) for place in _split(settings().listens)),
    }
    for name, place in zip(names[1:], others, strict=True):
        if place in taken or _is_at_a_wildcard(place):
            raise Invalid(
                f"{SEPARATE}, and {echoes.name(name)} is a second name of one that takes part", "/test/spec"
            )
        taken.add(place)


def _place(participant: str) -> tuple[str, int]:
    """The address or name and the port where a participant is asked; loopback has one spelling."""
    found = hosts.parse(participant)
    port = found.port or settings().peer_port or hosts.PORTS[settings().peer_scheme]
    return ("127.0.0.1" if found.name == "localhost" or is_loopback(found.name) else found.name), port


def _split(listens: str) -> list[str]:
    return [place.strip() for place in listens.split(",") if place.strip()]


def _is_at_a_wildcard(place: tuple[str, int]) -> bool:
    """Whether this node listens on all addresses of this machine, of which this is one."""
    listening = {_place(one) for one in _split(settings().listens)}
    is_open = any(port == place[1] and address in ANY_ADDRESS for address, port in listening)
    return is_open and is_local(place[0])
