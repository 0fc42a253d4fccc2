"""The options a node is started with, as they are written."""

import pathlib

import pytest

from local import node_options
from local.start_checks import CannotStart


@pytest.mark.parametrize(
    ("text", "seconds"), [("0.1", 0.1), ("2", 2.0), ("15", 15.0), ("1e2", 100.0), ("3600", 3600.0)]
)
def test_a_period_is_seconds_from_a_tenth_to_an_hour(text: str, seconds: float) -> None:
    assert node_options.period(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "0", "-0.0", "0.099", "-1", "3600.1", "1e400", "inf", "-inf", "nan", "soon", "PT5S", "15s"]
)
def test_any_other_period_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(CannotStart) as refused:
        node_options.period(text)

    assert str(refused.value) == f"There is no period {text!r}: choose --period from 0.1 to 3600 seconds"


@pytest.mark.parametrize(
    ("state", "found"),
    [
        (["--state", "a b"], pathlib.Path("a b")),
        (["--state", ""], node_options.FOLDER / ".local/node-8001"),  # of a variable that is not set
        ([], node_options.FOLDER / ".local/node-8001"),
    ],
)
def test_a_state_without_a_name_is_the_usual_one(
    state: list[str], found: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["node", "--port", "8001", *state])

    assert node_options.arguments().state == found
