"""One page and one that waits, for each kind of server; ``python -m bench.fronts_app PORT`` is ours.

The servers that are compared with it run in an environment without the product: nothing of it is imported
before it is asked for.
"""

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

PAGE = b'"This is a pScheduler node on here"\n'
WAIT = 25.0


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    if scope["path"].endswith("/wait"):
        await asyncio.sleep(WAIT)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(PAGE)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": PAGE})


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if environ["PATH_INFO"].endswith("/wait"):
        time.sleep(WAIT)
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(PAGE)))])
    return [PAGE]


def _ours() -> Any:
    """An app of Chalice, as the product's is one."""
    import chalice

    from chalicelib.api.http.answer import Sent

    app = chalice.Chalice(app_name="fronts", configure_logs=False)

    def page() -> Sent:
        return Sent(PAGE.decode(), headers={"Content-Type": "application/json"})

    def wait() -> Sent:
        answer = page()
        request: Any = app.current_request
        came = request.context["requestTimeEpoch"] / 1000
        if time.time() < came + WAIT:
            answer.wait = ("task", came + WAIT)
        return answer

    for route, view in (("/", page), ("/wait", wait)):
        app.route(route, methods=["GET"], content_types=["*/*"], name=route)(view)
    return app


def main() -> None:
    from local.http_server import HttpServer

    HttpServer(_ours(), "127.0.0.1", int(sys.argv[1])).start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
