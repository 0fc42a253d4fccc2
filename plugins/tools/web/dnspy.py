"""dnspy: performs dns with the library dnspython (contract/tools.md section 2)."""

import datetime as dt
import ipaddress
import time
from collections.abc import Callable, Mapping

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND, format_duration, parse_duration
from plugins.sdk.base import Job, PluginFailed, Spec, Tool, wrapped
from plugins.support import egress
from plugins.support import hosts as _hosts

PORT = 53
TIMEOUT = 5 * SECOND


def timeout(spec: Spec) -> dt.timedelta:
    return parse_duration(spec["timeout"]) if "timeout" in spec else TIMEOUT


def duration(test: str, spec: Spec) -> dt.timedelta:
    return timeout(spec) + SECOND


def run(job: Job) -> JSON:
    """Raises PluginFailed where there is no answer, and says of which kind the lack is."""
    server = job.spec.get("nameserver")
    address = str(_hosts.resolve(server)) if server else None
    if address:  # the library makes its own sockets, and looks an address up no more
        egress.check(address, PORT)
    resolver = make_resolver(timeout(job.spec), address)
    job.wait_for_start()
    return wrapped({"schema": 1, "succeeded": True, **ask(resolver, job.spec["query"], job.spec["record"])})


def make_resolver(limit: dt.timedelta, server: str | None = None, port: int = PORT) -> JSON:
    """A resolver that asks one server, or those this machine is set up with, for so long in all."""
    import dns.exception
    import dns.resolver

    try:
        resolver = dns.resolver.Resolver(configure=server is None)
    except dns.exception.DNSException as error:
        raise PluginFailed(f"This machine has no name servers: {error}") from error
    if server is not None:
        resolver.nameservers, resolver.port = [server], port
    resolver.lifetime = limit.total_seconds()
    resolver.timeout = resolver.lifetime / max(1, len(resolver.nameservers))
    return resolver


def ask(resolver: JSON, query: str, record: str) -> dict[str, JSON]:
    """``{time, record}`` of one question to the resolver. Raises PluginFailed."""
    import dns.exception
    import dns.resolver

    begun = time.perf_counter()
    try:
        answer = resolver.resolve(_name(query, record), record, search=False)
    except dns.resolver.NXDOMAIN as error:
        raise PluginFailed(f"The domain {query} does not exist", str(error)) from error
    except dns.resolver.NoAnswer as error:
        raise PluginFailed(f"{query} has no {record} record", str(error)) from error
    except dns.exception.Timeout as error:
        raise PluginFailed(f"No answer in {resolver.lifetime:g} seconds", str(error)) from error
    except dns.resolver.NoNameservers as error:
        raise PluginFailed("No name server could answer, SERVFAIL or the like", str(error)) from error
    except (dns.exception.DNSException, OSError, ValueError) as error:
        raise PluginFailed(f"The question could not be asked: {error}") from error
    taken = dt.timedelta(seconds=time.perf_counter() - begun)
    return {"time": format_duration(taken), "record": RECORDS[record](list(answer))}


def _name(query: str, record: str) -> JSON:
    """What to ask for: names belong to addresses through a domain of their own."""
    import dns.reversename

    try:
        ipaddress.ip_address(query)
    except ValueError:
        return query
    return dns.reversename.from_address(query) if record == "ptr" else query


def _soa(answer: JSON) -> dict[str, JSON]:
    numbers = ("serial", "refresh", "retry", "expire", "minimum")
    hosts = {"nameserver": answer.mname.to_text(), "owner": answer.rname.to_text()}
    return {**hosts, **{name: getattr(answer, name) for name in numbers}}


def _text(answer: JSON) -> str:
    return b"".join(answer.strings).decode(errors="replace")


def _target(answer: JSON) -> str:
    target: str = answer.target.to_text()
    return target


RECORDS: Mapping[str, Callable[[list[JSON]], JSON]] = {
    "a": lambda answers: [answer.address for answer in answers],
    "aaaa": lambda answers: [answer.address for answer in answers],
    "ns": lambda answers: [_target(answer) for answer in answers],
    "cname": lambda answers: _target(answers[0]),
    "ptr": lambda answers: _target(answers[0]),
    "mx": lambda answers: [{"pref": each.preference, "mx": each.exchange.to_text()} for each in answers],
    "soa": lambda answers: _soa(answers[0]),
    "txt": lambda answers: [_text(answer) for answer in answers],
}
"""The shape of ``record`` by its type: one has a single value, the others lists (contract/tests.md, dns)."""

TOOL = Tool(
    name="dnspy",
    description="Measure DNS transactions with dnspython",
    tests=("dns",),
    max_schema=1,
    duration=duration,
    run=run,
)
