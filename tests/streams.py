"""The tables' streams, for tests: moto's, and streams whose shards end and have children."""

import base64
import dataclasses
import datetime as dt
import itertools
from collections.abc import Mapping
from typing import Any

import botocore.exceptions

from chalicelib.domain.times import UTC
from chalicelib.store.models.all_tables import TABLES
from chalicelib.store.models.base import STREAM_VIEW
from chalicelib.store.models.connection import connection

_COUNT = itertools.count()


def make_streams() -> None:
    """Have the tables keep their changes, as those of a deployment do."""
    wanted = {"StreamEnabled": True, "StreamViewType": STREAM_VIEW}
    for table in TABLES:
        if table.is_streamed:
            name = table.definition()["TableName"]
            connection().client.update_table(TableName=name, StreamSpecification=wanted)


@dataclasses.dataclass
class FakeShard:
    """A shard: its records, the number of those that are trimmed, and whether more come."""

    id: str
    parent: str = ""
    is_open: bool = True
    records: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    trimmed: int = 0


class FakeStreams:
    """The client of DynamoDB Streams, for streams that are split, trimmed and slow to say so.

    asked  how often each operation was called
    page   the most records of an answer
    """

    def __init__(self, page: int = 1000) -> None:
        self.shards: dict[str, list[FakeShard]] = {}
        self.asked: dict[str, int] = {}
        self.page = page
        self._numbers = itertools.count(10**20)
        self.expired: set[str] = set()
        self.throttled: set[str] = set()

    def write(self, table: str, shard: int, record: Mapping[str, Any], at: dt.datetime | None = None) -> None:
        """Append a record to a shard of a table, which is made if it is not there."""
        shards = self.shards.setdefault(table, [FakeShard(f"{table}-0")])
        body = {**record, "SequenceNumber": str(next(self._numbers))}
        body["ApproximateCreationDateTime"] = (at or dt.datetime.now(UTC)).replace(microsecond=0)
        shards[shard].records.append({"dynamodb": body})

    def split(self, table: str, shard: int, children: int = 2) -> None:
        """End a shard; its children come after all there are."""
        shards = self.shards[table]
        shards[shard].is_open = False
        for _ in range(children):
            shards.append(FakeShard(f"{table}-{len(shards)}", parent=shards[shard].id))

    def describe_stream(self, **asked: Any) -> Any:
        self._count("describe_stream")
        shards = self.shards[asked["StreamArn"]]
        ids = [shard.id for shard in shards]
        behind = asked.get("ExclusiveStartShardId")
        first = ids.index(behind) + 1 if behind else 0
        shown = shards[first : first + 2]
        more = {"LastEvaluatedShardId": shown[-1].id} if shown and shown[-1].id != ids[-1] else {}
        return {"StreamDescription": {"Shards": [_shown(shard) for shard in shown], **more}}

    def get_shard_iterator(self, **asked: Any) -> Any:
        self._count("get_shard_iterator")
        shard = self._shard(asked["StreamArn"], asked["ShardId"])
        match asked["ShardIteratorType"]:
            case "LATEST":
                place = len(shard.records)
            case "TRIM_HORIZON":
                place = shard.trimmed
            case _:
                numbers = [record["dynamodb"]["SequenceNumber"] for record in shard.records]
                place = numbers.index(asked["SequenceNumber"]) + 1
                if place <= shard.trimmed:
                    raise _refused("TrimmedDataAccessException", "GetShardIterator")
        return {"ShardIterator": _iterator(asked["StreamArn"], shard.id, place)}

    def get_records(self, **asked: Any) -> Any:
        self._count("get_records")
        if asked["ShardIterator"] in self.expired:
            raise _refused("ExpiredIteratorException", "GetRecords")
        stream, shard_id, at, _ = base64.b64decode(asked["ShardIterator"]).decode().split("|")
        if shard_id in self.throttled:
            raise _refused("LimitExceededException", "GetRecords")
        shard, place = self._shard(stream, shard_id), int(at)
        found = shard.records[place : place + min(asked["Limit"], self.page)]
        behind = place + len(found)
        is_over = not shard.is_open and behind == len(shard.records)
        return {
            "Records": found,
            **({} if is_over else {"NextShardIterator": _iterator(stream, shard_id, behind)}),
        }

    def _shard(self, stream: str, shard_id: str) -> FakeShard:
        for shard in self.shards[stream]:
            if shard.id == shard_id:
                return shard
        raise _refused("ResourceNotFoundException", "GetShardIterator")

    def _count(self, operation: str) -> None:
        self.asked[operation] = self.asked.get(operation, 0) + 1


def _shown(shard: FakeShard) -> dict[str, Any]:
    end = {} if shard.is_open else {"EndingSequenceNumber": "9"}
    parent = {"ParentShardId": shard.parent} if shard.parent else {}
    return {"ShardId": shard.id, "SequenceNumberRange": {"StartingSequenceNumber": "1", **end}, **parent}


def _iterator(stream: str, shard_id: str, place: int) -> str:
    return base64.b64encode(f"{stream}|{shard_id}|{place}|{next(_COUNT)}".encode()).decode()


def _refused(code: str, operation: str) -> botocore.exceptions.ClientError:
    return botocore.exceptions.ClientError({"Error": {"Code": code, "Message": ""}}, operation)
