"""The calls that are made to both the simulated AWS and moto. All are within one account, since moto supports no more.

Each step has a service, an operation, its parameters, and the parts of the response that later steps need. `{name}` in a
parameter is the value that an earlier step has kept under that name, on the same side.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from world import database, policy

ACCOUNT = "123456789012"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
DEAD = '{{"deadLetterTargetArn":"arn:aws:sqs:ap-northeast-1:123456789012:dead","maxReceiveCount":"5"}}'


@dataclass(frozen=True)
class Step:
    service: str
    operation: str
    parameters: dict[str, Any]
    # Values of the response to keep: from a name to a path such as `KeyMetadata.Arn`.
    keep: dict[str, str] = field(default_factory=dict)
    region: str = "ap-northeast-1"
    # A waiter to run afterwards. In moto everything is available at once.
    wait: tuple[str, dict[str, Any]] | None = None


def rds(operation: str, keep: Any = None, wait: Any = None, region: str = "ap-northeast-1", **parameters: Any) -> Step:
    return Step("rds", operation, parameters, keep or {}, region, wait)


def kms(operation: str, keep: Any = None, region: str = "ap-northeast-1", **parameters: Any) -> Step:
    return Step("kms", operation, parameters, keep or {}, region)


def sqs(operation: str, keep: Any = None, **parameters: Any) -> Step:
    return Step("sqs", operation, parameters, keep or {})


SNAPSHOT = "arn:aws:rds:ap-northeast-1:123456789012:snapshot:"
TAGS = [{"Key": "owner", "Value": "me"}, {"Key": "stage", "Value": "test"}]
KEY_TAGS = [{"TagKey": "owner", "TagValue": "me"}]


def available(name: str) -> Any:
    return ("db_snapshot_available", {"DBSnapshotIdentifier": name})


def ready(name: str) -> Any:
    return ("db_instance_available", {"DBInstanceIdentifier": name})


KMS = [
    kms("CreateKey", {"key": "KeyMetadata.KeyId", "key_arn": "KeyMetadata.Arn"}, Description="own", Tags=KEY_TAGS),
    kms("CreateKey", {"mrk": "KeyMetadata.KeyId"}, MultiRegion=True),
    kms("DescribeKey", KeyId="{key_arn}"),
    kms("DescribeKey", KeyId="00000000-0000-4000-8000-000000000000"),
    kms("ListKeys"),
    kms("CreateAlias", AliasName="alias/own", TargetKeyId="{key}"),
    kms("CreateAlias", AliasName="alias/own", TargetKeyId="{key}"),
    kms("ListAliases", KeyId="{key}"),
    kms("CreateAlias", AliasName="own", TargetKeyId="{key}"),
    kms("CreateAlias", AliasName="alias/aws/own", TargetKeyId="{key}"),
    kms("CreateAlias", AliasName="alias/o wn", TargetKeyId="{key}"),
    kms("CreateAlias", AliasName="alias/none", TargetKeyId="00000000-0000-4000-8000-000000000000"),
    kms("DescribeKey", KeyId="alias/own"),
    kms("DeleteAlias", AliasName="alias/other"),
    kms("DeleteAlias", AliasName="alias/own"),
    kms("GetKeyPolicy", KeyId="{key}", PolicyName="default"),
    kms("GetKeyPolicy", KeyId="{key}", PolicyName="other"),
    kms("PutKeyPolicy", KeyId="{key}", PolicyName="other", Policy="{{}}"),
    kms("PutKeyPolicy", KeyId="{key}", PolicyName="default", Policy="none"),
    kms("PutKeyPolicy", KeyId="{key}", PolicyName="default", Policy=policy(ROOT, "kms:*").replace("{", "{{").replace("}", "}}")),
    kms("GetKeyPolicy", KeyId="{key}", PolicyName="default"),
    kms("ListResourceTags", KeyId="{key}"),
    kms("TagResource", KeyId="{key}", Tags=[{"TagKey": "stage", "TagValue": "test"}]),
    kms("UntagResource", KeyId="{key}", TagKeys=["owner"]),
    kms("ListResourceTags", KeyId="{key}"),
    kms("TagResource", KeyId="{key}", Tags=[{"TagKey": "aws:owner", "TagValue": "me"}]),
    kms("CreateGrant", {"grant": "GrantId"}, KeyId="{key}", GranteePrincipal=ROOT, Operations=["Decrypt"], Name="one"),
    kms("ListGrants", KeyId="{key}"),
    kms("RevokeGrant", KeyId="{key}", GrantId="0" * 64),
    kms("RevokeGrant", KeyId="{key}", GrantId="{grant}"),
    kms("Encrypt", {"sealed": "CiphertextBlob"}, KeyId="{key}", Plaintext=b"secret"),
    kms("Decrypt", CiphertextBlob="{sealed}"),
    kms("Decrypt", CiphertextBlob="{sealed}", EncryptionContext={"a": "b"}),
    kms("Decrypt", CiphertextBlob="{sealed}", KeyId="{mrk}"),
    kms("Decrypt", CiphertextBlob=b"nothing that was ever sealed by a key"),
    kms("Encrypt", KeyId="{key}", Plaintext=b"x" * 4097),
    kms("GenerateDataKey", KeyId="{key}", KeySpec="AES_256"),
    kms("GenerateDataKey", KeyId="{key}"),
    kms("DisableKey", KeyId="{key}"),
    kms("Encrypt", KeyId="{key}", Plaintext=b"secret"),
    kms("CreateGrant", KeyId="{key}", GranteePrincipal=ROOT, Operations=["Decrypt"]),
    kms("EnableKey", KeyId="{key}"),
    kms("ReplicateKey", KeyId="{mrk}", ReplicaRegion="us-west-2"),
    kms("DescribeKey", KeyId="{mrk}"),
    kms("DescribeKey", region="us-west-2", KeyId="{mrk}"),
    kms("ReplicateKey", KeyId="{key}", ReplicaRegion="us-west-2"),
    kms("ReplicateKey", KeyId="{mrk}", ReplicaRegion="us-west-2"),
    kms("ScheduleKeyDeletion", KeyId="{mrk}", PendingWindowInDays=7),
    kms("ScheduleKeyDeletion", KeyId="{key}", PendingWindowInDays=6),
    kms("ScheduleKeyDeletion", KeyId="{key}", PendingWindowInDays=7),
    kms("DescribeKey", KeyId="{key}"),
    kms("ScheduleKeyDeletion", KeyId="{key}", PendingWindowInDays=7),
    kms("EnableKey", KeyId="{key}"),
    kms("Encrypt", KeyId="{key}", Plaintext=b"secret"),
    kms("CancelKeyDeletion", KeyId="{key}"),
    kms("DescribeKey", KeyId="{key}"),
    kms("CancelKeyDeletion", KeyId="{key}"),
]

RDS = [
    kms("CreateKey", {"key_arn": "KeyMetadata.Arn"}),
    kms("CreateKey", {"there_arn": "KeyMetadata.Arn"}, region="us-west-2"),
    rds("CreateDBInstance", wait=ready("orders"), Tags=TAGS, StorageEncrypted=True, KmsKeyId="{key_arn}", **database()),
    rds("CreateDBInstance", **database()),
    rds("CreateDBInstance", **database(DBInstanceIdentifier="1st")),
    rds("DescribeDBInstances", DBInstanceIdentifier="orders"),
    rds("DescribeDBInstances", DBInstanceIdentifier="others"),
    rds("DescribeDBInstances", Filters=[{"Name": "colour", "Values": ["blue"]}]),
    rds("CreateDBSnapshot", wait=available("first"), DBInstanceIdentifier="orders", DBSnapshotIdentifier="first", Tags=TAGS),
    rds("CreateDBSnapshot", DBInstanceIdentifier="orders", DBSnapshotIdentifier="first"),
    rds("CreateDBSnapshot", DBInstanceIdentifier="others", DBSnapshotIdentifier="second"),
    rds("DescribeDBSnapshots", DBSnapshotIdentifier="first"),
    rds("DescribeDBSnapshots", DBSnapshotIdentifier="second"),
    rds("DescribeDBSnapshots", SnapshotType="manual"),
    rds("DescribeDBSnapshots", SnapshotType="automated"),
    rds("CopyDBSnapshot", wait=available("copy"), SourceDBSnapshotIdentifier="first", TargetDBSnapshotIdentifier="copy", CopyTags=True),
    rds("CopyDBSnapshot", SourceDBSnapshotIdentifier="first", TargetDBSnapshotIdentifier="copy"),
    rds("CopyDBSnapshot", SourceDBSnapshotIdentifier="second", TargetDBSnapshotIdentifier="copy2"),
    rds("CopyDBSnapshot", SourceDBSnapshotIdentifier="first", TargetDBSnapshotIdentifier="copy2",
        KmsKeyId="00000000-0000-4000-8000-000000000000"),
    rds("CopyDBSnapshot", wait=available("there"), region="us-west-2", SourceDBSnapshotIdentifier=SNAPSHOT + "first",
        TargetDBSnapshotIdentifier="there", KmsKeyId="{there_arn}"),
    rds("DescribeDBSnapshots", region="us-west-2", DBSnapshotIdentifier="there"),
    rds("CopyDBSnapshot", region="us-west-2", SourceDBSnapshotIdentifier=SNAPSHOT + "first", TargetDBSnapshotIdentifier="there2"),
    rds("ModifyDBSnapshotAttribute", DBSnapshotIdentifier="first", AttributeName="restore", ValuesToAdd=["222222222222"]),
    rds("ModifyDBSnapshotAttribute", DBSnapshotIdentifier="first", AttributeName="restore", ValuesToAdd=["222222222222"]),
    rds("DescribeDBSnapshotAttributes", DBSnapshotIdentifier="first"),
    rds("ModifyDBSnapshotAttribute", DBSnapshotIdentifier="first", AttributeName="restore",
        ValuesToAdd=["333333333333"], ValuesToRemove=["333333333333"]),
    rds("ModifyDBSnapshotAttribute", DBSnapshotIdentifier="second", AttributeName="restore", ValuesToAdd=["222222222222"]),
    rds("ModifyDBSnapshotAttribute", DBSnapshotIdentifier="rds:first", AttributeName="restore", ValuesToAdd=["222222222222"]),
    rds("ModifyDBSnapshotAttribute", DBSnapshotIdentifier="first", AttributeName="restore", ValuesToRemove=["222222222222"]),
    rds("ListTagsForResource", ResourceName=SNAPSHOT + "first"),
    rds("AddTagsToResource", ResourceName=SNAPSHOT + "first", Tags=[{"Key": "owner", "Value": "you"}]),
    rds("RemoveTagsFromResource", ResourceName=SNAPSHOT + "first", TagKeys=["stage"]),
    rds("ListTagsForResource", ResourceName=SNAPSHOT + "first"),
    rds("ListTagsForResource", ResourceName=SNAPSHOT + "second"),
    rds("AddTagsToResource", ResourceName=SNAPSHOT + "first", Tags=[{"Key": "aws:owner", "Value": "me"}]),
    rds("RestoreDBInstanceFromDBSnapshot", wait=ready("restored"), DBInstanceIdentifier="restored", DBSnapshotIdentifier="first"),
    rds("RestoreDBInstanceFromDBSnapshot", DBInstanceIdentifier="restored", DBSnapshotIdentifier="first"),
    rds("RestoreDBInstanceFromDBSnapshot", DBInstanceIdentifier="others", DBSnapshotIdentifier="second"),
    rds("DescribeDBInstances", DBInstanceIdentifier="restored"),
    rds("ModifyDBInstance", DBInstanceIdentifier="restored", BackupRetentionPeriod=3, DeletionProtection=True, ApplyImmediately=True),
    rds("ModifyDBInstance", DBInstanceIdentifier="others", BackupRetentionPeriod=3),
    rds("DeleteDBInstance", DBInstanceIdentifier="restored", SkipFinalSnapshot=True),
    rds("ModifyDBInstance", DBInstanceIdentifier="restored", DeletionProtection=False, ApplyImmediately=True),
    rds("DeleteDBInstance", DBInstanceIdentifier="restored", SkipFinalSnapshot=True),
    rds("DeleteDBInstance", DBInstanceIdentifier="others", SkipFinalSnapshot=True),
    rds("DeleteDBSnapshot", DBSnapshotIdentifier="copy"),
    rds("DeleteDBSnapshot", DBSnapshotIdentifier="copy"),
]

SQS = [
    sqs("CreateQueue", QueueName="dead"),
    sqs("CreateQueue", {"url": "QueueUrl"}, QueueName="inbox", Attributes={"VisibilityTimeout": "31", "RedrivePolicy": DEAD}),
    sqs("CreateQueue", QueueName="inbox", Attributes={"VisibilityTimeout": "31", "RedrivePolicy": DEAD}),
    sqs("CreateQueue", QueueName="inbox", Attributes={"VisibilityTimeout": "32"}),
    sqs("CreateQueue", QueueName="in box"),
    sqs("CreateQueue", QueueName="coloured", Attributes={"Colour": "blue"}),
    sqs("CreateQueue", QueueName="brief", Attributes={"MessageRetentionPeriod": "59"}),
    sqs("GetQueueUrl", QueueName="inbox"),
    sqs("GetQueueUrl", QueueName="outbox"),
    sqs("ListQueues", QueueNamePrefix="in"),
    sqs("ListQueues", QueueNamePrefix="out"),
    sqs("GetQueueAttributes", QueueUrl="{url}", AttributeNames=["All"]),
    sqs("GetQueueAttributes", QueueUrl="{url}", AttributeNames=["Colour"]),
    sqs("SetQueueAttributes", QueueUrl="{url}", Attributes={"VisibilityTimeout": "43201"}),
    sqs("SetQueueAttributes", QueueUrl="{url}", Attributes={"VisibilityTimeout": "40"}),
    sqs("SendMessage", QueueUrl="{url}", MessageBody="hello",
        MessageAttributes={"kind": {"DataType": "String", "StringValue": "test"}}),
    sqs("SendMessage", QueueUrl="{url}", MessageBody="x" * 1_048_577),
    sqs("SendMessage", QueueUrl="{url}2", MessageBody="hello"),
    sqs("SendMessage", QueueUrl="{url}", MessageBody="hello", DelaySeconds=901),
    sqs("ReceiveMessage", {"handle": "Messages.0.ReceiptHandle"}, QueueUrl="{url}", MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["All"]),
    sqs("ReceiveMessage", QueueUrl="{url}"),
    sqs("ReceiveMessage", QueueUrl="{url}", MaxNumberOfMessages=11),
    sqs("ReceiveMessage", QueueUrl="{url}2"),
    sqs("ChangeMessageVisibility", QueueUrl="{url}", ReceiptHandle="{handle}", VisibilityTimeout=60),
    sqs("ChangeMessageVisibility", QueueUrl="{url}", ReceiptHandle="{handle}", VisibilityTimeout=43_201),
    sqs("ChangeMessageVisibility", QueueUrl="{url}", ReceiptHandle="none", VisibilityTimeout=60),
    sqs("DeleteMessageBatch", QueueUrl="{url}", Entries=[]),
    sqs("DeleteMessageBatch", QueueUrl="{url}", Entries=[{"Id": "a", "ReceiptHandle": "{handle}"}] * 2),
    sqs("DeleteMessageBatch", QueueUrl="{url}", Entries=[{"Id": "a", "ReceiptHandle": "{handle}"}]),
    sqs("DeleteMessage", QueueUrl="{url}", ReceiptHandle="{handle}"),
    sqs("DeleteMessage", QueueUrl="{url}", ReceiptHandle="none"),
    sqs("SendMessage", QueueUrl="{url}", MessageBody="\u0001"),
]

STS = [
    Step("sts", "GetCallerIdentity", {}),
    Step("sts", "AssumeRole", {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/none", "RoleSessionName": "s"}),
    Step("sts", "AssumeRole", {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/none", "RoleSessionName": "session"}),
]

ALL = [*STS, *KMS, *RDS, *SQS]
