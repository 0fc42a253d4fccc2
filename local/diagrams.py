"""Draw docs/states.md: the lives of a run, a task and a delivery, from the tables that the product goes by.

python -m local.diagrams            writes the document; a test holds it against the tables
"""

import enum
import inspect
import pathlib
import re
import sys
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from chalicelib.domain import delivery_states, run_states, task_states

DOCUMENT = pathlib.Path(__file__).resolve().parent.parent / "docs" / "states.md"
LIVES = (run_states, task_states, delivery_states)
_HEAD = """# States

What becomes of a run, a task and a delivery. Drawn by `python -m local.diagrams` from the tables in
`chalicelib/domain/`, which the product goes by: change those, not this page. An arrow without a word is a way
that the reference allows and this node never takes.
"""


def document() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(_section(module) for module in LIVES)])


def _section(module: ModuleType) -> str:
    theory = inspect.cleandoc(module.__doc__ or "")
    title, _, rest = theory.partition("\n")
    heading = title.partition(":")[0].partition(",")[0].partition(" (")[0].rstrip(".")
    drawn = "\n".join(["```mermaid", *_diagram(module), "```"])
    return f"## {heading}\n\n{_plain(rest.strip())}\n\n{drawn}\n"


def _plain(theory: str) -> str:
    """The theory as Markdown, less that it is drawn here."""
    return re.sub(r"\s+docs/states\.md\s+is\s+drawn\s+from[^.]*\.", "", theory).replace("``", "`")


def _diagram(module: ModuleType) -> Iterator[str]:
    life: Mapping[enum.Enum, Mapping[enum.Enum, str]] = module.LIFE
    ends: Mapping[enum.Enum, str] = getattr(module, "ENDS", {})
    yield "stateDiagram-v2"
    for state in life:
        yield f'    state "{state.value}" as {_name(state)}'
    for state, why in module.BEGINS.items():
        yield _arrow("[*]", _name(state), why)
    for old, ways in life.items():
        for new, why in ways.items():
            yield _arrow(_name(old), _name(new), why)
    for state, why in ends.items():
        yield _arrow(_name(state), "[*]", why)
    for state, ways in life.items():
        if not ways and state not in ends:
            yield _arrow(_name(state), "[*]", "")


def _name(state: Any) -> str:
    return str(state.name.lower())


def _arrow(old: str, new: str, why: str) -> str:
    return f"    {old} --> {new}" + (f" : {why}" if why else "")


def main() -> int:
    DOCUMENT.write_text(document(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
