import itertools

import pytest

from chalicelib.domain.errors import BadTransition
from chalicelib.domain.run_states import State, may_become, require, sources

# The rows of docs/contract/scheduler.md section 2, "Legal transitions".
LEGAL = {
    "scheduling": "pending preempted canceled nonstart",
    "pending": "on-deck running missed failed preempted canceled nonstart",
    "on-deck": "running overdue missed failed canceled preempted",
    "running": "cleanup finished overdue missed failed preempted canceled",
    "cleanup": "finished failed",
    "finished": "failed",
    "overdue": "finished missed failed canceled preempted",
    "missed": "failed",
    "nonstart": "canceled",
    "failed": "",
    "preempted": "",
    "canceled": "",
}


@pytest.mark.parametrize(("old", "new"), list(itertools.product(State, State)))
def test_a_run_changes_state_only_as_the_contract_allows(old: State, new: State) -> None:
    legal = old is new or new.value in LEGAL[old.value].split()

    assert may_become(old, new) == legal


def test_an_illegal_change_names_both_states() -> None:
    with pytest.raises(BadTransition, match="failed cannot become running"):
        require(State.FAILED, State.RUNNING)


def test_sources_are_the_other_end_of_the_same_arrows() -> None:
    assert set(sources(State.CANCELED)) == {
        old for old in State if old is not State.CANCELED and "canceled" in LEGAL[old.value].split()
    }


@pytest.mark.parametrize(
    ("state", "display"),
    [(State.ON_DECK, "On Deck"), (State.NONSTART, "Non-Starter"), (State.FINISHED, "Finished")],
)
def test_clients_see_a_state_by_its_display_name(state: State, display: str) -> None:
    assert state.display == display


def test_a_run_is_over_in_every_state_but_the_four_it_waits_in() -> None:
    over = {state.value for state in State if state.is_finished}

    assert over == {"cleanup", "finished", "overdue", "missed", "failed", "preempted", "nonstart", "canceled"}
