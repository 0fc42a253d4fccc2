"""The keys and names that keep strangers off an iperf3 server (docs/contract/tools.md section 4).

The server's side makes a pair of RSA keys and a name with a password for each run, and tells them in a
member that nobody but participants is shown. Keys are made in the process, by the library cryptography:
that has to be quick, since it is done while a run is placed, and a node that has no iperf3 - as on
Lambda - never needs it. Where the library is missing servers go without authentication, which clients
can tell from the missing member.
"""

import contextlib
import hashlib
import pathlib
import secrets
import string
import tempfile
from collections.abc import Iterator, Mapping

from chalicelib.domain.schemas import JSON
from plugins.sdk.jobs import PluginFailed

KEY_BITS = 2048
NAME_LENGTH = 20
_SAFE = string.ascii_letters + string.digits


def make() -> dict[str, str] | None:
    """Keys in PEM, a name, a password, and the line iperf3 wants about them; None without the library."""
    try:
        from cryptography.hazmat.primitives import serialization as forms
        from cryptography.hazmat.primitives.asymmetric import rsa
    except ImportError:
        return None
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    private = key.private_bytes(
        forms.Encoding.PEM, forms.PrivateFormat.TraditionalOpenSSL, forms.NoEncryption()
    )
    public = key.public_key().public_bytes(forms.Encoding.PEM, forms.PublicFormat.SubjectPublicKeyInfo)
    username, password = _word(), _word()
    return {
        "private": private.decode(),
        "public": public.decode(),
        "username": username,
        "password": password,
        "credentials": credentials(username, password),
    }


def credentials(username: str, password: str) -> str:
    """The line of iperf3's file of users: the name, and the digest of ``{name}password``."""
    return f"{username},{hashlib.sha256(f'{{{username}}}{password}'.encode()).hexdigest()}\n"


def _word() -> str:
    return "".join(secrets.choice(_SAFE) for _ in range(NAME_LENGTH))


@contextlib.contextmanager
def client_files(auth: JSON) -> Iterator[tuple[list[str], dict[str, str]]]:
    """The client's arguments and environment while its files exist. Raises PluginFailed where they lack."""
    if auth is None:
        yield [], {}
        return
    public, username, password = _texts(auth, "public", "username", "password")
    with _files(public=public) as paths:
        arguments = ["--rsa-public-key-path", paths["public"], "--username", username]
        yield arguments, {"IPERF3_PASSWORD": password}


@contextlib.contextmanager
def server_files(auth: JSON) -> Iterator[list[str]]:
    """The server's arguments while its files exist. Raises PluginFailed where they lack."""
    if auth is None:
        yield []
        return
    users, private = _texts(auth, "credentials", "private")
    with _files(users=users, private=private) as paths:
        yield ["--authorized-users-path", paths["users"], "--rsa-private-key-path", paths["private"]]


def _texts(auth: JSON, *names: str) -> list[str]:
    found = [auth.get(name) for name in names] if isinstance(auth, Mapping) else []
    texts = [text for text in found if isinstance(text, str)]
    if len(texts) != len(names):
        raise PluginFailed("Participant 1 did not report what clients need to be admitted by its server")
    return texts


@contextlib.contextmanager
def _files(**contents: str) -> Iterator[dict[str, str]]:
    """Files with these contents that nobody else can read, and that go when this is left."""
    with tempfile.TemporaryDirectory(prefix="pscheduler-") as folder:
        paths = {name: pathlib.Path(folder, name) for name in contents}
        for name, path in paths.items():
            path.write_text(contents[name], encoding="utf-8")
        yield {name: str(path) for name, path in paths.items()}
