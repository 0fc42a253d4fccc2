"""Why another node could not be asked, in a sentence, and what can be done about it."""

import ssl

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


def why(error: BaseException) -> str:
    """The innermost sentence of an error: the outer ones show objects by their addresses."""
    while isinstance(error, urllib3.exceptions.MaxRetryError) and error.reason is not None:
        error = error.reason
    inner = error.__cause__ or error.__context__
    if isinstance(inner, OSError) and not isinstance(error, OSError):
        error = inner
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)


def advice(error: BaseException, participant: str) -> str:
    """What can be done about an error at a participant; nothing for most."""
    causes: list[BaseException | None] = [error, getattr(error, "reason", None)]
    causes += [cause.__cause__ or cause.__context__ for cause in causes if cause]
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return DISTRUST
    host = hosts.parse(participant)
    is_itself = host.port is None and (host.name == "localhost" or is_local(host.name))
    return ITSELF if is_itself else ""
