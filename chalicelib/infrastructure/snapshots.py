"""Functions that are started from a snapshot of one that was started before: SnapStart.

All of them begin with the same memory, so with the same state of ``random``, from which they would all take
the same pauses and the same slips. Python 3.12 and later has on AWS what calls us as a snapshot is restored.
Secrets and UUIDs are the kernel's, and differ anyway.
"""

import importlib
import random


def differ_when_restored() -> None:
    """Have every function that comes of a snapshot draw numbers of its own."""
    try:
        hooks = importlib.import_module("snapshot_restore_py")
    except ImportError:
        return
    hooks.register_after_restore(random.seed)
