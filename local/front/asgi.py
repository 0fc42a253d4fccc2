"""From a request that is being received to an answer that is being sent: ASGI in front, the app behind.

Whatever takes time that is not the app's own - a body that comes slowly, an answer read slowly, waiting for
what is not there yet - holds no worker.
"""

import asyncio
import logging
import time
from typing import Any

from chalicelib.api.http.answer import READS_NOTHING
from chalicelib.domain import proxy_headers
from local import gateway
from local.front.asgi_messages import Receive, Send, length, refuse, request_of, send_response
from local.front.budget import Budget
from local.front.connections import counted_as
from local.front.held_requests import Waiting
from local.front.request_lanes import Busy, Lane
from local.routes import Routes, is_list, is_of_agents

LARGEST_REQUEST = 10 * 1024 * 1024
MOST_BODIES = 128 * 1024 * 1024
"""Bytes of bodies held at a time, in all, besides what each may have for nothing."""
FREE = 16 * 1024
"""Bytes of a body that count for nothing: usual tasks are taken though others hold all that there is."""
TIMEOUT = 29.0
"""Seconds the app may take, as it is told."""
MOST_STREAMS = 200
"""Answers at a time that go on while something happens, in all."""
LONGEST_STREAM = 600.0
"""Seconds until one of them ends, for the client to connect again."""
BETWEEN_PIECES = 0.2
"""Seconds in which what happens is gathered."""

_LOG = logging.getLogger(__name__)


class _Gone(Exception):
    """The client has hung up."""


class _TooLarge(Exception):
    """A body has more than it may have."""


class Application:
    """An ASGI application that calls a Chalice app as API Gateway would."""

    def __init__(
        self,
        app: Any,
        waiting: Waiting,
        proxies: tuple[proxy_headers.Network, ...],
        reads_at_once: bool = False,
    ):
        self._app, self._waiting, self._proxies = app, waiting, proxies
        self._reads_at_once = reads_at_once
        self._routes = Routes(app.routes)
        self.bodies, self._streams = Budget(MOST_BODIES), Budget(MOST_STREAMS)
        self._quick = Lane("quick", 16, 12)
        self._lists = Lane("lists", 4, 3)
        self._slow = Lane("slow", 96, 72)
        # Agents never have a worker wait for other nodes, and many of them come at once: more workers than
        # can compute would only take turns.
        self._agents = Lane("agents", 12, 9)

    def close(self) -> None:
        for lane in (self._quick, self._lists, self._slow, self._agents):
            lane.close()

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        try:
            await self._serve(scope, receive, send)
        except _Gone:
            pass
        except _TooLarge:
            await refuse(receive, send)
        except Busy:
            await send_response(scope, send, gateway.busy())

    async def _serve(self, scope: Any, receive: Receive, send: Send) -> None:
        if length(scope) > LARGEST_REQUEST:
            raise _TooLarge
        body, owner = bytearray(), counted_as(scope["client"][0])
        try:
            await self._read(body, owner, receive)
            request = request_of(scope, bytes(body), self._proxies)
            await self._answer(scope, request, receive, send)
        finally:
            self.bodies.give_back(owner, max(0, len(body) - FREE))

    async def _read(self, body: bytearray, owner: str, receive: Receive) -> None:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Gone
            piece = message.get("body", b"")
            if len(body) + len(piece) > LARGEST_REQUEST:
                raise _TooLarge
            before = max(0, len(body) - FREE)
            self.bodies.take(owner, max(0, len(body) + len(piece) - FREE) - before)
            body += piece
            if not message.get("more_body"):
                return

    async def _answer(self, scope: Any, request: gateway.Request, receive: Receive, send: Send) -> None:
        event = gateway.event(request, self._routes)
        if event is None:
            await send_response(scope, send, gateway.not_found(request))
            return
        if event["requestContext"][READS_NOTHING]:
            await send_response(scope, send, self._call(event))
            return
        early = self._at_once(event)
        if early is not None:
            await send_response(scope, send, early)
            return
        lane, owner = self._lane(event), counted_as(event["requestContext"]["identity"]["sourceIp"])
        response = await self._answered(lane, owner, event, receive)
        if response.follows and scope["method"] == "GET" and scope["http_version"] != "1.0":
            await self._stream(lane, owner, event, response, receive, send)
            return
        await send_response(scope, send, response, lambda pieces: lane.run(owner, lambda: next(pieces, None)))

    def _at_once(self, event: dict[str, Any]) -> gateway.Response | None:
        """What the app answers from one item, without a worker; None where it takes more."""
        asked = gateway.at_once(event) if self._reads_at_once else None
        response = None if asked is None else self._call(asked)
        return None if response is None or response.takes_time else response

    async def _answered(
        self, lane: Lane, owner: str, event: dict[str, Any], receive: Receive
    ) -> gateway.Response:
        """What the app answers, once it does not want to be asked again."""
        while True:
            looked_at = self._waiting.number
            response = await lane.run(owner, lambda: self._call(event))
            if response.wait is None:
                return response
            await self._waiting.until(response.wait, looked_at, _hung_up(receive))

    async def _stream(
        self,
        lane: Lane,
        owner: str,
        event: dict[str, Any],
        response: gateway.Response,
        receive: Receive,
        send: Send,
    ) -> None:
        """Answer after answer in one, each from where the one before ended, until the client hangs up, or has
        been at it for so long that it may as well connect anew."""
        self._streams.take(owner, 1)
        ends = time.monotonic() + LONGEST_STREAM
        try:
            headers = [(name.encode("latin-1"), text.encode("latin-1")) for name, text in response.headers]
            await send({"type": "http.response.start", "status": response.status, "headers": headers})
            while isinstance(response.body, bytes):
                await send({"type": "http.response.body", "body": response.body, "more_body": True})
                if time.monotonic() > ends or not response.follows:
                    break
                await asyncio.sleep(BETWEEN_PIECES)
                event = gateway.following(event, response.follows)
                response = await self._answered(lane, owner, event, receive)
            await send({"type": "http.response.body", "body": b""})
        finally:
            self._streams.give_back(owner, 1)

    def _lane(self, event: dict[str, Any]) -> Lane:
        if is_of_agents(event["resource"]):
            return self._agents
        if event["httpMethod"] not in ("GET", "HEAD", "OPTIONS"):
            return self._slow
        return self._lists if is_list(event["resource"]) else self._quick

    def _call(self, event: dict[str, Any]) -> gateway.Response:
        try:
            return gateway.response(self._app(event, gateway.Context("api", TIMEOUT)))
        except Exception:
            _LOG.exception("%s %s failed", event["httpMethod"], event["path"])
            return gateway.plain(500, "Internal server error.")


async def _hung_up(receive: Receive) -> None:
    """Until the client hangs up. Raises _Gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
    raise _Gone
