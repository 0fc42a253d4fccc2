"""Which participants are nodes of this deployment."""

from collections.abc import Iterator

import pytest

from chalicelib.domain.errors import NotFound
from chalicelib.domain.names import NodeName
from chalicelib.service.node import cohosted_nodes
from chalicelib.settings import forget_settings
from tests.builders import NODE, task

pytestmark = pytest.mark.usefixtures("empty_aws")
SECOND, THIRD = NodeName("second"), NodeName("third")


@pytest.fixture(autouse=True)
def _three(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PSCHEDULER_HOSTNAME", "a.example")
    monkeypatch.setenv("PSCHEDULER_NODES", "second=b.example,third=c.example")
    forget_settings()
    yield
    monkeypatch.undo()
    forget_settings()


@pytest.mark.parametrize(
    ("participants", "are_cohosted"),
    [
        (("a.example", "b.example"), True),
        (("a.example", "b.example", "c.example"), True),
        (("any name of the lead", "b.example"), True),  # whose task it is, is known
        (("a.example",), False),
        ((), False),
        (("a.example", "a.example"), False),
        (("a.example", "b.example", "b.example"), False),
        (("a.example", "elsewhere.example"), False),
        (("a.example", "b.example", "elsewhere.example"), False),
    ],
)
def test_co_hosted_are_different_nodes_of_this_deployment(
    participants: tuple[str, ...], are_cohosted: bool
) -> None:
    assert cohosted_nodes.are_cohosted(NODE, participants) is are_cohosted


def test_a_participant_is_the_node_of_its_name() -> None:
    one = task(node=SECOND, participant=1, participants=("a.example", "b.example", "c.example", "d.example"))

    assert [cohosted_nodes.node_of(one, number) for number in range(3)] == [NODE, SECOND, THIRD]
    with pytest.raises(NotFound) as failed:
        cohosted_nodes.node_of(one, 3)
    assert failed.value.message == "d.example is no longer a node of this deployment"
    renamed = one.evolve(participants=("a.example", "old.example", "c.example", "d.example"))
    assert cohosted_nodes.node_of(renamed, 1) == SECOND
