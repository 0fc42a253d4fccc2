"""What tests of several services stand on."""

from collections.abc import Iterator

import pytest

from tests.party import LEAD, OTHER, THIRD, Party, gathered


@pytest.fixture
def party() -> Iterator[Party]:
    """A lead and two others."""
    with gathered(LEAD, OTHER, THIRD) as gathered_nodes:
        yield gathered_nodes
