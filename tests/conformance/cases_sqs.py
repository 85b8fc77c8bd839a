"""Refusals of SQS."""

from __future__ import annotations

import json
from typing import Any

from cases import case
from world import World, policy

ABSENT = "AWS.SimpleQueueService.NonExistentQueue"


def inbox(w: World, **attributes: str) -> str:
    return w.a.queue(**attributes)


def make(w: World, name: str = "inbox", **attributes: Any) -> Any:
    return w.sqs.create_queue(QueueName=name, Attributes=attributes)


def send(w: World, **more: Any) -> Any:
    given = {"QueueUrl": w.it, "MessageBody": "hello", **more}
    return w.sqs.send_message(**{name: value for name, value in given.items() if value is not None})


def put(w: World, **attributes: Any) -> Any:
    return w.sqs.set_queue_attributes(QueueUrl=w.it, Attributes=attributes)


def marked(w: World, name: str, **value: Any) -> Any:
    return send(w, MessageAttributes={name: {"DataType": "String", "StringValue": "v", **value}})


def received(w: World) -> tuple[str, str]:
    """Receives a message. Returns the queue URL and the receipt handle."""
    url = inbox(w)
    w.sqs.send_message(QueueUrl=url, MessageBody="hello")
    return url, w.sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"]


def hide(w: World, seconds: Any, handle: str = "") -> Any:
    given = {"QueueUrl": w.it[0], "ReceiptHandle": handle or w.it[1], "VisibilityTimeout": seconds}
    return w.sqs.change_message_visibility(**{name: value for name, value in given.items() if value is not None})


def drop(w: World, *ids: str) -> Any:
    entries = [{"Id": one, "ReceiptHandle": w.it[1]} for one in ids]
    return w.sqs.delete_message_batch(QueueUrl=w.it[0], Entries=entries)


# Parameters in general.

case("sqs: unknown action", "UnknownOperationException", 400,
     lambda w: w.a.raw("sqs", "ForecastWeather", {}), lambda w: w.a.raw("sqs", "ListQueues", {}))
case("sqs: unknown parameter", "ValidationException", 400,
     lambda w: w.a.raw("sqs", "ListQueues", {"Colour": "blue"}), lambda w: w.a.raw("sqs", "ListQueues", {}))
case("sqs: string in place of a number", "SerializationException", 400,
     lambda w: w.a.raw("sqs", "ListQueues", {"MaxResults": "ten"}),
     lambda w: w.a.raw("sqs", "ListQueues", {"MaxResults": 10}))
case("sqs: missing queue URL", "MissingParameter", 400,
     lambda w: w.a.raw("sqs", "ReceiveMessage", {}), lambda w: w.a.raw("sqs", "ReceiveMessage", {"QueueUrl": w.it}), setup=inbox)
case("sqs: unknown queue", ABSENT, 400,
     lambda w: w.sqs.receive_message(QueueUrl=w.it + "2"), lambda w: w.sqs.receive_message(QueueUrl=w.it), setup=inbox)

# Queues.

case("sqs: creation without a queue name", "MissingParameter", 400,
     lambda w: w.a.raw("sqs", "CreateQueue", {}), lambda w: make(w))
case("sqs: GetQueueUrl without a queue name", "MissingParameter", 400,
     lambda w: w.a.raw("sqs", "GetQueueUrl", {}), lambda w: w.sqs.get_queue_url(QueueName="inbox"), setup=inbox)
case("sqs: GetQueueUrl of an unknown queue", ABSENT, 400,
     lambda w: w.sqs.get_queue_url(QueueName="outbox"), lambda w: w.sqs.get_queue_url(QueueName="inbox"), setup=inbox)
case("sqs: queue name longer than 80 characters", "InvalidParameterValue", 400,
     lambda w: make(w, "q" * 81), lambda w: make(w, "q" * 80))
case("sqs: invalid character in a queue name", "InvalidParameterValue", 400,
     lambda w: make(w, "in box"), lambda w: make(w, "in_box-1"))
case("sqs: duplicate queue name with other attributes", "QueueAlreadyExists", 400,
     lambda w: make(w, VisibilityTimeout="31"), lambda w: make(w, VisibilityTimeout="30"),
     setup=lambda w: inbox(w, VisibilityTimeout="30"))
