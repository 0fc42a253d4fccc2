"""Which archive specifications can be kept, and where they are wrong."""

from typing import Any

import pytest

from chalicelib.domain.errors import Invalid
from chalicelib.service.archiving import archive_specs
from plugins import registry

BIN = {"archiver": "bitbucket", "data": {}}
WEB = {"archiver": "http", "data": {"_url": "http://sink.example/"}}


def fault(*archives: dict[str, Any], **more: Any) -> str | None:
    try:
        archive_specs.require_valid(archives, **more)
    except Invalid as error:
        return error.message
    return None


@pytest.mark.parametrize(
    ("archive", "complaint"),
    [
        (BIN, None),
        (WEB, None),
        ({**BIN, "archiver": "nobody"}, "/archives/1/archiver: there is no archiver nobody"),
        ({**WEB, "data": {}}, "/archives/1/data"),
        ({**WEB, "data": {"_url": 5}}, "/archives/1/data/_url"),
        ({**BIN, "transform": {"script": "."}}, None),
        ({**BIN, "transform": {"script": "]"}}, "/archives/1/transform/script"),
    ],
)
def test_what_is_wrong_with_an_archive_is_said_where_it_is(
    archive: dict[str, Any], complaint: str | None
) -> None:
    found = fault(BIN, archive)

    assert found is None if complaint is None else (found or "").startswith(complaint)


def test_a_fault_is_pointed_at_from_where_the_archives_are() -> None:
    wrong = {**BIN, "archiver": "nobody"}

    assert fault(wrong, where="/notify") == "/notify/0/archiver: there is no archiver nobody"
    with pytest.raises(Invalid) as failed:
        archive_specs.require_deliverable(wrong)
    assert failed.value.pointer == "/archiver"


def test_a_task_has_no_more_archives_than_a_transaction_writes() -> None:
    assert fault(*[BIN] * 40) is None
    assert fault(*[BIN] * 41) == "/archives: has 41 archives; a task can have at most 40"


def test_what_is_for_the_operator_nobody_else_posts() -> None:
    name, archiver = next((name, one) for name, one in registry.archivers().items() if one.for_operators)
    wanted = {"archiver": name, "data": {}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(archiver), "fault", lambda self, data: None)

        assert fault(BIN, wanted, by_operator=True) is None
        assert fault(BIN, wanted) == (
            f"/archives/1/archiver: {name} is reserved for the node's operator: it can be used in default"
            " archives and alert rules, but not in tasks"
        )
