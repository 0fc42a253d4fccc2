"""README.md: what it says of how soon and of how many nodes, beside the code that decides it."""

import pathlib
import re

import pytest

from chalicelib.service.limits import policy_in_force
from chalicelib.service.node import debug, node_directory
from plugins import registry

TEXT = (pathlib.Path(__file__).resolve().parents[2] / "README.md").read_text()
WORDS = " ".join(TEXT.split())


@pytest.mark.parametrize(
    ("sentence", "seconds"),
    [
        ("nodes that are added, suspended or removed within {} seconds", node_directory.FRESH),
        ("`local.control debug on` within {} seconds", debug.LOOK_EVERY),
        ("names again {} seconds later at most", policy_in_force.LOOK_EVERY.total_seconds()),
    ],
)
def test_what_commands_change_is_noticed_as_soon_as_it_says(sentence: str, seconds: float) -> None:
    assert sentence.format(f"{seconds:g}") in WORDS


def test_every_test_is_in_the_table_and_those_with_two_nodes_are_named_below_it() -> None:
    table, _, below = TEXT[TEXT.index("| test | tools |") :].partition("\n\n")
    listed = {name for row in re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE) for name in row.split(", ")}
    both = {
        name
        for name, test in registry.tests().items()
        if len(test.participants({**test.examples[0], "source": "a", "dest": "b"})) > 1
    }

    assert {name.removesuffix(" (an addition)") for name in listed} - {"test", "---"} == set(registry.tests())
    assert both == {"throughput", "simplestream"}
    assert below.startswith("throughput and simplestream need a node at both ends, and clock compares")


def test_its_links_lead_to_headings_that_are_there() -> None:
    headings = {title.lower().replace(" ", "-") for title in re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)}

    assert set(re.findall(r"\]\(#([a-z-]+)\)", TEXT)) - headings == set()
