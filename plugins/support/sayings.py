"""What went wrong with a connection, in a sentence for a person: libraries tell it in names of their own."""

import socket
from collections.abc import Iterator

NO_TIME = "no answer in time"


def said(trouble: BaseException) -> str:
    """The innermost reason that says something, without names of classes and objects."""
    for found in _inwards(trouble):
        if isinstance(found, TimeoutError | socket.timeout) or "Timeout" in type(found).__name__:
            return NO_TIME
        if isinstance(found, OSError) and found.strerror:
            return found.strerror
    last = list(_inwards(trouble))[-1]
    reason = getattr(last, "verify_message", None) or getattr(last, "reason", None)
    if isinstance(reason, str) and reason:
        return reason.replace("_", " ").lower()
    return _plain(str(last)) or "the connection was lost"


def _inwards(trouble: BaseException) -> Iterator[BaseException]:
    """An error, and those that brought it about: as their arguments, or raised before them."""
    seen: list[BaseException] = []
    found: BaseException | None = trouble
    while found is not None and found not in seen:
        seen.append(found)
        yield found
        held = [each for each in getattr(found, "args", ()) if isinstance(each, BaseException)]
        reason = getattr(found, "reason", None)
        found = (
            reason
            if isinstance(reason, BaseException)
            else held[0]
            if held
            else found.__cause__ or found.__context__
        )


def _plain(text: str) -> str:
    """A library's sentence behind the object it is about: ``HTTPConnection(host='a'): no`` -> ``no``."""
    _, colon, rest = text.partition("): ") if "(" in text.partition("): ")[0] else ("", "", "")
    return rest if colon else text
