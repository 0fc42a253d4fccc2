"""How much of something clients may hold at a time: so much in all, and three quarters of it one of them."""

from collections import Counter

from local.front.request_lanes import Busy


class Budget:
    """So many of something, to be taken and given back by whom it is counted to; not for threads."""

    def __init__(self, most: int):
        self._most, self._most_of_one = most, max(1, most * 3 // 4)
        self._taken: Counter[str] = Counter()
        self.in_all = 0

    def take(self, owner: str, number: int) -> None:
        """Raises Busy where that is more than there is for this one; nothing is taken then."""
        if self.in_all + number > self._most or self._taken[owner] + number > self._most_of_one:
            raise Busy
        self._taken[owner] += number
        self.in_all += number

    def give_back(self, owner: str, number: int) -> None:
        self._taken[owner] -= number
        self.in_all -= number
        if not self._taken[owner]:
            del self._taken[owner]
