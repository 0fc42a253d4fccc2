"""The MD5 digests SQS answers with, by which clients check what arrived."""

import hashlib
import struct
from collections.abc import Mapping
from typing import Any


def of_text(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def of_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> str:
    """The digest of message attributes: of each, by name, its name, type and value with their lengths."""
    digest = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        one = attributes[name]
        digest.update(_sized(name.encode()) + _sized(one["DataType"].encode()))
        if one["DataType"].startswith("Binary"):
            digest.update(b"\x02" + _sized(bytes(one["BinaryValue"])))
        else:
            digest.update(b"\x01" + _sized(one["StringValue"].encode()))
    return digest.hexdigest()


def _sized(content: bytes) -> bytes:
    return struct.pack("!I", len(content)) + content
