"""Bodies of requests as their Content-Encoding says they came: compressed, or as they are (RFC 9110, 8.4)."""

import zlib
from collections.abc import Mapping

from chalicelib.domain.errors import Invalid, UnknownCoding

TAKEN = "gzip, deflate"
"""What a body may come in, as Accept-Encoding has it."""
_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
_OTHERS = frozenset(
    ("aes128gcm", "br", "compress", "dcb", "dcz", "exi", "pack200-gzip", "x-compress", "zstd")
)
"""What IANA has registered besides. Any other name says nothing about a body: some clients put the charset
into this header, of which the reference server takes no notice."""


def decoded(body: bytes | str, headers: Mapping[str, str], largest: int) -> bytes | str:
    """A body as it was before it was compressed, at most one byte more than ``largest`` of it.

    Raises UnknownCoding for what it cannot be undone from, Invalid for what is not in the coding it is said
    to be in.
    """
    known = [name for name in _named(headers) if name in _WINDOWS or name in _OTHERS]
    if not known or not body:
        return body
    if len(known) > 1 or known[0] in _OTHERS:
        raise UnknownCoding(
            f"The body is in {', '.join(known)[:80]}; it may be in one of {TAKEN}, or in none"
        )
    return _inflated(body if isinstance(body, bytes) else body.encode(), known[0], largest)


def _named(headers: Mapping[str, str]) -> list[str]:
    return [name.strip().lower() for name in headers.get("content-encoding", "").split(",")]


def _inflated(body: bytes, coding: str, largest: int) -> bytes:
    try:
        reader = zlib.decompressobj(_WINDOWS[coding])
        whole = reader.decompress(body, largest + 1)
    except zlib.error as error:
        raise Invalid(f"The body is not compressed with {coding}, as its Content-Encoding says") from error
    if not reader.eof and len(whole) <= largest:
        raise Invalid("The compressed body is incomplete")
    return whole
