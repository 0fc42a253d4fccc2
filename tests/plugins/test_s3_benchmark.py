"""The s3-benchmark tool, against the S3 of an emulator on loopback."""

import hashlib
import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest

from chalicelib.domain.times import parse_duration
from local.ministack import MiniStack
from plugins.sdk.jobs import Cancelled, PluginFailed
from plugins.tests.s3throughput import TEST
from plugins.tools.transfer import object_store, s3_benchmark
from plugins.tools.transfer.s3_benchmark import Loop, Phase
from tests.builders import at, seconds
from tests.plugins.jobs import FakeHost, job
from tests.plugins.web import STALL, serving

SPEC = {
    "_access-key": "test",
    "_secret-key": "test",
    "object-size": 1000,
    "duration": "PT0.2S",
    "timeout": "PT20S",
}


@pytest.fixture(scope="module")
def client(ministack: MiniStack) -> Iterator[Any]:
    made = botocore.session.Session().create_client(
        "s3",
        endpoint_url=ministack.endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    yield made
    made.close()


@pytest.fixture
def bucket(client: Any) -> str:
    """A bucket with somebody else's object in it."""
    name = f"bucket-{uuid.uuid4().hex}"
    client.create_bucket(Bucket=name)
    client.put_object(Bucket=name, Key="treasure", Body=b"mine")
    return name


def benchmark(ministack: MiniStack, bucket: str, host: Any = None, **changes: Any) -> dict[str, Any]:
    """The local result, whose result must be one that the test declares."""
    spec = {**SPEC, "url": ministack.endpoint, "bucket": bucket, **changes}
    assert TEST.problem(spec) is None
    assert s3_benchmark.TOOL.reasons_against("s3throughput", spec) == []
    local: dict[str, Any] = s3_benchmark.run(job(s3_benchmark.TOOL, spec, host))
    assert TEST.result_versions.problem(local["result"]) is None
    return local


def keys(client: Any, bucket: str) -> list[str]:
    return [entry["Key"] for entry in client.list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_puts_gets_and_deletes_for_a_while(ministack: MiniStack, client: Any, bucket: str) -> None:
    result = benchmark(ministack, bucket)["result"]

    loop = json.loads(result["loops"])["1"]
    assert loop["loop_num"] == 1
    assert int(loop["put_objects"]) > 0
    assert int(loop["get_objects"]) > 0
    assert float(loop["deletes"]) > 0
    assert loop["put_speed"].endswith("B/sec")
    assert 0.2 < parse_duration(result["time"]).total_seconds() < 20
    assert all(result[f"average_{verb}_time"] > 0 for verb in ("put", "get", "delete"))


def test_leaves_everything_as_it_was(ministack: MiniStack, client: Any, bucket: str) -> None:
    benchmark(ministack, bucket)

    assert keys(client, bucket) == ["treasure"]


def test_makes_as_many_loops_as_asked_for(ministack: MiniStack, bucket: str) -> None:
    local = benchmark(ministack, bucket, iterations=2)

    assert list(json.loads(local["result"]["loops"])) == ["1", "2"]
    assert local["diags"] == ""


def test_makes_no_more_loops_than_there_is_time_for(ministack: MiniStack, bucket: str) -> None:
    local = benchmark(ministack, bucket, iterations=1000, duration="PT0.5S", timeout="PT3S")

    done = len(json.loads(local["result"]["loops"]))
    assert 1 <= done < 4
    assert local["diags"] == f"There was time for {done} of 1000 loops\n"


def test_makes_a_bucket_where_there_is_none_and_takes_it_away(ministack: MiniStack, client: Any) -> None:
    name = f"bucket-{uuid.uuid4().hex}"

    benchmark(ministack, name)

    assert name not in [entry["Name"] for entry in client.list_buckets()["Buckets"]]


def test_waits_for_the_start(ministack: MiniStack, bucket: str) -> None:
    host = FakeHost()

    benchmark(ministack, bucket, host)

    assert host.slept_until[0] == at(2)


def test_a_run_that_is_cancelled_ends_and_leaves_nothing(
    ministack: MiniStack, client: Any, bucket: str
) -> None:
    class Cancelling(FakeHost):
        def sleep_until(self, moment: Any) -> None:
            super().sleep_until(moment)
            if len(self.slept_until) > 3:  # the start, and two objects
                raise Cancelled("The run was cancelled")

    with pytest.raises(Cancelled):
        benchmark(ministack, bucket, Cancelling(), duration="PT30S", timeout="PT90S")

    assert keys(client, bucket) == ["treasure"]


def test_a_store_that_is_too_slow_is_a_failure_and_left_as_it_was(
    ministack: MiniStack, client: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_benchmark, "MARGIN", 19.9)

    with pytest.raises(PluginFailed, match="too slow for the time that was planned"):
        benchmark(ministack, bucket, duration="PT5S")

    assert keys(client, bucket) == ["treasure"]


def test_large_objects_take_no_more_memory_than_small_ones(
    ministack: MiniStack, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_store, "HELD", 1000)

    result = benchmark(ministack, bucket, **{"object-size": 10_500, "duration": "PT0.01S"})["result"]

    assert int(json.loads(result["loops"])["1"]["get_objects"]) > 0  # each is as long as it should be


@pytest.mark.parametrize("name", ["-", "UPPER", "a/b"])
def test_a_bucket_that_cannot_be_is_a_failure(ministack: MiniStack, name: str) -> None:
    with pytest.raises(PluginFailed, match="The store"):
        benchmark(ministack, name)


@pytest.mark.parametrize("status", [403, 500])
def test_a_store_that_refuses_is_a_failure(status: int) -> None:
    with serving({"/bucket": (status, {}, b"")}) as server:
        spec = {**SPEC, "url": server.url, "bucket": "bucket"}
        with pytest.raises(PluginFailed, match=f"The store refused HeadBucket: {status}"):
            s3_benchmark.run(job(s3_benchmark.TOOL, spec))

    assert {method for method, *_ in server.asked} == {"HEAD"}


def test_objects_that_are_not_what_was_put_are_a_failure() -> None:
    answers = {"/bucket": (200, {}, b""), "/bucket/key": (200, {}, b"short")}

    with (
        serving(answers) as server,
        object_store.opened({**SPEC, "url": server.url, "bucket": "bucket"}) as store,
        pytest.raises(PluginFailed, match="returned 5 bytes of an object of 6"),
    ):
        store.get("key", 6)


def test_a_store_that_says_nothing_is_a_failure_in_time() -> None:
    with serving({}) as server:
        server.stalls = {"/bucket"}
        spec = {**SPEC, "url": server.url, "bucket": "bucket", "timeout": "PT0.5S"}
        begun = time.monotonic()
        with pytest.raises(PluginFailed, match="The store could not be used: no answer in time"):
            s3_benchmark.run(job(s3_benchmark.TOOL, spec))

    assert time.monotonic() - begun < STALL / 2


def test_keys_that_cannot_be_used_are_not_told() -> None:
    with serving({}) as server:
        spec = {**SPEC, "url": server.url, "bucket": "bucket", "_access-key": "not\nfor everybody"}
        with pytest.raises(PluginFailed, match="The store could not be used") as error:
            s3_benchmark.run(job(s3_benchmark.TOOL, spec))

    assert "everybody" not in error.value.message


def test_nobody_there_is_a_failure(closed_port: int) -> None:
    spec = {**SPEC, "url": f"http://127.0.0.1:{closed_port}", "bucket": "bucket"}

    with pytest.raises(PluginFailed, match="The store could not be used: Connection refused"):
        s3_benchmark.run(job(s3_benchmark.TOOL, spec))


def test_does_not_take_work_from_the_function_it_runs_in(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving({}) as server:
        monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", server.host)
        with pytest.raises(PluginFailed, match="may not be reached by tasks"):
            s3_benchmark.run(job(s3_benchmark.TOOL, {**SPEC, "url": server.url, "bucket": "bucket"}))

    assert server.asked == []


def test_a_host_without_an_address_is_a_failure() -> None:
    with pytest.raises(PluginFailed, match=r"nowhere\.invalid"):
        s3_benchmark.run(
            job(s3_benchmark.TOOL, {**SPEC, "url": "http://nowhere.invalid", "bucket": "bucket"})
        )


def test_a_repeated_content_is_a_file_of_its_size() -> None:
    file = object_store.Repeated(b"abc", 8)

    pieces = list(iter(lambda: file.read(2), b""))

    assert b"".join(pieces) == b"abcabcab"
    assert (len(file), file.tell(), file.seek(0, 2), file.seek(-1, 1), file.read()) == (8, 8, 8, 7, b"b")
    assert hashlib.sha256(b"".join(iter(lambda: file.read(3), b""))).digest() == hashlib.sha256(b"").digest()


def test_averages_are_over_all_objects_of_all_loops() -> None:
    loops = [
        Loop(Phase(10.0, 10), Phase(10.0, 20), Phase(1.0, 10)),
        Loop(Phase(20.0, 10), Phase(10.0, 30), Phase(3.0, 10)),
    ]

    result = s3_benchmark.summary(loops, 1_500_000)

    averages = [result[f"average_{verb}_time"] for verb in ("put", "get", "delete")]
    assert averages == [1.5, 0.4, 0.2]
    assert json.loads(result["loops"])["1"] == {
        "loop_num": 1,
        "put_time": "10.0 secs",
        "put_objects": "10",
        "put_speed": "1.5MB/sec",
        "put_operations": "1.0",
        "get_time": "10.0 secs",
        "get_objects": "20",
        "get_speed": "3.0MB/sec",
        "get_operations": "2.0",
        "delete_time": "1.0 secs",
        "deletes": "10.0",
    }


@pytest.mark.parametrize(
    ("members", "wanted"),
    [
        ({}, 90),
        ({"duration": "PT10S"}, 30),
        ({"duration": "PT10S", "timeout": "PT2M"}, 120),
        ({"duration": "PT10S", "timeout": "PT10S"}, 30),  # one that is the duration counts as none
        ({"timeout": "PT30S"}, 90),
    ],
)
def test_the_time_a_run_needs(members: dict[str, str], wanted: float) -> None:
    assert s3_benchmark.TOOL.duration("s3throughput", members) == seconds(wanted)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"object-size": 2**40}, "bytes and more are too large"),
        ({"duration": "PT30S", "timeout": "PT59S"}, "does not fit the timeout"),
        ({"duration": "PT0S", "timeout": "PT1S"}, "Needs some time"),
        ({"url": "http://"}, "names no host"),
        ({"url": "http://a:b"}, "is not a URL"),
    ],
)
def test_declines_what_cannot_be_done(members: dict[str, Any], reason: str) -> None:
    (said,) = s3_benchmark.TOOL.reasons_against(
        "s3throughput", {"url": "http://a", "object-size": 1, **members}
    )

    assert reason in said
