"""A certificate for a node on one machine, signed by an authority made on the spot.

Both are kept in the state folder: ``authority.pem`` is what a client trusts, ``certificate.pem`` holds
the node's key and chain.
"""

import os
import pathlib
import socket

import trustme


def certificate(folder: pathlib.Path, address: str) -> pathlib.Path:
    """The file with key and chain for an address; made when absent or made for another address."""
    folder.mkdir(parents=True, exist_ok=True)
    chain, names_file = folder / "certificate.pem", folder / "certificate.names"
    names = _names(address)
    if not chain.exists() or not names_file.exists() or names_file.read_text().split() != names:
        _make(folder, chain, names)
        names_file.write_text("\n".join(names) + "\n")
    return chain


def _names(address: str) -> list[str]:
    everywhere = address in ("0.0.0.0", "::")
    names = {"localhost", "127.0.0.1", "::1", socket.gethostname()} | (set() if everywhere else {address})
    return sorted(names)


def _make(folder: pathlib.Path, chain: pathlib.Path, names: list[str]) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert(*names)
    authority.cert_pem.write_to_path(folder / "authority.pem")
    with os.fdopen(os.open(chain, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(issued.private_key_and_cert_chain_pem.bytes())
