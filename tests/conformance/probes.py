"""The open questions, which real AWS has to answer: the documentation does not answer them, or contradicts itself."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Callable

from botocore.exceptions import ClientError

from procedure import Move

LEAST = ["kms:Decrypt", "kms:DescribeKey"]


@dataclass
class Answer:
    question: str
    tried: str
    answer: str
    meaning: str


class Report:
    """Prints each answer immediately, and writes all answers to a file at the end."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []

    def say(self, text: str) -> None:
        print(text, flush=True)

    def add(self, question: str, tried: str, answer: Any, meaning: str) -> None:
        found = Answer(question, tried, answer if isinstance(answer, str) else json.dumps(answer, default=str), meaning)
        self.answers.append(found)
        self.say(f"  {found.question}\n    tried:   {found.tried}\n    answer:  {found.answer}\n    meaning: {found.meaning}")

    def write(self, path: str) -> None:
        with open(path, "w", encoding="utf-8") as file:
            json.dump([asdict(one) for one in self.answers], file, indent=2)


def attempt(call: Callable[[], Any]) -> str:
    """Makes a call. Returns `done`, or the code, status and message of the error."""
    try:
        call()
    except ClientError as refusal:
        error, status = refusal.response["Error"], refusal.response["ResponseMetadata"]["HTTPStatusCode"]
        return f"{error['Code']} ({status}): {error.get('Message', '')}"
    return "done"


def copy(move: Move, source: str, target: str, key: str, side: str = "b", **more: Any) -> str:
    return attempt(
        lambda: move.rds(side).copy_db_snapshot(
            SourceDBSnapshotIdentifier=source, TargetDBSnapshotIdentifier=target, KmsKeyId=key, Tags=move.tag_list(), **more
        )
    )


def course(move: Move, *names: str) -> dict[str, list[str]]:
    """Polls B's snapshots until all are in a final state. Returns the states of each, with the progress on entry."""
    seen: dict[str, list[str]] = {name: [] for name in names}
    running = set(names)
    while running:
        for name in sorted(running):
            snapshot = move.described("b", name)
            state = snapshot["Status"]
            if not seen[name] or seen[name][-1].split()[0] != state:
                seen[name].append(f"{state} {snapshot.get('PercentProgress', '-')}%")
            if state in ("available", "failed", "deleted"):
                running.discard(name)
        if running:
            move.pause()
    return seen


def same_times(report: Report, snapshots: dict[str, dict[str, Any]]) -> None:
    """Compares the fields by which both accounts identify a snapshot."""
    for field in ("DbiResourceId", "OriginalSnapshotCreateTime"):
        values = {where: str(one.get(field)) for where, one in snapshots.items()}
        report.add(
            f"Does {field} stay the same on copies in another Region and as seen by another account?",
            "described " + ", ".join(snapshots),
            values if len(set(values.values())) > 1 else f"the same everywhere: {next(iter(values.values()))}",
            "if not, the tool refuses every handoff as not-as-claimed",
        )


def default_key(report: Report, move: Move) -> None:
    """Question 2: sharing a snapshot under aws/rds."""
    name = f"{move.name}-source"
    answer = attempt(lambda: move.share(name, move.region_a))
    if answer == "done":
        move.unshare(name, move.region_a)
    report.add(
        "How is sharing a snapshot under aws/rds refused?", "ModifyDBSnapshotAttribute on the source snapshot", answer,
        "done: only account B's copy fails, so the tool must check the key itself; a code: the tool should recognize it",
    )


def again(report: Report, move: Move) -> None:
    """Question 5: sharing twice with one account."""
    listed = move.share(f"{move.name}-shared")
    report.add(
        "Is it harmless to share a snapshot again with the same account?", "ValuesToAdd with the same account twice",
        listed, "one entry: sharing is idempotent by itself",
    )


