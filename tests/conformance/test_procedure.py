"""The manual procedure, from a database in account A to one in account B and another Region."""

from __future__ import annotations

import json

from procedure import Move
from world import HERE, THERE, Account


def test_manual_procedure_moves_a_database(move: Move) -> None:
    sim = move.clients("a", "sts", HERE)  # each side has the credentials of its own account
    assert sim.get_caller_identity()["Account"] == move.account_a
    assert move.clients("b", "sts", THERE).get_caller_identity()["Arn"] == f"arn:aws:iam::{move.account_b}:root"

    database = move.create_database()
    assert database["DBInstanceStatus"] == "available" and database["StorageEncrypted"]
    source = move.take_snapshot()
    assert source["Status"] == "available" and source["PercentProgress"] == 100
    assert source["KmsKeyId"] == database["KmsKeyId"] and source["DbiResourceId"] == database["DbiResourceId"]
    primary, replica = move.make_multi_region_key()
    assert replica == primary.replace(HERE, THERE)
    shared = move.copy_across_regions(source["DBSnapshotArn"], replica)
    assert shared["KmsKeyId"] == replica and shared["SourceRegion"] == HERE
    assert shared["SourceDBSnapshotIdentifier"] == source["DBSnapshotArn"]

    assert move.share("orders-shared") == [move.account_b]
    move.let_b_use(replica)
    seen = move.rds("b").describe_db_snapshots(SnapshotType="shared")["DBSnapshots"]
    assert [one["DBSnapshotIdentifier"] for one in seen] == [shared["DBSnapshotArn"]]
    own = move.make_key("b")
    target = move.copy_for_b(shared["DBSnapshotArn"], own)
    assert target["KmsKeyId"] == own and target["SnapshotType"] == "manual"
    for kept in ("DbiResourceId", "OriginalSnapshotCreateTime", "Engine", "EngineVersion", "AllocatedStorage"):
        assert source[kept] == shared[kept] == seen[0][kept] == target[kept], kept
    assert source["SnapshotCreateTime"] < target["SnapshotCreateTime"]

    # B's copy is still usable after A has revoked all access.
    move.unshare("orders-shared")
    move.kms("a").disable_key(KeyId=replica)
    restored = move.restore()
    assert restored["KmsKeyId"] == own and restored["DbiResourceId"] != database["DbiResourceId"]
    modified = move.modify_afterwards()
    assert modified["BackupRetentionPeriod"] == 1 and modified["PendingModifiedValues"] == {}


def test_content_is_the_same_after_every_copy_and_restore(move: Move, sim) -> None:
    database = move.create_database()
    content = sim.content(database["DBInstanceArn"])
    source = move.take_snapshot()
    _, replica = move.make_multi_region_key()
    shared = move.copy_across_regions(source["DBSnapshotArn"], replica)
    move.share("orders-shared")
    move.let_b_use(replica)
    target = move.copy_for_b(shared["DBSnapshotArn"], move.make_key("b"))
    restored = move.restore()
    arns = [one["DBSnapshotArn"] for one in (source, shared, target)] + [restored["DBInstanceArn"]]
    assert content and [sim.content(arn) for arn in arns] == [content] * 4
    assert sim.content(move.snapshot_arn("a", HERE, "another")) is None


