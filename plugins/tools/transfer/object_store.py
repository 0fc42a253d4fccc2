"""An S3 store as s3-benchmark uses it: put, get and delete, one at a time, nothing tried twice.

Certificates are not checked, because what is measured is time, and the keys never travel.
"""

import contextlib
import os
import urllib.parse
import uuid
from collections.abc import Iterator, Sequence

from chalicelib.domain.schemas import JSON
from plugins.sdk.fields import Spec
from plugins.sdk.jobs import PluginFailed
from plugins.support import aws_client, guarded_connections, sayings
from plugins.support.secrets import without_secrets
from plugins.tools.web import fetched_urls

REGION = "us-east-1"
"""What services other than Amazon's take for any region."""
PREFIX = "pscheduler-"
KEYS_PER_DELETE = 1000
"""Objects that one request may delete."""
HELD = 8 * 2**20
"""Bytes of an object that are held in memory; larger ones are repetitions of them."""
PATIENCE = 60.0
"""Seconds to wait for an answer, at the most."""

_PORTS = {"http": 80, "https": 443}


class Store:
    """A bucket, and whoever may use it. Its methods raise PluginFailed."""

    def __init__(self, client: JSON, spec: Spec):
        self._client, self._spec = client, spec
        self._bucket = spec["bucket"]
        self._series = uuid.uuid4().hex
        self._count = 0
        self._content = b""

    def new_key(self) -> str:
        """A key that nobody else uses."""
        self._count += 1
        return f"{PREFIX}{self._series}-{self._count}"

    def put(self, key: str, size: int) -> None:
        self._do("put_object", Key=key, Body=self._body(size))

    def _body(self, size: int) -> JSON:
        if len(self._content) != min(size, HELD):
            self._content = os.urandom(min(size, HELD))  # so that nothing on the way can compress it
        return self._content if size <= HELD else Repeated(self._content, size)

    def get(self, key: str, size: int) -> None:
        body = self._do("get_object", Key=key)["Body"]
        with _told(self._spec), contextlib.closing(body):
            read = sum(len(chunk) for chunk in body.iter_chunks(2**20))
        if read != size:
            raise PluginFailed(f"The store returned {read} bytes of an object of {size}")

    def delete(self, key: str) -> None:
        self._do("delete_object", Key=key)

    def discard(self, keys: Sequence[str]) -> None:
        """Delete many objects quickly, as far as the store lets us."""
        for at in range(0, len(keys), KEYS_PER_DELETE):
            objects = [{"Key": key} for key in keys[at : at + KEYS_PER_DELETE]]
            with contextlib.suppress(PluginFailed):
                self._do("delete_objects", Delete={"Objects": objects, "Quiet": True})

    def make_bucket(self) -> bool:
        """Make the bucket where there is none, and say whether it was made."""
        from botocore.exceptions import ClientError

        try:
            with _told(self._spec):
                self._client.head_bucket(Bucket=self._bucket)
            return False
        except PluginFailed as error:
            cause = error.__cause__
            if not isinstance(cause, ClientError) or cause.response["Error"]["Code"] != "404":
                raise
        self._do("create_bucket")
        return True

    def remove_bucket(self) -> None:
        with contextlib.suppress(PluginFailed):
            self._do("delete_bucket")

    def _do(self, operation: str, **arguments: JSON) -> JSON:
        with _told(self._spec):
            return getattr(self._client, operation)(Bucket=self._bucket, **arguments)


@contextlib.contextmanager
def opened(spec: Spec, patience: float = PATIENCE) -> Iterator[Store]:
    """The store of a spec, its bucket there; one that had to be made goes in the end. Raises PluginFailed.

    ``patience`` is how many seconds may pass between any two signs of life from it.
    """
    _check(fetched_urls.whole(spec["url"]))
    with _told(spec):
        client = _client(spec, min(patience, PATIENCE))
    with contextlib.closing(client):
        store = Store(client, spec)
        made = store.make_bucket()
        try:
            yield store
        finally:
            if made:
                store.remove_bucket()


def _client(spec: Spec, patience: float) -> JSON:
    import urllib3

    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    return aws_client.guarded_client(
        "s3",
        patience,
        region_name=REGION,
        endpoint_url=fetched_urls.whole(spec["url"]),
        verify=False,
        aws_access_key_id=spec["_access-key"],
        aws_secret_access_key=spec["_secret-key"],
    )


def _check(url: str) -> None:
    """Raise where the store must not be reached, before the library says so in many words."""
    parts = urllib.parse.urlsplit(url)
    guarded_connections.places(parts.hostname or "", parts.port or _PORTS[parts.scheme])


@contextlib.contextmanager
def _told(spec: Spec) -> Iterator[None]:
    """What goes wrong with the store, in our words and without the keys."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        answer = error.response.get("Error", {})
        said = f"{answer.get('Code', '?')}: {answer.get('Message', '')}".rstrip(": ")
        told = f"The store refused {error.operation_name}: {said}"
        raise PluginFailed(without_secrets(told, spec)) from error
    except (BotoCoreError, OSError, ValueError) as error:
        inner = error.kwargs.get("error") if isinstance(error, BotoCoreError) else None
        if isinstance(inner, guarded_connections.Refused):
            raise inner from error
        said = sayings.said(inner) if isinstance(inner, Exception) else sayings.said(error)
        raise PluginFailed(without_secrets(f"The store could not be used: {said}", spec)) from error


class Repeated:
    """A file of any size whose content is some bytes again and again, taking the memory of those alone."""

    def __init__(self, content: bytes, size: int):
        self._content, self._size, self._at = content, size, 0

    def __len__(self) -> int:
        return self._size

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = max(0, offset + {0: 0, 1: self._at, 2: self._size}[whence])
        return self._at

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._size - self._at)
        offset = self._at % len(self._content)
        wanted = left if size is None or size < 0 else min(size, left)
        piece = self._content[offset : offset + wanted]
        self._at += len(piece)
        return piece  # what is short of the wanted is read next time
