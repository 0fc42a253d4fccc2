"""docs/states.md, which is drawn from the tables of states."""

from types import ModuleType

import pytest

from local import diagrams


def test_the_diagrams_are_those_of_the_tables() -> None:
    assert diagrams.DOCUMENT.read_text(encoding="utf-8") == diagrams.document(), "python -m local.diagrams"


@pytest.mark.parametrize("module", diagrams.LIVES)
def test_every_state_is_drawn_and_reached(module: ModuleType) -> None:
    (kind,) = {type(state) for state in module.LIFE}
    reached = {*module.BEGINS, *(new for ways in module.LIFE.values() for new in ways)}

    assert set(module.LIFE) == set(kind) == reached


def test_another_way_changes_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    states = diagrams.delivery_states
    revived = {**states.LIFE, states.DeliveryState.FAILED: {states.DeliveryState.WAITING: "an operator asks"}}
    monkeypatch.setattr(states, "LIFE", revived)

    assert "failed --> waiting : an operator asks" in diagrams.document()
    assert diagrams.DOCUMENT.read_text(encoding="utf-8") != diagrams.document()
