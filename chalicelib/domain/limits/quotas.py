"""Quotas: so much in so much time, for each requester or for a whole class (an addition, schema 5).

    {"name": "guests", "description": "Ten tasks an hour each", "classifier": "guests",
     "per": "requester", "of": "tasks", "most": 10, "window": "PT1H"}

Windows follow each other, beginning at whole multiples of their length since the Unix epoch. What is
counted is for the store to keep exactly.
"""

import dataclasses
import datetime as dt
from collections.abc import Collection, Mapping, Sequence

from chalicelib.domain.echoes import shown
from chalicelib.domain.errors import Invalid
from chalicelib.domain.limits import hints as known
from chalicelib.domain.schemas import JSON, closed, integer
from chalicelib.domain.times import EPOCH, SECOND, parse_duration
from chalicelib.domain.types import TYPES

TASKS, RUNS, SECONDS = "tasks", "runs", "exclusive-seconds"
REQUESTER, CLASS = "requester", "class"
LONGEST_WINDOW = dt.timedelta(days=31)

SCHEMA = closed(
    {
        "name": TYPES["String"],
        "description": TYPES["String"],
        "classifier": TYPES["String"],
        "per": {"enum": [REQUESTER, CLASS]},
        "of": {"enum": [TASKS, RUNS, SECONDS]},
        "most": integer(0, 10**9),
        "window": TYPES["Duration"],
    },
    ("name", "description", "of", "most", "window"),
)


@dataclasses.dataclass(frozen=True)
class Quota:
    """One quota; for everybody where ``classifier`` is None."""

    name: str
    classifier: str | None
    per: str
    of: str
    most: int
    window: dt.timedelta

    def charge(
        self, what: str, amount: int, hints: Mapping[str, JSON], classified: Collection[str], now: dt.datetime
    ) -> "Charge | None":
        """What is to be counted, and where; None where this quota has nothing to do with it."""
        if what != self.of or amount <= 0:
            return None
        if self.classifier is not None and self.classifier not in classified:
            return None
        window = (now - EPOCH) // self.window
        # Whoever has a key is the same wherever they ask from.
        who = hints.get(known.API_KEY) or hints.get(known.REQUESTER) if self.per == REQUESTER else "all"
        counter = f"{self.name}#{who}#{window}"
        return Charge(self, counter, amount, EPOCH + (window + 1) * self.window)


@dataclasses.dataclass(frozen=True)
class Charge:
    """An amount for a counter, which is of no use any more after ``until``."""

    quota: Quota
    counter: str
    amount: int
    until: dt.datetime

    @property
    def refusal(self) -> str:
        quota = self.quota
        whom = "each requester" if quota.per == REQUESTER else "all together"
        return (
            f'quota "{quota.name}" is used up: {quota.most} {quota.of.replace("-", " ")} for {whom}'
            f" until {self.until.isoformat()}"
        )


def quotas(found: Sequence[JSON], classifiers: Collection[str]) -> list[Quota]:
    """The quotas of a checked policy. Raises Invalid."""
    made: dict[str, Quota] = {}
    for number, one in enumerate(found):
        at = f"/quotas/{number}"
        if one["name"] in made or "#" in one["name"] or not 0 < len(one["name"]) <= 100:
            raise Invalid("must be unique, have 1 to 100 characters, and no #", f"{at}/name")
        if one.get("classifier") is not None and one["classifier"] not in classifiers:
            raise Invalid(
                f"must be defined in this policy; there is no classifier {shown(one['classifier'])}",
                f"{at}/classifier",
            )
        try:
            window = parse_duration(one["window"])
        except Invalid as error:
            raise error.inside(f"{at}/window") from error
        if not SECOND <= window <= LONGEST_WINDOW:
            raise Invalid(f"must be from a second to {LONGEST_WINDOW.days} days", f"{at}/window")
        made[one["name"]] = Quota(
            one["name"], one.get("classifier"), one.get("per", REQUESTER), one["of"], one["most"], window
        )
    return list(made.values())
