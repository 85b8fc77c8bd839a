"""The open questions, each asked of AWS in one place: what the documentation leaves open, or says in two ways."""

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
    """What was found, told at once and again at the end."""

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
    """`done`, or the refusal as AWS words it."""
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
    """The states that B's snapshots go through until all have ended, each with the progress that it began with."""
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
    """What the two accounts know a snapshot by."""
    for field in ("DbiResourceId", "OriginalSnapshotCreateTime"):
        values = {where: str(one.get(field)) for where, one in snapshots.items()}
        report.add(
            f"Does {field} stay the same on copies in another Region and as another account sees them?",
            "described " + ", ".join(snapshots),
            values if len(set(values.values())) > 1 else f"the same everywhere: {next(iter(values.values()))}",
            "the tool refuses every handoff as not-as-claimed unless it does",
        )


def default_key(report: Report, move: Move) -> None:
    """Question 3: sharing what is under aws/rds."""
    name = f"{move.name}-source"
    answer = attempt(lambda: move.share(name, move.region_a))
    if answer == "done":
        move.unshare(name, move.region_a)
    report.add(
        "How is sharing a snapshot under aws/rds refused?", "ModifyDBSnapshotAttribute on the source snapshot", answer,
        "done: only account B's copy fails, so the tool must look at the key itself; a code: codes.rs should know it",
    )


def again(report: Report, move: Move) -> None:
    """Question 6."""
    listed = move.share(f"{move.name}-shared")
    report.add(
        "Is adding an account to a share that it is in already harmless?", "ValuesToAdd with the same account twice",
        listed, "one entry: sharing is idempotent by itself",
    )


def single_step(report: Report, move: Move, reencrypted: str, own: str) -> None:
    """Question 1: from account A's source Region to account B's target Region at once."""
    name = f"{move.name}-single"
    answer = copy(move, reencrypted, name, own)
    if answer == "done":
        answer = f"done: {course(move, name)[name]}"
    report.add(
        "Does account B's CopyDBSnapshot take an encrypted shared snapshot of another Region?",
        "CopyDBSnapshot in B's Region with the ARN in A's Region, under B's key", answer,
        "done: the replica key and A's copy across Regions are not needed; a code: they are, and simulated right",
    )
    report.add(
        "Which kms:ViaService and kms:CallerAccount does A's key see in that call?", "nothing by itself",
        f"look a quarter of an hour later: aws cloudtrail lookup-events --region {move.region_a} --lookup-attributes "
        f"AttributeKey=ResourceName,AttributeValue={move.name}",
        "the conditions that a least key policy can have",
    )
    report.add(
        "Who pays for the transfer of a copy in a single step?", "nothing by itself",
        "look a day later at DataTransfer in both accounts' cost reports, by the tag of this run", "the README's costs",
    )


def least_policy(report: Report, move: Move, shared: str, replica: str, own: str) -> None:
    """Question 4, and with it the copy that the rest goes on with."""
    name = f"{move.name}-target"
    move.let_b_use(replica, actions=LEAST)
    move.pause()
    answer = copy(move, shared, name, own)
    if answer == "done":
        answer = f"done: {course(move, name)[name]}"
    report.add(
        "Is Decrypt, DescribeKey and CreateGrant enough for account B on A's key?",
        f"{', '.join(LEAST)}, and CreateGrant for AWS resources; then B's CopyDBSnapshot", answer,
        "done and available: the tool may ask for less than it does",
    )
    move.let_b_use(replica)
    move.pause()
    if "available" not in answer:
        attempt(lambda: move.rds("b").delete_db_snapshot(DBSnapshotIdentifier=name))
        move.copy_for_b(shared, own)


def queued(report: Report, move: Move, shared: str, own: str) -> None:
    """Question 9: two copies of one source."""
    names = [f"{move.name}-queued-1", f"{move.name}-queued-2"]
    answers = [copy(move, shared, name, own) for name in names]
    report.add(
        "Which states and progress do queued copies show?", "two copies of one shared snapshot at once",
        course(move, *names) if answers == ["done", "done"] else answers,
        "what `status` can say while a copy waits",
    )


def key_switched_off(report: Report, move: Move, shared: str, replica: str, own: str) -> None:
    """Question 5."""
    name, kms = f"{move.name}-cut-off", move.kms("a")
    answer: Any = copy(move, shared, name, own)
    if answer == "done":
        kms.disable_key(KeyId=replica)
        answer = course(move, name)[name]
        kms.enable_key(KeyId=replica)
    report.add(
        "What becomes of a running copy whose source's key is switched off?", "DisableKey right after CopyDBSnapshot",
        answer, "whether taking a key away stops a copy, and how that shows",
    )


def tags(report: Report, move: Move) -> None:
    """Question 8, as far as one can ask it without CloudFormation and roles."""
    rds, source = move.rds("a", move.region_a), f"{move.name}-source"
    arn = move.snapshot_arn("a", move.region_a, source)
    reserved = [{"Key": "aws:conformance", "Value": "1"}]
    report.add(
        "How are tags refused whose key begins with aws:?", "AddTagsToResource with aws:conformance",
        attempt(lambda: rds.add_tags_to_resource(ResourceName=arn, Tags=reserved)),
        "what a copy with CopyTags of a database made by CloudFormation runs into",
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
        "Are CopyTags heeded when Tags are given?", "CopyDBSnapshot within a Region with both", shown,
        "whether a copy carries tags that nobody has given it",
    )
