"""Refusals that cost nothing: calls that real AWS is expected to refuse as the simulated AWS does."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Callable

from procedure import Move


@dataclass(frozen=True)
class Refusal:
    what: str
    code: str
    status: int
    call: Callable[[Move], Any]


def rds(move: Move) -> Any:
    return move.rds("a", move.region_a)


def kms(move: Move) -> Any:
    return move.kms("a", move.region_a)


def sqs(move: Move) -> Any:
    return move.clients("a", "sqs", move.region_a)


def copy(move: Move, **more: Any) -> Any:
    usual = {"SourceDBSnapshotIdentifier": f"{move.name}-source", "TargetDBSnapshotIdentifier": f"{move.name}-refused"}
    return rds(move).copy_db_snapshot(**{**usual, **more})


def share(move: Move, **more: Any) -> Any:
    usual = {"DBSnapshotIdentifier": f"{move.name}-source", "AttributeName": "restore"}
    return rds(move).modify_db_snapshot_attribute(**{**usual, **more})


def absent_key(move: Move) -> str:
    return f"arn:aws:kms:{move.region_a}:{move.account_a}:key/00000000-0000-4000-8000-000000000000"


REFUSALS = [
    Refusal("CreateDBSnapshot with a duplicate name", "DBSnapshotAlreadyExists", 400,
            lambda m: rds(m).create_db_snapshot(DBInstanceIdentifier=m.name, DBSnapshotIdentifier=f"{m.name}-source")),
    Refusal("CreateDBSnapshot with two consecutive hyphens in the name", "InvalidParameterValue", 400,
            lambda m: rds(m).create_db_snapshot(DBInstanceIdentifier=m.name, DBSnapshotIdentifier=f"{m.name}--x")),
    Refusal("CreateDBSnapshot of an unknown database", "DBInstanceNotFound", 404,
            lambda m: rds(m).create_db_snapshot(DBInstanceIdentifier=f"{m.name}-x", DBSnapshotIdentifier=f"{m.name}-x")),
    Refusal("DescribeDBSnapshots of an unknown snapshot", "DBSnapshotNotFound", 404,
            lambda m: rds(m).describe_db_snapshots(DBSnapshotIdentifier=f"{m.name}-x")),
    Refusal("DescribeDBSnapshots with MaxRecords=19", "InvalidParameterValue", 400,
            lambda m: rds(m).describe_db_snapshots(MaxRecords=19)),
    Refusal("DescribeDBSnapshots with an unknown filter", "InvalidParameterValue", 400,
            lambda m: rds(m).describe_db_snapshots(Filters=[{"Name": "colour", "Values": ["blue"]}])),
    Refusal("CopyDBSnapshot of an unknown snapshot", "DBSnapshotNotFound", 404,
            lambda m: copy(m, SourceDBSnapshotIdentifier=f"{m.name}-x")),
    Refusal("CopyDBSnapshot with a duplicate name", "DBSnapshotAlreadyExists", 400,
            lambda m: copy(m, TargetDBSnapshotIdentifier=f"{m.name}-source")),
    Refusal("CopyDBSnapshot with an unknown key", "KMSKeyNotAccessibleFault", 400, lambda m: copy(m, KmsKeyId=absent_key(m))),
    Refusal("CopyDBSnapshot to another Region without a key", "InvalidParameterValue", 400,
            lambda m: m.rds("a").copy_db_snapshot(
                SourceDBSnapshotIdentifier=m.snapshot_arn("a", m.region_a, f"{m.name}-source"),
                TargetDBSnapshotIdentifier=f"{m.name}-refused")),
    Refusal("CopyDBSnapshot by B of a snapshot that is not shared", "DBSnapshotNotFound", 404,
            lambda m: m.rds("b", m.region_a).copy_db_snapshot(
                SourceDBSnapshotIdentifier=m.snapshot_arn("a", m.region_a, f"{m.name}-source"),
                TargetDBSnapshotIdentifier=f"{m.name}-refused")),
    Refusal("ModifyDBSnapshotAttribute making an encrypted snapshot public", "InvalidParameterValue", 400,
            lambda m: share(m, ValuesToAdd=["all"])),
    Refusal("ModifyDBSnapshotAttribute with an account id of 11 digits", "InvalidParameterValue", 400,
            lambda m: share(m, ValuesToAdd=["12345678901"])),
    Refusal("ModifyDBSnapshotAttribute with an unknown attribute", "InvalidParameterValue", 400,
            lambda m: share(m, AttributeName="copy", ValuesToAdd=[m.account_b])),
    Refusal("RestoreDBInstanceFromDBSnapshot with the name of an existing database", "DBInstanceAlreadyExists", 400,
            lambda m: rds(m).restore_db_instance_from_db_snapshot(
                DBInstanceIdentifier=m.name, DBSnapshotIdentifier=f"{m.name}-source")),
    Refusal("ListTagsForResource with an ARN of another Region", "InvalidParameterValue", 400,
            lambda m: rds(m).list_tags_for_resource(ResourceName=m.snapshot_arn("a", m.region_b, "x"))),
    Refusal("DescribeKey of an unknown key", "NotFoundException", 400, lambda m: kms(m).describe_key(KeyId=absent_key(m))),
    Refusal("CreateAlias of an unknown key", "NotFoundException", 400,
            lambda m: kms(m).create_alias(AliasName=f"alias/{m.name}", TargetKeyId=absent_key(m))),
    Refusal("CreateKey with a policy that names an unknown role", "MalformedPolicyDocumentException", 400,
            lambda m: kms(m).create_key(Policy=json.dumps({"Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{m.account_a}:role/{m.name}-nobody"},
                "Action": "kms:*", "Resource": "*"}]}))),
    Refusal("SendMessage to an unknown queue", "AWS.SimpleQueueService.NonExistentQueue", 400,
            lambda m: sqs(m).send_message(MessageBody="x", QueueUrl=(
                f"https://sqs.{m.region_a}.amazonaws.com/{m.account_a}/{m.name}-x"))),
    Refusal("CreateQueue with an unknown attribute", "InvalidAttributeName", 400,
            lambda m: sqs(m).create_queue(QueueName=f"{m.name}-x", Attributes={"Colour": "blue"})),
    Refusal("CreateQueue with a retention of 15 days", "InvalidAttributeValue", 400,
            lambda m: sqs(m).create_queue(QueueName=f"{m.name}-x", Attributes={"MessageRetentionPeriod": "1296000"})),
]
