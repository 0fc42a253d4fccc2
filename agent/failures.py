"""What goes wrong when an agent asks its coordinator, and how long it waits before it asks again.

What went wrong is one of five errors, by what there is to be done about it:

    Unanswered
    ├── Later          no answer, or one that passes (429, 5xx): try again
    ├── Unknown        401: the secret is not known any more
    ├── Suspended      403: the node is suspended
    ├── TooOld         426: the protocol is too old
    └── Rejected       anything else: what was sent is wrong, and will be wrong again
        └── Oversized  413
"""

import contextlib
import json
import random
from collections.abc import Mapping

from chalicelib.domain.errors import PSchedulerError


class Unanswered(PSchedulerError):
    """A request that did not do what it was to do."""


class Later(Unanswered):
    """There was no answer, or one that passes."""


class Unknown(Unanswered):
    """The coordinator does not know the secret, or has revoked it."""


class Suspended(Unanswered):
    """The node is suspended."""


class TooOld(Unanswered):
    """The coordinator does not speak this protocol any more."""


class Rejected(Unanswered):
    """What was sent is wrong, and will be wrong again."""


class Oversized(Rejected):
    """What was sent is larger than the coordinator takes."""


_ERRORS: Mapping[int, type[Unanswered]] = {
    401: Unknown,
    403: Suspended,
    408: Later,
    413: Oversized,
    425: Later,
    426: TooOld,
    429: Later,
}


def of_status(status: int) -> type[Unanswered]:
    """What an answer with this status is, which is not that of a success."""
    return _ERRORS.get(status) or (Later if status >= 500 or status < 400 else Rejected)


def sentence(status: int, content: bytes) -> str:
    """What an answer says is wrong: text, or the detail of a problem document."""
    text = content[:2000].decode(errors="replace").strip()
    with contextlib.suppress(ValueError):
        found = json.loads(text)
        text = (
            str(found.get("detail") or found.get("title") or text) if isinstance(found, dict) else str(found)
        )
    return text or f"The coordinator answered {status}"


class Backoff:
    """Waits that grow from a second to a minute, shortened by chance so that agents do not come together."""

    FIRST, MOST = 1.0, 60.0

    def __init__(self) -> None:
        self._next = self.FIRST

    def wait(self) -> float:
        """Seconds to wait after one more failure."""
        most, self._next = self._next, min(self.MOST, self._next * 2)
        return most * random.uniform(0.5, 1.0)  # noqa: S311 - it keeps no secret

    def reset(self) -> None:
        """It went well: begin anew."""
        self._next = self.FIRST
