"""A certificate for a node on one machine, signed by an authority made on the spot.

The authority is one for all nodes of a checkout, so that they trust each other as participants. In the
state folder, ``authority.pem`` is what a client trusts, ``certificate.pem`` holds the node's key and chain.
"""

import fcntl
import hashlib
import os
import pathlib
import socket
from collections.abc import Iterable

import trustme


def certificate(
    folder: pathlib.Path, address: str, shared: pathlib.Path | None = None, further: Iterable[str] = ()
) -> pathlib.Path:
    """The file with key and chain for an address; made when absent, or made for something else.

    ``shared`` is the folder that keeps the authority, if that is not the same; ``further`` are more names,
    ``*.example.org`` for all below one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made_by = authority(shared or folder)
    chain, made_for = folder / "certificate.pem", folder / "certificate.names"
    names = sorted({*_names(address), *further})
    wanted = [*names, hashlib.sha256(made_by.cert_pem.bytes()).hexdigest()]
    if not chain.exists() or not made_for.exists() or made_for.read_text().split() != wanted:
        _write_private(chain, made_by.issue_cert(*names).private_key_and_cert_chain_pem.bytes())
        (folder / "authority.pem").write_bytes(made_by.cert_pem.bytes())
        made_for.write_text("\n".join(wanted) + "\n")
    return chain


def _names(address: str) -> list[str]:
    everywhere = address in ("0.0.0.0", "::")
    names = {"localhost", "127.0.0.1", "::1", socket.gethostname()} | (set() if everywhere else {address})
    return sorted(names)


def authority(folder: pathlib.Path) -> trustme.CA:
    """The authority a folder keeps, made when absent. Two nodes starting together make one."""
    folder.mkdir(parents=True, exist_ok=True)
    public, private = folder / "authority.pem", folder / "authority.key"
    with (folder / "authority.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not private.exists():
            made = trustme.CA()
            public.write_bytes(made.cert_pem.bytes())
            _write_private(private, made.private_key_pem.bytes())
        return trustme.CA.from_pem(public.read_bytes(), private.read_bytes())


def _write_private(path: pathlib.Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
