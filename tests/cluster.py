"""Several nodes in one process: the app itself behind each, and a network between them that can be broken."""

import dataclasses
import datetime as dt
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from chalicelib.api.http.answer import DIRECT
from chalicelib.domain import messages
from chalicelib.domain.errors import PeerError, TimedOut, Unreachable
from chalicelib.domain.names import NodeName
from chalicelib.events import queue_handlers
from chalicelib.infrastructure import peer_http, queues
from chalicelib.infrastructure.aws import client
from chalicelib.infrastructure.machine import Machine
from chalicelib.infrastructure.peer_http import Call, Reply
from local import gateway
from local.http_server import safe_for_threads
from local.routes import Routes

LEAD, OTHER, THIRD = "192.0.2.1", "192.0.2.2", "192.0.2.3"
"""The nodes of most parties."""

Fault = Callable[[Call], Reply | PeerError | None]
"""What happens to a call instead of being answered; None where it is answered as usual."""


@dataclasses.dataclass(frozen=True)
class Heard:
    """A call that reached a node, and what was answered."""

    host: str
    line: str
    body: Any
    status: int


class Cluster:
    """Nodes by the hosts they are; the keys of each begin with its host. Calls are made one by one.

    Each is a deployment of its own, so which of them a request is for is decided here, in the place of
    ``node_directory.addressed_by``.
    """

    def __init__(self, *hosts: str):
        from app import app

        self.hosts = hosts
        self._app = safe_for_threads(app)
        self._routes = Routes(app.routes)
        self._acting = [""]
        self.faults: list[Fault] = []
        self.heard: list[Heard] = []

    def addressed_by(self, host: str) -> NodeName:
        """The node that a request is for."""
        return NodeName(host)

    @contextmanager
    def acting(self, host: str) -> Iterator[NodeName]:
        """Ask others as one of the nodes."""
        self._acting.append(host)
        try:
            yield self.addressed_by(host)
        finally:
            self._acting.pop()

    def ask(self, calls: Sequence[Call]) -> list[Reply | PeerError]:
        return [self._one(call) for call in calls]

    def _one(self, call: Call) -> Reply | PeerError:
        for fault in self.faults:
            instead = fault(call)
            if instead is not None:
                return instead
        if call.host not in self.hosts:
            return Unreachable(call.host, "cannot be reached: Connection refused")
        status, text = self.request(call.host, call.method, call.target, call.body, self._acting[-1])
        line = f"{call.method} {call.target.removeprefix('/pscheduler')}"
        self.heard.append(Heard(call.host, line, call.body, status))
        return Reply(call.host, status, text)

    def request(
        self, host: str, method: str, target: str, body: Any = None, caller: str = "127.0.0.1", **more: Any
    ) -> tuple[int, str]:
        """(status, text) of a request to a node; ``headers`` come on top of the usual ones."""
        content = b"" if body is None else json.dumps(body).encode()
        headers = {"Host": host, "Content-Type": "application/json", **more.get("headers", {})}
        request = gateway.Request(method, target, headers, content, caller, host, 443, "https")
        event = gateway.event(request, self._routes)
        assert event is not None, target
        del event["requestContext"][DIRECT]  # nobody here asks again later, as a front does
        with self.acting(host):
            answer = gateway.response(self._app(event, gateway.Context("api", 29)))
        return answer.status, answer.body.decode().rstrip("\n")

    def api(self, host: str, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
        """(status, JSON or text) of a request to a node."""
        status, text = self.request(host, method, f"/pscheduler{path}", body, **more)
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text

    def work(self, at: dt.datetime) -> None:
        """Do what the nodes have put on the queue of what waits for others, as if it were then."""
        where = {"QueueUrl": queues.queue_url(queues.PEERS.name)}
        while taken := client("sqs").receive_message(**where, MaxNumberOfMessages=10).get("Messages"):
            for message in taken:
                asked = messages.from_json(queues.PEERS.carries, json.loads(message["Body"]), NodeName("?"))
                with self.acting(asked.node):
                    queue_handlers.handle(asked, at, Machine())
                client("sqs").delete_message(**where, ReceiptHandle=message["ReceiptHandle"])

    def lines(self, host: str) -> list[str]:
        """Method and path of what a node was asked, without arguments and identifiers."""
        asked = [heard.line.partition("?")[0] for heard in self.heard if heard.host == host]
        return [" ".join(["/".join(_anonymous(part) for part in line.split("/"))]) for line in asked]


def _anonymous(part: str) -> str:
    return "*" if part.count("-") == 4 else part


@contextmanager
def running_cluster(*hosts: str) -> Iterator[Cluster]:
    """A party whose network is the one in use."""
    cluster = Cluster(*hosts)
    with peer_http.use(cluster), pytest.MonkeyPatch.context() as patch:
        patch.setattr("chalicelib.api.http.request_event.addressed_by", cluster.addressed_by)
        yield cluster


def posted(cluster: Cluster, document: dict[str, Any], lead: str = LEAD) -> str:
    """Post a task to its lead; its identifier."""
    status, href = cluster.api(lead, "POST", "/tasks", document)
    assert status == 200, href
    return str(href).rpartition("/")[2]


def silent(host: str) -> Fault:
    """A node that accepts calls and never answers."""
    return lambda call: TimedOut(host, "did not answer in time") if call.host == host else None


def down(host: str) -> Fault:
    """A node that is not there."""
    return lambda call: Unreachable(host, "cannot be reached") if call.host == host else None


def answering(host: str, method: str, part: str, status: int, text: str = "") -> Fault:
    """A node that answers some calls with a status of its own."""

    def fault(call: Call) -> Reply | None:
        concerns = call.host == host and call.method == method and part in call.path
        return Reply(host, status, text) if concerns else None

    return fault
