"""Tests that run a program of the machine: skipped, with the reason, where it is missing or may not work."""

import functools
import shutil

import pytest

from chalicelib.outside.machine import Machine
from plugins.base import PluginFailed


def needs(*argv: str) -> pytest.MarkDecorator:
    """Skip unless this command ends well here: programs may be there and lack privileges."""
    return pytest.mark.skipif(not _works(argv), reason=f"'{' '.join(argv)}' does not work here")


@functools.cache
def _works(argv: tuple[str, ...]) -> bool:
    if not shutil.which(argv[0]):
        return False
    try:
        return Machine().execute(argv, timeout=10).status == 0
    except PluginFailed:
        return False
