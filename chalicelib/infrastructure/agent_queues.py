"""A queue for each agent, by which it is called: a message is a ring, and says nothing.

The agent reads it through a URL that is signed for receiving from this queue alone, so it needs no
credentials. Nobody deletes anything: a message lives for a minute, and one that was received is not seen
again in that time.
"""

import datetime as dt
import functools
import hashlib
import logging

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.names import NodeName
from chalicelib.domain.times import SECOND
from chalicelib.infrastructure.aws import client
from chalicelib.settings import settings

LOG = logging.getLogger(__name__)
RETENTION, VISIBILITY = 60, 120
"""Seconds a message lives, the least that SQS has, and seconds for which one that was received is hidden."""
WAIT, AT_ONCE = 20, 10
"""Seconds a request of the agent waits at most, and messages it takes: as much as SQS has of either."""
SIGNED_FOR = 3600 * SECOND
API_VERSION = "2012-11-05"
NAMED = "agent"
"""What the names of all of these queues begin with, behind the deployment's prefix."""


def name_of(node: NodeName) -> str:
    """A queue's name: those of nodes are too long, and have dots."""
    return f"{settings().prefix}-{NAMED}-{hashlib.sha256(node.encode()).hexdigest()[:40]}"


def make(node: NodeName) -> bool:
    """Make an agent's queue where there is none. False where that cannot be: for a minute after one of its
    name was deleted, it can't."""
    attributes = {
        "MessageRetentionPeriod": str(RETENTION),
        "VisibilityTimeout": str(VISIBILITY),
        "ReceiveMessageWaitTimeSeconds": str(WAIT),
    }
    try:
        client("sqs").create_queue(QueueName=name_of(node), Attributes=attributes)
    except (BotoCoreError, ClientError):
        LOG.warning("There is no queue for the agent of %s", node, exc_info=True)
        return False
    return True


@functools.lru_cache(maxsize=10_000)
def _url(name: str) -> str:
    url: str = client("sqs").get_queue_url(QueueName=name)["QueueUrl"]
    return url


def url_of(node: NodeName) -> str | None:
    """The URL of an agent's queue; None where there is none, or none can be had now."""
    try:
        return _url(name_of(node))
    except (BotoCoreError, ClientError):
        return None


def forget() -> None:
    """Look the addresses up again: the environment has changed."""
    _url.cache_clear()


def ring(node: NodeName) -> None:
    """Put a message into an agent's queue. Never raises: without one the agent comes by itself."""
    url = url_of(node)
    if url is None:
        return
    try:
        client("sqs").send_message(QueueUrl=url, MessageBody="ring")
    except (BotoCoreError, ClientError):
        LOG.warning("The queue of the agent of %s takes no message", node, exc_info=True)
        _url.cache_clear()


def delete(node: NodeName) -> None:
    """Delete an agent's queue, if there is one."""
    url = url_of(node)
    _url.cache_clear()
    if url is not None:
        try:
            client("sqs").delete_queue(QueueUrl=url)
        except (BotoCoreError, ClientError):
            LOG.warning("The queue of the agent of %s is not deleted", node, exc_info=True)


def signed(url: str, now: dt.datetime) -> tuple[str, dt.datetime]:
    """A URL whose GET receives from a queue, and does nothing else; and until when it is good.

    On Lambda it is good for no longer than the credentials of the function, so it is made anew often.
    """
    sqs = client("sqs")
    query = {
        "Action": "ReceiveMessage",
        "Version": API_VERSION,
        "MaxNumberOfMessages": str(AT_ONCE),
        "WaitTimeSeconds": str(WAIT),
        "VisibilityTimeout": str(VISIBILITY),
    }
    request = AWSRequest(method="GET", url=url, params=query)
    credentials = sqs._request_signer._credentials.get_frozen_credentials()
    seconds = int(SIGNED_FOR.total_seconds())
    SigV4QueryAuth(credentials, "sqs", sqs.meta.region_name, expires=seconds).add_auth(request)
    return str(request.url), now + SIGNED_FOR
