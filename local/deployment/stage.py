"""What is said of one deployment: ``.chalice/stages/STAGE.json``, where there is one, all of it optional.

{
    "stack": "pscheduler-STAGE",            the stack's name
    "region": "eu-central-1",               if not the one of the environment
    "access": "node",                       who passes the gateway: "node" leaves it to the node's own policy,
                                            "keys" wants a key of a usage plan, "iam" a signature of AWS
    "sources": ["192.0.2.0/24"],            from where alone requests may come
    "environment": {"PSCHEDULER_...": ""},  variables of the functions (docs/deploy.md)
    "domain": {"name": "ps.example.net",    a name of your own, or a wildcard: *.mesh.example.net
               "certificate": "arn:..."},   for it, of ACM in the same region
    "parameters": {"AlarmEmail": ""},       of the template (local/deployment/parameters.py)
    "provisioned": {"Run": 1}               functions kept warm, each so many times
}
"""

import copy
import dataclasses
import ipaddress
import json
import pathlib
import re
from collections.abc import Mapping
from typing import Any

from chalicelib.domain.schemas import JSON, Checker
from local.deployment.naming import FUNCTIONS
from local.deployment.parameters import parameters

FOLDER = pathlib.Path(__file__).resolve().parent.parent.parent / ".chalice/stages"
ACCESS = ("node", "keys", "iam")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}")
_TEXT = {"type": "string"}
_DOCUMENT = Checker(
    {
        "type": "object",
        "properties": {
            "stack": {"type": "string", "pattern": r"^[A-Za-z][A-Za-z0-9-]{0,100}$"},
            "region": {"type": "string", "pattern": r"^[a-z]{2}(-[a-z]+)+-[0-9]$"},
            "access": {"enum": list(ACCESS)},
            "sources": {"type": "array", "items": _TEXT},
            "environment": {
                "type": "object",
                "propertyNames": {"pattern": r"^PSCHEDULER_[A-Z_]+$"},
                "additionalProperties": _TEXT,
            },
            "parameters": {
                "type": "object",
                "propertyNames": {"enum": list(parameters())},
                "additionalProperties": {"type": ["string", "number"]},
            },
            "domain": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "pattern": r"^(\*\.)?([a-z0-9-]+\.)+[a-z]{2,}$"},
                    "certificate": {
                        "type": "string",
                        "pattern": r"^arn:aws[a-z-]*:acm:[a-z0-9-]+:\d+:certificate/.+",
                    },
                },
                "required": ["name", "certificate"],
                "additionalProperties": False,
            },
            "provisioned": {
                "type": "object",
                # The gateway asks the newest version of the API's function, which no provision is made for.
                "propertyNames": {"enum": [name for name in FUNCTIONS if name != "APIHandler"]},
                "additionalProperties": {"type": "integer", "minimum": 1},
            },
        },
        "additionalProperties": False,
    }
)
ENVIRONMENT: Mapping[str, str] = json.loads((FOLDER.parent / "config.json").read_text())["stages"][
    "pscheduler"
]["environment_variables"]
"""What functions are told unless a stage says something else."""
OWN_NAME = "PSCHEDULER_HOSTNAME"
_ALIAS = "live"


class StageError(Exception):
    """What is said of a stage is wrong; the message is a line for the operator."""


@dataclasses.dataclass(frozen=True)
class Stage:
    """One deployment, as its file describes it."""

    name: str
    stack: str
    region: str | None = None
    access: str = "node"
    sources: tuple[str, ...] = ()
    domain: Mapping[str, str] | None = None
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    parameters: Mapping[str, str] = dataclasses.field(default_factory=dict)
    provisioned: Mapping[str, int] = dataclasses.field(default_factory=dict)


def read(name: str, folder: pathlib.Path = FOLDER) -> Stage:
    """A stage by its name. Raises StageError."""
    if not _NAME.fullmatch(name):
        raise StageError(f"STAGE must be letters, digits and hyphens, and begin with a letter; not {name!r}")
    file = folder / f"{name}.json"
    try:
        document: JSON = json.loads(file.read_text()) if file.exists() else {}
    except (OSError, ValueError) as error:
        raise StageError(f"{file} cannot be read: {error}") from error
    problem = _DOCUMENT.problem(document) or _wrong_source(document.get("sources", ()))
    if problem:
        raise StageError(f"{file}: {problem}")
    told = {"stack": f"pscheduler-{name}", **document}
    told["sources"] = tuple(told.get("sources", ()))
    told["parameters"] = {key: str(value) for key, value in told.get("parameters", {}).items()}
    own = told.get("domain", {}).get("name", "*")
    if "*" not in own:
        told["environment"] = {OWN_NAME: own, **told.get("environment", {})}
    return Stage(name, **told)


def _wrong_source(sources: list[str]) -> str | None:
    for place, source in enumerate(sources):
        try:
            ipaddress.ip_network(source)
        except ValueError as error:
            return f"/sources/{place}: must be an address or network: {error}"
    return None


def applied(stage: Stage, template: dict[str, Any]) -> dict[str, Any]:
    """The template of a package as a stage wants it."""
    made = copy.deepcopy(template)
    resources = made["Resources"]
    for name in FUNCTIONS:
        resources[name]["Properties"]["Environment"]["Variables"].update(stage.environment)
    for name, warm in stage.provisioned.items():
        provision = {"ProvisionedConcurrentExecutions": warm}
        resources[name]["Properties"].update(AutoPublishAlias=_ALIAS, ProvisionedConcurrencyConfig=provision)
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
