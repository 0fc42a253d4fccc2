"""Documents too large for a table, kept in a bucket."""

import botocore.exceptions

from chalicelib.domain.errors import NotFound, Unavailable
from chalicelib.infrastructure.aws import client
from chalicelib.settings import settings

KEPT_DAYS = 5
"""Days after which a document goes by itself. Its run expires days before, but where more is said."""


def create_bucket() -> None:
    """Make the bucket if it is not there yet."""
    try:
        client("s3").head_bucket(Bucket=settings().bucket)
    except botocore.exceptions.ClientError:
        client("s3").create_bucket(Bucket=settings().bucket)


def put(key: str, content: bytes) -> None:
    client("s3").put_object(Bucket=settings().bucket, Key=key, Body=content)


def get(key: str) -> bytes:
    """A document. Raises NotFound where it has gone by itself."""
    try:
        content: bytes = client("s3").get_object(Bucket=settings().bucket, Key=key)["Body"].read()
    except botocore.exceptions.ClientError as error:
        if error.response["Error"].get("Code") == "NoSuchKey":
            raise NotFound(f"The document {key} is gone: NoSuchKey") from error
        raise
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
