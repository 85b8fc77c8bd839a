"""The manual procedure: each call with which people move a database between two accounts by hand (RDS User Guide, Copying,
Sharing and Restoring a DB snapshot; KMS Developer Guide, Multi-Region keys and Allowing users in other accounts to use a KMS key).

The suite runs it against the simulated AWS, and `real.py` runs the same calls against two real accounts.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from typing import Any, Callable, Protocol

# The actions that the key policy allows account B (KMS Developer Guide, statements that the console adds for other accounts).
USE = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
GRANTS = ["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"]


class Clients(Protocol):
    """Creates clients: for a simulator from account numbers, for AWS from profiles."""

    def __call__(self, side: str, service: str, region: str) -> Any: ...


@dataclass
class Move:
    """One move by hand: its two accounts and Regions, and the names that it uses."""

    clients: Clients
    account_a: str
    account_b: str
    region_a: str
    region_b: str
    name: str
    tags: dict[str, str] = field(default_factory=dict)
    instance_class: str = "db.t4g.micro"
    waiting: dict[str, Any] = field(default_factory=lambda: {"Delay": 0.01, "MaxAttempts": 1000})
    pause: Callable[[], None] = lambda: None

    def rds(self, side: str, region: str = "") -> Any:
        return self.clients(side, "rds", region or self.region_b)

    def kms(self, side: str, region: str = "") -> Any:
        return self.clients(side, "kms", region or self.region_b)

    def snapshot_arn(self, side: str, region: str, name: str) -> str:
        account = self.account_a if side == "a" else self.account_b
        return f"arn:aws:rds:{region}:{account}:snapshot:{name}"

    def tag_list(self) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in self.tags.items()]

    def key_tags(self) -> list[dict[str, str]]:
        return [{"TagKey": key, "TagValue": value} for key, value in self.tags.items()]

    def wait(self, rds: Any, waiter: str, **what: Any) -> None:
        rds.get_waiter(waiter).wait(WaiterConfig=self.waiting, **what)

    def create_database(self, **more: Any) -> dict[str, Any]:
        rds = self.rds("a", self.region_a)
        rds.create_db_instance(
            DBInstanceIdentifier=self.name,
            DBInstanceClass=self.instance_class,
            Engine="postgres",
            AllocatedStorage=20,
            StorageType="gp3",
            MasterUsername="postgres",
            MasterUserPassword=secrets.token_hex(16),
            StorageEncrypted=True,
            BackupRetentionPeriod=0,
            PubliclyAccessible=False,
            Tags=self.tag_list(),
            **more,
        )
        self.wait(rds, "db_instance_available", DBInstanceIdentifier=self.name)
        return rds.describe_db_instances(DBInstanceIdentifier=self.name)["DBInstances"][0]

    def take_snapshot(self) -> dict[str, Any]:
        rds, name = self.rds("a", self.region_a), f"{self.name}-source"
        rds.create_db_snapshot(DBInstanceIdentifier=self.name, DBSnapshotIdentifier=name, Tags=self.tag_list())
        self.wait(rds, "db_snapshot_available", DBSnapshotIdentifier=name)
        return self.described("a", name, self.region_a)

    def described(self, side: str, snapshot: str, region: str = "", **more: Any) -> dict[str, Any]:
        rds = self.rds(side, region)
        return rds.describe_db_snapshots(DBSnapshotIdentifier=snapshot, **more)["DBSnapshots"][0]

    def make_multi_region_key(self) -> tuple[str, str]:
        """Creates a primary in the source Region and its replica in the target Region. Returns both ARNs."""
        kms = self.kms("a", self.region_a)
        made = kms.create_key(MultiRegion=True, Description=self.name, Tags=self.key_tags())["KeyMetadata"]
        answer = kms.replicate_key(KeyId=made["KeyId"], ReplicaRegion=self.region_b, Tags=self.key_tags())
        replica = answer["ReplicaKeyMetadata"]["Arn"]
        self.wait_for_key("a", replica)
        return made["Arn"], replica

    def make_key(self, side: str, region: str = "") -> str:
        return self.kms(side, region).create_key(Description=self.name, Tags=self.key_tags())["KeyMetadata"]["Arn"]

    def wait_for_key(self, side: str, key: str) -> None:
        """Polls until a key is enabled. KMS has no waiter, and a new replica is `Creating` for some seconds."""
        kms = self.kms(side)
        for _ in range(1000):
            try:
                if kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled":
                    return
            except kms.exceptions.NotFoundException:
                pass  # not yet visible in its Region
            self.pause()
        raise TimeoutError(f"{key} did not become Enabled")

    def copy_across_regions(self, source: str, replica: str) -> dict[str, Any]:
        rds, name = self.rds("a"), f"{self.name}-shared"
        rds.copy_db_snapshot(
            SourceDBSnapshotIdentifier=source, TargetDBSnapshotIdentifier=name, KmsKeyId=replica, Tags=self.tag_list()
        )
        self.wait(rds, "db_snapshot_available", DBSnapshotIdentifier=name)
        return self.described("a", name)

    def share(self, name: str, region: str = "") -> list[str]:
        rds = self.rds("a", region)
        rds.modify_db_snapshot_attribute(
            DBSnapshotIdentifier=name, AttributeName="restore", ValuesToAdd=[self.account_b]
        )
        answer = rds.describe_db_snapshot_attributes(DBSnapshotIdentifier=name)["DBSnapshotAttributesResult"]
        attributes = {one["AttributeName"]: one["AttributeValues"] for one in answer["DBSnapshotAttributes"]}
        return attributes["restore"]

    def unshare(self, name: str, region: str = "") -> None:
        self.rds("a", region).modify_db_snapshot_attribute(
            DBSnapshotIdentifier=name, AttributeName="restore", ValuesToRemove=[self.account_b]
        )

    def let_b_use(self, key: str, region: str = "", actions: list[str] | None = None) -> None:
        """Adds statements for account B to the key policy, and keeps the other statements."""
        kms = self.kms("a", region)
        policy = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
        principal = {"AWS": f"arn:aws:iam::{self.account_b}:root"}
        own = [one for one in policy["Statement"] if not one.get("Sid", "").startswith("OtherAccount")]
        use = {"Sid": "OtherAccountUse", "Effect": "Allow", "Principal": principal, "Resource": "*"}
        grants = {**use, "Sid": "OtherAccountGrants", "Action": GRANTS}
        grants["Condition"] = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
        policy["Statement"] = [*own, {**use, "Action": actions or USE}, grants]
        kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(policy))

    def copy_for_b(self, shared: str, key: str) -> dict[str, Any]:
        rds, name = self.rds("b"), f"{self.name}-target"
        rds.copy_db_snapshot(
            SourceDBSnapshotIdentifier=shared, TargetDBSnapshotIdentifier=name, KmsKeyId=key, Tags=self.tag_list()
        )
        self.wait(rds, "db_snapshot_available", DBSnapshotIdentifier=name)
        return self.described("b", name)

    def restore(self, **more: Any) -> dict[str, Any]:
        rds = self.rds("b")
        rds.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier=self.name,
            DBSnapshotIdentifier=f"{self.name}-target",
            DBInstanceClass=self.instance_class,
            PubliclyAccessible=False,
            Tags=self.tag_list(),
            **more,
        )
        self.wait(rds, "db_instance_available", DBInstanceIdentifier=self.name)
        return rds.describe_db_instances(DBInstanceIdentifier=self.name)["DBInstances"][0]

    def modify_afterwards(self) -> dict[str, Any]:
        """Modifies settings that a restore cannot set, such as the password."""
        rds = self.rds("b")
        rds.modify_db_instance(
            DBInstanceIdentifier=self.name,
            MasterUserPassword=secrets.token_hex(16),
            BackupRetentionPeriod=1,
            ApplyImmediately=True,
        )
        self.pause()
        self.wait(rds, "db_instance_available", DBInstanceIdentifier=self.name)
        return rds.describe_db_instances(DBInstanceIdentifier=self.name)["DBInstances"][0]

    def exchange_messages(self) -> list[str]:
        """Creates a queue in each account that the other account may send to. Returns the messages that each side receives."""
        received = []
        sides = {"a": (self.account_a, self.region_a), "b": (self.account_b, self.region_b)}
        for owner, sender in (("b", "a"), ("a", "b")):
            account, region = sides[owner]
            name = f"{self.name}-{owner}"
            statement = {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{sides[sender][0]}:root"},
                "Action": "sqs:SendMessage",
                "Resource": f"arn:aws:sqs:{region}:{account}:{name}",
            }
            policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            own, other = self.clients(owner, "sqs", region), self.clients(sender, "sqs", region)
            url = own.create_queue(QueueName=name, Attributes={"Policy": policy}, tags=self.tags)["QueueUrl"]
            self.pause()
            other.send_message(QueueUrl=url, MessageBody=f"from {sender}")
            for message in own.receive_message(QueueUrl=url, WaitTimeSeconds=20).get("Messages", []):
                received.append(message["Body"])
                own.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return received
