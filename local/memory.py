"""Giving memory back to the machine, once it is not needed any more."""

import ctypes
import logging

LARGE = 1024 * 1024
"""Bytes from which a piece of memory is the system's again as soon as it is let go."""

_MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD of glibc's malloc.h


def give_back() -> None:
    """Have large pieces given back, which glibc keeps otherwise, for each thread apart: forty threads that
    each looked into one key by scrypt held hundreds of megabytes from then on. Elsewhere nothing is done.
    """
    try:
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, LARGE)
    except (AttributeError, OSError, TypeError) as error:
        logging.getLogger(__name__).debug("This system's allocator takes no advice: %s", error)
