"""Booking, displacing, shortening, cancelling and forgetting runs, in any order, against the model.

``make soak`` takes 100,000 steps (MODEL_STEPS), the ordinary run 40,000, always the same ones.
"""

import datetime as dt
import functools
import itertools
import os
from random import Random

from chalicelib.domain import conflicts
from chalicelib.domain.conflicts import Occupation
from tests.builders import NOON, at, seconds
from tests.chance import by_chance
from tests.domain.calendar_model import Calendar, Taken

STEPS = int(os.environ.get("MODEL_STEPS", "40000"))
EACH = 50
"""Steps of a play."""


def number(moment: dt.datetime) -> int:
    return round((moment - NOON).total_seconds())


class Play:
    """The rules, given what is booked; the model, given the same: equal at every step."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.now = 0
        self.model = Calendar()
        self.booked: dict[str, Occupation] = {}
        self.names = (f"run {count}" for count in itertools.count())

    # Everything happens within seconds of now, so that runs meet, much of it inside the start margin.
    def _ahead(self) -> int:
        return self.chance.randint(*self.chance.choice([(0, 3), (-4, 20)]))

    def _length(self) -> int:
        return self.chance.randint(1, 12)

    def _exclusive(self) -> bool:
        return self.chance.random() < 0.5

    def _priority(self) -> int | None:
        return self.chance.choice([None, None, -1, 0, 1])

    def _wanted(self, start: int, length: int, exclusive: bool, priority: int | None) -> Occupation:
        return Occupation(at(start), at(start + length), exclusive, priority, "task", next(self.names))

    def book(self) -> None:
        start, length = self.now + self._ahead(), self._length()
        exclusive, priority = self._exclusive(), self._priority()
        wanted = self._wanted(start, length, exclusive, priority)
        taken = Taken(wanted.run, start, start + length, exclusive, priority or 0)

        blocking = conflicts.blocker(self.booked.values(), wanted, at(self.now))

        hindered = self.model.hindered(taken, self.now)
        assert (blocking.run in hindered) if blocking else not hindered
        if blocking is None:
            self.booked[wanted.run] = wanted
            self.model.runs.append(taken)

    def propose(self) -> None:
        first, span, length = self.now + self._ahead(), self.chance.randint(0, 40), self._length()
        exclusive, priority = self._exclusive(), self._priority()
        wanted = Occupation(at(first), at(first + span), exclusive, priority)

        ranges = conflicts.free_ranges(
            self.booked.values(), wanted, seconds(length), at(self.now), avoid_all=priority is None
        )

        starts = [
            start for each in ranges for start in range(number(each.lower), number(each.upper) - length + 1)
        ]
        free = self.model.free_starts(range(first, first + span), length, exclusive, priority, self.now)
        assert starts == sorted(free)

    def time_passes(self) -> None:
        self.now += self.chance.randint(1, 4)

    def start(self) -> None:
        mine = self._chosen()

        found = conflicts.preempter(self.booked.values(), self.booked[mine.name])

        displacing = self.model.displaced_by(mine)
        assert (found.run in displacing) if found else not displacing

    def end_early(self) -> None:
        mine = self._chosen()
        whole = self.booked[mine.name]

        over = conflicts.end_when_over(whole.start, whole.end, at(self.now))
        free = conflicts.free_from(over, whole.end)

        # The second it ended in stays taken, and none is ever added.
        mine.end = min(mine.end, max(mine.start, self.now) + 1)
        assert number(free) == mine.end
        self.booked[mine.name] = Occupation(
            whole.start, free, whole.exclusive, whole.priority, whole.task, whole.run
        )

    def cancel_or_forget(self) -> None:
        mine = self._chosen()

        del self.booked[mine.name]
        self.model.runs.remove(mine)

    def _chosen(self) -> Taken:
        return self.chance.choice(self.model.runs)

    def check(self) -> None:
        """Whoever shares time may, or ranks differently."""
        for one, other in itertools.combinations(self.booked.values(), 2):
            if one.overlaps(other) and not one.can_coexist(other):
                # Placed later and higher, except beyond the margin: then never at all.
                assert other.rank > one.rank


ALWAYS = (Play.book, Play.propose, Play.time_passes)
OF_WHAT_IS_BOOKED = (Play.start, Play.end_early, Play.cancel_or_forget)


@functools.partial(by_chance, times=STEPS // EACH)
def test_the_rules_say_what_the_model_says(chance: Random) -> None:
    play = Play(chance)
    likely = {step: chance.random() for step in (*ALWAYS, *OF_WHAT_IS_BOOKED)}  # each play has more of others
    for _ in range(EACH):
        steps = [*ALWAYS, *(OF_WHAT_IS_BOOKED if play.booked else ())]
        (step,) = chance.choices(steps, [likely[each] for each in steps])

        step(play)

        play.check()