def single_step(report: Report, move: Move, reencrypted: str, own: str) -> None:
    """Question 1: a copy from account A's source Region directly to account B's target Region."""
    name = f"{move.name}-single"
    answer = copy(move, reencrypted, name, own)
    if answer == "done":
        answer = f"done: {course(move, name)[name]}"
    report.add(
        "Does account B's CopyDBSnapshot take an encrypted shared snapshot of another Region?",
        "CopyDBSnapshot in B's Region with the ARN in A's Region, under B's key", answer,
        "done: the replica key and A's copy across Regions are not needed; a code: they are needed, and the simulator is right",
    )
    report.add(
        "Which kms:ViaService and kms:CallerAccount does A's key see in that call?", "no call of its own",
        f"15 minutes later, run: aws cloudtrail lookup-events --region {move.region_a} --lookup-attributes "
        f"AttributeKey=ResourceName,AttributeValue={move.name}",
        "the conditions that a least-privilege key policy can have",
    )
    report.add(
        "Which account pays for the data transfer of a copy in a single step?", "no call of its own",
        "a day later, find DataTransfer in both accounts' cost reports, by the tag of this run", "the README's costs",
    )


def least_policy(report: Report, move: Move, shared: str, replica: str, own: str) -> None:
    """Question 3: the least permissions on A's key. Makes the copy that later steps use."""
    name = f"{move.name}-target"
    move.let_b_use(replica, actions=LEAST)
    move.pause()
    answer = copy(move, shared, name, own)
    if answer == "done":
        answer = f"done: {course(move, name)[name]}"
    report.add(
        "Is Decrypt, DescribeKey and CreateGrant enough for account B on A's key?",
        f"{', '.join(LEAST)}, and CreateGrant for AWS resources; then B's CopyDBSnapshot", answer,
        "done and available: the tool can require fewer permissions than it does now",
    )
    move.let_b_use(replica)
    move.pause()
    if "available" not in answer:
        attempt(lambda: move.rds("b").delete_db_snapshot(DBSnapshotIdentifier=name))
        move.copy_for_b(shared, own)


def queued(report: Report, move: Move, shared: str, own: str) -> None:
    """Question 6: two copies of one source at the same time."""
    names = [f"{move.name}-queued-1", f"{move.name}-queued-2"]
    answers = [copy(move, shared, name, own) for name in names]
    report.add(
        "Which states and progress do queued copies show?", "two copies of one shared snapshot at once",
        course(move, *names) if answers == ["done", "done"] else answers,
        "what `status` can say while a copy waits",
    )


def key_switched_off(report: Report, move: Move, shared: str, replica: str, own: str) -> None:
    """Question 4: the source's key is disabled during a copy."""
    name, kms = f"{move.name}-cut-off", move.kms("a")
    answer: Any = copy(move, shared, name, own)
    if answer == "done":
        kms.disable_key(KeyId=replica)
        answer = course(move, name)[name]
        kms.enable_key(KeyId=replica)
    report.add(
        "What happens to a running copy when the source's key is disabled?", "DisableKey right after CopyDBSnapshot",
        answer, "whether disabling a key stops a copy, and how that is reported",
    )


def tags(report: Report, move: Move) -> None:
    """Question 7, as far as it can be asked without CloudFormation and roles."""
    rds, source = move.rds("a", move.region_a), f"{move.name}-source"
    arn = move.snapshot_arn("a", move.region_a, source)
    reserved = [{"Key": "aws:conformance", "Value": "1"}]
    report.add(
        "How are tags with the reserved key prefix aws: refused?", "AddTagsToResource with aws:conformance",
        attempt(lambda: rds.add_tags_to_resource(ResourceName=arn, Tags=reserved)),
        "how a copy with CopyTags fails for a database that CloudFormation created",
    )
    name = f"{move.name}-tagged"
    rds.copy_db_snapshot(
        SourceDBSnapshotIdentifier=source, TargetDBSnapshotIdentifier=name, CopyTags=True,
        Tags=[*move.tag_list(), {"Key": "given", "Value": "with the copy"}],
    )
    rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "later", "Value": "at the source"}])
    move.wait(rds, "db_snapshot_available", DBSnapshotIdentifier=name)
    shown = {one["Key"]: one["Value"] for one in move.described("a", name, move.region_a)["TagList"]}
    report.add(
        "Does CopyTags take effect when Tags are set as well?", "CopyDBSnapshot within a Region with both", shown,
        "whether a copy has tags besides those in the request",
    )
