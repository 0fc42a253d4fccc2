"""What a deployment needs besides functions, written from the definitions the product itself uses.

    python -m local.deployment          write .chalice/resources.json and .chalice/policy.json

The files are committed; a test holds them against the definitions. ``local.package`` has Chalice merge the
first into its template; the second is for Chalice alone, which wants to be told that somebody else says what
functions may do (``permissions.py``).
"""

import json
from pathlib import Path
from typing import Any

from local.deployment import alarms, dashboards, functions, parameters, permissions, rest_api, storage

HERE = Path(__file__).resolve().parent.parent.parent / ".chalice"
RESOURCES, POLICY = HERE / "resources.json", HERE / "policy.json"


def resources() -> dict[str, Any]:
    """The template that is merged into Chalice's own."""
    parts: dict[str, Any] = {}
    for module in (storage, functions, rest_api, alarms, dashboards, permissions):
        parts.update(module.resources())
    return {
        "Description": "A pScheduler node: API, clocks, queues, tables and what watches them",
        "Parameters": parameters.parameters(),
        "Conditions": parameters.conditions(),
        "Resources": parts,
        "Outputs": parameters.outputs(),
    }


def policy() -> dict[str, Any]:
    """A policy that lets nobody do anything: Chalice's roles get theirs from the template."""
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}


def rendered(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1) + "\n"


def write() -> None:
    RESOURCES.write_text(rendered(resources()))
    POLICY.write_text(rendered(policy()))
    dashboards.GRAFANA.parent.mkdir(exist_ok=True)
    dashboards.GRAFANA.write_text(rendered(dashboards.grafana()))