case("sqs: unknown queue attribute", "InvalidAttributeName", 400,
     lambda w: put(w, Colour="blue"), lambda w: put(w, DelaySeconds="1"), setup=inbox)
case("sqs: read of an unknown queue attribute", "InvalidAttributeName", 400,
     lambda w: w.sqs.get_queue_attributes(QueueUrl=w.it, AttributeNames=["Colour"]),
     lambda w: w.sqs.get_queue_attributes(QueueUrl=w.it, AttributeNames=["All"]), setup=inbox)
case("sqs: message retention above 14 days", "InvalidAttributeValue", 400,
     lambda w: put(w, MessageRetentionPeriod="1209601"), lambda w: put(w, MessageRetentionPeriod="1209600"), setup=inbox)
case("sqs: policy larger than 8192 bytes", "InvalidAttributeValue", 400,
     lambda w: put(w, Policy=policy("*", "sqs:SendMessage").ljust(8193)),
     lambda w: put(w, Policy=policy("*", "sqs:SendMessage").ljust(8192)), setup=inbox)
case("sqs: policy with an unknown principal", "InvalidAttributeValue", 400,
     lambda w: put(w, Policy=policy(f"arn:aws:iam::{w.b.number}:role/nobody", "sqs:SendMessage")),
     lambda w: put(w, Policy=policy(w.b.root, "sqs:SendMessage")), setup=inbox)
case("sqs: unknown dead-letter queue", "InvalidParameterValue", 400,
     lambda w: put(w, RedrivePolicy=redrive(w, "dead", 5)),
     lambda w: (w.a.queue("dead"), put(w, RedrivePolicy=redrive(w, "dead", 5))), setup=inbox)
case("sqs: dead-letter queue of another account", "InvalidParameterValue", 400,
     lambda w: put(w, RedrivePolicy=redrive(w, "inbox", 5).replace(w.a.number, w.b.number)),
     lambda w: (w.a.queue("dead"), put(w, RedrivePolicy=redrive(w, "dead", 5))),
     setup=lambda w: (inbox(w), w.b.queue())[0])
case("sqs: maxReceiveCount above 1000", "InvalidParameterValue", 400,
     lambda w: put(w, RedrivePolicy=redrive(w, "dead", 1001)), lambda w: put(w, RedrivePolicy=redrive(w, "dead", 1000)),
     setup=lambda w: (inbox(w), w.a.queue("dead"))[0])


def redrive(w: World, name: str, most: int) -> str:
    arn = f"arn:aws:sqs:{w.a.region}:{w.a.number}:{name}"
    return json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": most})


# Other accounts.

case("sqs: other account's queue without a policy", "AccessDenied", 403,
     lambda w: w.b.sqs.send_message(QueueUrl=w.it, MessageBody="hello"),
     lambda w: (put(w, Policy=policy(w.b.root, "sqs:SendMessage")),
                w.b.sqs.send_message(QueueUrl=w.it, MessageBody="hello")), setup=inbox)
case("sqs: receiving with permission to send only", "AccessDenied", 403,
     lambda w: w.b.sqs.receive_message(QueueUrl=w.it), lambda w: w.b.sqs.send_message(QueueUrl=w.it, MessageBody="hello"),
     setup=lambda w: inbox(w, Policy=policy(w.b.root, "sqs:SendMessage")))
case("sqs: attribute change by another account", "AccessDenied", 403,
     lambda w: w.b.sqs.set_queue_attributes(QueueUrl=w.it, Attributes={"DelaySeconds": "1"}),
     lambda w: w.b.sqs.get_queue_attributes(QueueUrl=w.it, AttributeNames=["All"]),
     setup=lambda w: inbox(w, Policy=policy(w.b.root, "sqs:*")))
case("sqs: policy that denies the queue's own account", "AccessDenied", 403,
     send, lambda w: w.sqs.receive_message(QueueUrl=w.it),
     setup=lambda w: inbox(w, Policy=policy("*", "sqs:SendMessage").replace("Allow", "Deny")))

# Sending.

case("sqs: message without a body", "MissingParameter", 400,
     lambda w: send(w, MessageBody=None), send, setup=inbox)
case("sqs: body with a character that XML does not allow", "InvalidMessageContents", 400,
     lambda w: send(w, MessageBody="\u0001"), lambda w: send(w, MessageBody="\t\r\n𐀀"), setup=inbox)
