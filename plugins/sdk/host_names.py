"""Host names beyond ASCII in specs, and the form in which everybody else knows them.

What is stored, shared with other nodes and handed to programs is the ASCII form (RFC 5891): neither name
servers nor other nodes know any other.
"""

from collections.abc import Mapping

from chalicelib.domain import echoes
from chalicelib.domain.echoes import shown
from chalicelib.domain.errors import Invalid
from chalicelib.domain.schemas import JSON
from chalicelib.domain.types import TYPES

_HOSTS = tuple(TYPES[name] for name in ("Host", "HostName", "HostNamePort", "URLHostPort"))


def names_hosts(schema: Mapping[str, JSON]) -> bool:
    """Whether a member of this schema is a host, may be one, or is a list of them."""
    return any(kind in _HOSTS for kind in (schema, schema.get("items"), *schema.get("anyOf", ())))


def in_ascii(value: JSON) -> JSON:
    """A host, or a list of them, with its name in ASCII. Raises Invalid for one that has no such form."""
    if isinstance(value, list):
        return [in_ascii(item) for item in value]
    if not isinstance(value, str) or value.isascii():
        return value
    import idna  # few names need it

    name, colon, port = value.rpartition(":") if value.count(":") == 1 else (value, "", "")
    if not port.isascii():
        raise Invalid(f"{shown(value)} is not a host name with a port")
    try:
        return idna.encode(name, uts46=True).decode() + colon + port
    except idna.IDNAError as error:
        raise Invalid(f"{shown(value)} is not a host name: {echoes.said(error)}") from error
