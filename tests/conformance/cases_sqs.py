"""What SQS refuses."""

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
    """A message in hand: the queue and the handle."""
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

case("sqs: an action that there is not", "UnknownOperationException", 400,
     lambda w: w.a.raw("sqs", "ForecastWeather", {}), lambda w: w.a.raw("sqs", "ListQueues", {}))
case("sqs: a parameter that the action lacks", "ValidationException", 400,
     lambda w: w.a.raw("sqs", "ListQueues", {"Colour": "blue"}), lambda w: w.a.raw("sqs", "ListQueues", {}))
case("sqs: a number is a number", "SerializationException", 400,
     lambda w: w.a.raw("sqs", "ListQueues", {"MaxResults": "ten"}),
     lambda w: w.a.raw("sqs", "ListQueues", {"MaxResults": 10}))
case("sqs: which queue", "MissingParameter", 400,
     lambda w: w.a.raw("sqs", "ReceiveMessage", {}), lambda w: w.a.raw("sqs", "ReceiveMessage", {"QueueUrl": w.it}), given=inbox)
case("sqs: a queue that there is not", ABSENT, 400,
     lambda w: w.sqs.receive_message(QueueUrl=w.it + "2"), lambda w: w.sqs.receive_message(QueueUrl=w.it), given=inbox)

# Queues.

case("sqs: a queue has a name", "MissingParameter", 400,
     lambda w: w.a.raw("sqs", "CreateQueue", {}), lambda w: make(w))
case("sqs: a queue to be found has a name", "MissingParameter", 400,
     lambda w: w.a.raw("sqs", "GetQueueUrl", {}), lambda w: w.sqs.get_queue_url(QueueName="inbox"), given=inbox)
case("sqs: a queue to be found exists", ABSENT, 400,
     lambda w: w.sqs.get_queue_url(QueueName="outbox"), lambda w: w.sqs.get_queue_url(QueueName="inbox"), given=inbox)
case("sqs: a name has 80 characters", "InvalidParameterValue", 400,
     lambda w: make(w, "q" * 81), lambda w: make(w, "q" * 80))
case("sqs: a name has letters", "InvalidParameterValue", 400,
     lambda w: make(w, "in box"), lambda w: make(w, "in_box-1"))
case("sqs: a name is taken by another queue", "QueueAlreadyExists", 400,
     lambda w: make(w, VisibilityTimeout="31"), lambda w: make(w, VisibilityTimeout="30"),
     given=lambda w: inbox(w, VisibilityTimeout="30"))
case("sqs: an attribute that there is not", "InvalidAttributeName", 400,
     lambda w: put(w, Colour="blue"), lambda w: put(w, DelaySeconds="1"), given=inbox)
case("sqs: an attribute to be read that there is not", "InvalidAttributeName", 400,
     lambda w: w.sqs.get_queue_attributes(QueueUrl=w.it, AttributeNames=["Colour"]),
     lambda w: w.sqs.get_queue_attributes(QueueUrl=w.it, AttributeNames=["All"]), given=inbox)
case("sqs: messages are kept 14 days", "InvalidAttributeValue", 400,
     lambda w: put(w, MessageRetentionPeriod="1209601"), lambda w: put(w, MessageRetentionPeriod="1209600"), given=inbox)
case("sqs: a policy has 8192 bytes", "InvalidAttributeValue", 400,
     lambda w: put(w, Policy=policy("*", "sqs:SendMessage").ljust(8193)),
     lambda w: put(w, Policy=policy("*", "sqs:SendMessage").ljust(8192)), given=inbox)
case("sqs: a policy names who exists", "InvalidAttributeValue", 400,
     lambda w: put(w, Policy=policy(f"arn:aws:iam::{w.b.number}:role/nobody", "sqs:SendMessage")),
     lambda w: put(w, Policy=policy(w.b.root, "sqs:SendMessage")), given=inbox)
case("sqs: a dead-letter queue exists", "InvalidParameterValue", 400,
     lambda w: put(w, RedrivePolicy=redrive(w, "dead", 5)),
     lambda w: (w.a.queue("dead"), put(w, RedrivePolicy=redrive(w, "dead", 5))), given=inbox)
case("sqs: a dead-letter queue is one's own", "InvalidParameterValue", 400,
     lambda w: put(w, RedrivePolicy=redrive(w, "inbox", 5).replace(w.a.number, w.b.number)),
     lambda w: (w.a.queue("dead"), put(w, RedrivePolicy=redrive(w, "dead", 5))),
     given=lambda w: (inbox(w), w.b.queue())[0])
case("sqs: a message is received 1000 times", "InvalidParameterValue", 400,
     lambda w: put(w, RedrivePolicy=redrive(w, "dead", 1001)), lambda w: put(w, RedrivePolicy=redrive(w, "dead", 1000)),
     given=lambda w: (inbox(w), w.a.queue("dead"))[0])


