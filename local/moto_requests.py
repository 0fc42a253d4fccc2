"""The short way of a request to moto's DynamoDB.

On its usual way botocore signs it and makes a request of HTTP of it, moto compares the address with those of
two hundred services, makes a request of werkzeug's, reads form, query and headers as each protocol has them,
and counts the visits of accounts: together half of what a request takes. One to DynamoDB is known by its
address and is a JSON document, so what handles it gets that, and botocore what it answers.
"""

import functools
import itertools
import re
from collections.abc import Callable
from typing import Any

import moto.backend_index as addresses
import moto.core.responses as moto_responses
from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient
from moto.core.models import DEFAULT_ACCOUNT_ID, botocore_stubber
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.utils import get_service_model, method_names_from_class, utcnow
from moto.dynamodb.responses import DynamoHandler
from moto.utilities.utils import get_partition
from werkzeug.datastructures import MultiDict
from werkzeug.http import http_date

_ADDRESS = re.compile(r"https?://dynamodb\.([a-z0-9-]+)\.amazonaws\.com/?")
_TARGET = "X-Amz-Target"
_TYPE = "Content-Type"
_numbers = itertools.count(1)


def shorten() -> None:
    """Let requests to DynamoDB go the short way from now on. To be called once."""
    BaseClient._make_request = _shortened(BaseClient._make_request)
    vars(moto_responses)["method_names_from_class"] = functools.cache(method_names_from_class)
    vars(moto_responses)["gen_amzn_requestid_long"] = _request_id
    addresses.backend_url_patterns.sort(key=lambda known: known[0] != "sqs")  # asked for next often


def _shortened(usual: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(usual)
    def make_request(client: Any, model: Any, request: dict[str, Any], context: Any) -> Any:
        found = _ADDRESS.fullmatch(request["url"]) if botocore_stubber.enabled else None
        if found is None:
            return usual(client, model, request, context)
        status, headers, body = _handler(model.name, request, found[1]).call_action()
        raw = body if isinstance(body, bytes) else body.encode()
        told = {
            "headers": {name.lower(): str(value) for name, value in headers.items()},
            "status_code": status,
            "body": raw,
            "context": {"operation_name": model.name},
        }
        return AWSResponse(request["url"], status, told["headers"], None), _parsed(client, model, told)

    return make_request


def _request_id(headers: dict[str, Any]) -> str:
    """A name for a request: moto draws the letters of each by chance."""
    headers["x-amzn-requestid"] = name = f"{next(_numbers):052X}"
    return name


def _parsed(client: Any, model: Any, told: dict[str, Any]) -> Any:
    endpoint = client._endpoint
    parser = endpoint._response_parser_factory.create_parser("json")
    parsed = parser.parse(told, model.output_shape)
    if told["status_code"] >= 300:
        endpoint._add_modeled_error_fields(told, parsed, model, parser)
    parsed["ResponseMetadata"]["RetryAttempts"] = 0
    return parsed


def _handler(action: str, request: dict[str, Any], region: str) -> DynamoHandler:
    """What handles a request, told what it would have found out."""
    sent = request["headers"]
    handler: Any = DynamoHandler()
    handler.headers = {_TARGET: sent[_TARGET], _TARGET.lower(): sent[_TARGET], _TYPE: sent.get(_TYPE, "")}
    handler.querystring = handler.data = handler.uri_match = {}
    handler.method, handler.uri, handler.path = request["method"], request["url"], "/"
    handler.region, handler.partition = region, get_partition(region)
    handler.current_account = DEFAULT_ACCOUNT_ID
    handler.response_headers = {"server": "amazon.com", "date": http_date(utcnow())}
    handler.params = _parameters(action, request)
    return handler  # type: ignore[no-any-return]


def _parameters(action: str, request: dict[str, Any]) -> Any:
    operation = get_service_model("dynamodb").operation_model(action)
    parser = PROTOCOL_PARSERS["json"](operation, map_type=DynamoHandler.PROTOCOL_PARSER_MAP_TYPE)
    return parser.parse(
        {
            "method": request["method"],
            "headers": request["headers"],
            "body": request["body"],
            "values": MultiDict(),
            "url_path": "/",
            "url_params": {},
        }
    )
