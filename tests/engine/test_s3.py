"""Documents in buckets."""

import base64
import hashlib
import io
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.engine import expiry_sweep
from tests.engine.conftest import Clock


@pytest.fixture
def bucket(s3: Any) -> Any:
    s3.create_bucket(Bucket="docs")
    return s3


def read(bucket: Any, key: str, **more: Any) -> bytes:
    found: bytes = bucket.get_object(Bucket="docs", Key=key, **more)["Body"].read()
    return found


def keys(bucket: Any, **more: Any) -> list[str]:
    pages = bucket.get_paginator("list_objects_v2").paginate(Bucket="docs", **more)
    return [one["Key"] for page in pages for one in page.get("Contents", [])]


def test_a_document_comes_back_as_it_was_with_all_that_was_said_of_it(bucket: Any, clock: Clock) -> None:
    said = {
        "ContentType": "application/json",
        "ContentEncoding": "gzip",
        "CacheControl": "no-store",
        "Metadata": {"origin": "here"},
    }
    put = bucket.put_object(Bucket="docs", Key="a/é", Body=b"\x00content", **said)

    found = bucket.get_object(Bucket="docs", Key="a/é")
    head = bucket.head_object(Bucket="docs", Key="a/é")

    assert found["Body"].read() == b"\x00content"
    for answer in (found, head):
        assert {name: answer[name] for name in said} == said
        assert answer["ContentLength"] == 8
        assert answer["ETag"] == put["ETag"] == '"' + hashlib.md5(b"\x00content").hexdigest() + '"'
        assert answer["LastModified"].timestamp() == clock.now


@pytest.mark.parametrize("body", [b"x", "text", bytearray(b"y"), io.BytesIO(b"file"), b""])
def test_a_body_is_given_in_many_ways(bucket: Any, body: Any) -> None:
    wanted = body.getvalue() if isinstance(body, io.BytesIO) else body
    bucket.put_object(Bucket="docs", Key="k", Body=body)

    assert read(bucket, "k") == (wanted.encode() if isinstance(wanted, str) else bytes(wanted))


def test_a_document_is_replaced_and_removed(bucket: Any) -> None:
    bucket.put_object(Bucket="docs", Key="k", Body=b"one")
    bucket.put_object(Bucket="docs", Key="k", Body=b"two")
    assert read(bucket, "k") == b"two"

    bucket.delete_object(Bucket="docs", Key="k")
    bucket.delete_object(Bucket="docs", Key="k")

    with pytest.raises(bucket.exceptions.NoSuchKey):
        read(bucket, "k")
    with pytest.raises(ClientError, match="404"):
        bucket.head_object(Bucket="docs", Key="k")


@pytest.mark.parametrize(
    ("wanted", "part", "said"),
    [
        ("bytes=0-3", b"0123", "bytes 0-3/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-2", b"89", "bytes 8-9/10"),
        ("bytes=8-99", b"89", "bytes 8-9/10"),
    ],
)
def test_a_part_of_a_document(bucket: Any, wanted: str, part: bytes, said: str) -> None:
    bucket.put_object(Bucket="docs", Key="k", Body=b"0123456789")

    found = bucket.get_object(Bucket="docs", Key="k", Range=wanted)

    assert found["Body"].read() == part
    assert found["ContentRange"] == said
    for unsatisfiable in ("bytes=10-", "bytes=5-3", "bytes=-0"):
        with pytest.raises(ClientError, match="InvalidRange"):
            bucket.get_object(Bucket="docs", Key="k", Range=unsatisfiable)