def redrive(w: World, name: str, most: int) -> str:
    arn = f"arn:aws:sqs:{w.a.region}:{w.a.number}:{name}"
    return json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": most})


# Other accounts.

case("sqs: another's queue lets one in", "AccessDenied", 403,
     lambda w: w.b.sqs.send_message(QueueUrl=w.it, MessageBody="hello"),
     lambda w: (put(w, Policy=policy(w.b.root, "sqs:SendMessage")),
                w.b.sqs.send_message(QueueUrl=w.it, MessageBody="hello")), given=inbox)
case("sqs: to send is not to receive", "AccessDenied", 403,
     lambda w: w.b.sqs.receive_message(QueueUrl=w.it), lambda w: w.b.sqs.send_message(QueueUrl=w.it, MessageBody="hello"),
     given=lambda w: inbox(w, Policy=policy(w.b.root, "sqs:SendMessage")))
case("sqs: no policy lets another set attributes", "AccessDenied", 403,
     lambda w: w.b.sqs.set_queue_attributes(QueueUrl=w.it, Attributes={"DelaySeconds": "1"}),
     lambda w: w.b.sqs.get_queue_attributes(QueueUrl=w.it, AttributeNames=["All"]),
     given=lambda w: inbox(w, Policy=policy(w.b.root, "sqs:*")))
case("sqs: a policy may deny its own account", "AccessDenied", 403,
     send, lambda w: w.sqs.receive_message(QueueUrl=w.it),
     given=lambda w: inbox(w, Policy=policy("*", "sqs:SendMessage").replace("Allow", "Deny")))

# Sending.

case("sqs: a message has a body", "MissingParameter", 400,
     lambda w: send(w, MessageBody=None), send, given=inbox)
case("sqs: a body has characters of XML", "InvalidMessageContents", 400,
     lambda w: send(w, MessageBody="\u0001"), lambda w: send(w, MessageBody="\t\r\n𐀀"), given=inbox)
case("sqs: a message has as many bytes as the queue allows", "InvalidParameterValue", 400,
     lambda w: send(w, MessageBody="é" * 512 + "x"), lambda w: send(w, MessageBody="é" * 512),
     given=lambda w: inbox(w, MaximumMessageSize="1024"))
case("sqs: a message has a mebibyte", "InvalidParameterValue", 400,
     lambda w: send(w, MessageBody="x" * 1_048_577), lambda w: send(w, MessageBody="x" * 1_048_576), given=inbox)
case("sqs: a message waits a quarter of an hour", "InvalidParameterValue", 400,
     lambda w: send(w, DelaySeconds=901), lambda w: send(w, DelaySeconds=900), given=inbox)
case("sqs: ten attributes", "InvalidParameterValue", 400,
     lambda w: send(w, MessageAttributes={f"a{n}": {"DataType": "String", "StringValue": "v"} for n in range(11)}),
     lambda w: send(w, MessageAttributes={f"a{n}": {"DataType": "String", "StringValue": "v"} for n in range(10)}),
     given=inbox)
case("sqs: AWS. is AWS's own", "InvalidParameterValue", 400,
     lambda w: marked(w, "AWS.kind"), lambda w: marked(w, "AWSkind"), given=inbox)
case("sqs: a type of attributes that there is not", "InvalidParameterValue", 400,
     lambda w: marked(w, "kind", DataType="Date"), lambda w: marked(w, "kind", DataType="String.Date"), given=inbox)
case("sqs: an attribute is no list", "InvalidParameterValue", 400,
     lambda w: marked(w, "kind", StringListValues=["a", "b"]), lambda w: marked(w, "kind"), given=inbox)
case("sqs: a type has 256 characters", "InvalidParameterValue", 400,
     lambda w: marked(w, "kind", DataType="String.".ljust(257, "x")),
     lambda w: marked(w, "kind", DataType="String.".ljust(256, "x")), given=inbox)
case("sqs: an attribute has characters of XML", "InvalidParameterValue", 400,
     lambda w: marked(w, "kind", StringValue="\u0001"), lambda w: marked(w, "kind", StringValue="\t"), given=inbox)
case("sqs: a number is digits", "InvalidParameterValue", 400,
     lambda w: marked(w, "kind", DataType="Number", StringValue="ten"),
     lambda w: marked(w, "kind", DataType="Number", StringValue="-1.0e1"), given=inbox)
case("sqs: an attribute has a value", "InvalidParameterValue", 400,
     lambda w: marked(w, "kind", StringValue=""), lambda w: marked(w, "kind", StringValue="0"), given=inbox)

# What is in hand.

case("sqs: a page of ten", "InvalidParameterValue", 400,
     lambda w: w.sqs.receive_message(QueueUrl=w.it, MaxNumberOfMessages=11),
     lambda w: w.sqs.receive_message(QueueUrl=w.it, MaxNumberOfMessages=10), given=inbox)
