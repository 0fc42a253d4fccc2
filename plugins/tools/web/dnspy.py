"""dnspy: performs dns with the library dnspython (docs/contract/tools.md section 2)."""

import dataclasses
import datetime as dt
import ipaddress
import time
from collections.abc import Callable, Mapping

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import SECOND, format_duration, parse_duration
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import Job, PluginFailed, wrapped
from plugins.sdk.tool import Tool
from plugins.support import guarded_connections
from plugins.support import host_lookup as _hosts

PORT = 53
TIMEOUT = 5 * SECOND


def timeout(spec: Spec) -> dt.timedelta:
    return parse_duration(spec["timeout"]) if "timeout" in spec else TIMEOUT


def duration(test: str, spec: Spec) -> dt.timedelta:
    return timeout(spec) + SECOND


def run(job: Job) -> JSON:
    """Raises PluginFailed where nobody answers. An answer of any kind is timed, also one without a record."""
    resolver = resolver_for(job.spec, timeout(job.spec))
    job.wait_for_start()
    answer = ask(resolver, job.spec["query"], job.spec["record"])
    return local_result(answer, bool(job.spec.get("always-succeed")))


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a name server said: a record, or why there is none."""

    time: dt.timedelta
    rcode: str
    record: JSON = None
    error: str | None = None


def local_result(answer: Answer, always_succeed: bool) -> dict[str, JSON]:
    """In the wrapped form; one that lacks a record has failed unless the spec says that none does."""
    succeeded = always_succeed or answer.error is None
    said = {
        "schema": 2 if always_succeed else 1,
        "succeeded": succeeded,
        "time": format_duration(answer.time),
        **({"record": answer.record} if answer.error is None else {}),
        **({"rcode": answer.rcode} if always_succeed else {}),
        **({"error": answer.error} if answer.error else {}),
    }
    local = wrapped(said, f"The answer's code is {answer.rcode}\n", answer.error)
    return {**local, "succeeded": succeeded}


def resolver_for(spec: Spec, limit: dt.timedelta) -> JSON:
    """The resolver that a spec names by its ``nameserver``. Raises PluginFailed, Refused among them."""
    server = spec.get("nameserver")
    address = str(_hosts.resolve(server)) if server else None
    if address:  # the library makes its own sockets, and looks an address up no more
        guarded_connections.check(address, PORT)
    return make_resolver(limit, address)


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


def ask(resolver: JSON, query: str, record: str) -> Answer:
    """The answer to one question to the resolver. Raises PluginFailed where there is none."""
    import dns.exception
    import dns.rcode
    import dns.resolver

    begun = time.perf_counter()

    def answered(rcode: str, **more: JSON) -> Answer:
        return Answer(dt.timedelta(seconds=time.perf_counter() - begun), rcode, **more)

    try:
        answer = resolver.resolve(_name(query, record), record, search=False)
    except dns.resolver.NXDOMAIN:
        return answered("NXDOMAIN", error=f"NXDOMAIN: the domain {query} does not exist")
    except dns.resolver.NoAnswer:
        return answered("NOERROR", error=f"{query} has no {record} record")
    except dns.exception.Timeout as error:
        raise PluginFailed(f"No answer in {resolver.lifetime:g} seconds", str(error)) from error
    except dns.resolver.NoNameservers as error:
        rcode = _last_rcode(error)
        if rcode is None:
            raise PluginFailed("No name server could be queried", str(error)) from error
        return answered(rcode, error=f"{rcode}: no name server had an answer")
    except (dns.exception.DNSException, OSError, ValueError) as error:
        raise PluginFailed(f"The query could not be sent: {error}") from error
    found = answered(dns.rcode.to_text(answer.response.rcode()))
    return dataclasses.replace(found, record=RECORDS[record](list(answer)))


def texts(resolver: JSON, name: str) -> list[str]:
    """What the TXT records of a name say, as programs read them. Raises PluginFailed where there are none."""
    import dns.exception

    try:
        answer = resolver.resolve(name, "txt", search=False)
    except (dns.exception.DNSException, OSError, ValueError) as error:
        raise PluginFailed(f"{name} has no TXT record: {error}") from error
    return [b"".join(each.strings).decode(errors="replace") for each in answer]


def _last_rcode(trouble: JSON) -> str | None:
    """The code of the last answer among what several servers had to say; None where there was none."""
    import dns.rcode

    responses = [error[4] for error in trouble.kwargs.get("errors", ()) if error[4] is not None]
    return dns.rcode.to_text(responses[-1].rcode()) if responses else None


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
    """As in a zone file, each string in its quotes: that is how archives have it (RFC 1035 section 5.1)."""
    text: str = answer.to_text()
    return text


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
"""The shape of ``record`` by its type: one has a single value, the others lists
(docs/contract/tests.md, dns)."""

TOOL = Tool(
    name="dnspy",
    label="DNSPy",
    description="Measure DNS transactions with dnspython",
    tests=("dns",),
    max_schema=2,
    duration=duration,
    run=run,
)