def test_queues_carry_messages_between_accounts(a: Account, b: Account) -> None:
    """B's inbox allows A only to send, and A's receipts queue allows B only to send."""

    def make(owner: Account, sender: Account, name: str) -> str:
        dead = owner.sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
        dead_arn = owner.sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": sender.root},
            "Action": "sqs:SendMessage",
            "Resource": dead_arn.removesuffix("-dead"),
        }
        attributes = {
            "MessageRetentionPeriod": "1209600",
            "RedrivePolicy": json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 1}),
            "Policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        }
        return owner.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]

    inbox, receipts = make(b, a, "inbox"), make(a, b, "receipts")
    marked = {"kind": {"DataType": "String", "StringValue": "handoff"}, "n": {"DataType": "Number", "StringValue": "1"}}
    sent = a.sqs.send_message(QueueUrl=inbox, MessageBody="a snapshot waits ✓", MessageAttributes=marked)
    got = b.sqs.receive_message(
        QueueUrl=inbox,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["All"],
        MaxNumberOfMessages=10,
        WaitTimeSeconds=1,
    )["Messages"][0]
    assert (got["MessageId"], got["Body"]) == (sent["MessageId"], "a snapshot waits ✓")
    assert got["MessageAttributes"] == marked and got["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert got["Attributes"]["ApproximateReceiveCount"] == "1"

    b.sqs.send_message(QueueUrl=receipts, MessageBody="landed")
    answer = a.sqs.receive_message(QueueUrl=receipts, WaitTimeSeconds=1)["Messages"][0]
    assert answer["Body"] == "landed"
    a.sqs.delete_message(QueueUrl=receipts, ReceiptHandle=answer["ReceiptHandle"])

    # maxReceiveCount is 1: a message that is visible again moves to the dead-letter queue when it would be received again.
    b.sqs.change_message_visibility(QueueUrl=inbox, ReceiptHandle=got["ReceiptHandle"], VisibilityTimeout=0)
    assert "Messages" not in b.sqs.receive_message(QueueUrl=inbox)
    dead = b.sqs.get_queue_url(QueueName="inbox-dead")["QueueUrl"]
    dead_letter = b.sqs.receive_message(QueueUrl=dead)["Messages"][0]
    assert dead_letter["MessageId"] == sent["MessageId"]
    entries = [{"Id": "one", "ReceiptHandle": dead_letter["ReceiptHandle"]}]
    assert b.sqs.delete_message_batch(QueueUrl=dead, Entries=entries)["Successful"] == [{"Id": "one"}]


def test_paginators_return_every_page(a: Account) -> None:
    a.rds.create_db_instance(
        DBInstanceIdentifier="orders",
        DBInstanceClass="db.t4g.micro",
        Engine="mysql",
        AllocatedStorage=20,
        MasterUsername="admin",
        MasterUserPassword="long-enough",
    )
    waiting = {"Delay": 0.01, "MaxAttempts": 1000}
    names = [f"orders-{number:02d}" for number in range(23)]
    for name in names:
        a.rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier="orders", WaiterConfig=waiting)
        a.rds.create_db_snapshot(DBInstanceIdentifier="orders", DBSnapshotIdentifier=name)
    pages = list(a.rds.get_paginator("describe_db_snapshots").paginate(PaginationConfig={"PageSize": 20}))
    assert [len(page["DBSnapshots"]) for page in pages] == [20, 3]
    assert [one["DBSnapshotIdentifier"] for page in pages for one in page["DBSnapshots"]] == names

    keys = {a.kms.create_key(Description=f"number {number}")["KeyMetadata"]["KeyId"] for number in range(5)}
    pages = list(a.kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 2}))
    assert {one["KeyId"] for page in pages for one in page["Keys"]} == keys and len(pages) == 3
    for number in range(3):
        a.sqs.create_queue(QueueName=f"queue-{number}")
    pages = list(a.sqs.get_paginator("list_queues").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["QueueUrls"]) for page in pages] == [2, 1]


def test_waiters_detect_deletion(a: Account, move: Move) -> None:
    move.create_database()
    move.take_snapshot()
    waiting = {"Delay": 0.01, "MaxAttempts": 1000}
    a.rds.delete_db_snapshot(DBSnapshotIdentifier="orders-source")
    a.rds.get_waiter("db_snapshot_deleted").wait(DBSnapshotIdentifier="orders-source", WaiterConfig=waiting)
    a.rds.delete_db_instance(DBInstanceIdentifier="orders", FinalDBSnapshotIdentifier="orders-last")
    a.rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier="orders", WaiterConfig=waiting)
    last = a.rds.describe_db_snapshots(DBInstanceIdentifier="orders")["DBSnapshots"]
    assert [one["DBSnapshotIdentifier"] for one in last] == ["orders-last"]
