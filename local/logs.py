"""Where lines go: everything to a file in the state folder, what an operator should see to the terminal."""

import logging
import pathlib


class _OneLine(logging.Formatter):
    """A record in a line, with the exception's last line instead of its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage().splitlines()[0] if record.getMessage() else ""
        if record.exc_info and record.exc_info[0] is not None:
            lines = str(record.exc_info[1]).splitlines()
            text += f" {record.exc_info[0].__name__}: {lines[0] if lines else ''}"
        return text


def set_up(file: pathlib.Path) -> None:
    """Log to ``file``; warnings of our own also to the terminal, a line each."""
    file.parent.mkdir(parents=True, exist_ok=True)
    everything = logging.FileHandler(file)
    everything.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)s %(threadName)s %(name)s %(message)s")
    )
    logging.basicConfig(level=logging.INFO, handlers=[everything], force=True)
    logging.captureWarnings(True)
    logging.raiseExceptions = (
        False  # a full disk fails the log as well, and a traceback a line says nothing more
    )
    for noisy in ("botocore", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    terminal = logging.StreamHandler()
    terminal.setLevel(logging.WARNING)
    terminal.setFormatter(_OneLine())
    logging.getLogger("local").addHandler(terminal)


def take_over(log: logging.Logger) -> None:
    """Let an app's own logger, which Chalice points at the terminal, write to the file."""
    log.handlers.clear()
    log.propagate = True
