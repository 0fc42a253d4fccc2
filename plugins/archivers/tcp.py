"""tcp: writes each result to a connection of its own (docs/contract/archivers.md section 6)."""

import socket

from chalicelib.domain.schemas import closed
from plugins.sdk.archiver import Archiver
from plugins.sdk.jobs import Outcome, Parcel
from plugins.support import guarded_connections, sockets


def deliver(parcel: Parcel) -> Outcome:
    """Connect, write the result as JSON, and close; what cannot be reached may be tried again."""
    try:
        with (
            guarded_connections.ending(sockets.TIMEOUT),
            sockets.opened(parcel.data, socket.SOCK_STREAM) as end,
        ):
            end.sendall(sockets.content(parcel))
            end.shutdown(socket.SHUT_WR)
    except (OSError, guarded_connections.Unresolvable, guarded_connections.Refused) as error:
        return sockets.failed(parcel, error)
    return Outcome(True)


ARCHIVER = Archiver(
    name="tcp",
    label="TCP",
    description="Send results to a TCP socket",
    data={1: closed(sockets.MEMBERS, required=("host", "port"))},
    deliver=deliver,
)
