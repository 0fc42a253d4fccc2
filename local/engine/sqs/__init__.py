"""SQS, on SQLite: standard queues. FIFO queues, permissions and message moves are refused by name."""

from local.engine.operations import Operation
from local.engine.sqs import attributes, queues, receipts, receiving, sending

_MESSAGE = "QueueUrl MessageBody DelaySeconds MessageAttributes MessageGroupId"

OPERATIONS = {
    "CreateQueue": Operation.of(queues.create, "QueueName Attributes tags"),
    "GetQueueUrl": Operation.of(queues.url, "QueueName QueueOwnerAWSAccountId"),
    "ListQueues": Operation.of(queues.listed, "QueueNamePrefix NextToken MaxResults"),
    "DeleteQueue": Operation.of(queues.delete, "QueueUrl"),
    "PurgeQueue": Operation.of(queues.purge, "QueueUrl"),
    "GetQueueAttributes": Operation.of(attributes.get, "QueueUrl AttributeNames"),
    "SetQueueAttributes": Operation.of(attributes.put, "QueueUrl Attributes"),
    "ListDeadLetterSourceQueues": Operation.of(attributes.sources, "QueueUrl"),
    "TagQueue": Operation.of(attributes.tag, "QueueUrl Tags"),
    "UntagQueue": Operation.of(attributes.untag, "QueueUrl TagKeys"),
    "ListQueueTags": Operation.of(attributes.tags, "QueueUrl"),
    "SendMessage": Operation.of(sending.send, _MESSAGE),
    "SendMessageBatch": Operation.of(sending.send_batch, "QueueUrl Entries"),
    "ReceiveMessage": Operation.of(
        receiving.receive,
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
