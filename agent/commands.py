"""Commands to an agent at work, through files of its state folder: it listens on nothing."""

import contextlib
import logging
import os
import pathlib
import threading
import time
import uuid
from collections.abc import Callable, Mapping

from chalicelib.domain.errors import PSchedulerError

LOG = logging.getLogger(__name__)
LOOK_EVERY = 0.5
PATIENCE = 30.0
"""Seconds a command may take until whoever gave it is told that nothing came of it."""
_WANTED, _DONE = "command", "command.done"


class Ignored(PSchedulerError):
    """The agent at work did not do what it was told."""


class Commands:
    """What an agent does when it is told to: a function for each word, returning a sentence."""

    def __init__(
        self, folder: pathlib.Path, known: Mapping[str, Callable[[], str]], answered: Callable[[], None]
    ):
        """``answered`` is called when whoever gave a command can read what came of it."""
        self._folder, self._known, self._answered = folder, known, answered

    def watch(self, stop: threading.Event) -> None:
        """Do what is asked until told to stop."""
        while not stop.wait(LOOK_EVERY):
            self.look()

    def look(self) -> None:
        """Do what is asked, if something is."""
        try:
            name, word = (self._folder / _WANTED).read_text().split()
        except (OSError, ValueError):
            return
        try:
            said = f"+{self._known[word]()}"
        except PSchedulerError as error:
            said = f"-{error.message}"
        except KeyError:
            said = f"-This agent does not know the command {word}"
        LOG.info("%s: %s", word, said[1:])
        with contextlib.suppress(OSError):
            (self._folder / _WANTED).unlink()
        with contextlib.suppress(Ignored):
            _put(self._folder / _DONE, f"{name} {said}")
        self._answered()


def tell(folder: pathlib.Path, word: str, patience: float = PATIENCE) -> str:
    """Have the agent at work on a state do something. What it says; raises Ignored."""
    name = uuid.uuid4().hex
    _put(folder / _WANTED, f"{name} {word}")
    until = time.monotonic() + patience
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            known, _, said = (folder / _DONE).read_text().partition(" ")
            if known == name:
                if said[:1] == "+":
                    return said[1:]
                raise Ignored(said[1:])
        time.sleep(LOOK_EVERY / 5)
    with contextlib.suppress(OSError):
        (folder / _WANTED).unlink()
    raise Ignored(f"The agent at work on {folder} did not answer within {patience:g} s")


def _put(path: pathlib.Path, text: str) -> None:
    new = path.with_suffix(".new")
    try:
        new.write_text(text)
        os.replace(new, path)
    except OSError as error:
        raise Ignored(f"{path} cannot be written: {error.strerror}") from error
