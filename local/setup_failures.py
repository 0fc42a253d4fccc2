"""What went wrong when packages were installed, in a sentence: which package, and what to do.

pip's last line often names neither. Needs nothing but Python: it is read before anything is installed.
"""

import re
import sys

_PACKAGE = r"([A-Za-z0-9][A-Za-z0-9._\[\],=<>!~-]*)"
_UNREACHABLE = re.compile(r"Retrying \(Retry|connection broken by|Connection refused|Read timed out")
_FULL = re.compile(r"No space left on device")
_NO_VERSION = re.compile(rf"No matching distribution found for {_PACKAGE}")
_NOT_BUILT = re.compile(
    rf"(?:Failed building wheel for|Failed to build|Failed to build installable wheels for .*\() ?{_PACKAGE}"
)
_CONFLICT = re.compile(r"Cannot install (.+?) because these package versions have conflicting")


def reason(output: str) -> str:
    """The sentence for what pip said."""
    python = f"Python {sys.version.split()[0]}"
    missing, unbuilt = _NO_VERSION.search(output), _NOT_BUILT.search(output)
    if _FULL.search(output):
        return "the disk is full: make room and start again"
    if missing and _UNREACHABLE.search(output):
        return f"{_name(missing)} cannot be fetched: is there a network, or a proxy to be set (https_proxy)?"
    if missing:
        return f"there is no {_name(missing)} for {python} on this system: use another one, make PYTHON=..."
    if unbuilt:
        return (
            f"{_name(unbuilt)} has no ready-made package for {python} on this system and could not be built:"
            " install a C compiler and Python's headers (Debian: apt install build-essential python3-dev),"
            " or use another Python, make PYTHON=..."
        )
    if conflict := _CONFLICT.search(output):
        return f"these packages contradict each other: {conflict.group(1)}"
    return _last(output)


def _name(found: "re.Match[str]") -> str:
    return found.group(1).rstrip(".,)")


def _last(output: str) -> str:
    lines = output.splitlines()
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR:")]
    return (errors or lines[-1:] or ["pip said nothing"])[0][:200]
