"""Runs every step of the run on real accounts, and its clean-up, against the simulated AWS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import real
import simulator as simulators
import wire
from simulator import Simulator
from world import HERE, THERE

REGIONS = ["--region-a", HERE, "--region-b", THERE]


@pytest.fixture
def options(sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Command-line options with two AWS profiles."""
    numbers = {"a": simulators.new_account(), "b": simulators.new_account()}
    lines = [
        f"[{side}]\naws_access_key_id = {number}\naws_secret_access_key = simulated-{number}\n"
        for side, number in numbers.items()
    ]
    (tmp_path / "credentials").write_text("".join(lines))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    report = ["--report", str(tmp_path / "answers.json")]
    return ["--profile-a", "a", *REGIONS, "--endpoint", sim.url, "--poll", "0.01", *report]


def left(options: list[str]) -> list[Any]:
    """The resources that are left in both accounts."""
    arguments = real.parsed([*options, "--profile-b", "b"])
    accounts = real.Accounts(arguments, wire.watch)
    found: list[Any] = []
    for side, region in (("a", HERE), ("a", THERE), ("b", THERE)):
        rds, kms, sqs = (accounts(side, service, region) for service in ("rds", "kms", "sqs"))
        found += [one for one in rds.describe_db_instances()["DBInstances"] if one["DBInstanceStatus"] != "deleting"]
        found += rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
        found += sqs.list_queues().get("QueueUrls", [])
        keys = [kms.describe_key(KeyId=one["KeyId"])["KeyMetadata"] for one in kms.list_keys()["Keys"]]
        found += [one for one in keys if one["KeyManager"] == "CUSTOMER" and "Pending" not in one["KeyState"]]
    return found


def test_real_run_succeeds_and_leaves_no_resources(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    both = [*options, "--profile-b", "b"]
    assert real.main(both, wire.watch) == 2
    assert "Nothing has been created." in capsys.readouterr().out and left(options) == []

    assert real.main([*both, "--yes"], wire.watch) == 0
    output = capsys.readouterr().out
    assert "NOT AS SIMULATED" not in output, output
    assert left(options) == []
    answers = json.loads(Path(both[both.index("--report") + 1]).read_text())
    by_question = {one["question"]: one["answer"] for one in answers}
    assert by_question["Do the queues carry messages both ways?"] == '["from a", "from b"]'
    same = [answer for question, answer in by_question.items() if "stay the same" in question]
    assert len(same) == 2 and all(answer.startswith("the same everywhere") for answer in same)


def test_clean_up_deletes_what_an_aborted_run_left(options: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    both = [*options, "--profile-b", "b"]
    with monkeypatch.context() as broken:
        broken.setattr(real, "clean_up", lambda *_: None)
        broken.setattr(real.probes, "queued", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            real.main([*both, "--yes"], wire.watch)
    assert left(options) != []
    assert real.main([*both, "--clean-up"], wire.watch) == 0
    assert left(options) == []


def test_real_run_refuses_two_profiles_of_one_account(options: list[str]) -> None:
    assert real.main([*options, "--profile-b", "a"], wire.watch) == 2