case("sqs: which message is deleted", "MissingParameter", 400,
     lambda w: w.a.raw("sqs", "DeleteMessage", {"QueueUrl": w.it[0]}),
     lambda w: w.sqs.delete_message(QueueUrl=w.it[0], ReceiptHandle=w.it[1]), given=received)
case("sqs: a handle is one", "ReceiptHandleIsInvalid", 400,
     lambda w: w.sqs.delete_message(QueueUrl=w.it[0], ReceiptHandle="a handle"),
     lambda w: w.sqs.delete_message(QueueUrl=w.it[0], ReceiptHandle=w.it[1]), given=received)
case("sqs: a handle to be hidden by is one", "ReceiptHandleIsInvalid", 400,
     lambda w: hide(w, 60, "a handle"), lambda w: hide(w, 60), given=received)
case("sqs: for how long", "MissingParameter", 400,
     lambda w: hide(w, None), lambda w: hide(w, 0), given=received)
case("sqs: not for more than 12 hours", "InvalidParameterValue", 400,
     lambda w: hide(w, 43_201), lambda w: hide(w, 43_000), given=received)
case("sqs: not for more than 12 hours in all", "InvalidParameterValue", 400,
     lambda w: hide(w, 43_200), lambda w: hide(w, 43_000), given=received)
case("sqs: what is not in flight is not hidden", "AWS.SimpleQueueService.MessageNotInflight", 400,
     lambda w: hide(w, 60), lambda w: w.sqs.delete_message(QueueUrl=w.it[0], ReceiptHandle=w.it[1]),
     given=lambda w: (held := received(w), w.sqs.change_message_visibility(
         QueueUrl=held[0], ReceiptHandle=held[1], VisibilityTimeout=0))[0])
case("sqs: what is deleted is not hidden", "InvalidParameterValue", 400,
     lambda w: hide(w, 60), lambda w: w.sqs.delete_message(QueueUrl=w.it[0], ReceiptHandle=w.it[1]),
     given=lambda w: (held := received(w), w.sqs.delete_message(QueueUrl=held[0], ReceiptHandle=held[1]))[0])
case("sqs: a batch holds something", "AWS.SimpleQueueService.EmptyBatchRequest", 400,
     lambda w: drop(w), lambda w: drop(w, "one"), given=received)
case("sqs: a batch holds ten", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest", 400,
     lambda w: drop(w, *map(str, range(11))), lambda w: drop(w, *map(str, range(10))), given=received)
case("sqs: the ids of a batch have letters", "AWS.SimpleQueueService.InvalidBatchEntryId", 400,
     lambda w: drop(w, "o ne"), lambda w: drop(w, "o_ne"), given=received)
case("sqs: the ids of a batch differ", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct", 400,
     lambda w: drop(w, "one", "one"), lambda w: drop(w, "one", "two"), given=received)
case("sqs: no queue is first in first out", "AWS.SimpleQueueService.UnsupportedOperation", 400,
     lambda w: make(w, "inbox.fifo"), lambda w: make(w, "inbox-fifo"))


# Encryption under a key of one's own.


def sealed(w: World, key: str = "") -> tuple[str, str]:
    """A queue under a key, and the key."""
    made = key or w.a.key()
    return inbox(w, KmsMasterKeyId=made), made


def hello(w: World, url: str = "") -> Any:
    return w.sqs.send_message(QueueUrl=url or w.it[0], MessageBody="hello")


case("sqs: one kind of encryption", "InvalidAttributeName", 400,
     lambda w: put(w, KmsMasterKeyId="alias/aws/sqs", SqsManagedSseEnabled="true"),
     lambda w: put(w, KmsMasterKeyId="alias/aws/sqs"), given=inbox)
case("sqs: a key that there is not", "KMS.NotFoundException", 400,
     lambda w: hello(w, w.it), lambda w: (put(w, KmsMasterKeyId=w.a.key()), hello(w, w.it)),
     given=lambda w: inbox(w, KmsMasterKeyId="alias/none"))
case("sqs: a key that is switched off", "KMS.DisabledException", 400,
     hello, lambda w: (w.kms.enable_key(KeyId=w.it[1]), hello(w)),
     given=lambda w: (made := sealed(w), w.kms.disable_key(KeyId=made[1]))[0])
case("sqs: a key that is doomed", "KMS.InvalidStateException", 400,
     hello, lambda w: (w.kms.cancel_key_deletion(KeyId=w.it[1]), w.kms.enable_key(KeyId=w.it[1]), hello(w)),
     given=lambda w: (made := sealed(w), w.kms.schedule_key_deletion(KeyId=made[1]))[0])
