"""Signs of life of a service, as it has left them for a while."""

import datetime as dt

from chalicelib.service.node import heartbeats
from chalicelib.service.node.heartbeats import SETTLING, SILENT


def leave(service: str, now: dt.datetime) -> None:
    """Have a service be at work for long enough, until now, to trust its clock."""
    moment = now - SETTLING
    while moment < now:
        heartbeats.beat(service, moment)
        moment += SILENT
    heartbeats.beat(service, now)
