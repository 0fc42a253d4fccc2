"""What a stage makes of a package's template: variables, access, a name of its own, what is kept ready."""

import copy
from collections.abc import Mapping
from typing import Any

from chalicelib.domain.schemas import JSON
from local.deployment.resource_names import API, FUNCTIONS
from local.deployment.stage import Stage, StageError

_ALIAS = "live"
_WITHOUT_SNAPSHOTS = ("python3.10", "python3.11")


def applied(stage: Stage, template: dict[str, Any]) -> dict[str, Any]:
    """The template of a package as a stage wants it. Raises StageError for what the package cannot do."""
    made = copy.deepcopy(template)
    resources = made["Resources"]
    for name in FUNCTIONS:
        resources[name]["Properties"]["Environment"]["Variables"].update(stage.environment)
    for name, warm in stage.provisioned.items():
        provision = {"ProvisionedConcurrentExecutions": warm}
        _have_alias(name, resources, ProvisionedConcurrencyConfig=provision)
    for name in stage.snap_start:
        _require_snapshots(resources[name]["Properties"]["Runtime"])
        _have_alias(name, resources, SnapStart={"ApplyOn": "PublishedVersions"})
    for name, most in stage.at_a_time.items():
        _handle_at_a_time(most, resources[name]["Properties"])
    _limit_access(stage, resources["RestAPI"]["Properties"]["DefinitionBody"])
    if stage.domain:
        resources.update(_domain(stage.domain))
        where = {"Fn::GetAtt": ["Domain", "RegionalDomainName"]}
        made["Outputs"]["DomainTarget"] = {"Description": "What the name is to be a CNAME of", "Value": where}
    _let_read_policy(stage.environment.get("PSCHEDULER_LIMITS", ""), resources)
    if stage.access == "iam":
        # Who has not signed is told so: what else would the gateway say of an unknown path?
        said = resources["SaysMissingAuthenticationToken"]["Properties"]
        said.update(StatusCode="403", ResponseTemplates={"text/plain": "Requests must be signed for AWS\n"})
    return made


def _have_alias(name: str, resources: dict[str, Any], **more: JSON) -> None:
    """Have a function's newest version under an alias, by which its clock, queue and gateway call it.

    An old version goes with the next: a snapshot of it would be paid for as long as it is there.
    """
    resources[name]["Properties"].update(
        AutoPublishAlias=_ALIAS, AutoPublishAliasAllProperties=True, VersionDeletionPolicy="Delete", **more
    )
    if name != API:
        return  # SAM has the rules and event sources of a function call its alias
    resources["APIHandlerInvokePermission"]["Properties"]["FunctionName"] = {"Ref": f"{API}Alias{_ALIAS}"}
    for path in resources["RestAPI"]["Properties"]["DefinitionBody"]["paths"].values():
        for method in path.values():
            integration = method["x-amazon-apigateway-integration"]
            if "uri" in integration:
                uri = integration["uri"]["Fn::Sub"]
                integration["uri"] = {"Fn::Sub": uri.replace(f"${{{API}.Arn}}", f"${{{API}Alias{_ALIAS}}}")}


def _require_snapshots(runtime: str) -> None:
    if runtime in _WITHOUT_SNAPSHOTS:
        raise StageError(
            f"/snap-start: requires a package for Python 3.12 or later, not {runtime}: deploy with"
            " make deploy PYTHON=python3.12"
        )


def _handle_at_a_time(most: int, function: dict[str, Any]) -> None:
    """Have so many messages handled at a time, of the account's concurrency as many."""
    for event in function["Events"].values():
        event["Properties"]["ScalingConfig"] = {"MaximumConcurrency": most}
    reserved = function["ReservedConcurrentExecutions"]["Fn::If"]
    function["ReservedConcurrentExecutions"] = {"Fn::If": [reserved[0], most, reserved[2]]}


def _domain(told: Mapping[str, str]) -> dict[str, Any]:
    """The API under a name of one's own, at /pscheduler as everywhere."""
    domain = {
        "DomainName": told["name"],
        "RegionalCertificateArn": told["certificate"],
        "EndpointConfiguration": {"Types": ["REGIONAL"]},
        "SecurityPolicy": "TLS_1_2",
    }
    mapping = {
        "DomainName": {"Ref": "Domain"},
        "BasePath": "pscheduler",
        "RestApiId": {"Ref": "RestAPI"},
        "Stage": {"Ref": "RestAPI.Stage"},
    }
    return {
        "Domain": {"Type": "AWS::ApiGateway::DomainName", "Properties": domain},
        "DomainMapping": {"Type": "AWS::ApiGateway::BasePathMapping", "Properties": mapping},
    }


def _let_read_policy(limits: str, resources: dict[str, Any]) -> None:
    """Let the API's function read a policy that is an object of S3."""
    if limits.startswith("s3://"):
        where = {"Fn::Sub": f"arn:${{AWS::Partition}}:s3:::{limits.removeprefix('s3://')}"}
        (policy,) = resources["ApiHandlerRole"]["Properties"]["Policies"]
        statement = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": [where]}
        policy["PolicyDocument"]["Statement"].append(statement)


def _limit_access(stage: Stage, api: dict[str, Any]) -> None:
    if stage.access != "node":
        scheme = {"type": "apiKey", "in": "header"}
        schemes = {
            "keys": {"gateway": {**scheme, "name": "x-api-key"}},
            "iam": {
                "gateway": {**scheme, "name": "Authorization", "x-amazon-apigateway-authtype": "awsSigv4"}
            },
        }
        api["securityDefinitions"] = {**api.get("securityDefinitions", {}), **schemes[stage.access]}
        for path in api["paths"].values():
            for method in path.values():
                method["security"] = [{"gateway": []}]
    if stage.sources:
        api["x-amazon-apigateway-policy"] = _from_there_only(stage.sources)


def _from_there_only(sources: tuple[str, ...]) -> dict[str, Any]:
    invoke = {"Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}
    elsewhere = {"NotIpAddress": {"aws:SourceIp": list(sources)}}
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", **invoke},
            {"Effect": "Deny", **invoke, "Condition": elsewhere},
        ],
    }
