"""S3, on SQLite. No versions, no parts, no permissions; and no presigned addresses, for want of a port."""

from local.engine.s3 import buckets, object_lists, objects
from local.engine.service_operation import Operation

_HEADERS = " ".join(objects.HEADERS)
_CHECKSUMS = " ".join(
    f"Checksum{what}" for what in ("Algorithm", "Mode", "CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")
)

OPERATIONS = {
    "CreateBucket": Operation.of(buckets.create, "Bucket CreateBucketConfiguration ACL"),
    "HeadBucket": Operation.of(buckets.head, "Bucket"),
    "ListBuckets": Operation.of(buckets.listed, ""),
    "DeleteBucket": Operation.of(buckets.delete, "Bucket"),
    "PutBucketLifecycleConfiguration": Operation.of(
        buckets.put_lifecycle, f"Bucket LifecycleConfiguration {_CHECKSUMS}"
    ),
    "GetBucketLifecycleConfiguration": Operation.of(buckets.lifecycle, "Bucket"),
    "DeleteBucketLifecycle": Operation.of(buckets.delete_lifecycle, "Bucket"),
    "PutObject": Operation.of(
        objects.put,
        f"Bucket Key Body ContentLength ContentMD5 IfMatch IfNoneMatch StorageClass {_HEADERS} {_CHECKSUMS}",
    ),
    "GetObject": Operation.of(objects.get, f"Bucket Key Range IfMatch IfNoneMatch {_CHECKSUMS}"),
    "HeadObject": Operation.of(objects.head, f"Bucket Key IfMatch IfNoneMatch {_CHECKSUMS}"),
    "CopyObject": Operation.of(objects.copy, f"Bucket Key CopySource MetadataDirective {_HEADERS}"),
    "DeleteObject": Operation.of(objects.delete, "Bucket Key"),
    "DeleteObjects": Operation.of(objects.delete_many, f"Bucket Delete {_CHECKSUMS}"),
    "ListObjectsV2": Operation.of(
        object_lists.listed,
        "Bucket Prefix Delimiter MaxKeys StartAfter ContinuationToken EncodingType FetchOwner",
    ),
}
