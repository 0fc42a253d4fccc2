"""Queues and buckets beside moto's: the same requests, the same answers and errors.

Order among messages says nothing in a standard queue, so what is received is compared without it.
``ENGINE_STEPS`` is how many requests are compared at least: 2,000 where it is not set, the same every time.
"""

import contextlib
import os
import pathlib
from collections.abc import Callable
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from local import engine_moto
from local.engine import Engine
from tests.engine.answers import PLAINLY, UNSIGNED

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]

STEPS = int(os.environ.get("ENGINE_STEPS", "2000"))
SAME_ALWAYS = "ENGINE_STEPS" not in os.environ
_LONGEST = 25
Step = tuple[str, dict[str, Any]]

_delays = st.sampled_from([0, 0, 0, 900, 901])
_hidden = st.sampled_from([0, 600, 43_201])
_bodies = st.sampled_from(["a", "é", "{}", "x" * 300])
queue_steps: st.SearchStrategy[Step] = st.one_of(
    st.builds(lambda body, delay: ("send", {"MessageBody": body, "DelaySeconds": delay}), _bodies, _delays),
    st.lists(_bodies, min_size=1, max_size=3).map(
        lambda bodies: (
            "send_batch",
            {"Entries": [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)]},
        )
    ),
    # All there is: of a part, the engines would choose other messages.
    st.sampled_from([600, 43_201]).map(lambda seconds: ("receive", {"VisibilityTimeout": seconds})),
    st.integers(0, 9).map(lambda number: ("delete", {"number": number})),
    st.builds(
        lambda number, seconds: ("hide", {"number": number, "VisibilityTimeout": seconds}),
        st.integers(0, 9),
        _hidden,
    ),
    st.just(("count", {})),
    st.just(("purge", {})),
)


class Queue:
    """A queue of one engine, and the receipts it gave by message body."""

    def __init__(self, client: Any, name: str):
        self.client = client
        self.url = client.create_queue(QueueName=name)["QueueUrl"]
        self.receipts: dict[str, str] = {}
        self._sent = 0

    def _own(self, body: str) -> str:
        """A body no other message has, so that a receipt can be told by it."""
        self._sent += 1
        return f"{body}{self._sent}"

    def do(self, step: Step) -> Any:
        name, params = step
        work: Callable[..., Any] = getattr(self, f"_{name}")
        try:
            return work(**params)
        except ClientError as error:
            return error.response["Error"]["Code"]

    def _send(self, **params: Any) -> Any:
        given = {**params, "MessageBody": self._own(params["MessageBody"])}
        return self.client.send_message(QueueUrl=self.url, **given)["MD5OfMessageBody"]

    def _send_batch(self, **params: Any) -> Any:
        entries = [{**one, "MessageBody": self._own(one["MessageBody"])} for one in params["Entries"]]
        answer = self.client.send_message_batch(QueueUrl=self.url, Entries=entries)
        return sorted(one["MD5OfMessageBody"] for one in answer["Successful"])

    def _receive(self, **params: Any) -> Any:
        found: list[str] = []
        for _ in range(20):
            answer = self.client.receive_message(
                QueueUrl=self.url, MaxNumberOfMessages=10, AttributeNames=["All"], **params
            )
            for message in answer.get("Messages", []):
                self.receipts[message["Body"]] = message["ReceiptHandle"]
                found.append(message["Body"])
            if not answer.get("Messages"):
                break
        return sorted(found)

    def _receipt(self, number: int) -> str | None:
        bodies = sorted(self.receipts)
        return self.receipts[bodies[number]] if number < len(bodies) else None

    def _delete(self, number: int) -> Any:
        receipt = self._receipt(number)
        if receipt is not None:
            self.client.delete_message(QueueUrl=self.url, ReceiptHandle=receipt)
        return receipt is not None

    def _hide(self, number: int, **params: Any) -> Any:
        receipt = self._receipt(number)
        if receipt is None or params["VisibilityTimeout"] > 43_200:
            return None
        with contextlib.suppress(ClientError):  # over a message not in flight they differ, but leave it alone
            self.client.change_message_visibility(QueueUrl=self.url, ReceiptHandle=receipt, **params)
        return True

    def _count(self) -> Any:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed"]
        return self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]

    def _purge(self) -> Any:
        self.client.purge_queue(QueueUrl=self.url)
        self.receipts.clear()


