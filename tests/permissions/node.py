"""``python -m local.node``, with what its functions ask of AWS written down as it stops."""

import json
import os
import pathlib
import sys
from typing import Any

from local import node
from tests.permissions.recording import INTO, SEEN, recording


def write() -> None:
    (pathlib.Path(os.environ[INTO]) / f"{os.getpid()}.json").write_text(json.dumps(sorted(SEEN)))


def write_and_leave(status: int, leave: Any = os._exit) -> None:
    """How the second process of a node ends."""
    write()
    leave(status)


if __name__ == "__main__":
    os._exit = write_and_leave
    with recording():
        status = node.main()
    write()
    sys.exit(status)
