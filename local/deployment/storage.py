"""Tables, queues and the bucket. What is kept in them outlives a stack that is removed, or half made."""

from typing import Any

from chalicelib.infrastructure.blobs import KEPT_DAYS
from chalicelib.infrastructure.queues import ATTEMPTS, DEAD_LETTERS, QUEUES, Queue
from chalicelib.store.models.all_tables import TABLES
from chalicelib.store.models.base import STREAM_VIEW, TIME_TO_LIVE, Table
from local.deployment.resource_names import OWN_TABLES, arn, own_prefix, prefixed, queue_id, table_id

_KEPT = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
_NOTHING_PUBLIC = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")


def resources() -> dict[str, Any]:
    return {
        **{table_id(table.short_name): _table(table) for table in TABLES},
        **{queue_id(queue.name): _queue(queue) for queue in QUEUES},
        "DeadLetterQueue": {
            "Type": "AWS::SQS::Queue",
            "Properties": {
                "QueueName": prefixed(DEAD_LETTERS),
                "MessageRetentionPeriod": 1209600,
                "SqsManagedSseEnabled": True,
            },
        },
        "ResultsBucket": _bucket(),
        "ResultsBucketPolicy": _encrypted_ways_only("ResultsBucket"),
    }


def _table(table: type[Table]) -> dict[str, Any]:
    properties = {
        **table.definition(),
        "TableName": {"Fn::Join": ["-", [own_prefix(), table.short_name]]},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "TimeToLiveSpecification": {"AttributeName": TIME_TO_LIVE, "Enabled": True},
        "DeletionProtectionEnabled": True,
        **({"StreamSpecification": {"StreamViewType": STREAM_VIEW}} if table.is_streamed else {}),
    }
    return {"Type": "AWS::DynamoDB::Table", "Condition": OWN_TABLES, **_KEPT, "Properties": properties}


def _queue(queue: Queue) -> dict[str, Any]:
    return {
        "Type": "AWS::SQS::Queue",
        "Properties": {
            "QueueName": prefixed(queue.name),
            "VisibilityTimeout": queue.visibility,
            "SqsManagedSseEnabled": True,
            "RedrivePolicy": {"deadLetterTargetArn": arn("DeadLetterQueue"), "maxReceiveCount": ATTEMPTS},
        },
    }


def _bucket() -> dict[str, Any]:
    rule = {
        "Id": "results-of-purged-runs",
        "Status": "Enabled",
        "ExpirationInDays": KEPT_DAYS,
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    }
    encryption = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    return {
        "Type": "AWS::S3::Bucket",
        **_KEPT,
        "Properties": {
            "PublicAccessBlockConfiguration": dict.fromkeys(_NOTHING_PUBLIC, True),
            "BucketEncryption": {"ServerSideEncryptionConfiguration": [encryption]},
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            "LifecycleConfiguration": {"Rules": [rule]},
        },
    }


def _encrypted_ways_only(bucket: str) -> dict[str, Any]:
    statement = {
        "Sid": "EncryptedWaysOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn(bucket), {"Fn::Sub": f"${{{bucket}.Arn}}/*"}],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return {
        "Type": "AWS::S3::BucketPolicy",
        **_KEPT,
        "Properties": {"Bucket": {"Ref": bucket}, "PolicyDocument": document},
    }
