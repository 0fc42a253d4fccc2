"""The node's empty tables, queues and bucket in moto, put back for each test instead of made again.

Making them takes twenty requests, 70 ms of processor time; putting back what was pickled takes a quarter of
one. Nor is moto begun anew, which tells a second library of each address of AWS, 5 ms: only botocore's own
clients are answered. All of it reaches into moto, which is why moto's version is pinned.
"""

import io
import pickle
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.core.models import botocore_stubber
from moto.s3.models import s3_backends

from chalicelib.settings import settings
from local import engine_moto

_HELD = {"dynamodb": "tables", "sqs": "queues", "s3": "buckets"}
"""What of each service's backend is kept."""
_Content = dict[tuple[str, str], Any]


@contextmanager
def everything(create: Callable[[], None]) -> Iterator[None]:
    """A moto that holds what ``create`` makes, and nothing else; it is called once for each set of names."""
    engine_moto.prepare()
    botocore_stubber.enabled = True
    try:
        _forget()
        _restore(create)
        yield
    finally:
        botocore_stubber.enabled = False
        _forget()


def _forget() -> None:
    BackendDict.reset()
    reset_model_data()


def _restore(create: Callable[[], None]) -> None:
    names = (settings().prefix, settings().bucket)
    if names not in _kept:
        create()
        _kept[names] = _pickled(_content())
        return
    for (service, region), value in _Reader(io.BytesIO(_kept[names])).load().items():
        setattr(get_backend(service)[DEFAULT_ACCOUNT_ID][region], _HELD[service], value)  # type: ignore[call-overload]
        if service == "s3":
            s3_backends.bucket_accounts.update(dict.fromkeys(value, (region, DEFAULT_ACCOUNT_ID)))


_kept: dict[tuple[str, str], bytes] = {}


def _content() -> _Content:
    return {
        (service, region): getattr(backend, held)
        for service, held in _HELD.items()
        for region, backend in get_backend(service)[DEFAULT_ACCOUNT_ID].items()  # type: ignore[call-overload]
        if getattr(backend, held)
    }


def _pickled(content: _Content) -> bytes:
    """All in one: a queue knows its dead-letter queue as an object."""
    file = io.BytesIO()
    _Writer(file, pickle.HIGHEST_PROTOCOL).dump(content)
    return file.getvalue()


class _Writer(pickle.Pickler):
    """Leaves out what guards a queue's messages."""

    def persistent_id(self, found: Any) -> str | None:
        return "lock" if isinstance(found, threading.Condition) else None


class _Reader(pickle.Unpickler):
    """Puts a fresh one in its place."""

    def persistent_load(self, name: str) -> threading.Condition:
        return threading.Condition()
