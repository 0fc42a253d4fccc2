"""Whose messages a receive takes where several groups wait: each has its turn, as in a fair queue of SQS.

However many messages one group has, those of another do not wait behind them.
"""

import itertools
import sqlite3
from typing import Any

GROUP = "coalesce(json_extract(extras, '$.group'), '')"
INDEX = f"CREATE INDEX IF NOT EXISTS sqs_messages_group ON sqs_messages(queue, {GROUP}, visible)"
COLUMNS = "id, uuid, sent, received, first, extras, body"
"""What is read of a message that is taken."""
LOOKED_AT = 100
"""Groups that one receive looks at: those of a queue may be many, and have nothing to be taken."""

Row = tuple[Any, ...]


class Turns:
    """Of each queue the group that was the last to have its turn."""

    def __init__(self) -> None:
        self._last: dict[int, str] = {}

    def take(self, link: sqlite3.Connection, queue: int, now: float, most: int) -> list[Row]:
        """The messages of a queue to be taken now, a group after the other, the oldest of each first."""
        found = self._all(link, queue, now, most)
        if found is None:
            found = self._some(link, queue, now, most)
        in_turn = itertools.chain.from_iterable(itertools.zip_longest(*found))
        return [row for row in in_turn if row is not None][:most]

    def _all(self, link: sqlite3.Connection, queue: int, now: float, most: int) -> list[list[Row]] | None:
        """All that is ready, by group, those first whose turn it is; None where that is too much."""
        ready = link.execute(
            f"SELECT {COLUMNS}, {GROUP} FROM"
            " (SELECT * FROM sqs_messages WHERE queue=? AND visible<=? LIMIT ?) ORDER BY visible, id",
            (queue, now, most + 1),
        ).fetchall()
        if len(ready) > most:
            return None
        groups: dict[str, list[Row]] = {}
        for row in ready:
            groups.setdefault(str(row[-1]), []).append(row[:-1])
        last = self._last.get(queue, "")
        in_turn = sorted(groups, key=lambda group: (group <= last, group))
        if in_turn:
            self._last[queue] = in_turn[-1]
        return [groups[group] for group in in_turn]

    def _some(self, link: sqlite3.Connection, queue: int, now: float, most: int) -> list[list[Row]]:
        """As many as are wanted, by group."""
        found: list[list[Row]] = []
        first = self._after(link, queue, self._last.get(queue, "")) or self._least(link, queue)
        group = first
        for _ in range(LOOKED_AT):
            if group is None or len(found) >= most:
                break
            if rows := _ready(link, queue, group, now, most):
                found.append(rows)
            self._last[queue] = group  # where nothing was found too: the next look goes on from here
            group = self._after(link, queue, group) or self._least(link, queue)
            if group == first:
                break
        return found

    @staticmethod
    def _after(link: sqlite3.Connection, queue: int, group: str) -> str | None:
        return _one(
            link,
            f"SELECT {GROUP} FROM sqs_messages WHERE queue=? AND {GROUP}>? ORDER BY {GROUP} LIMIT 1",
            (queue, group),
        )

    @staticmethod
    def _least(link: sqlite3.Connection, queue: int) -> str | None:
        return _one(
            link,
            f"SELECT {GROUP} FROM sqs_messages WHERE queue=? ORDER BY {GROUP} LIMIT 1",
            (queue,),
        )


def _one(link: sqlite3.Connection, statement: str, values: Row) -> str | None:
    row = link.execute(statement, values).fetchone()
    return None if row is None else str(row[0])


def _ready(link: sqlite3.Connection, queue: int, group: str, now: float, most: int) -> list[Row]:
    return link.execute(
        f"SELECT {COLUMNS} FROM sqs_messages"
        f" WHERE queue=? AND {GROUP}=? AND visible<=? ORDER BY visible, id LIMIT ?",
        (queue, group, now, most),
    ).fetchall()
