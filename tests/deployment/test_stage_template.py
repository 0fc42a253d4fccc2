"""What becomes of a package's template as a stage wants it."""

import json
from typing import Any

import pytest

from local import deployment
from local.deployment.resource_names import FUNCTIONS
from local.deployment.stage import Stage, StageError
from local.deployment.stage_template import applied


def template() -> dict[str, Any]:
    """As much of a package's template as a stage changes."""
    lambdas = "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions"
    uri = {"Fn::Sub": f"{lambdas}/${{APIHandler.Arn}}/invocations"}
    made = deployment.resources()
    body = made["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
    body["paths"] = {
        "/tasks": {
            method: {"x-amazon-apigateway-integration": {"uri": dict(uri)}} for method in ("get", "post")
        }
    }
    made["Resources"]["APIHandlerInvokePermission"] = {"Properties": {"FunctionName": {"Ref": "APIHandler"}}}
    for name in FUNCTIONS:
        made["Resources"][name]["Properties"]["Runtime"] = "python3.12"
    return made


def test_every_function_is_told_the_variables_of_the_stage() -> None:
    made = applied(Stage("lab", "lab", environment={"PSCHEDULER_EGRESS": "none"}), template())

    for name in FUNCTIONS:
        variables = made["Resources"][name]["Properties"]["Environment"]["Variables"]
        assert variables["PSCHEDULER_EGRESS"] == "none"
        assert "PSCHEDULER_PREFIX" in variables


@pytest.mark.parametrize(("access", "header"), [("keys", "x-api-key"), ("iam", "Authorization")])
def test_every_method_wants_what_the_stage_says(access: str, header: str) -> None:
    made = applied(Stage("lab", "lab", access=access), template())

    body = made["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
    assert body["securityDefinitions"]["gateway"]["name"] == header
    assert [one["security"] for one in body["paths"]["/tasks"].values()] == [[{"gateway": []}]] * 2


def test_a_name_of_ones_own_leads_to_the_same_path() -> None:
    certificate = "arn:aws:acm:eu-central-1:111122223333:certificate/1234"
    stage = Stage("lab", "lab", domain={"name": "ps.example.net", "certificate": certificate})

    resources = applied(stage, template())["Resources"]

    assert resources["Domain"]["Properties"]["DomainName"] == "ps.example.net"
    assert resources["DomainMapping"]["Properties"]["BasePath"] == "pscheduler"


def test_a_policy_in_a_bucket_can_be_read_by_the_api_alone() -> None:
    stage = Stage("lab", "lab", environment={"PSCHEDULER_LIMITS": "s3://policies/lab.json"})

    resources = applied(stage, template())["Resources"]

    def reads(role: str) -> bool:
        return ":s3:::policies/lab.json" in json.dumps(resources[role])

    assert reads("ApiHandlerRole")
    assert not reads("RunRole")


def test_the_node_decides_where_nothing_is_said() -> None:
    original = template()

    assert applied(Stage("lab", "lab"), original) == original


def test_requests_from_elsewhere_are_denied() -> None:
    made = applied(Stage("lab", "lab", sources=("192.0.2.0/24",)), template())

    policy = made["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["x-amazon-apigateway-policy"]
    allow, deny = policy["Statement"]
    assert (allow["Effect"], deny["Effect"]) == ("Allow", "Deny")
    assert deny["Condition"] == {"NotIpAddress": {"aws:SourceIp": ["192.0.2.0/24"]}}


def test_what_is_provisioned_has_an_alias_to_be_kept_warm_under() -> None:
    run = applied(Stage("lab", "lab", provisioned={"Run": 2}), template())["Resources"]["Run"]

    assert run["Properties"]["AutoPublishAlias"] == "live"
    assert run["Properties"]["VersionDeletionPolicy"] == "Delete"
    assert run["Properties"]["ProvisionedConcurrencyConfig"] == {"ProvisionedConcurrentExecutions": 2}


def test_what_starts_from_a_snapshot_has_one_of_each_version() -> None:
    resources = applied(Stage("lab", "lab", snap_start=("Run",)), template())["Resources"]

    assert resources["Run"]["Properties"]["SnapStart"] == {"ApplyOn": "PublishedVersions"}
    assert resources["Run"]["Properties"]["AutoPublishAlias"] == "live"
    assert "AutoPublishAlias" not in resources["Plan"]["Properties"]


@pytest.mark.parametrize("how", [{"snap_start": ("APIHandler",)}, {"provisioned": {"APIHandler": 1}}])
def test_the_gateway_asks_the_alias_of_pages_that_are_kept_ready(how: dict[str, Any]) -> None:
    resources = applied(Stage("lab", "lab", **how), template())["Resources"]

    paths = resources["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
    for method in paths["/tasks"].values():
        uri = method["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
        assert uri.endswith("/functions/${APIHandlerAliaslive}/invocations")
    permission = resources["APIHandlerInvokePermission"]["Properties"]
    assert permission["FunctionName"] == {"Ref": "APIHandlerAliaslive"}


@pytest.mark.parametrize("runtime", ["python3.10", "python3.11"])
def test_a_python_without_snapshots_is_refused_in_a_line(runtime: str) -> None:
    made = template()
    made["Resources"]["Run"]["Properties"]["Runtime"] = runtime

    with pytest.raises(StageError, match=r"make deploy PYTHON=python3\.12") as error:
        applied(Stage("lab", "lab", snap_start=("Run",)), made)

    assert "\n" not in str(error.value)


def test_as_many_messages_are_handled_at_a_time_as_the_stage_says() -> None:
    run = applied(Stage("lab", "lab", at_a_time={"Run": 900}), template())["Resources"]["Run"]

    (source,) = run["Properties"]["Events"].values()
    assert source["Properties"]["ScalingConfig"] == {"MaximumConcurrency": 900}
    assert run["Properties"]["ReservedConcurrentExecutions"]["Fn::If"][1] == 900