def test_conditions_of_a_put(bucket: Any) -> None:
    first = bucket.put_object(Bucket="docs", Key="k", Body=b"one", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        bucket.put_object(Bucket="docs", Key="k", Body=b"two", IfNoneMatch="*")
    bucket.put_object(Bucket="docs", Key="k", Body=b"three", IfMatch=first["ETag"])
    with pytest.raises(ClientError, match="PreconditionFailed"):
        bucket.put_object(Bucket="docs", Key="k", Body=b"four", IfMatch=first["ETag"])

    assert read(bucket, "k") == b"three"


def test_a_digest_that_does_not_fit_stores_nothing(bucket: Any) -> None:
    digest = base64.b64encode(hashlib.md5(b"other").digest()).decode()

    with pytest.raises(ClientError, match="BadDigest"):
        bucket.put_object(Bucket="docs", Key="k", Body=b"one", ContentMD5=digest)

    assert keys(bucket) == []


def test_lists_are_in_order_by_prefix_and_in_pages(bucket: Any) -> None:
    names = ["a", "b/1", "b/2", "b/c/3", "b0", "é", "with space"]
    for name in reversed(names):
        bucket.put_object(Bucket="docs", Key=name, Body=b"x")

    assert keys(bucket) == sorted(names, key=str.encode)
    assert keys(bucket, PaginationConfig={"PageSize": 2}) == sorted(names, key=str.encode)
    assert keys(bucket, Prefix="b/") == ["b/1", "b/2", "b/c/3"]
    assert keys(bucket, StartAfter="b/2", Prefix="b") == ["b/c/3", "b0"]
    page = bucket.list_objects_v2(Bucket="docs", Delimiter="/")
    assert [one["Prefix"] for one in page["CommonPrefixes"]] == ["b/"]
    assert [one["Key"] for one in page["Contents"]] == ["a", "b0", "with space", "é"]
    assert page["KeyCount"] == 5


def test_pages_of_common_prefixes_go_on_behind_them(bucket: Any) -> None:
    for folder in "abc":
        for number in range(3):
            bucket.put_object(Bucket="docs", Key=f"{folder}/{number}", Body=b"x")

    pages = bucket.get_paginator("list_objects_v2").paginate(
        Bucket="docs", Delimiter="/", PaginationConfig={"PageSize": 1}
    )

    assert [one["Prefix"] for page in pages for one in page.get("CommonPrefixes", [])] == ["a/", "b/", "c/"]


def test_many_are_removed_at_once_and_copied(bucket: Any) -> None:
    bucket.put_object(Bucket="docs", Key="a", Body=b"x", ContentType="text/plain")
    bucket.copy_object(Bucket="docs", Key="b", CopySource={"Bucket": "docs", "Key": "a"})
    assert bucket.head_object(Bucket="docs", Key="b")["ContentType"] == "text/plain"

    answer = bucket.delete_objects(Bucket="docs", Delete={"Objects": [{"Key": "a"}, {"Key": "none"}]})

    assert [one["Key"] for one in answer["Deleted"]] == ["a", "none"]
    assert keys(bucket) == ["b"]


def test_buckets_are_made_found_and_removed(s3: Any) -> None:
    with pytest.raises(ClientError, match="404"):
        s3.head_bucket(Bucket="docs")
    s3.create_bucket(Bucket="docs")
    s3.create_bucket(Bucket="docs")
    s3.head_bucket(Bucket="docs")
    assert [one["Name"] for one in s3.list_buckets()["Buckets"]] == ["docs"]
    s3.put_object(Bucket="docs", Key="k", Body=b"")
    with pytest.raises(ClientError, match="BucketNotEmpty"):
        s3.delete_bucket(Bucket="docs")
    s3.delete_object(Bucket="docs", Key="k")
    s3.delete_bucket(Bucket="docs")
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.put_object(Bucket="docs", Key="k", Body=b"")


def test_documents_older_than_the_bucket_keeps_them_go(bucket: Any, clock: Clock) -> None:
    rule = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "runs/"}, "Expiration": {"Days": 14}}
    bucket.put_bucket_lifecycle_configuration(Bucket="docs", LifecycleConfiguration={"Rules": [rule]})
    for key in ("runs/1", "other"):
        bucket.put_object(Bucket="docs", Key=key, Body=b"x")
    assert bucket.get_bucket_lifecycle_configuration(Bucket="docs")["Rules"] == [rule]

    clock.now += 15 * 86400
    bucket.put_object(Bucket="docs", Key="runs/2", Body=b"x")

    assert keys(bucket) == ["other", "runs/2"]


def test_many_documents_go_a_few_at_a_time(
    bucket: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiry_sweep, "AT_ONCE", 2)
    rule = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    bucket.put_bucket_lifecycle_configuration(Bucket="docs", LifecycleConfiguration={"Rules": [rule]})
    for number in range(5):
        bucket.put_object(Bucket="docs", Key=f"old-{number}", Body=b"x")

    left = []
    for seconds in (86_461, 1, 1):
        clock.now += seconds
        bucket.put_object(Bucket="docs", Key="new", Body=b"x")
        left.append(len(keys(bucket)) - 1)

    assert left == [3, 1, 0]


def test_what_needs_a_port_or_is_not_known_fails_by_name(bucket: Any) -> None:
    with pytest.raises(Exception, match="does not know S3 presigned URLs"):
        bucket.generate_presigned_url("get_object", Params={"Bucket": "docs", "Key": "k"})
    with pytest.raises(ClientError, match="does not know s3 CreateMultipartUpload"):
        bucket.create_multipart_upload(Bucket="docs", Key="k")
    with pytest.raises(ClientError, match="s3 GetObject with VersionId"):
        bucket.get_object(Bucket="docs", Key="k", VersionId="1")
