"""What a stage's file may say, and what becomes of it."""

import json
import pathlib
from typing import Any

import pytest

from local import deployment
from local.deployment import stage as stages
from local.deployment.naming import FUNCTIONS
from local.deployment.stage import Stage, StageError


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


def written(folder: pathlib.Path, document: object) -> pathlib.Path:
    (folder / "lab.json").write_text(document if isinstance(document, str) else json.dumps(document))
    return folder


def test_a_stage_without_a_file_is_a_usual_one(tmp_path: pathlib.Path) -> None:
    assert stages.read("lab", tmp_path) == Stage("lab", "pscheduler-lab")


def test_a_stage_is_as_its_file_says(tmp_path: pathlib.Path) -> None:
    document = {
        "stack": "mesh",
        "region": "eu-central-1",
        "access": "keys",
        "sources": ["192.0.2.0/24"],
        "environment": {"PSCHEDULER_HOSTNAME": "ps.example.net"},
        "parameters": {"LogDays": 7},
        "provisioned": {"Run": 1},
    }

    found = stages.read("lab", written(tmp_path, document))

    assert (found.stack, found.sources, found.parameters) == ("mesh", ("192.0.2.0/24",), {"LogDays": "7"})


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("{", "cannot be read"),
        ([], "object"),
        ({"acces": "iam"}, "acces"),
        ({"access": "all"}, "/access"),
        ({"sources": ["192.0.2.1/24"]}, "/sources/0"),
        ({"sources": ["everywhere"]}, "/sources/0"),
        ({"parameters": {"LogDay": 7}}, "LogDay"),
        ({"environment": {"HOSTNAME": "x"}}, "HOSTNAME"),
        ({"environment": {"PSCHEDULER_HOSTNAME": 1}}, "/environment/PSCHEDULER_HOSTNAME"),
        ({"provisioned": {"Pages": 1}}, "Pages"),
        ({"snap-start": ["Pages"]}, "/snap-start/0"),
        ({"provisioned": {"Run": 1}, "snap-start": ["Plan", "Run"]}, "/snap-start/1"),
        ({"at-a-time": {"Run": 1001}}, "/at-a-time/Run"),
        ({"at-a-time": {"Plan": 2}}, "Plan"),
        ({"region": "here"}, "/region"),
        ({"domain": {"name": "ps.example.net"}}, "certificate"),
        (
            {"domain": {"name": "no name", "certificate": "arn:aws:acm:eu-central-1:1:certificate/1"}},
            "/domain",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_a_line(
    document: object, said: str, tmp_path: pathlib.Path
) -> None:
    with pytest.raises(StageError, match=said) as error:
        stages.read("lab", written(tmp_path, document))

    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["", "../config", "a/b", "1", "-x"])
def test_a_name_that_is_no_stage_is_refused(name: str, tmp_path: pathlib.Path) -> None:
    with pytest.raises(StageError, match="STAGE must be"):
        stages.read(name, tmp_path)


def test_every_function_is_told_the_variables_of_the_stage() -> None:
    made = stages.applied(Stage("lab", "lab", environment={"PSCHEDULER_EGRESS": "none"}), template())

    for name in FUNCTIONS:
        variables = made["Resources"][name]["Properties"]["Environment"]["Variables"]
        assert variables["PSCHEDULER_EGRESS"] == "none"
        assert "PSCHEDULER_PREFIX" in variables


