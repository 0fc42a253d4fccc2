"""What a stage's file may say."""

import json
import pathlib

import pytest

from local.deployment import stage as stages
from local.deployment.stage import Stage, StageError


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


CERTIFICATE = "arn:aws:acm:eu-central-1:111122223333:certificate/1234"


def test_a_name_of_ones_own_is_the_nodes(tmp_path: pathlib.Path) -> None:
    document = {"domain": {"name": "ps.example.net", "certificate": CERTIFICATE}}

    assert stages.read("lab", written(tmp_path, document)).environment == {
        "PSCHEDULER_HOSTNAME": "ps.example.net"
    }


def test_a_wildcard_is_for_many_nodes_and_nobodys_name(tmp_path: pathlib.Path) -> None:
    document = {"domain": {"name": "*.mesh.example.net", "certificate": CERTIFICATE}}

    assert stages.read("lab", written(tmp_path, document)).environment == {}
