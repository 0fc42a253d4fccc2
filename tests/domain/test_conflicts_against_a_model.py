"""Booking, displacing, shortening, cancelling and forgetting runs, in any order, against the model.

``make soak`` takes 100,000 steps (MODEL_STEPS), the ordinary run a tenth of that, ``make quick`` a fiftieth.
"""

import datetime as dt
import itertools
import os

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from chalicelib.domain import conflicts
from chalicelib.domain.conflicts import Occupation
from tests.builders import NOON, at, seconds
from tests.domain.calendar_model import Calendar, Taken

STEPS = int(os.environ.get("MODEL_STEPS", "10000"))

# Everything happens within seconds of now, so that runs meet, much of it inside the start margin.
ahead = st.integers(0, 3) | st.integers(-4, 20)
lengths = st.integers(1, 12)
priorities = st.none() | st.integers(-1, 1)


def number(moment: dt.datetime) -> int:
    return round((moment - NOON).total_seconds())


class Booking(RuleBasedStateMachine):
    """The rules, given what is booked; the model, given the same: equal at every step."""

    @initialize()
    def nothing_is_booked(self) -> None:
        self.now = 0
        self.model = Calendar()
        self.booked: dict[str, Occupation] = {}
        self.names = (f"run {count}" for count in itertools.count())

    def _wanted(self, start: int, length: int, exclusive: bool, priority: int | None) -> Occupation:
        return Occupation(at(start), at(start + length), exclusive, priority, "task", next(self.names))

    @rule(ahead=ahead, length=lengths, exclusive=st.booleans(), priority=priorities)
    def book(self, ahead: int, length: int, exclusive: bool, priority: int | None) -> None:
        start = self.now + ahead
        wanted = self._wanted(start, length, exclusive, priority)
        taken = Taken(wanted.run, start, start + length, exclusive, priority or 0)

        blocking = conflicts.blocker(self.booked.values(), wanted, at(self.now))

        hindered = self.model.hindered(taken, self.now)
        assert (blocking.run in hindered) if blocking else not hindered
        if blocking is None:
            self.booked[wanted.run] = wanted
            self.model.runs.append(taken)

    @rule(ahead=ahead, span=st.integers(0, 40), length=lengths, exclusive=st.booleans(), priority=priorities)
    def propose(self, ahead: int, span: int, length: int, exclusive: bool, priority: int | None) -> None:
        first = self.now + ahead
        wanted = Occupation(at(first), at(first + span), exclusive, priority)

        ranges = conflicts.free_ranges(
            self.booked.values(), wanted, seconds(length), at(self.now), avoid_all=priority is None
        )

        starts = [
            start for each in ranges for start in range(number(each.lower), number(each.upper) - length + 1)
        ]
        free = self.model.free_starts(range(first, first + span), length, exclusive, priority, self.now)
        assert starts == sorted(free)

    @rule(seconds_later=st.integers(1, 4))
    def time_passes(self, seconds_later: int) -> None:
        self.now += seconds_later

    @precondition(lambda self: self.booked)
    @rule(data=st.data())
    def start(self, data: st.DataObject) -> None:
        mine = self._chosen(data)

        found = conflicts.preempter(self.booked.values(), self.booked[mine.name])

        displacing = self.model.displaced_by(mine)
        assert (found.run in displacing) if found else not displacing

    @precondition(lambda self: self.booked)
    @rule(data=st.data())
    def end_early(self, data: st.DataObject) -> None:
        mine = self._chosen(data)
        whole = self.booked[mine.name]

        over = conflicts.end_when_over(whole.start, whole.end, at(self.now))
        free = conflicts.free_from(over, whole.end)

        # The second it ended in stays taken, and none is ever added.
        mine.end = min(mine.end, max(mine.start, self.now) + 1)
        assert number(free) == mine.end
        self.booked[mine.name] = Occupation(
            whole.start, free, whole.exclusive, whole.priority, whole.task, whole.run
        )

    @precondition(lambda self: self.booked)
    @rule(data=st.data())
    def cancel_or_forget(self, data: st.DataObject) -> None:
        mine = self._chosen(data)

        del self.booked[mine.name]
        self.model.runs.remove(mine)

    def _chosen(self, data: st.DataObject) -> Taken:
        return data.draw(st.sampled_from(self.model.runs))

    @invariant()
    def whoever_shares_time_may_or_ranks_differently(self) -> None:
        for one, other in itertools.combinations(getattr(self, "booked", {}).values(), 2):
            if one.overlaps(other) and not one.can_coexist(other):
                # Placed later and higher, except beyond the margin: then never at all.
                assert other.rank > one.rank


TestBooking = Booking.TestCase
TestBooking.settings = settings(max_examples=STEPS // 50, stateful_step_count=50, deadline=None)
