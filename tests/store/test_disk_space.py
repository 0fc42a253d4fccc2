"""Whether there is room, as a node that ran out of it finds out."""

import pytest
from botocore.exceptions import ClientError
from pynamodb.exceptions import PutError

from chalicelib.store import disk_space, node_table
from tests.builders import NODE

pytestmark = pytest.mark.usefixtures("empty_aws")


class Disk:
    """A disk that has room or not, and counts what is written."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.code, self.writes, self.now = "StorageFull", 0, 1000.0
        self._write = node_table.write
        monkeypatch.setattr(node_table, "write", self.write)
        monkeypatch.setattr(disk_space.time, "monotonic", lambda: self.now)

    def write(self, *what: object) -> None:
        self.writes += 1
        if self.code:
            raise PutError("", ClientError({"Error": {"Code": self.code, "Message": ""}}, "PutItem"))
        self._write(*what)  # type: ignore[arg-type]


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def test_nothing_is_written_as_long_as_nothing_was_refused(disk: Disk) -> None:
    assert disk_space.is_left(NODE)
    assert disk.writes == 0


def test_after_a_refusal_it_is_tried_every_few_seconds_until_there_is_room(disk: Disk) -> None:
    disk_space.note_refused()

    assert [disk_space.is_left(NODE) for _ in range(3)] == [False] * 3
    assert disk.writes == 1
    disk.now += disk_space.TRY_EVERY
    assert not disk_space.is_left(NODE)
    assert disk.writes == 2
    disk.code = ""
    assert not disk_space.is_left(NODE)  # it was tried just now
    disk.now += disk_space.TRY_EVERY
    assert [disk_space.is_left(NODE) for _ in range(3)] == [True] * 3
    assert disk.writes == 3
    assert node_table.read(NODE, disk_space.TRIED) is None


def test_a_store_that_does_not_answer_is_not_taken_for_a_full_one(disk: Disk) -> None:
    disk_space.note_refused()
    disk.code = "InternalServerError"

    with pytest.raises(PutError):
        disk_space.is_left(NODE)


def test_more_is_tried_than_the_largest_task_has() -> None:
    from chalicelib.service.tasks.create import LARGEST_TASK

    assert LARGEST_TASK < disk_space.SIZE < 400_000
