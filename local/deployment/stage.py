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
    "provisioned": {"Run": 1},              functions kept warm, each so many times
    "snap-start": ["APIHandler"],           functions started from a snapshot; Python 3.12 or later
    "at-a-time": {"Run": 1000}              messages of its queue that a function handles at a time
}
"""

import dataclasses
import ipaddress
import json
import pathlib
import re
from collections.abc import Mapping

from chalicelib.domain.schemas import JSON, Checker
from local.deployment.functions import AT_A_TIME
from local.deployment.parameters import parameters
from local.deployment.resource_names import FUNCTIONS

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
                "propertyNames": {"enum": list(FUNCTIONS)},
                "additionalProperties": {"type": "integer", "minimum": 1},
            },
            "snap-start": {"type": "array", "items": {"enum": list(FUNCTIONS)}, "uniqueItems": True},
            "at-a-time": {
                "type": "object",
                "propertyNames": {"enum": list(AT_A_TIME)},
                "additionalProperties": {"type": "integer", "minimum": 2, "maximum": 1000},
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
    snap_start: tuple[str, ...] = ()
    at_a_time: Mapping[str, int] = dataclasses.field(default_factory=dict)


def read(name: str, folder: pathlib.Path = FOLDER) -> Stage:
    """A stage by its name. Raises StageError."""
    if not _NAME.fullmatch(name):
        raise StageError(f"STAGE must be letters, digits and hyphens, and begin with a letter; not {name!r}")
    file = folder / f"{name}.json"
    try:
        document: JSON = json.loads(file.read_text()) if file.exists() else {}
    except (OSError, ValueError) as error:
        raise StageError(f"{file} cannot be read: {error}") from error
    problem = (
        _DOCUMENT.problem(document) or _wrong_source(document.get("sources", ())) or _started_twice(document)
    )
    if problem:
        raise StageError(f"{file}: {problem}")
    told = {"stack": f"pscheduler-{name}", **{key.replace("-", "_"): said for key, said in document.items()}}
    for several in ("sources", "snap_start"):
        told[several] = tuple(told.get(several, ()))
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


def _started_twice(document: JSON) -> str | None:
    for place, name in enumerate(document.get("snap-start", ())):
        if name in document.get("provisioned", {}):
            return f"/snap-start/{place}: must be kept warm or started from a snapshot, not both: {name}"
    return None