case("sqs: message larger than MaximumMessageSize", "InvalidParameterValue", 400,
     lambda w: send(w, MessageBody="é" * 512 + "x"), lambda w: send(w, MessageBody="é" * 512),
     setup=lambda w: inbox(w, MaximumMessageSize="1024"))
case("sqs: message larger than 1 MiB", "InvalidParameterValue", 400,
     lambda w: send(w, MessageBody="x" * 1_048_577), lambda w: send(w, MessageBody="x" * 1_048_576), setup=inbox)
case("sqs: delay above 15 minutes", "InvalidParameterValue", 400,
     lambda w: send(w, DelaySeconds=901), lambda w: send(w, DelaySeconds=900), setup=inbox)
case("sqs: more than 10 message attributes", "InvalidParameterValue", 400,
     lambda w: send(w, MessageAttributes={f"a{n}": {"DataType": "String", "StringValue": "v"} for n in range(11)}),
     lambda w: send(w, MessageAttributes={f"a{n}": {"DataType": "String", "StringValue": "v"} for n in range(10)}),
     setup=inbox)
case("sqs: reserved attribute prefix AWS.", "InvalidParameterValue", 400,
     lambda w: marked(w, "AWS.kind"), lambda w: marked(w, "AWSkind"), setup=inbox)
case("sqs: unknown attribute type", "InvalidParameterValue", 400,
     lambda w: marked(w, "kind", DataType="Date"), lambda w: marked(w, "kind", DataType="String.Date"), setup=inbox)
case("sqs: attribute with a list of values", "InvalidParameterValue", 400,
     lambda w: marked(w, "kind", StringListValues=["a", "b"]), lambda w: marked(w, "kind"), setup=inbox)
case("sqs: attribute type longer than 256 characters", "InvalidParameterValue", 400,
     lambda w: marked(w, "kind", DataType="String.".ljust(257, "x")),
     lambda w: marked(w, "kind", DataType="String.".ljust(256, "x")), setup=inbox)
case("sqs: attribute with a character that XML does not allow", "InvalidParameterValue", 400,
     lambda w: marked(w, "kind", StringValue="\u0001"), lambda w: marked(w, "kind", StringValue="\t"), setup=inbox)
case("sqs: invalid number as attribute value", "InvalidParameterValue", 400,
     lambda w: marked(w, "kind", DataType="Number", StringValue="ten"),
     lambda w: marked(w, "kind", DataType="Number", StringValue="-1.0e1"), setup=inbox)
case("sqs: attribute without a value", "InvalidParameterValue", 400,
     lambda w: marked(w, "kind", StringValue=""), lambda w: marked(w, "kind", StringValue="0"), setup=inbox)

# Received messages, and batches.

case("sqs: more than 10 messages in one receive", "InvalidParameterValue", 400,
     lambda w: w.sqs.receive_message(QueueUrl=w.it, MaxNumberOfMessages=11),
     lambda w: w.sqs.receive_message(QueueUrl=w.it, MaxNumberOfMessages=10), setup=inbox)
case("sqs: deletion without a receipt handle", "MissingParameter", 400,
     lambda w: w.a.raw("sqs", "DeleteMessage", {"QueueUrl": w.it[0]}),
     lambda w: w.sqs.delete_message(QueueUrl=w.it[0], ReceiptHandle=w.it[1]), setup=received)
case("sqs: deletion with an invalid receipt handle", "ReceiptHandleIsInvalid", 400,
     lambda w: w.sqs.delete_message(QueueUrl=w.it[0], ReceiptHandle="a handle"),
     lambda w: w.sqs.delete_message(QueueUrl=w.it[0], ReceiptHandle=w.it[1]), setup=received)
case("sqs: visibility change with an invalid receipt handle", "ReceiptHandleIsInvalid", 400,
     lambda w: hide(w, 60, "a handle"), lambda w: hide(w, 60), setup=received)
case("sqs: visibility change without a timeout", "MissingParameter", 400,
     lambda w: hide(w, None), lambda w: hide(w, 0), setup=received)
case("sqs: visibility timeout above 12 hours", "InvalidParameterValue", 400,
     lambda w: hide(w, 43_201), lambda w: hide(w, 43_000), setup=received)
