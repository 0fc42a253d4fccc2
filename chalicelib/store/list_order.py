"""Lists in an order that has no ties, so that one can go on behind any place in them.

A place is the instant an index sorts by and the item's own identifier. It need not be there any more:
what is asked for is what comes behind it. DynamoDB's own start key would do that too, but engines
differ over one whose item is gone.
"""

import datetime as dt
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Place = tuple[dt.datetime, str]
Item = TypeVar("Item")
Instant = TypeVar("Instant", dt.datetime, str)


def behind(
    found: Iterable[Item],
    place_of: Callable[[Item], tuple[Instant, str]],
    after: tuple[Instant, str] | None,
) -> Iterator[Item]:
    """What an index found, equal instants sorted by identifier, less what is not behind a place.

    The instants may be texts that sort as they do.
    """
    placed = ((place_of(item), item) for item in found)
    for _, together in itertools.groupby(placed, key=lambda pair: pair[0][0]):
        for place, item in sorted(together, key=lambda pair: pair[0]):
            if after is None or place > after:
                yield item
