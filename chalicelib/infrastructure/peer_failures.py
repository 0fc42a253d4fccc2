"""Why another node could not be asked, in a sentence, and what can be done about it."""

import http.client
import ssl
from collections.abc import Iterator

import urllib3.exceptions

from chalicelib.domain import hosts
from chalicelib.infrastructure.addresses import is_local

DISTRUST = (
    ". perfSONAR hosts come with certificates that they sign themselves: whoever runs this node can have it"
    " trust this one or its authority, by a PEM file named in PSCHEDULER_PEER_CA, or check none, by"
    " PSCHEDULER_VERIFY_TLS=0"
)
"""What is said besides where a certificate is not trusted."""
ITSELF = (
    ". That is an address of this host: participants have to be on separate systems, or be named with the"
    " port of another node on this one"
)
"""What is said besides where nothing answers on this machine."""

SENTENCES: dict[type[BaseException], str] = {
    http.client.IncompleteRead: "its answer ended too early",
    http.client.RemoteDisconnected: "it hung up without an answer",
    http.client.HTTPException: "its answer is not HTTP",
    urllib3.exceptions.DecodeError: "its answer is not compressed as it says",
}
"""What is said of errors whose own words are for programmers."""


def why(error: BaseException) -> str:
    """The innermost sentence of an error: the outer ones show objects by their addresses."""
    errors = list(_inside(error))
    for kind, sentence in SENTENCES.items():
        if any(isinstance(each, kind) for each in errors):
            return sentence
    for each in reversed(errors):
        if isinstance(each, OSError) and each.strerror:
            return each.strerror
    while isinstance(error, urllib3.exceptions.MaxRetryError) and error.reason is not None:
        error = error.reason
    return str(error)


def _inside(error: BaseException) -> Iterator[BaseException]:
    """An error and those it came of, the outer ones first."""
    found: list[BaseException] = [error]
    for each in found:
        yield each
        inner = [getattr(each, "reason", None), *each.args, each.__cause__ or each.__context__]
        found += [one for one in inner if isinstance(one, BaseException) and one not in found]


def advice(error: BaseException, participant: str) -> str:
    """What can be done about an error at a participant; nothing for most."""
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _inside(error)):
        return DISTRUST
    host = hosts.parse(participant)
    is_itself = host.port is None and (host.name == "localhost" or is_local(host.name))
    return ITSELF if is_itself else ""
