"""As much of AWS's command line as docs/deploy.md uses, made of botocore: not everybody who tests has it.

aws SERVICE OPERATION --some-parameter value --query JMESPATH --output text
aws SERVICE wait SOMETHING-EXISTS --some-parameter value

The page has many such commands. They are carried out in one process, by a server that the command sends its
words to: to import botocore takes longer than what most of them do.
"""

import contextlib
import functools
import http.server
import json
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import botocore.session
import jmespath
from botocore import xform_name

COMMAND = """#!/bin/sh
printf '%s\\0' "$@" | {curl} -s --noproxy '*' --fail-with-body --data-binary @- \\
    "http://127.0.0.1:{port}/${{AWS_DEFAULT_REGION:?}}"
"""


@contextlib.contextmanager
def served(endpoint: str, curl: str) -> Iterator[str]:
    """The text of a program ``aws`` for what there is at an endpoint."""

    @functools.cache
    def client(service: str, region: str) -> Any:
        session = botocore.session.get_session()
        return session.create_client(service, region_name=region, endpoint_url=endpoint)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            words = self.rfile.read(int(self.headers["Content-Length"])).decode().split("\0")[:-1]
            try:
                status, said = 200, carried_out(words, client(words[0], self.path[1:]))
            except Exception as error:
                status, said = 500, str(error)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(f"{said}\n".encode())

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield COMMAND.format(curl=curl, port=server.server_port)
        server.shutdown()


def carried_out(words: Sequence[str], client: Any) -> str:
    """What a command prints."""
    _, operation, *rest = words
    waited = rest.pop(0) if operation == "wait" else None
    given = _options(rest)
    query, output = given.pop("query", None), given.pop("output", "json")
    if waited:
        waiter = client.get_waiter(waited.replace("-", "_"))
        waiter.wait(**_parameters(client, str(waiter.config.operation), given))
        return ""
    name = next(each for each in client.meta.service_model.operation_names if _is(each, operation))
    answer = getattr(client, xform_name(name))(**_parameters(client, name, given))
    answer.pop("ResponseMetadata", None)
    found = jmespath.search(query, answer) if query else answer
    return _text(found) if output == "text" else json.dumps(found, default=str, indent=4)


def _options(words: Sequence[str]) -> dict[str, Any]:
    """Options with their values; one without any is a flag, which may be turned off by ``no-``."""
    found: dict[str, Any] = {}
    name = ""
    for word in words:
        if word.startswith("--"):
            name = word[2:]
            found[name] = not name.startswith("no-")
        else:
            found[name] = word
    return {name.removeprefix("no-") if value is False else name: value for name, value in found.items()}


def _is(name: str, option: str) -> bool:
    return name.lower() == option.replace("-", "").lower()


def _parameters(client: Any, operation: str, given: dict[str, Any]) -> dict[str, Any]:
    shape = client.meta.service_model.operation_model(operation).input_shape
    members = list(shape.members) if shape else []
    return {next(each for each in members if _is(each, name)): value for name, value in given.items()}


def _text(found: Any) -> str:
    if isinstance(found, list):
        return "\t".join(_text(each) for each in found)
    return "None" if found is None else str(found)