_keys = st.sampled_from(["a", "b/1", "b/2", "b/c/3", "é", "z z"])
bucket_steps: st.SearchStrategy[Step] = st.one_of(
    st.builds(
        lambda key, body, kind: ("put_object", {"Key": key, "Body": body, "ContentType": kind}),
        _keys,
        st.binary(min_size=5, max_size=20),
        st.sampled_from(["text/plain", "application/json"]),
    ),
    _keys.map(lambda key: ("get_object", {"Key": key})),
    st.builds(
        lambda key, part: ("get_object", {"Key": key, "Range": part}),
        _keys,
        st.sampled_from(["bytes=0-3", "bytes=2-", "bytes=-4"]),
    ),
    _keys.map(lambda key: ("head_object", {"Key": key})),
    _keys.map(lambda key: ("delete_object", {"Key": key})),
    st.builds(
        lambda prefix, delimiter, most: (
            "list_objects_v2",
            {"Prefix": prefix, "Delimiter": delimiter, "MaxKeys": most},
        ),
        st.sampled_from(["", "b", "b/", "none"]),
        st.sampled_from(["", "/"]),
        st.integers(1, 4),
    ),
    st.lists(_keys, min_size=1, max_size=3, unique=True).map(
        lambda keys: ("delete_objects", {"Delete": {"Objects": [{"Key": key} for key in keys]}})
    ),
)
_COMPARED = {"ETag", "ContentType", "ContentLength", "ContentRange", "KeyCount", "IsTruncated"}


def bucket_answer(client: Any, step: Step) -> Any:
    name, params = step
    try:
        answer = getattr(client, name)(Bucket="docs", **params)
    except ClientError as error:
        return error.response["Error"]["Code"]
    found = {member: answer[member] for member in _COMPARED if member in answer}
    if "Body" in answer:
        found["Body"] = answer["Body"].read()
    for member in ("Contents", "CommonPrefixes", "Deleted"):
        found[member] = [
            {part: one[part] for part in ("Key", "Prefix", "Size", "ETag") if part in one}
            for one in answer.get(member, [])
        ]
    return found


def _sequences(steps: st.SearchStrategy[Step], compare: Callable[[list[Step]], None]) -> int:
    """Compare as many steps as are wanted; how many it were."""
    compared = 0

    def enough(steps: list[Step]) -> None:
        nonlocal compared
        if compared < STEPS:
            compare(steps)
            compared += len(steps)

    settings(
        max_examples=max(1, STEPS * 2 // _LONGEST),
        deadline=None,
        database=None,
        derandomize=SAME_ALWAYS,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )(given(st.lists(steps, min_size=10, max_size=_LONGEST))(enough))()
    return compared


def test_queues_do_what_those_of_moto_do(tmp_path: pathlib.Path) -> None:
    session = botocore.session.get_session()
    ours, theirs = (session.create_client("sqs", config=UNSIGNED) for _ in range(2))
    number = 0

    with engine_moto.mocked():
        engine = Engine(tmp_path / "state.sqlite", synchronous="OFF")

        def compare(steps: list[Step]) -> None:
            nonlocal number
            number += 1
            other = Queue(theirs, f"work-{number}")
            engine.install()
            own = Queue(ours, f"work-{number}")
            engine.uninstall()
            for step in steps:
                engine.install()
                answer = own.do(step)
                engine.uninstall()
                assert answer == other.do(step), step
            theirs.delete_queue(QueueUrl=other.url)

        compared = _sequences(queue_steps, compare)
        engine.close()

    assert compared >= STEPS


def test_buckets_do_what_those_of_moto_do(tmp_path: pathlib.Path) -> None:
    session = botocore.session.get_session()
    ours, theirs = (session.create_client("s3", config=PLAINLY) for _ in range(2))
    number = 0

    with engine_moto.mocked():
        theirs.create_bucket(Bucket="docs")

        def compare(steps: list[Step]) -> None:
            nonlocal number
            number += 1
            for one in theirs.list_objects_v2(Bucket="docs").get("Contents", []):
                theirs.delete_object(Bucket="docs", Key=one["Key"])
            engine = Engine(tmp_path / f"{number}.sqlite", synchronous="OFF")
            engine.call("s3", "CreateBucket", {"Bucket": "docs"})
            for step in steps:
                engine.install()
                answer = bucket_answer(ours, step)
                engine.uninstall()
                assert answer == bucket_answer(theirs, step), step
            engine.close()
            (tmp_path / f"{number}.sqlite").unlink()

        compared = _sequences(bucket_steps, compare)

    assert compared >= STEPS
