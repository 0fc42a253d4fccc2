"""What an agent at work says of itself, in a file of its state folder, for ``pscheduler-agent status``."""

import contextlib
import datetime as dt
import json
import os
import pathlib
from collections.abc import Mapping

from chalicelib.domain.schemas import JSON
from chalicelib.domain.times import format_timestamp

FILE = "status.json"


class Status:
    """The last contact and the last trouble, written with what else there is to say."""

    def __init__(self, folder: pathlib.Path):
        self._path = folder / FILE
        self._contact: str | None = None
        self._trouble: str | None = None

    def contact(self, now: dt.datetime) -> None:
        """The coordinator answered: what went wrong before is over."""
        self._contact, self._trouble = format_timestamp(now), None

    def trouble(self, sentence: str) -> None:
        self._trouble = sentence

    def write(self, more: Mapping[str, JSON]) -> None:
        """Put it on disk; a disk that is full keeps the status before."""
        text = json.dumps({"contact": self._contact, "trouble": self._trouble, **more})
        new = self._path.with_suffix(".new")
        with contextlib.suppress(OSError):
            new.write_text(text)
            os.replace(new, self._path)


def read(folder: pathlib.Path) -> Mapping[str, JSON]:
    """What an agent last said of itself; nothing where it never did."""
    try:
        found: Mapping[str, JSON] = json.loads((folder / FILE).read_text())
        return found
    except (OSError, ValueError):
        return {}
