"""The embedded engine under a node on one machine: one file in the node's state folder.

The engine itself is in ``local/engine`` and knows nothing of nodes; here is where its file is, which
folders it is not started on, and what AWS does by itself that the engine is to do, too.
"""

import contextlib
import os
import pathlib
from collections.abc import Iterator

from local.engine import Engine, EngineError

FILE = "state.sqlite"
"""The name of the file in a state folder."""
_MINISTACK = ("ministack", "ministack.json")


@contextlib.contextmanager
def opened(state: pathlib.Path, synchronous: str = "FULL") -> Iterator[Engine]:
    """All of AWS, from the file in a state folder; both are made when absent.

    ``environment.set_environment()`` comes first: no endpoint may be set. Other processes may have the
    same file open. Raises EngineError, having changed nothing.
    """
    require_own(state)
    _make_private(state / FILE)
    with Engine(state / FILE, synchronous) as engine:
        yield engine


def _make_private(file: pathlib.Path) -> None:
    """Make a file that is not there its owner's alone: keys are in it. SQLite's others follow its mode."""
    log = file.with_name(f"{file.name}-wal")
    if not file.exists() and not log.exists():
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(file, os.O_CREAT | os.O_WRONLY, 0o600))
        except OSError as error:
            raise EngineError(f"{file} cannot be created ({error.strerror})") from error


def is_kept_in(state: pathlib.Path) -> bool:
    """Whether a folder holds the state of a node."""
    return (state / FILE).exists()


def require_own(state: pathlib.Path) -> None:
    """Raise EngineError for a folder in which MiniStack kept the state, as nodes did before."""
    if not is_kept_in(state) and any((state / name).exists() for name in _MINISTACK):
        raise EngineError(
            f"{state} holds the state of an earlier version, kept by MiniStack, which is not read:"
            " choose another folder with STATE=, or remove it"
        )


def tidy() -> None:
    """Have what has had its time go by itself, as it does in a deployment: items and documents.

    Without it the guards and leases of days long past pile up. To be called when the tables are made.
    """
    _tidy_tables()
    _tidy_bucket()


def _tidy_tables() -> None:
    from chalicelib.store.models.all_tables import TABLES
    from chalicelib.store.models.base import TIME_TO_LIVE
    from chalicelib.store.models.connection import connection

    client = connection().client
    for table in TABLES:
        name = table.definition()["TableName"]
        known = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        if known["TimeToLiveStatus"] == "DISABLED":
            wanted = {"AttributeName": TIME_TO_LIVE, "Enabled": True}
            client.update_time_to_live(TableName=name, TimeToLiveSpecification=wanted)


def _tidy_bucket() -> None:
    from chalicelib.infrastructure.aws import client
    from chalicelib.infrastructure.blobs import KEPT_DAYS
    from chalicelib.settings import settings

    rule = {
        "ID": "results-of-purged-runs",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "Expiration": {"Days": KEPT_DAYS},
    }
    client("s3").put_bucket_lifecycle_configuration(
        Bucket=settings().bucket, LifecycleConfiguration={"Rules": [rule]}
    )
