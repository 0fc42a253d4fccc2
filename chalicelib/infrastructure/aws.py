"""botocore clients, made on first use and kept: making one costs a hundred requests.

boto3 is left alone here: its import adds 150 ms to a cold start and nothing we use.
``AWS_ENDPOINT_URL`` points every client, and PynamoDB's, at an emulator.
"""

import functools
import threading
from typing import Any

import botocore.config
import botocore.loaders
import botocore.session

from chalicelib.domain.schemas import JSON

_CONFIG = botocore.config.Config(
    connect_timeout=2,
    read_timeout=25,  # above the longest poll of a queue
    retries={"mode": "standard", "total_max_attempts": 4},
    max_pool_connections=100,
    parameter_validation=False,  # what is asked is made here, and each service checks it once more
)
_BRIEF = _CONFIG.merge(
    botocore.config.Config(
        connect_timeout=1,
        read_timeout=2,
        retries={"mode": "standard", "total_max_attempts": 2},
        account_id_endpoint_mode="disabled",  # one name of the service for all, which emulators know
    )
)
"""For what is read while somebody waits for the answer, who has 29 seconds in all."""
_CONFIGS = {"dynamodbstreams": _BRIEF}
_NAMED = botocore.config.Config(user_agent="pscheduler")
"""For all clients, PynamoDB's too: botocore makes up a name anew for each request, a fifth of its time."""
_MAKING = threading.Lock()  # a botocore session is not safe for threads while it makes a client


_clients: dict[str, JSON] = {}


def client(service: str) -> JSON:
    """The process's client for "sqs", "s3" or "dynamodbstreams"."""
    found = _clients.get(service)
    if found is None:
        with _MAKING:
            found = _clients.get(service) or _made(service)
            _clients[service] = found
    return found


def _made(service: str) -> JSON:
    return session().create_client(service, config=_CONFIGS.get(service, _CONFIG))


def session() -> Any:
    """A new session. All share the descriptions of services: finding and reading those anew takes most of the
    time that making a client does."""
    made = botocore.session.get_session()
    made.set_default_client_config(_NAMED)
    made.register_component("data_loader", _descriptions(made.get_config_variable("data_path")))
    return made


@functools.cache
def _descriptions(path: str | None) -> Any:
    return botocore.loaders.create_loader(path)


def forget_clients() -> None:
    """Make new clients on next use: the environment has changed."""
    _clients.clear()