@pytest.mark.parametrize(("access", "header"), [("keys", "x-api-key"), ("iam", "Authorization")])
def test_every_method_wants_what_the_stage_says(access: str, header: str) -> None:
    made = stages.applied(Stage("lab", "lab", access=access), template())

    body = made["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
    assert body["securityDefinitions"]["gateway"]["name"] == header
    assert [one["security"] for one in body["paths"]["/tasks"].values()] == [[{"gateway": []}]] * 2


CERTIFICATE = "arn:aws:acm:eu-central-1:111122223333:certificate/1234"


def test_a_name_of_ones_own_is_the_nodes_and_leads_to_the_same_path(tmp_path: pathlib.Path) -> None:
    document = {"domain": {"name": "ps.example.net", "certificate": CERTIFICATE}}
    stage = stages.read("lab", written(tmp_path, document))

    resources = stages.applied(stage, template())["Resources"]

    assert stage.environment == {"PSCHEDULER_HOSTNAME": "ps.example.net"}
    assert resources["Domain"]["Properties"]["DomainName"] == "ps.example.net"
    assert resources["DomainMapping"]["Properties"]["BasePath"] == "pscheduler"


def test_a_wildcard_is_for_many_nodes_and_nobodys_name(tmp_path: pathlib.Path) -> None:
    document = {"domain": {"name": "*.mesh.example.net", "certificate": CERTIFICATE}}

    assert stages.read("lab", written(tmp_path, document)).environment == {}


def test_a_policy_in_a_bucket_can_be_read_by_the_api_alone() -> None:
    stage = Stage("lab", "lab", environment={"PSCHEDULER_LIMITS": "s3://policies/lab.json"})

    resources = stages.applied(stage, template())["Resources"]

    def reads(role: str) -> bool:
        return ":s3:::policies/lab.json" in json.dumps(resources[role])

    assert reads("ApiHandlerRole")
    assert not reads("RunRole")


def test_the_node_decides_where_nothing_is_said() -> None:
    original = template()

    assert stages.applied(Stage("lab", "lab"), original) == original


def test_requests_from_elsewhere_are_denied() -> None:
    made = stages.applied(Stage("lab", "lab", sources=("192.0.2.0/24",)), template())

    policy = made["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["x-amazon-apigateway-policy"]
    allow, deny = policy["Statement"]
    assert (allow["Effect"], deny["Effect"]) == ("Allow", "Deny")
    assert deny["Condition"] == {"NotIpAddress": {"aws:SourceIp": ["192.0.2.0/24"]}}


def test_what_is_provisioned_has_an_alias_to_be_kept_warm_under() -> None:
    run = stages.applied(Stage("lab", "lab", provisioned={"Run": 2}), template())["Resources"]["Run"]

    assert run["Properties"]["AutoPublishAlias"] == "live"
    assert run["Properties"]["VersionDeletionPolicy"] == "Delete"
    assert run["Properties"]["ProvisionedConcurrencyConfig"] == {"ProvisionedConcurrentExecutions": 2}


def test_what_starts_from_a_snapshot_has_one_of_each_version() -> None:
    resources = stages.applied(Stage("lab", "lab", snap_start=("Run",)), template())["Resources"]

    assert resources["Run"]["Properties"]["SnapStart"] == {"ApplyOn": "PublishedVersions"}
    assert resources["Run"]["Properties"]["AutoPublishAlias"] == "live"
    assert "AutoPublishAlias" not in resources["Plan"]["Properties"]


@pytest.mark.parametrize("how", [{"snap_start": ("APIHandler",)}, {"provisioned": {"APIHandler": 1}}])
def test_the_gateway_asks_the_alias_of_pages_that_are_kept_ready(how: dict[str, Any]) -> None:
    resources = stages.applied(Stage("lab", "lab", **how), template())["Resources"]

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

    with pytest.raises(StageError, match=r"make PYTHON=python3\.12") as error:
        stages.applied(Stage("lab", "lab", snap_start=("Run",)), made)

    assert "\n" not in str(error.value)


def test_as_many_messages_are_handled_at_a_time_as_the_stage_says() -> None:
    run = stages.applied(Stage("lab", "lab", at_a_time={"Run": 900}), template())["Resources"]["Run"]

    (source,) = run["Properties"]["Events"].values()
    assert source["Properties"]["ScalingConfig"] == {"MaximumConcurrency": 900}
    assert run["Properties"]["ReservedConcurrentExecutions"]["Fn::If"][1] == 900
