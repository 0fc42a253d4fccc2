"""Tests that run a program of the machine: skipped, with the reason, where it is missing or may not work."""

import functools
import shutil
import socket

import pytest

from chalicelib.infrastructure.machine import Machine
from plugins.sdk.jobs import PluginFailed


def needs(*argv: str) -> pytest.MarkDecorator:
    """Skip unless this command ends well here: programs may be there and lack privileges."""
    return pytest.mark.skipif(not _works(argv), reason=f"'{' '.join(argv)}' does not work here")


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as end:
            end.bind(("::1", 0))
    except OSError:
        return False
    return True


LOOPBACKS = [
    "127.0.0.1",
    pytest.param("::1", marks=pytest.mark.skipif(not _has_ipv6(), reason="there is no ::1 here")),
]
"""This machine's addresses, the IPv6 one skipped where there is none."""


@functools.cache
def _works(argv: tuple[str, ...]) -> bool:
    if not shutil.which(argv[0]):
        return False
    try:
        return Machine().execute(argv, timeout=10).status == 0
    except PluginFailed:
        return False
