"""Which tool performs a task, when every participant has said what it offers.

The rules are those of docs/contract/scheduler.md section 13.
"""

import dataclasses
from collections.abc import Mapping, Sequence

from chalicelib.domain import echoes
from chalicelib.domain.errors import Unprocessable
from chalicelib.domain.schemas import JSON

MOST_TOOLS = 40
"""Tools of a participant that a report shows: more than any test has."""


@dataclasses.dataclass(frozen=True)
class Offer:
    """One tool at one participant: willing when there are no reasons against it."""

    tool: str
    reasons: Sequence[str] = ()

    @property
    def willing(self) -> bool:
        return not self.reasons


def choose(
    participants: Sequence[str], offers: Sequence[Sequence[Offer]], document: Mapping[str, JSON]
) -> str:
    """The tool that performs a posted task: one of its ``tools``, the first that all are willing to use.

    Without ``tools`` it is the best placed one, or the one in ``tool`` if all are willing: that is where a
    task says what it is performed with, so some write there what they would like. ``offers`` has a list per
    participant, in its order of preference; a tool's place counts the declined ones before it. Raises
    Unprocessable with a report when there is none in common.
    """
    common = set.intersection(*({offer.tool for offer in mine if offer.willing} for mine in offers))
    wanted: Sequence[str] | None = document.get("tools")
    found: str | None
    if wanted is not None:
        found = next((tool for tool in wanted if tool in common), None)
    elif document.get("tool") in common:
        found = document["tool"]
    else:
        found = min(common, key=lambda tool: (_places(tool, offers), tool), default=None)
    if found is None:
        raise Unprocessable(_report(participants, offers, wanted))
    return found


def _places(tool: str, offers: Sequence[Sequence[Offer]]) -> int:
    return sum([offer.tool for offer in mine].index(tool) for mine in offers)


def _report(
    participants: Sequence[str], offers: Sequence[Sequence[Offer]], wanted: Sequence[str] | None
) -> str:
    lines = ["No tool in common among the participants can perform this test."]
    if wanted is not None:
        lines.append(f"Tools asked for: {echoes.name(', '.join(wanted), echoes.LONGEST) or 'none'}")
    for name, mine in zip(participants, offers, strict=True):
        willing = _first([echoes.name(offer.tool) for offer in mine if offer.willing])
        declining = [o for o in mine if not o.willing]
        lines.append(f"{name} offers {', '.join(willing) or 'nothing'}")
        lines += _first(
            [f"  {echoes.name(o.tool)} declines: {'; '.join(o.reasons)}" for o in declining], "  "
        )
    return "\n".join(lines)


def _first(listed: Sequence[str], indent: str = "") -> list[str]:
    """As many of what a participant lists as a report shows."""
    more = len(listed) - MOST_TOOLS
    return [*listed[:MOST_TOOLS], *([f"{indent}and {more} more"] if more > 0 else [])]