case("sqs: a key for signing", "KMS.InvalidKeyUsageException", 400,
     hello, lambda w: (w.sqs.set_queue_attributes(QueueUrl=w.it[0], Attributes={"KmsMasterKeyId": w.a.key()}), hello(w)),
     given=lambda w: sealed(w, w.a.key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")))
case("sqs: a key that lets one in", "KMS.AccessDeniedException", 400,
     lambda w: w.b.sqs.send_message(QueueUrl=w.it[0], MessageBody="hello"),
     lambda w: (w.a.admit(w.it[1], w.b), w.b.sqs.send_message(QueueUrl=w.it[0], MessageBody="hello")),
     given=lambda w: (made := sealed(w), w.sqs.set_queue_attributes(
         QueueUrl=made[0], Attributes={"Policy": policy(w.b.root, "sqs:SendMessage")}))[0])

# The rest.

case("sqs: attributes are set to something", "MissingParameter", 400,
     lambda w: put(w), lambda w: put(w, DelaySeconds="1"), given=inbox)
case("sqs: a batch has a mebibyte", "AWS.SimpleQueueService.BatchRequestTooLong", 400,
     lambda w: both(w, 524_289), lambda w: both(w, 524_288), given=inbox)


def both(w: World, size: int) -> Any:
    entries = [{"Id": one, "MessageBody": "x" * length} for one, length in (("a", size), ("b", 524_288))]
    return w.sqs.send_message_batch(QueueUrl=w.it, Entries=entries)


case("sqs: an address is one", "InvalidAddress", 400,
     lambda w: w.sqs.receive_message(QueueUrl="https://sqs.ap-northeast-1.amazonaws.com/inbox"),
     lambda w: w.sqs.receive_message(QueueUrl=w.it), given=inbox)
case("sqs: a name rests for a minute", "AWS.SimpleQueueService.QueueDeletedRecently", 400,
     lambda w: make(w, "inbox"), lambda w: make(w, "inbox2"),
     given=lambda w: w.sqs.delete_queue(QueueUrl=inbox(w)))
case("sqs: emptied once a minute", "AWS.SimpleQueueService.PurgeQueueInProgress", 400,
     lambda w: w.sqs.purge_queue(QueueUrl=w.it), lambda w: w.sqs.receive_message(QueueUrl=w.it),
     given=lambda w: (made := inbox(w), w.sqs.purge_queue(QueueUrl=made))[0])
case("sqs: a system attribute that there is not", "InvalidAttributeName", 400,
     lambda w: w.sqs.receive_message(QueueUrl=w.it, MessageSystemAttributeNames=["Colour"]),
     lambda w: w.sqs.receive_message(QueueUrl=w.it, MessageSystemAttributeNames=["SenderId"]), given=inbox)
case("sqs: only first-in-first-out queues know duplicates", "InvalidParameterValue", 400,
     lambda w: send(w, MessageDeduplicationId="1"), send, given=inbox)
case("sqs: a group has letters", "InvalidParameterValue", 400,
     lambda w: send(w, MessageGroupId="one two"), lambda w: send(w, MessageGroupId="one"), given=inbox)
TRACE = {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"}
case("sqs: one system attribute can be sent", "InvalidParameterValue", 400,
     lambda w: send(w, MessageSystemAttributes={"SenderId": TRACE}),
     lambda w: send(w, MessageSystemAttributes={"AWSTraceHeader": TRACE}), given=inbox)
case("sqs: aws: is AWS's own", "InvalidParameterValue", 400,
     lambda w: w.sqs.tag_queue(QueueUrl=w.it, Tags={"aws:owner": "me"}),
     lambda w: w.sqs.tag_queue(QueueUrl=w.it, Tags={"awsowner": "me"}), given=inbox)
case("sqs: at least one tag", "MissingParameter", 400,
     lambda w: w.sqs.tag_queue(QueueUrl=w.it, Tags={}), lambda w: w.sqs.tag_queue(QueueUrl=w.it, Tags={"owner": "me"}),
     given=inbox)
case("sqs: at least one tag to take away", "MissingParameter", 400,
     lambda w: w.sqs.untag_queue(QueueUrl=w.it, TagKeys=[]), lambda w: w.sqs.untag_queue(QueueUrl=w.it, TagKeys=["owner"]),
     given=inbox)
case("sqs: one request a second", "RequestThrottled", 400,
     lambda w: w.sqs.list_queues(), lambda w: w.sqs.create_queue(QueueName="inbox"),
     given=lambda w: w.sqs.list_queues(), pace="busy")
case("sqs: as many messages in flight as there may be", "OverLimit", 400,
     lambda w: w.sqs.receive_message(QueueUrl=w.it), lambda w: send(w),
     given=lambda w: (url := inbox(w), [hello(w, url) for _ in range(2)], w.sqs.receive_message(QueueUrl=url))[0],
     pace="busy")
