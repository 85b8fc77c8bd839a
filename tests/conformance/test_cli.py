"""Runs the AWS CLI commands of the project's documentation, after a handoff was made by hand."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator

import pytest

import simulator as simulators
import wire
from procedure import Move
from simulator import Simulator
from world import HERE, THERE

ROOT = wire.HERE.parent.parent
# The account ids in the documentation.
A, B = "111111111111", "222222222222"


class Shell:
    """Runs commands in a shell, with the credentials of an account's root user."""

    def __init__(self, sim: Simulator, directory: Path) -> None:
        self.sim, self.directory = sim, directory
        self.ledger = directory / "ledger"
        config = directory / "config"
        config.write_text("[default]\noutput = json\n[plugins]\nwatch = cli_plugin\n")
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(wire.HERE),
            "HOME": str(directory),
            "AWS_CONFIG_FILE": str(config),
            "AWS_MAX_ATTEMPTS": "1",
            "WIRE_LEDGER": str(self.ledger),
        }

    def run(self, account: str, command: str) -> Any:
        """Runs commands. Returns the JSON that the last one printed, or None."""
        # AWS CLI 1 uses a separate endpoint for SQS, which AWS_ENDPOINT_URL does not change.
        aws = f'aws() {{ command aws --endpoint-url {self.sim.url} "$@"; }}\n'
        keys = {"AWS_ACCESS_KEY_ID": account, "AWS_SECRET_ACCESS_KEY": f"simulated-{account}"}
        done = subprocess.run(
            ["bash", "-euc", aws + command],
            env={**self.environment, **keys},
            cwd=self.directory,
            capture_output=True,
            text=True,
        )
        if self.ledger.exists():
            for line in self.ledger.read_text().splitlines():
                wire.LEDGER.take(json.loads(line))
            self.ledger.unlink()
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        printed = []
        decoder, text = json.JSONDecoder(), done.stdout.strip()
        while text:
            value, end = decoder.raw_decode(text)
            printed.append(value)
            text = text[end:].strip()
        return printed[-1] if printed else None


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    with simulators.running() as sim:
        numbers = {"a": A, "b": B}
        move = Move(
            clients=lambda side, service, region: sim.client(service, numbers[side], region),
            account_a=A, account_b=B, region_a=HERE, region_b=THERE, name="orders", tags={"label": "cutover"},
        )
        move.create_database()
        source = move.take_snapshot()
        _, replica = move.make_multi_region_key()
        move.kms("a").create_alias(AliasName="alias/handoff", TargetKeyId=replica)
        shared = move.copy_across_regions(source["DBSnapshotArn"], replica)
        move.share("orders-shared")
        move.let_b_use(replica)
        move.copy_for_b(shared["DBSnapshotArn"], move.make_key("b"))
        move.restore()
        yield Shell(sim, tmp_path_factory.mktemp("shell"))


def blocks(page: str) -> list[str]:
    return re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


def test_deploy_readme_commands_create_the_queues(shell: Shell) -> None:
    inbox, receipts = [block for block in blocks("deploy/README.md") if "create-queue" in block]
    url = shell.run(B, inbox)["QueueUrl"]
    assert url.endswith(f"/{B}/rds-handoff-inbox")
    url = shell.run(A, receipts)["QueueUrl"]
    assert url.endswith(f"/{A}/rds-handoff-receipts-{B}")
    # Creating a queue again returns the same queue.
    assert shell.run(A, receipts)["QueueUrl"] == url
    attributes = shell.run(A, f"aws sqs get-queue-attributes --region {HERE} --queue-url {url} --attribute-names All")
    assert attributes["Attributes"]["MessageRetentionPeriod"] == "1209600"


def test_demo_guide_commands_show_the_handoff(shell: Shell) -> None:
    guide = (ROOT / "tests/demo/src/guide.rs").read_text()
    found_commands = [one for one in re.findall(r'"(aws [^"]+)"', guide) if " sqs " not in one]
    known = {"there": THERE, "home": HERE, "RESTORED": "orders"}
    commands = [re.sub(r"\{(\w+)\}", lambda found: known[found[1]], one) for one in found_commands]
    databases, snapshots, aliases, tags = [
        shell.run(account, command) for account, command in zip([B, B, A, A], commands)
    ]
    assert [one["DBInstanceStatus"] for one in databases["DBInstances"]] == ["available"]
    assert [one["DBSnapshotIdentifier"] for one in snapshots["DBSnapshots"]] == ["orders-target"]
    assert "alias/handoff" in [one["AliasName"] for one in aliases["Aliases"]]
    assert tags == [[{"Key": "label", "Value": "cutover"}]]


def test_readme_command_revokes_a_handoff(shell: Shell) -> None:
    [command] = re.findall(r"aws rds add-tags-to-resource (?:.*\\\n)*.*\n", (ROOT / "README.md").read_text())
    arn = f"arn:aws:rds:{HERE}:{A}:snapshot:orders-source"
    assert "<ARN of the source snapshot>" in command
    shell.run(A, command.replace("<ARN of the source snapshot>", arn))
    found = shell.run(A, f"aws rds list-tags-for-resource --region {HERE} --resource-name {arn}")["TagList"]
    [ended] = [one["Value"] for one in found if one["Key"] == "rds-handoff:ended"]
    assert re.fullmatch(r"revoked/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", ended)


def test_other_commands_show_share_and_key_policy(shell: Shell) -> None:
    look = shell.run(A, f"aws rds describe-db-snapshot-attributes --region {THERE} --db-snapshot-identifier orders-shared")
    [attribute] = look["DBSnapshotAttributesResult"]["DBSnapshotAttributes"]
    assert attribute == {"AttributeName": "restore", "AttributeValues": [B]}
    shared = shell.run(B, f"aws rds describe-db-snapshots --region {THERE} --snapshot-type shared")["DBSnapshots"]
    assert [one["DBSnapshotIdentifier"] for one in shared] == [f"arn:aws:rds:{THERE}:{A}:snapshot:orders-shared"]
    shell.run(B, f"aws rds wait db-snapshot-available --region {THERE} --db-snapshot-identifier orders-target")
    assert shell.run(B, f"aws sts get-caller-identity --region {THERE}")["Account"] == B
    policy = shell.run(A, f"aws kms get-key-policy --region {THERE} --key-id {key_of(shell)}")["Policy"]
    assert f"arn:aws:iam::{B}:root" in policy


def key_of(shell: Shell) -> str:
    aliases = shell.run(A, f"aws kms list-aliases --region {THERE}")["Aliases"]
    return next(one["TargetKeyId"] for one in aliases if one["AliasName"] == "alias/handoff")
