"""The agent's log: lines to standard error, for whatever keeps a service's output. No secrets in it."""

import logging
import re
import sys

_SECRETS = re.compile(r"\bps[aj]\.[A-Za-z0-9.:_\[\]-]{20,}")


class _Hidden(logging.Formatter):
    """A formatter that shows no token and no secret, whoever logs it."""

    def format(self, record: logging.LogRecord) -> str:
        return _SECRETS.sub("...", super().format(record))


def set_up(verbose: bool) -> None:
    """Log from now on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Hidden("%(asctime)s %(levelname)s %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO if verbose else logging.WARNING)
    logging.getLogger("urllib3").setLevel(logging.WARNING)  # at its most talkative it logs URLs
