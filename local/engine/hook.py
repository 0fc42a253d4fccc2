"""The way in: handlers of botocore's events that answer in its place.

``provide-client-params`` sees what the caller asked, and ``before-call`` answers it. That is earlier than
``before-send``: nothing is signed or parsed, which takes botocore three times as long as the answer, and
nothing is retried, since an answer that came from this process would be the same again.

The handlers are among botocore's own from the first import of this module on, so every client made since
has them, PynamoDB's too. They do nothing while no engine is installed.

A client whose configuration has OUTSIDE as its ``user_agent_extra`` is left alone: it means the service that
it names, and what a stranger tells it to do must never reach what this process keeps.
"""

import uuid
from typing import TYPE_CHECKING, Any

import botocore.handlers
from botocore.awsrequest import AWSResponse
from botocore.validate import ParamValidator

from local.engine.errors import ServiceError, unknown

if TYPE_CHECKING:
    from local.engine.engine import Engine

OUTSIDE = "means-the-service-it-names"
_ASKED = "engine_asked"
_SQS = "AWS.SimpleQueueService."
_installed: list["Engine"] = []


def install(engine: "Engine") -> None:
    """Let an engine answer for all clients of this process, before any installed earlier."""
    _installed.append(engine)


def uninstall(engine: "Engine") -> None:
    """Take an engine out again; those installed before it answer once more."""
    _installed.remove(engine)


def _remember(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    if not _installed or context["client_config"].user_agent_extra == OUTSIDE:
        return
    if context.get("is_presign_request"):
        raise unknown("S3", "presigned addresses: it serves no port that they could lead to")
    context[_ASKED] = dict(params)  # a copy: botocore adds to it, a token of its own for one


def _answer(model: Any, context: dict[str, Any], **_: Any) -> tuple[AWSResponse, dict[str, Any]] | None:
    asked = context.get(_ASKED)
    if asked is None or not _installed:
        return None
    service = model.service_model.service_name
    metadata: dict[str, Any] = {"RequestId": str(uuid.uuid4()), "HTTPHeaders": {}, "RetryAttempts": 0}
    metadata["HTTPHeaders"]["x-amzn-requestid"] = metadata["RequestId"]
    try:
        parsed = _called(_installed[-1], service, model, asked)
        status = 200
    except ServiceError as error:
        parsed = {"Error": {"Message": error.message, **_codes(error.code)}, **error.more}
        status = error.status
    metadata["HTTPStatusCode"] = status
    parsed["ResponseMetadata"] = metadata
    return AWSResponse("", status, metadata["HTTPHeaders"], None), parsed


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
        raise ServiceError("SerializationException", f"A string is no Unicode text: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # PynamoDB's clients send unchecked what they are given.
        report = ParamValidator().validate(asked, model.input_shape)
        if not report.has_errors():
            raise
        raise ServiceError("SerializationException", report.generate_report()) from error


_HANDLERS: list[Any] = botocore.handlers.BUILTIN_HANDLERS
_HANDLERS += [("provide-client-params", _remember), ("before-call", _answer)]
