"""DynamoDB, on SQLite.

What it does not have is refused by name: streams, backups, PartiQL, and the parameters there were before
expressions.
"""

from local.engine.dynamodb import item_batches, items, queries, table_operations, time_to_live, transactions
from local.engine.service_operation import Operation

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
        table_operations.create,
        "TableName AttributeDefinitions KeySchema GlobalSecondaryIndexes LocalSecondaryIndexes"
        " BillingMode ProvisionedThroughput StreamSpecification DeletionProtectionEnabled Tags"
        " SSESpecification TableClass",
    ),
    "DescribeTable": Operation.of(table_operations.describe, "TableName"),
    "DeleteTable": Operation.of(table_operations.delete, "TableName"),
    "ListTables": Operation.of(table_operations.listed, "ExclusiveStartTableName Limit"),
    "UpdateTimeToLive": Operation.of(time_to_live.update, "TableName TimeToLiveSpecification"),
    "DescribeTimeToLive": Operation.of(time_to_live.describe, "TableName"),
    "GetItem": Operation.of(
        items.get, f"TableName Key ConsistentRead ProjectionExpression ExpressionAttributeNames {_UNITS}"
    ),
    "PutItem": Operation.of(items.put, f"{_WRITE} Item"),
    "UpdateItem": Operation.of(items.update, f"{_WRITE} Key UpdateExpression"),
    "DeleteItem": Operation.of(items.delete, f"{_WRITE} Key"),
    "Query": Operation.of(queries.query, f"{_READ} KeyConditionExpression ScanIndexForward"),
    "Scan": Operation.of(queries.scan, f"{_READ} Segment TotalSegments"),
    "BatchGetItem": Operation.of(item_batches.get, f"RequestItems {_UNITS}"),
    "BatchWriteItem": Operation.of(item_batches.write, f"RequestItems {_UNITS} ReturnItemCollectionMetrics"),
    "TransactWriteItems": Operation.of(
        transactions.write, f"TransactItems ClientRequestToken {_UNITS} ReturnItemCollectionMetrics"
    ),
    "TransactGetItems": Operation.of(transactions.get, f"TransactItems {_UNITS}"),
}
