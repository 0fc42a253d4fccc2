"""The way in: handlers of botocore's events that answer in its place.

``provide-client-params`` sees what the caller asked, and ``before-call`` answers it. That is earlier than
``before-send``: nothing is signed or parsed, which takes botocore three times as long as the answer, and
nothing is retried, since an answer that came from this process would be the same again.

The handlers are among botocore's own from the first import of this module on, so every client made since
has them, PynamoDB's too. They do nothing while no engine is installed.

What DynamoDB and SQS are asked goes a shorter way still: ``_make_api_call``, through which all of a client's
operations pass, answers before an address is found and a request is written, which takes as long as a
small answer does. S3 goes the long way: handlers of botocore's change what it is asked, and it is asked less.

A client whose configuration has OUTSIDE as its ``user_agent_extra`` is left alone: it means the service that
it names, and what a stranger tells it to do must never reach what this process keeps.
"""

import functools
import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import botocore.client
import botocore.handlers
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ParamValidationError
from botocore.validate import ParamValidationDecorator, ParamValidator

from local.engine.engine_errors import ServiceError, unknown

if TYPE_CHECKING:
    from local.engine.engine import Engine

OUTSIDE = "means-the-service-it-names"
_ASKED = "engine_asked"
_SHORT = frozenset({"dynamodb", "sqs"})
"""The services that are answered the short way."""
_SQS = "AWS.SimpleQueueService."
_installed: list["Engine"] = []
_requests = itertools.count(1)


class _Answered(NamedTuple):
    """What a service answered, as far as botocore's handlers look at it."""

    status_code: int
    headers: dict[str, str]
    raw: None = None
    content: bytes = b""


class _Asked(NamedTuple):
    """An operation of a service: what botocore knows of it, and the event that tells of its answer."""

    model: Any
    event: str


_known: dict[tuple[str, str], _Asked] = {}


def _operation(service: Any, operation: str) -> _Asked:
    name = (service.service_name, operation)
    found = _known.get(name)
    if found is None:
        model = service.operation_model(operation)
        found = _known[name] = _Asked(model, f"after-call.{service.service_id.hyphenize()}.{operation}")
    return found


def install(engine: "Engine") -> None:
    """Let an engine answer for all clients of this process, before any installed earlier."""
    _installed.append(engine)


def uninstall(engine: "Engine") -> None:
    """Take an engine out again; those installed before it answer once more."""
    _installed.remove(engine)


def _is_outside(config: Any) -> bool:
    """Whether a client means the service it names; what presigns an address says nothing of its client."""
    return config is not None and config.user_agent_extra == OUTSIDE


def _shortened(usual: Callable[..., Any]) -> Callable[..., Any]:
    """The way of a client's operations to their service, cut short for those that the engine answers."""

    @functools.wraps(usual)
    def make_api_call(client: Any, operation: str, params: dict[str, Any]) -> Any:
        meta = client.meta
        service = meta.service_model
        if not _installed or service.service_name not in _SHORT or _is_outside(meta.config):
            return usual(client, operation, params)
        model, event = _operation(service, operation)
        if isinstance(client._serializer, ParamValidationDecorator):  # where the client's maker wants it
            _require_valid(params, model)
        context = {"client_region": meta.region_name, "client_config": meta.config, _ASKED: dict(params)}
        status, parsed = _answered(model, context)
        response = _Answered(status, parsed["ResponseMetadata"]["HTTPHeaders"])
        meta.events.emit(event, http_response=response, parsed=parsed, model=model, context=context)
        if status >= 300:
            code = context.get("error_code_override") or parsed["Error"]["Code"]
            raise client.exceptions.from_code(code)(parsed, operation)
        return parsed

    return make_api_call


def _require_valid(params: dict[str, Any], model: Any) -> None:
    if model.input_shape is not None:
        report = ParamValidator().validate(params, model.input_shape)
        if report.has_errors():
            raise ParamValidationError(report=report.generate_report())


def _remember(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    if not _installed or _is_outside(context.get("client_config")):
        return
    if context.get("is_presign_request"):
        raise unknown("S3", "presigned URLs: it listens on no port that they could refer to")
    context[_ASKED] = dict(params)  # a copy: botocore adds to it, a token of its own for one


def _answer(model: Any, context: dict[str, Any], **_: Any) -> tuple[AWSResponse, dict[str, Any]] | None:
    if not _installed or _ASKED not in context:
        return None
    status, parsed = _answered(model, context)
    return AWSResponse("", status, parsed["ResponseMetadata"]["HTTPHeaders"], None), parsed


def _answered(model: Any, context: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """The status and the answer."""
    service = model.service_model.service_name
    name = f"{next(_requests):032x}"
    metadata: dict[str, Any] = {
        "RequestId": name,
        "HTTPHeaders": {"x-amzn-requestid": name},
        "RetryAttempts": 0,
    }
    try:
        parsed = _called(_installed[-1], service, model, context[_ASKED])
        status = 200
    except ServiceError as error:
        parsed = {"Error": {"Message": error.message, **_codes(error.code)}, **error.more}
        status = error.status
    metadata["HTTPStatusCode"] = status
    parsed["ResponseMetadata"] = metadata
    return status, parsed


def _codes(code: str) -> dict[str, str]:
    """The code of an error. SQS has two: botocore shows one, and picks the exception by the other."""
    if not code.startswith(_SQS):
        return {"Code": code}
    name = code.removeprefix(_SQS)
    return {"Code": code, "QueryErrorCode": "QueueDoesNotExist" if name == "NonExistentQueue" else name}


def _called(engine: "Engine", service: str, model: Any, asked: dict[str, Any]) -> dict[str, Any]:
    try:
        return engine.call(service, model.name, asked)
    except UnicodeError as error:
        raise ServiceError("SerializationException", f"A string is not valid Unicode: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # PynamoDB's clients send unchecked what they are given.
        report = ParamValidator().validate(asked, model.input_shape)
        if not report.has_errors():
            raise
        raise ServiceError("SerializationException", report.generate_report()) from error


_HANDLERS: list[Any] = botocore.handlers.BUILTIN_HANDLERS
_HANDLERS += [("provide-client-params", _remember), ("before-call", _answer)]
botocore.client.BaseClient._make_api_call = _shortened(botocore.client.BaseClient._make_api_call)
