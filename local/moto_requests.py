"""The short way of a request to moto's DynamoDB.

On its usual way moto compares the address with those of two hundred services, makes a request of werkzeug's,
reads form, query and headers as each protocol has them, and counts the visits of accounts: a third of what a
request takes. One to DynamoDB is known by its address and is a JSON document, so what handles it gets that.
"""

import functools
import re
from collections.abc import Callable
from typing import Any

import moto.backend_index as addresses
import moto.core.responses as moto_responses
from botocore.awsrequest import AWSPreparedRequest
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.utils import get_service_model, method_names_from_class, utcnow
from moto.dynamodb.responses import DynamoHandler
from moto.utilities.utils import get_partition
from werkzeug.datastructures import MultiDict
from werkzeug.http import http_date

_ADDRESS = re.compile(r"https?://dynamodb\.([a-z0-9-]+)\.amazonaws\.com/")
_TARGET = "X-Amz-Target"

Answer = tuple[int, Any, Any]
"""Status, headers and body."""


def shorten() -> None:
    """Let requests to DynamoDB go the short way from now on. To be called once."""
    BotocoreStubber.process_request = _shortened(  # type: ignore[method-assign]
        BotocoreStubber.process_request
    )
    vars(moto_responses)["method_names_from_class"] = functools.cache(method_names_from_class)
    addresses.backend_url_patterns.sort(key=lambda known: known[0] != "sqs")  # asked for next often


def _shortened(process: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(process)
    def processed(self: BotocoreStubber, request: AWSPreparedRequest) -> Answer | None:
        found = _ADDRESS.fullmatch(request.url)
        if found is None or _TARGET not in request.headers:
            usual: Answer | None = process(self, request)
            return usual
        answer: Answer = _handler(request, found[1]).call_action()
        return answer

    return processed


def _handler(request: AWSPreparedRequest, region: str) -> DynamoHandler:
    """What handles a request, told what it would have found out."""
    target = _text(request.headers[_TARGET])
    handler: Any = DynamoHandler()
    handler.headers = {
        _TARGET: target,
        "x-amz-target": target,
        "Content-Type": _text(request.headers.get("Content-Type", "")),
    }
    handler.querystring = handler.data = handler.uri_match = {}
    handler.method, handler.uri, handler.path = request.method, request.url, "/"
    handler.region, handler.partition = region, get_partition(region)
    handler.current_account = DEFAULT_ACCOUNT_ID
    handler.response_headers = {"server": "amazon.com", "date": http_date(utcnow())}
    handler.params = _parameters(target.rpartition(".")[2], request)
    return handler  # type: ignore[no-any-return]


def _parameters(action: str, request: AWSPreparedRequest) -> Any:
    operation = get_service_model("dynamodb").operation_model(action)
    parser = PROTOCOL_PARSERS["json"](operation, map_type=DynamoHandler.PROTOCOL_PARSER_MAP_TYPE)
    return parser.parse(
        {
            "method": request.method,
            "headers": request.headers,
            "body": request.body,
            "values": MultiDict(),
            "url_path": "/",
            "url_params": {},
        }
    )


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
