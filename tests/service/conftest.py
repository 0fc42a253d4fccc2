"""What tests of several services stand on."""

from collections.abc import Iterator

import pytest

from tests.cluster import LEAD, OTHER, THIRD, Cluster, running_cluster


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A lead and two others."""
    with running_cluster(LEAD, OTHER, THIRD) as gathered_nodes:
        yield gathered_nodes
