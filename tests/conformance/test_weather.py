"""Fault injection in the simulated AWS: the error code of each service for a failure on AWS's side."""

from __future__ import annotations

from pathlib import Path

import pytest
from botocore.exceptions import ClientError

import simulator as simulators
from simulator import Simulator
from world import World


def refused(sim: Simulator) -> list[tuple[str, int]]:
    w = World(sim)
    found = []
    for call in (w.rds.describe_db_instances, w.kms.list_keys, w.sqs.list_queues, w.sts.get_caller_identity):
        with pytest.raises(ClientError) as refusal:
            call()
        answer = refusal.value.response
        found.append((answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]))
    return found


def world(directory: Path, text: str) -> list[str]:
    (directory / "world.toml").write_text(text)
    return ["--world", str(directory / "world.toml")]


def test_server_errors_have_the_code_of_each_service(tmp_path: Path) -> None:
    with simulators.running(*world(tmp_path, "[weather]\nserver_errors = 1\n")) as sim:
        answers = refused(sim)
    assert answers == [("InternalFailure", 500)] * 4


def test_throttling_has_the_code_of_each_service(tmp_path: Path) -> None:
    with simulators.running(*world(tmp_path, "[weather]\nthrottling = 1\n")) as sim:
        answers = refused(sim)
    assert answers == [("Throttling", 400), ("ThrottlingException", 400), ("RequestThrottled", 400), ("Throttling", 400)]


def test_stale_read_without_history_is_a_server_error(tmp_path: Path) -> None:
    text = 'remembers = "0s"\n[weather]\nstale_reads = 1\n'
    with simulators.running(*world(tmp_path, text)) as sim:
        w = World(sim)
        with pytest.raises(ClientError) as refusal:
            w.rds.describe_db_instances()
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
