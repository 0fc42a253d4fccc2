"""Which programs this host has: looked for where the PATH says, and remembered for a moment.

Whoever posts a task has every tool for its test asked; a PATH of ten folders is ten looks for each program.
"""

import functools
import os
import shutil
import time

SECONDS = 1.0
"""For so long a program is taken to be there, or not, as it was found."""


def is_installed(name: str) -> bool:
    """Whether a program, by its name or its path, can be executed."""
    return _is_found(name, os.environ.get("PATH"), int(time.monotonic() / SECONDS))


@functools.lru_cache(maxsize=256)
def _is_found(name: str, path: str | None, when: int) -> bool:
    return shutil.which(name) is not None


def forget() -> None:
    """Look again on next use."""
    _is_found.cache_clear()
