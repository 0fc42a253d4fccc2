"""What a node on one machine has the embedded engine do by itself, as AWS does."""

import pytest

from chalicelib.infrastructure import blobs
from chalicelib.infrastructure.aws import client
from chalicelib.settings import settings
from chalicelib.store.models.all_tables import TABLES
from chalicelib.store.models.base import TIME_TO_LIVE
from chalicelib.store.models.connection import connection
from local import engine_sqlite


@pytest.mark.usefixtures("sqlite_engine")
def test_every_table_drops_items_past_their_time() -> None:
    engine_sqlite.tidy()  # again, as at every start

    names = [table.definition()["TableName"] for table in TABLES]
    found = [connection().client.describe_time_to_live(TableName=name) for name in names]

    expected = {"TimeToLiveStatus": "ENABLED", "AttributeName": TIME_TO_LIVE}
    assert [one["TimeToLiveDescription"] for one in found] == [expected] * len(TABLES)


@pytest.mark.usefixtures("sqlite_engine")
def test_the_bucket_keeps_documents_as_long_as_that_of_a_deployment() -> None:
    found = client("s3").get_bucket_lifecycle_configuration(Bucket=settings().bucket)

    (rule,) = found["Rules"]
    assert rule["Status"] == "Enabled"
    assert rule["Filter"] == {"Prefix": ""}
    assert rule["Expiration"] == {"Days": blobs.KEPT_DAYS}
