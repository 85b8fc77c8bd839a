"""Runs the manual procedure on two real accounts, and answers the open questions. Read README.md before you run it."""

from __future__ import annotations

import argparse
import datetime
import time
from typing import Any, Callable

import boto3
from botocore.config import Config

import probes
from probes import Report, attempt
from procedure import Move
from refusals import REFUSALS

PURPOSE = {"purpose": "rds-handoff-conformance"}
PLAN = """\
This creates, in account {a} ({region_a}) and account {b} ({region_b}), everything tagged purpose=rds-handoff-conformance:

  account A, {region_a}   1 database ({cls}, PostgreSQL, 20 GiB gp3, not public), 3 snapshots of it, 1 multi-Region key, 1 queue
  account A, {region_b}   1 replica of the key, 1 copied snapshot, shared with account B
  account B, {region_b}   1 key, up to 5 snapshots, 1 restored database ({cls}, 20 GiB gp3), 1 queue

It takes two to five hours, most of it waiting for copies. By list prices it costs about 1 USD, and certainly less than 5 USD: two
small databases for some hours, about 1 GiB of snapshots copied between Regions and kept for as long, and three KMS keys until their
deletion is scheduled (for 7 days later, which costs nothing). Prices differ by Region, so check them first: you pay for it.
At the end everything is deleted again, even after an error. If this process is killed, run it again with --clean-up."""


class Accounts:
    """Creates clients for the two sides from their AWS profiles."""

    def __init__(self, arguments: argparse.Namespace, watch: Callable[[Any], None]) -> None:
        self.endpoint, self.watch = arguments.endpoint, watch
        profiles = {"a": arguments.profile_a, "b": arguments.profile_b}
        self.sessions = {side: boto3.Session(profile_name=profile) for side, profile in profiles.items()}
        self.made: dict[tuple[str, str, str], Any] = {}

    def __call__(self, side: str, service: str, region: str) -> Any:
        if (side, service, region) not in self.made:
            config = Config(retries={"mode": "standard", "total_max_attempts": 8})
            made = self.sessions[side].client(service, region_name=region, endpoint_url=self.endpoint, config=config)
            self.watch(made)
            self.made[side, service, region] = made
        return self.made[side, service, region]

    def number(self, side: str, region: str) -> str:
        return self(side, "sts", region).get_caller_identity()["Account"]


def main(argv: list[str] | None = None, watch: Callable[[Any], None] = lambda client: None) -> int:
    arguments = parsed(argv)
    accounts = Accounts(arguments, watch)
    numbers = {"a": accounts.number("a", arguments.region_a), "b": accounts.number("b", arguments.region_b)}
    if numbers["a"] == numbers["b"]:
        print("Both profiles belong to the same account.")
        return 2
    places = [("a", arguments.region_a), ("a", arguments.region_b), ("b", arguments.region_b)]
    if arguments.clean_up:
        clean_up(accounts, places)
        return 0
    names = {"region_a": arguments.region_a, "region_b": arguments.region_b, "cls": arguments.instance_class}
    print(PLAN.format(**numbers, **names))
    if not arguments.yes:
        print("\nNothing has been created. Add --yes to continue.")
        return 2
    name = f"conformance-{datetime.datetime.now(datetime.timezone.utc):%Y%m%d-%H%M%S}"
    move = Move(
        clients=accounts, account_a=numbers["a"], account_b=numbers["b"],
        region_a=arguments.region_a, region_b=arguments.region_b, name=name, tags={**PURPOSE, "run": name},
        instance_class=arguments.instance_class,
        waiting={"Delay": arguments.poll, "MaxAttempts": int(6 * 3600 / max(arguments.poll, 1))},
        pause=lambda: time.sleep(arguments.poll),
    )
    report = Report()
    try:
        run(report, move, arguments)
    finally:
        report.say("\nCleaning up.")
        clean_up(accounts, places)
        report.write(arguments.report)
        report.say(f"{len(report.answers)} answers are in {arguments.report}.")
    return 0


