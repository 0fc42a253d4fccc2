"""SQS, on SQLite: standard queues. FIFO queues, permissions and message moves are refused by name."""

from local.engine.service_operation import Operation
from local.engine.sqs import attributes, queue_operations, receipts, received_messages, sent_messages

_MESSAGE = "QueueUrl MessageBody DelaySeconds MessageAttributes MessageGroupId"

OPERATIONS = {
    "CreateQueue": Operation.of(queue_operations.create, "QueueName Attributes tags"),
    "GetQueueUrl": Operation.of(queue_operations.url, "QueueName QueueOwnerAWSAccountId"),
    "ListQueues": Operation.of(queue_operations.listed, "QueueNamePrefix NextToken MaxResults"),
    "DeleteQueue": Operation.of(queue_operations.delete, "QueueUrl"),
    "PurgeQueue": Operation.of(queue_operations.purge, "QueueUrl"),
    "GetQueueAttributes": Operation.of(attributes.get, "QueueUrl AttributeNames"),
    "SetQueueAttributes": Operation.of(attributes.put, "QueueUrl Attributes"),
    "ListDeadLetterSourceQueues": Operation.of(attributes.sources, "QueueUrl"),
    "TagQueue": Operation.of(attributes.tag, "QueueUrl Tags"),
    "UntagQueue": Operation.of(attributes.untag, "QueueUrl TagKeys"),
    "ListQueueTags": Operation.of(attributes.tags, "QueueUrl"),
    "SendMessage": Operation.of(sent_messages.send, _MESSAGE),
    "SendMessageBatch": Operation.of(sent_messages.send_batch, "QueueUrl Entries"),
    "ReceiveMessage": Operation.of(
        received_messages.receive,
        "QueueUrl AttributeNames MessageSystemAttributeNames MessageAttributeNames MaxNumberOfMessages"
        " VisibilityTimeout WaitTimeSeconds ReceiveRequestAttemptId",
    ),
    "DeleteMessage": Operation.of(receipts.delete, "QueueUrl ReceiptHandle"),
    "DeleteMessageBatch": Operation.of(receipts.delete_batch, "QueueUrl Entries"),
    "ChangeMessageVisibility": Operation.of(
        receipts.change_visibility, "QueueUrl ReceiptHandle VisibilityTimeout"
    ),
    "ChangeMessageVisibilityBatch": Operation.of(receipts.change_visibility_batch, "QueueUrl Entries"),
}
