"""The API: where it is, how much of it one may have, what it writes down, and what it says by itself."""

import json
from typing import Any

from local.deployment.functions import access_log

OWN_GATEWAY_ROLE = "OwnGatewayRole"
"""The condition that the stack lets API Gateway write logs, which is a setting of account and region."""

_ACCESS = {
    "time": "$context.requestTime",
    "request": "$context.requestId",
    "function_request": "$context.integration.requestId",
    "from": "$context.identity.sourceIp",
    "key": "$context.identity.apiKeyId",
    "caller": "$context.identity.caller",
    "method": "$context.httpMethod",
    "path": "$context.path",
    "status": "$context.status",
    "bytes": "$context.responseLength",
    "ms": "$context.responseLatency",
    "function_ms": "$context.integrationLatency",
    "error": "$context.error.message",
}
_SAYS = {
    # Without it, API Gateway answers 403 to a path that does not exist.
    "MISSING_AUTHENTICATION_TOKEN": ("404", "There is nothing at this path"),
    "THROTTLED": ("429", "Too many requests: try again in a second"),
    "QUOTA_EXCEEDED": ("429", "This key has used up its requests"),
    "REQUEST_TOO_LARGE": ("413", "The body is too large: 10 MB at most"),
    "INVALID_API_KEY": ("403", "The header x-api-key must hold a key of this API"),
    "ACCESS_DENIED": ("403", "The policy of this API does not let you in"),
    "INTEGRATION_TIMEOUT": ("504", "The node did not answer in time"),
    "INTEGRATION_FAILURE": ("502", "The node cannot be asked now"),
}
"""What API Gateway answers before or after the node: status and sentence, in text as the node's own are."""


def resources() -> dict[str, Any]:
    return {
        "RestAPI": {"Properties": _api()},
        **{_id(kind): _response(kind, *_SAYS[kind]) for kind in _SAYS},
        "AccessLog": _access_log(),
        **_account(),
        "UsagePlan": _usage_plan(),
    }


def _api() -> dict[str, Any]:
    return {
        "EndpointConfiguration": {"Type": "REGIONAL"},
        # Compressed answers leave in base64, whatever their type; text goes through as it is.
        "DefinitionBody": {
            "x-amazon-apigateway-binary-media-types": ["*/*"],
            "info": {"title": {"Ref": "AWS::StackName"}},
        },
        "AccessLogSetting": {
            "DestinationArn": {"Fn::GetAtt": ["AccessLog", "Arn"]},
            "Format": json.dumps(_ACCESS),
        },
        "MethodSettings": [
            {
                "ResourcePath": "/*",
                "HttpMethod": "*",
                "ThrottlingRateLimit": {"Ref": "RequestsPerSecond"},
                "ThrottlingBurstLimit": {"Ref": "RequestsAtOnce"},
                "MetricsEnabled": True,
            }
        ],
        "TracingEnabled": False,
    }


def _access_log() -> dict[str, Any]:
    """It names what lets API Gateway write, so that this is there before the stage that writes into it."""
    log = access_log()
    told = {"Fn::If": [OWN_GATEWAY_ROLE, {"Ref": "GatewayAccount"}, "the account's own"]}
    log["Properties"]["Tags"] = [{"Key": "gateway-account", "Value": told}]
    return log


def _id(kind: str) -> str:
    return "Says" + "".join(word.title() for word in kind.split("_"))


def _response(kind: str, status: str, sentence: str) -> dict[str, Any]:
    return {
        "Type": "AWS::ApiGateway::GatewayResponse",
        "Properties": {
            "RestApiId": {"Ref": "RestAPI"},
            "ResponseType": kind,
            "StatusCode": status,
            "ResponseTemplates": {"text/plain": f"{sentence}\n"},
        },
    }


def _account() -> dict[str, Any]:
    """What lets API Gateway write into logs. It is the account's: a stack that goes leaves it."""
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": {"Fn::Sub": "apigateway.${AWS::URLSuffix}"}},
        "Action": "sts:AssumeRole",
    }
    policy = "arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
    kept = {"Condition": OWN_GATEWAY_ROLE, "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
    return {
        "GatewayRole": {
            "Type": "AWS::IAM::Role",
            **kept,
            "Properties": {
                "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
                "ManagedPolicyArns": [{"Fn::Sub": policy}],
            },
        },
        "GatewayAccount": {
            "Type": "AWS::ApiGateway::Account",
            **kept,
            "Properties": {"CloudWatchRoleArn": {"Fn::GetAtt": ["GatewayRole", "Arn"]}},
        },
    }


def _usage_plan() -> dict[str, Any]:
    """How much each holder of a key may ask; it counts where keys are asked for (docs/deploy.md)."""
    return {
        "Type": "AWS::ApiGateway::UsagePlan",
        "Properties": {
            "UsagePlanName": {"Ref": "AWS::StackName"},
            "ApiStages": [{"ApiId": {"Ref": "RestAPI"}, "Stage": {"Ref": "RestAPI.Stage"}}],
            "Throttle": {
                "RateLimit": {"Ref": "RequestsPerSecondOfAKey"},
                "BurstLimit": {"Ref": "RequestsAtOnce"},
            },
            "Quota": {"Limit": {"Ref": "RequestsPerDayOfAKey"}, "Period": "DAY"},
        },
    }
