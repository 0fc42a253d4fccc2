"""DynamoDB, on SQLite.

What it does not have is refused by name: streams, backups, PartiQL, and the parameters there were before
expressions.
"""

from local.engine.dynamodb import batches, expiry, items, queries, tables, transactions
from local.engine.operations import Operation

_NAMED = "ExpressionAttributeNames ExpressionAttributeValues"
_UNITS = "ReturnConsumedCapacity"
_WRITE = (
    f"TableName ConditionExpression {_NAMED} ReturnValues ReturnValuesOnConditionCheckFailure {_UNITS}"
    " ReturnItemCollectionMetrics"
)
_READ = (
    f"TableName IndexName FilterExpression ProjectionExpression {_NAMED} ExclusiveStartKey Limit Select"
    f" ConsistentRead {_UNITS}"
)

OPERATIONS = {
    "CreateTable": Operation.of(
        tables.create,
        "TableName AttributeDefinitions KeySchema GlobalSecondaryIndexes LocalSecondaryIndexes"
        " BillingMode ProvisionedThroughput StreamSpecification DeletionProtectionEnabled Tags"
        " SSESpecification TableClass",
    ),
    "DescribeTable": Operation.of(tables.describe, "TableName"),
    "DeleteTable": Operation.of(tables.delete, "TableName"),
    "ListTables": Operation.of(tables.listed, "ExclusiveStartTableName Limit"),
    "UpdateTimeToLive": Operation.of(expiry.update, "TableName TimeToLiveSpecification"),
    "DescribeTimeToLive": Operation.of(expiry.describe, "TableName"),
    "GetItem": Operation.of(
        items.get, f"TableName Key ConsistentRead ProjectionExpression ExpressionAttributeNames {_UNITS}"
    ),
    "PutItem": Operation.of(items.put, f"{_WRITE} Item"),
    "UpdateItem": Operation.of(items.update, f"{_WRITE} Key UpdateExpression"),
    "DeleteItem": Operation.of(items.delete, f"{_WRITE} Key"),
    "Query": Operation.of(queries.query, f"{_READ} KeyConditionExpression ScanIndexForward"),
    "Scan": Operation.of(queries.scan, f"{_READ} Segment TotalSegments"),
    "BatchGetItem": Operation.of(batches.get, f"RequestItems {_UNITS}"),
    "BatchWriteItem": Operation.of(batches.write, f"RequestItems {_UNITS} ReturnItemCollectionMetrics"),
    "TransactWriteItems": Operation.of(
        transactions.write, f"TransactItems ClientRequestToken {_UNITS} ReturnItemCollectionMetrics"
    ),
    "TransactGetItems": Operation.of(transactions.get, f"TransactItems {_UNITS}"),
}
