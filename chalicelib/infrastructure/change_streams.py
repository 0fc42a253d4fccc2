"""The streams of DynamoDB, which keep for a day what changed in a table: shards of records in order.

A shard that ends has children, in which what comes after it is. An iterator is a place in a shard, and good
for fifteen minutes.
"""

import dataclasses
from collections.abc import Iterator, Sequence

from botocore.exceptions import ClientError

from chalicelib.domain.errors import Unavailable
from chalicelib.domain.schemas import JSON
from chalicelib.infrastructure import aws

NEWEST, OLDEST, AFTER = "LATEST", "TRIM_HORIZON", "AFTER_SEQUENCE_NUMBER"
_GONE = ("TrimmedDataAccessException", "ResourceNotFoundException")
_TOO_MANY = ("LimitExceededException", "ProvisionedThroughputExceededException", "ThrottlingException")


class Gone(Exception):
    """A stream, a shard or a place in it is not there any more."""


class Expired(Exception):
    """An iterator was not used for fifteen minutes."""


class Throttled(Unavailable):
    """Others read the same shard: AWS promises no more than two at a time. Later it can be read."""


@dataclasses.dataclass(frozen=True)
class Shard:
    """A part of a stream. It goes on with what its ``parent`` ended with, which may be gone."""

    stream: str
    id: str
    parent: str
    is_open: bool


def shards(stream: str) -> list[Shard]:
    """Those of a stream, of a day. Raises Gone."""
    return list(_shards(stream))


def _shards(stream: str) -> Iterator[Shard]:
    asked = {"StreamArn": stream}
    while True:
        described = _ask("describe_stream", asked)["StreamDescription"]
        for one in described["Shards"]:
            is_open = "EndingSequenceNumber" not in one.get("SequenceNumberRange", {})
            yield Shard(stream, one["ShardId"], one.get("ParentShardId", ""), is_open)
        if "LastEvaluatedShardId" not in described:
            return
        asked["ExclusiveStartShardId"] = described["LastEvaluatedShardId"]


def iterator(shard: Shard, kind: str, number: str = "") -> str:
    """A place in a shard. Raises Throttled; Gone, also where what is behind it is gone."""
    place = {"SequenceNumber": number} if number else {}
    asked = {"StreamArn": shard.stream, "ShardId": shard.id, "ShardIteratorType": kind, **place}
    found: str = _ask("get_shard_iterator", asked)["ShardIterator"]
    return found


def records(place: str, most: int) -> tuple[Sequence[JSON], str]:
    """The records there, a megabyte of them at most, and the place behind them; "" where the shard ends.

    Raises Expired, Gone, Throttled. There may be none although more come: then ask again.
    """
    answer = _ask("get_records", {"ShardIterator": place, "Limit": most})
    return answer["Records"], answer.get("NextShardIterator") or ""


def _ask(operation: str, asked: dict[str, JSON]) -> JSON:
    try:
        return getattr(aws.client("dynamodbstreams"), operation)(**asked)
    except ClientError as error:
        code = error.response["Error"].get("Code")
        if code == "ExpiredIteratorException":
            raise Expired from error
        if code in _GONE:
            raise Gone from error
        if code in _TOO_MANY:
            raise Throttled("Too many clients are reading events; try again") from error
        raise