case("sqs: total visibility timeout above 12 hours", "InvalidParameterValue", 400,
     lambda w: hide(w, 43_200), lambda w: hide(w, 43_000), setup=received)
case("sqs: visibility change of a message that is not in flight", "AWS.SimpleQueueService.MessageNotInflight", 400,
     lambda w: hide(w, 60), lambda w: w.sqs.delete_message(QueueUrl=w.it[0], ReceiptHandle=w.it[1]),
     setup=lambda w: (held := received(w), w.sqs.change_message_visibility(
         QueueUrl=held[0], ReceiptHandle=held[1], VisibilityTimeout=0))[0])
case("sqs: visibility change of a deleted message", "InvalidParameterValue", 400,
     lambda w: hide(w, 60), lambda w: w.sqs.delete_message(QueueUrl=w.it[0], ReceiptHandle=w.it[1]),
     setup=lambda w: (held := received(w), w.sqs.delete_message(QueueUrl=held[0], ReceiptHandle=held[1]))[0])
case("sqs: empty batch", "AWS.SimpleQueueService.EmptyBatchRequest", 400,
     lambda w: drop(w), lambda w: drop(w, "one"), setup=received)
case("sqs: batch of more than 10 entries", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest", 400,
     lambda w: drop(w, *map(str, range(11))), lambda w: drop(w, *map(str, range(10))), setup=received)
case("sqs: invalid character in the id of a batch entry", "AWS.SimpleQueueService.InvalidBatchEntryId", 400,
     lambda w: drop(w, "o ne"), lambda w: drop(w, "o_ne"), setup=received)
case("sqs: duplicate ids in a batch", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct", 400,
     lambda w: drop(w, "one", "one"), lambda w: drop(w, "one", "two"), setup=received)
case("sqs: FIFO queue, which is not simulated", "AWS.SimpleQueueService.UnsupportedOperation", 400,
     lambda w: make(w, "inbox.fifo"), lambda w: make(w, "inbox-fifo"))


# Encryption under a KMS key.


def encrypted(w: World, key: str = "") -> tuple[str, str]:
    """Creates a queue that is encrypted under a KMS key. Returns the queue URL and the key."""
    made = key or w.a.key()
    return inbox(w, KmsMasterKeyId=made), made


def hello(w: World, url: str = "") -> Any:
    return w.sqs.send_message(QueueUrl=url or w.it[0], MessageBody="hello")


case("sqs: both SSE-KMS and SSE-SQS", "InvalidAttributeName", 400,
     lambda w: put(w, KmsMasterKeyId="alias/aws/sqs", SqsManagedSseEnabled="true"),
     lambda w: put(w, KmsMasterKeyId="alias/aws/sqs"), setup=inbox)
case("sqs: queue under an unknown key", "KMS.NotFoundException", 400,
     lambda w: hello(w, w.it), lambda w: (put(w, KmsMasterKeyId=w.a.key()), hello(w, w.it)),
     setup=lambda w: inbox(w, KmsMasterKeyId="alias/none"))
case("sqs: queue under a disabled key", "KMS.DisabledException", 400,
     hello, lambda w: (w.kms.enable_key(KeyId=w.it[1]), hello(w)),
     setup=lambda w: (made := encrypted(w), w.kms.disable_key(KeyId=made[1]))[0])
case("sqs: queue under a key that is pending deletion", "KMS.InvalidStateException", 400,
     hello, lambda w: (w.kms.cancel_key_deletion(KeyId=w.it[1]), w.kms.enable_key(KeyId=w.it[1]), hello(w)),
     setup=lambda w: (made := encrypted(w), w.kms.schedule_key_deletion(KeyId=made[1]))[0])
