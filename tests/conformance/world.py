"""Accounts with their clients, and helpers that create the resources of a case."""

from __future__ import annotations

import json
from typing import Any

import simulator as simulators
from raw import Raw
from simulator import Simulator

# The accounts of worlds/seeded.toml.
SEEDED = "300000000001", "300000000002"
HERE, THERE = "ap-northeast-1", "us-west-2"
WAITING = {"Delay": 0.01, "MaxAttempts": 1000}
PASSWORD = "long-enough"


class Account:
    """One account in one Region, with its clients."""

    def __init__(self, sim: Simulator, number: str, region: str = HERE, checked: bool = True) -> None:
        self.sim, self.number, self.region, self.checked = sim, number, region, checked
        self.root = f"arn:aws:iam::{number}:root"

    def __getattr__(self, service: str) -> Any:
        if service not in ("rds", "kms", "sqs", "sts"):
            raise AttributeError(service)
        return self.sim.client(service, self.number, self.region, self.checked)

    def raw(self, service: str, operation: str, parameters: Any, **unusual: Any) -> dict[str, Any]:
        """Sends a hand-written request. `unusual` are fields of `Raw`."""
        given = {"account": self.number, "region": self.region, **unusual}
        return Raw(self.sim.url, **given).send(service, operation, parameters)

    def at(self, region: str) -> Account:
        return Account(self.sim, self.number, region, self.checked)

    def arn(self, kind: str, name: str) -> str:
        return f"arn:aws:rds:{self.region}:{self.number}:{kind}:{name}"

    def key(self, **more: Any) -> str:
        return self.kms.create_key(**more)["KeyMetadata"]["Arn"]

    def queue(self, name: str = "inbox", **attributes: str) -> str:
        return self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]

    def database(self, name: str = "orders", **more: Any) -> str:
        """Creates a database and waits until it is available. Returns its ARN."""
        answer = self.rds.create_db_instance(**database(DBInstanceIdentifier=name, **more))
        self.ready(name)
        return answer["DBInstance"]["DBInstanceArn"]

    def snapshot(self, name: str = "first", of: str = "orders") -> str:
        """Creates a snapshot and waits until it is available. Returns its ARN."""
        answer = self.rds.create_db_snapshot(DBInstanceIdentifier=of, DBSnapshotIdentifier=name)
        self.available(name)
        self.ready(of)
        return answer["DBSnapshot"]["DBSnapshotArn"]

    def ready(self, name: str) -> None:
        self.rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=name, WaiterConfig=WAITING)

    def available(self, snapshot: str) -> None:
        self.rds.get_waiter("db_snapshot_available").wait(DBSnapshotIdentifier=snapshot, WaiterConfig=WAITING)

    def copy(self, source: str, target: str, **more: Any) -> str:
        """Copies a snapshot and waits until the copy is available. Returns its ARN."""
        answer = self.rds.copy_db_snapshot(
            SourceDBSnapshotIdentifier=source, TargetDBSnapshotIdentifier=target, **more
        )
        self.available(target)
        return answer["DBSnapshot"]["DBSnapshotArn"]

    def share(self, snapshot: str, *accounts: str) -> None:
        self.rds.modify_db_snapshot_attribute(
            DBSnapshotIdentifier=snapshot, AttributeName="restore", ValuesToAdd=list(accounts)
        )

    def admit(self, key: str, *others: Account) -> None:
        """Allows the other accounts every action on the key."""
        principals = [self.root, *(other.root for other in others)]
        self.kms.put_key_policy(KeyId=key, PolicyName="default", Policy=policy(principals, "kms:*"))


class World:
    """The start of one case: two accounts, which are unused or those of `worlds/seeded.toml`. Their clients do not validate
    parameters."""

    def __init__(self, sim: Simulator, seeded: bool = False) -> None:
        self.sim = sim
        numbers = SEEDED if seeded else (simulators.new_account(), simulators.new_account())
        self.a, self.b = (Account(sim, number, checked=False) for number in numbers)
        self.a_there, self.b_there = self.a.at(THERE), self.b.at(THERE)
        self.rds, self.kms, self.sqs, self.sts = self.a.rds, self.a.kms, self.a.sqs, self.a.sts
        self.it: Any = None


def database(**more: Any) -> dict[str, Any]:
    """The parameters to create a database. `None` omits a parameter."""
    usual = {
        "DBInstanceIdentifier": "orders",
        "DBInstanceClass": "db.t4g.micro",
        "Engine": "postgres",
        "AllocatedStorage": 20,
        "MasterUsername": "main",
        "MasterUserPassword": PASSWORD,
    }
    return {name: value for name, value in {**usual, **more}.items() if value is not None}


def policy(principal: Any, action: Any, resource: str = "*", **more: Any) -> str:
    """A policy with one Allow statement."""
    named = principal if principal == "*" else {"AWS": principal}
    statement = {"Effect": "Allow", "Principal": named, "Action": action, "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
