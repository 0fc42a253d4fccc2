"""What is given back of memory that was needed for a while."""

import ctypes
import pathlib
import subprocess
import sys

import pytest

from local import memory

HERE = pathlib.Path(__file__).resolve().parent.parent.parent
KEYS = """
import hashlib, pathlib, re, threading
from local import memory

def resident():
    return int(re.search(r"VmRSS:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1]) // 1024

memory.give_back()
before, everybody = resident(), threading.Barrier(THREADS)

def look():
    for _ in range(2):  # glibc learns from the first what it had better keep
        hashlib.scrypt(b"key", salt=b"salt", n=2**14, r=8, p=1, maxmem=2**26)
        everybody.wait()

threads = [threading.Thread(target=look) for _ in range(THREADS)]
for each in threads:
    each.start()
for each in threads:
    each.join()
print(resident() - before)
"""
THREADS = 12
"""Each of them needs 16 MB for a moment, and as much is held of each where nothing is given back."""


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallopt"), reason="glibc's mallopt is missing"
)
def test_threads_that_looked_into_keys_hold_no_memory_afterwards() -> None:
    script = KEYS.replace("THREADS", str(THREADS))

    found = subprocess.run(
        [sys.executable, "-c", script], check=False, cwd=HERE, capture_output=True, text=True, timeout=120
    )

    assert found.returncode == 0, found.stderr
    assert int(found.stdout) < 4 * 16


def test_an_allocator_that_takes_no_advice_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())

    memory.give_back()
