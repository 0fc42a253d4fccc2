"""The environment the product reads on one machine: dummy credentials, names, where AWS is.

Set before anything of the product is imported. Nothing here may reach a real AWS account, whatever
the shell of the operator holds.
"""

import os
import pathlib
import secrets

OPERATORS = "psk.operator-token."
"""How an operator's token begins: it is shown as API keys are."""
REGION, ACCOUNT = "us-east-1", "000000000000"
_NO_PROXY = "127.0.0.1,localhost,::1"


def set_environment(endpoint: str | None = None) -> None:
    """Point the process at an emulator: at ``endpoint``, or at moto in the process when None."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(
        AWS_ACCESS_KEY_ID="local",
        AWS_SECRET_ACCESS_KEY="local",
        AWS_DEFAULT_REGION=REGION,
        AWS_EC2_METADATA_DISABLED="true",
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    )
    if endpoint is not None:
        os.environ["AWS_ENDPOINT_URL"] = endpoint
    for name in ("no_proxy", "NO_PROXY"):
        known = os.environ.get(name)
        os.environ[name] = f"{known},{_NO_PROXY}" if known else _NO_PROXY


def trust(authority: pathlib.Path) -> None:
    """Have the authority of the nodes here trusted when they speak to each other, unless told otherwise."""
    if authority.exists():
        os.environ.setdefault("PSCHEDULER_PEER_CA", str(authority))


def listens(address: str, port: int) -> None:
    """Tell the node where it listens: on loopback it takes tasks from there without further ado, and what
    tasks connect to is not its own API."""
    host = f"[{address}]" if ":" in address else address
    os.environ["PSCHEDULER_LISTENS"] = f"{host}:{port}"


def keep_token(state: pathlib.Path) -> None:
    """Have an operator's token in a state folder, made when absent, which nobody but its owner can read."""
    file = state / "operator-token"
    if not file.exists():
        made = file.with_suffix(".new")
        made.unlink(missing_ok=True)
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            opened.write(f"{OPERATORS}{secrets.token_urlsafe(32)}\n")
        made.replace(file)
    os.environ["PSCHEDULER_OPERATOR_TOKEN"] = str(file)


def create_everything() -> None:
    """Make the tables, the queues and the bucket that are not there yet."""
    from chalicelib.infrastructure.blobs import create_bucket
    from chalicelib.infrastructure.queues import create_queues
    from chalicelib.store.models.all_tables import create_tables

    create_tables()
    create_queues()
    create_bucket()
