"""Documents too large for a table, kept in a bucket."""

import botocore.exceptions

from chalicelib.domain.errors import Unavailable
from chalicelib.infrastructure.aws import client
from chalicelib.settings import settings

KEPT_DAYS = 14
"""Days after which a document goes by itself. Its run is purged, and it with it, days before."""


def create_bucket() -> None:
    """Make the bucket if it is not there yet."""
    try:
        client("s3").head_bucket(Bucket=settings().bucket)
    except botocore.exceptions.ClientError:
        client("s3").create_bucket(Bucket=settings().bucket)


def put(key: str, content: bytes) -> None:
    client("s3").put_object(Bucket=settings().bucket, Key=key, Body=content)


def get(key: str) -> bytes:
    content: bytes = client("s3").get_object(Bucket=settings().bucket, Key=key)["Body"].read()
    return content


def get_text(bucket: str, key: str, most: int) -> str:
    """A text from any bucket, or so many bytes of it and one more. Raises Unavailable."""
    try:
        body = client("s3").get_object(Bucket=bucket, Key=key)["Body"]
        text: str = body.read(most + 1).decode()
    except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError, ValueError) as error:
        raise Unavailable(f"s3://{bucket}/{key} cannot be read: {error}") from error
    return text


def delete(key: str) -> None:
    client("s3").delete_object(Bucket=settings().bucket, Key=key)
