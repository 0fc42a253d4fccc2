"""SQS, on SQLite: standard queues. FIFO queues, permissions and message moves are refused by name."""

from local.engine.operations import Operation
from local.engine.sqs import messages, queues, receipts

_MESSAGE = "QueueUrl MessageBody DelaySeconds MessageAttributes MessageGroupId"

OPERATIONS = {
    "CreateQueue": Operation.of(queues.create, "QueueName Attributes tags"),
    "GetQueueUrl": Operation.of(queues.url, "QueueName QueueOwnerAWSAccountId"),
    "ListQueues": Operation.of(queues.listed, "QueueNamePrefix NextToken MaxResults"),
    "DeleteQueue": Operation.of(queues.delete, "QueueUrl"),
    "PurgeQueue": Operation.of(queues.purge, "QueueUrl"),
    "GetQueueAttributes": Operation.of(queues.attributes, "QueueUrl AttributeNames"),
    "SetQueueAttributes": Operation.of(queues.set_attributes, "QueueUrl Attributes"),
    "ListDeadLetterSourceQueues": Operation.of(queues.sources, "QueueUrl"),
    "TagQueue": Operation.of(queues.tag, "QueueUrl Tags"),
    "UntagQueue": Operation.of(queues.untag, "QueueUrl TagKeys"),
    "ListQueueTags": Operation.of(queues.tags, "QueueUrl"),
    "SendMessage": Operation.of(messages.send, _MESSAGE),
    "SendMessageBatch": Operation.of(messages.send_batch, "QueueUrl Entries"),
    "ReceiveMessage": Operation.of(
        messages.receive,
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
