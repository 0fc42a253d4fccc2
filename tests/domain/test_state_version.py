"""Which release may go on with what is stored."""

import pytest

from chalicelib.domain.run import Documents
from chalicelib.domain.state_version import NOTHING_NOTED, READABLE_BY, VERSION, StateVersion, objection


@pytest.mark.parametrize(
    ("found", "version", "said"),
    [
        (StateVersion(2, 1, 2), 2, None),  # its own
        (StateVersion(2, 2, 1), 3, "has items of version 1"),  # upgraded before all was filed anew
        (StateVersion(2, 2, 2), 3, None),  # the one before
        (StateVersion(1, 1, 1), 3, "Run one that writes version 2"),  # two before
        (StateVersion(3, 2, 2), 2, None),  # a newer one says that it may be gone back from
        (StateVersion(3, 3, 2), 2, "written by a newer release, in version 3"),  # and that it may not
        (StateVersion(9, 3, 8), 2, "versions up to 2"),
    ],
)
def test_a_release_goes_on_with_one_version_back_and_with_newer_ones_that_let_it(
    found: StateVersion, version: int, said: str | None
) -> None:
    line = objection(found, version)

    assert (line is None) == (said is None)
    assert said is None or (said in str(line) and "\n" not in str(line))


def test_this_release_goes_on_with_the_last_one() -> None:
    assert objection(NOTHING_NOTED) is None
    assert READABLE_BY <= VERSION


def test_documents_of_a_run_are_read_by_the_release_before_and_the_one_after() -> None:
    stored = Documents(result={"succeeded": True}).stored()

    assert stored == {"result": {"succeeded": True}}  # nothing of members that it does not know
    assert Documents.restored({**stored, "of the next release": 1}).result == {"succeeded": True}
