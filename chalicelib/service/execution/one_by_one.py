"""What a tick does to many things: to each by itself, so that none holds up another."""

import logging
from collections.abc import Callable

from chalicelib.domain.errors import Conflict, NotFound

LOG = logging.getLogger(__name__)


def alone(work: Callable[..., None], *what: object) -> None:
    """Do something to one thing. Never raises: what is wrong with it is logged."""
    try:
        work(*what)
    except (Conflict, NotFound) as error:
        LOG.info("Nothing to do: %s", error)
    except Exception:
        LOG.exception("%s failed for %s", work.__name__, what)