def run(report: Report, move: Move, arguments: argparse.Namespace) -> None:
    def network(side: str) -> dict[str, str]:
        group = arguments.subnet_group_a if side == "a" else arguments.subnet_group_b
        return {"DBSubnetGroupName": group} if group else {}

    report.say("\n1 A database in account A, and refusals that cost nothing")
    database = move.create_database(**network("a"))
    source = move.take_snapshot()
    for one in REFUSALS:
        answer = attempt(lambda one=one: one.call(move))
        result = "as simulated" if answer.startswith(f"{one.code} ({one.status})") else "NOT AS SIMULATED"
        report.add(one.what, one.what, answer, f"{result}: {one.code} ({one.status})")
    probes.default_key(report, move)
    probes.tags(report, move)

    report.say("\n2 A multi-Region key, the copy to the target Region, and the share")
    primary, replica = move.make_multi_region_key()
    shared = move.copy_across_regions(source["DBSnapshotArn"], replica)
    move.share(f"{move.name}-shared")
    probes.again(report, move)
    seen = move.rds("b").describe_db_snapshots(DBSnapshotIdentifier=shared["DBSnapshotArn"], SnapshotType="shared")
    own = move.make_key("b")

    report.say("\n3 Account B's copies")
    probes.least_policy(report, move, shared["DBSnapshotArn"], replica, own)
    target = move.described("b", f"{move.name}-target")
    probes.same_times(report, {
        "the source snapshot": source, "A's copy in the target Region": shared,
        "A's copy as B sees it": seen["DBSnapshots"][0], "B's copy": target,
    })
    probes.queued(report, move, shared["DBSnapshotArn"], own)
    probes.key_switched_off(report, move, shared["DBSnapshotArn"], replica, own)

    report.say("\n4 The copy in a single step, from a snapshot under a key of A in A's own Region")
    reencrypted = f"{move.name}-reencrypted"
    rds = move.rds("a", move.region_a)
    made = rds.copy_db_snapshot(
        SourceDBSnapshotIdentifier=source["DBSnapshotIdentifier"], TargetDBSnapshotIdentifier=reencrypted,
        KmsKeyId=primary, Tags=move.tag_list(),
    )
    move.wait(rds, "db_snapshot_available", DBSnapshotIdentifier=reencrypted)
    move.share(reencrypted, move.region_a)
    move.let_b_use(primary, move.region_a)
    probes.single_step(report, move, made["DBSnapshot"]["DBSnapshotArn"], own)

    report.say("\n5 The restore, and messages in both directions")
    restored = move.restore(**network("b"))
    report.add(
        "Is the restored database encrypted under B's key, and not the same database as the source?",
        "RestoreDBInstanceFromDBSnapshot",
        {"KmsKeyId": restored["KmsKeyId"] == own, "DbiResourceId": restored["DbiResourceId"] != database["DbiResourceId"]},
        "whether the manual procedure works",
    )
    modified = move.modify_afterwards()
    report.add("Which changes are pending after ModifyDBInstance?", "a password and a backup retention, with ApplyImmediately",
               modified["PendingModifiedValues"], "whether `available` means to the tool that the modification is complete")
    report.add("Do the queues carry messages both ways?", "SendMessage to the other's queue under its policy",
               move.exchange_messages(), "whether messages between the accounts work")


def clean_up(accounts: Accounts, places: list[tuple[str, str]]) -> None:
    """Deletes the resources with the tag, and prints the result for each. Replica keys are deleted before their primaries."""
    for side, region in reversed(places):
        rds, kms, sqs = (accounts(side, service, region) for service in ("rds", "kms", "sqs"))
        ours = [{"Key": key, "Value": value} for key, value in PURPOSE.items()][0]
        for page in rds.get_paginator("describe_db_instances").paginate():
            for one in page["DBInstances"]:
                if ours in one.get("TagList", []) and one["DBInstanceStatus"] != "deleting":
                    gone(side, region, one["DBInstanceIdentifier"], lambda one=one: rds.delete_db_instance(
                        DBInstanceIdentifier=one["DBInstanceIdentifier"], SkipFinalSnapshot=True,
                        DeleteAutomatedBackups=True))
        for page in rds.get_paginator("describe_db_snapshots").paginate(SnapshotType="manual"):
            for one in page["DBSnapshots"]:
                if ours in one.get("TagList", []):
                    gone(side, region, one["DBSnapshotIdentifier"], lambda one=one: rds.delete_db_snapshot(
                        DBSnapshotIdentifier=one["DBSnapshotIdentifier"]))
        for page in sqs.get_paginator("list_queues").paginate(QueueNamePrefix="conformance-"):
            for url in page.get("QueueUrls", []):
                if PURPOSE.items() <= sqs.list_queue_tags(QueueUrl=url).get("Tags", {}).items():
                    gone(side, region, url, lambda url=url: sqs.delete_queue(QueueUrl=url))
        for page in kms.get_paginator("list_keys").paginate():
            for one in page["Keys"]:
                key = kms.describe_key(KeyId=one["KeyArn"])["KeyMetadata"]
                if key["KeyManager"] != "CUSTOMER" or "Pending" in key["KeyState"]:
                    continue
                tags = kms.list_resource_tags(KeyId=one["KeyId"])["Tags"]
                if {"TagKey": ours["Key"], "TagValue": ours["Value"]} in tags:
                    gone(side, region, one["KeyArn"], lambda one=one: kms.schedule_key_deletion(
                        KeyId=one["KeyId"], PendingWindowInDays=7))


def gone(side: str, region: str, name: str, call: Callable[[], Any]) -> None:
    print(f"  account {side.upper()}, {region}: {name}: {attempt(call)}", flush=True)


def parsed(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/conformance/run --real", description=__doc__)
    parser.add_argument("--profile-a", required=True, help="the AWS profile of account A, which has the database")
    parser.add_argument("--profile-b", required=True, help="the AWS profile of account B, which restores it")
    parser.add_argument("--region-a", required=True)
    parser.add_argument("--region-b", required=True)
    parser.add_argument("--yes", action="store_true", help="create the resources, after printing what they are")
    parser.add_argument("--clean-up", action="store_true", help="only delete the resources of earlier runs, by their tags")
    parser.add_argument("--instance-class", default="db.t4g.micro")
    parser.add_argument("--subnet-group-a", help="needed where account A has no default VPC")
    parser.add_argument("--subnet-group-b", help="needed where account B has no default VPC")
    parser.add_argument("--report", default="conformance-answers.json", help="the file that the answers are written to")
    parser.add_argument("--poll", type=float, default=15.0, help="the poll interval, in seconds")
    parser.add_argument("--endpoint", help="the URL of a simulated AWS, to test this program")
    return parser.parse_args(argv)


if __name__ == "__main__":
    raise SystemExit(main())
