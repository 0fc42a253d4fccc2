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


def behind(found: Iterable[Item], place_of: Callable[[Item], Place], after: Place | None) -> Iterator[Item]:
    """What an index found, equal instants sorted by identifier, less what is not behind a place."""
    for _, together in itertools.groupby(found, key=lambda item: place_of(item)[0]):
        for item in sorted(together, key=place_of):
            if after is None or place_of(item) > after:
                yield item