case("sqs: queue under a signing key", "KMS.InvalidKeyUsageException", 400,
     hello, lambda w: (w.sqs.set_queue_attributes(QueueUrl=w.it[0], Attributes={"KmsMasterKeyId": w.a.key()}), hello(w)),
     setup=lambda w: encrypted(w, w.a.key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")))
case("sqs: queue under a key whose policy does not allow the sender", "KMS.AccessDeniedException", 400,
     lambda w: w.b.sqs.send_message(QueueUrl=w.it[0], MessageBody="hello"),
     lambda w: (w.a.admit(w.it[1], w.b), w.b.sqs.send_message(QueueUrl=w.it[0], MessageBody="hello")),
     setup=lambda w: (made := encrypted(w), w.sqs.set_queue_attributes(
         QueueUrl=made[0], Attributes={"Policy": policy(w.b.root, "sqs:SendMessage")}))[0])

# Other rules.

case("sqs: attribute change without attributes", "MissingParameter", 400,
     lambda w: put(w), lambda w: put(w, DelaySeconds="1"), setup=inbox)
case("sqs: batch larger than 1 MiB", "AWS.SimpleQueueService.BatchRequestTooLong", 400,
     lambda w: both(w, 524_289), lambda w: both(w, 524_288), setup=inbox)


def both(w: World, size: int) -> Any:
    entries = [{"Id": one, "MessageBody": "x" * length} for one, length in (("a", size), ("b", 524_288))]
    return w.sqs.send_message_batch(QueueUrl=w.it, Entries=entries)


case("sqs: invalid queue URL", "InvalidAddress", 400,
     lambda w: w.sqs.receive_message(QueueUrl="https://sqs.ap-northeast-1.amazonaws.com/inbox"),
     lambda w: w.sqs.receive_message(QueueUrl=w.it), setup=inbox)
case("sqs: creation of a queue deleted less than a minute ago", "AWS.SimpleQueueService.QueueDeletedRecently", 400,
     lambda w: make(w, "inbox"), lambda w: make(w, "inbox2"),
     setup=lambda w: w.sqs.delete_queue(QueueUrl=inbox(w)))
case("sqs: second purge within a minute", "AWS.SimpleQueueService.PurgeQueueInProgress", 400,
     lambda w: w.sqs.purge_queue(QueueUrl=w.it), lambda w: w.sqs.receive_message(QueueUrl=w.it),
     setup=lambda w: (made := inbox(w), w.sqs.purge_queue(QueueUrl=made))[0])
case("sqs: unknown system attribute", "InvalidAttributeName", 400,
     lambda w: w.sqs.receive_message(QueueUrl=w.it, MessageSystemAttributeNames=["Colour"]),
     lambda w: w.sqs.receive_message(QueueUrl=w.it, MessageSystemAttributeNames=["SenderId"]), setup=inbox)
case("sqs: deduplication id for a standard queue", "InvalidParameterValue", 400,
     lambda w: send(w, MessageDeduplicationId="1"), send, setup=inbox)
case("sqs: invalid character in a message group id", "InvalidParameterValue", 400,
     lambda w: send(w, MessageGroupId="one two"), lambda w: send(w, MessageGroupId="one"), setup=inbox)
TRACE = {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"}
case("sqs: sending a system attribute other than AWSTraceHeader", "InvalidParameterValue", 400,
     lambda w: send(w, MessageSystemAttributes={"SenderId": TRACE}),
     lambda w: send(w, MessageSystemAttributes={"AWSTraceHeader": TRACE}), setup=inbox)
case("sqs: reserved tag prefix aws:", "InvalidParameterValue", 400,
     lambda w: w.sqs.tag_queue(QueueUrl=w.it, Tags={"aws:owner": "me"}),
     lambda w: w.sqs.tag_queue(QueueUrl=w.it, Tags={"awsowner": "me"}), setup=inbox)
case("sqs: tagging without tags", "MissingParameter", 400,
     lambda w: w.sqs.tag_queue(QueueUrl=w.it, Tags={}), lambda w: w.sqs.tag_queue(QueueUrl=w.it, Tags={"owner": "me"}),
     setup=inbox)
case("sqs: untagging without tag keys", "MissingParameter", 400,
     lambda w: w.sqs.untag_queue(QueueUrl=w.it, TagKeys=[]), lambda w: w.sqs.untag_queue(QueueUrl=w.it, TagKeys=["owner"]),
     setup=inbox)
case("sqs: request above the rate limit", "RequestThrottled", 400,
     lambda w: w.sqs.list_queues(), lambda w: w.sqs.create_queue(QueueName="inbox"),
     setup=lambda w: w.sqs.list_queues(), simulator="busy")
case("sqs: receiving above the in-flight limit", "OverLimit", 400,
     lambda w: w.sqs.receive_message(QueueUrl=w.it), lambda w: send(w),
     setup=lambda w: (url := inbox(w), [hello(w, url) for _ in range(2)], w.sqs.receive_message(QueueUrl=url))[0],
     simulator="busy")
