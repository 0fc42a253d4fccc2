"""Asking name servers, with an end to every question. The servers are those of this machine."""

import contextlib
import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

from chalicelib.domain.echoes import shown
from chalicelib.domain.errors import Unavailable


class NameServer:
    """The name servers that this machine is set up to ask."""

    def texts(self, name: str, timeout: dt.timedelta) -> Sequence[str]:
        """The TXT records of a name; nothing for a name there is not. Raises Unavailable."""
        found = self._ask(name, "TXT", timeout)
        return [b"".join(record.strings).decode(errors="replace") for record in found]

    def addresses(self, name: str, timeout: dt.timedelta, version: int | None = None) -> Sequence[str]:
        """The addresses of a name, of one IP version or of both. Raises Unavailable."""
        kinds = {4: ["A"], 6: ["AAAA"], None: ["A", "AAAA"]}[version]
        return [record.address for kind in kinds for record in self._ask(name, kind, timeout)]

    def names(self, address: str, timeout: dt.timedelta) -> Sequence[str]:
        """The names of an address. Raises Unavailable."""
        import dns.reversename

        return [
            record.target.to_text()
            for record in self._ask(dns.reversename.from_address(address), "PTR", timeout)
        ]

    def _ask(self, name: Any, kind: str, timeout: dt.timedelta) -> Sequence[Any]:
        import dns.exception
        import dns.resolver  # 60 ms of a cold start, and few policies ask names

        try:
            with _understood(name):
                return list(
                    dns.resolver.get_default_resolver().resolve(
                        name, kind, lifetime=max(0.05, timeout.total_seconds()), search=False
                    )
                )
        except dns.resolver.NXDOMAIN:
            return []
        except (dns.exception.DNSException, OSError) as error:
            raise Unavailable(
                f"No {kind} record of {name} could be obtained: {type(error).__name__}"
            ) from error


@contextlib.contextmanager
def _understood(name: Any) -> Iterator[None]:
    """Names made of what strangers sent may be none: that is no answer either."""
    try:
        yield
    except (UnicodeError, ValueError) as error:
        raise Unavailable(f"{shown(str(name))} is not a name") from error
