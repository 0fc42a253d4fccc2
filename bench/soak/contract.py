"""Thousands of requests made from the OpenAPI document, and every answer held against it (schemathesis).

All its phases: the document's examples, the corners of every schema, made-up requests good and bad,
and ways along the links from a posted task to what comes of it.
"""

import copy
import json
import pathlib
import re
import subprocess
import sys
import tempfile
from typing import Any

from bench.soak.quiet_node import perform_one, serving

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
)
"""Left out is what asks for more than the document says: whether a request that follows it is taken
depends on the tools and the time there are, and what it does not speak of is ignored, not refused."""

LEFT_OUT = ("/exception", "/mtu", "/mtu-safe")
"""The first is there to break; the others start programs that send packets to whatever host is named."""

SEEDS = 3
WAITING = ("wait-local", "wait-merged")
"""Arguments by which a client waits for what this node, which runs nothing, will never have."""

CONFIGURATION = """
[checks]
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 501]  # an API level nobody speaks

# A task's schema holds those of all tests: its corners are more than anybody can visit. What it is made of
# is visited elsewhere, test by test, and made-up tasks are posted all the same.
[[operations]]
include-name = ["POST /tasks", "POST /tasks/{task}", "POST /tools"]
phases.coverage.enabled = false
"""


def contract(cases: int = 5000, seed: int | None = None) -> dict[str, Any]:
    """Ask a node at least so many times; figures, with ``passed``."""
    with serving() as base, tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "schemathesis.toml").write_text(CONFIGURATION)
        document = _document([perform_one() for _ in range(SEEDS)])
        where = pathlib.Path(folder) / "openapi.json"
        where.write_text(json.dumps(document))
        operations = sum(len(methods) for methods in document["paths"].values())
        status, printed = _schemathesis(where, base, max(20, cases // operations), seed)
    found = _figures(printed)
    return {**found, "passed": status == 0 and found["cases"] >= cases}


def _document(known: list[tuple[str, str]]) -> dict[str, Any]:
    """The node's document, with tasks and runs that are there among the identifiers to try."""
    from chalicelib.api.openapi.openapi_document import document

    changed = copy.deepcopy(document())
    changed["paths"] = {path: found for path, found in changed["paths"].items() if path not in LEFT_OUT}
    for methods in changed["paths"].values():
        for operation in methods.values():
            asked = [one for one in operation["parameters"] if one["name"] not in WAITING]
            operation["parameters"] = [_seeded(parameter, known) for parameter in asked]
    return changed


def _seeded(parameter: dict[str, Any], known: list[tuple[str, str]]) -> dict[str, Any]:
    if parameter["name"] == "wait":
        return {**parameter, "required": True, "schema": {"const": 0}}
    column = {"task": 0, "run": 1}.get(parameter["name"])
    if parameter["in"] != "path" or column is None:
        return parameter
    there = {"enum": [pair[column] for pair in known]}
    return {**parameter, "schema": {"anyOf": [there, {"type": "string", "format": "uuid"}]}}


def _schemathesis(document: pathlib.Path, base: str, each: int, seed: int | None) -> tuple[int, str]:
    """Let it ask; (status, what it printed)."""
    command = [
        *(sys.executable, "-m", "schemathesis.cli"),
        *("--config-file", str(document.parent / "schemathesis.toml"), "run", str(document), "--url", base),
        *("--checks", ",".join(CHECKS), "--max-examples", str(each), "--workers", "2"),
        *("--request-timeout", "60", "--suppress-health-check", "all", "--continue-on-failure"),
        *("--no-shrink", "--warnings", "off"),
        *(() if seed is None else ("--seed", str(seed))),
    ]
    printed = ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            printed += line
    return process.returncode, printed


def _figures(report: str) -> dict[str, Any]:
    """How many cases schemathesis says it made."""
    made = re.search(r"(\d+) generated", report)
    return {"cases": int(made.group(1)) if made else 0}
