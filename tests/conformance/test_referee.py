"""Compares what aws-sim allows and refuses with an independent policy evaluator, the referee."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator

import pytest
from botocore.exceptions import ClientError

import questions
import simulator as simulators
from procedure import Move
from referee import Judge, Session, lines
from simulator import REFEREE, Simulator
from wire import HERE as FOLDER
from world import HERE, THERE, WAITING

A, B, STRANGER = "400000000001", "400000000002", "400000000003"
SEED, COUNT = 20261122, 6000
# A condition key that the referee ignores although AWS documents it (KMS Developer Guide, AWS KMS condition keys): the referee
# does not support keys with a variable part.
NOT_READ = "kms:encryptioncontext:"


@pytest.fixture(scope="module")
def bounded() -> Iterator[Simulator]:
    with simulators.running("--world", str(FOLDER / "bounded.toml")) as simulator:
        yield simulator


def client(sim: Simulator, side: str, service: str, region: str) -> Any:
    return sim.client_of(service, f"mover-{side}", f"simulated-mover-{side}", None, region)


def test_manual_procedure_succeeds_under_restrictive_policies(bounded: Simulator) -> None:
    move = Move(
        clients=lambda side, service, region: client(bounded, side, service, region),
        account_a=A, account_b=B, region_a=HERE, region_b=THERE, name="orders", tags={"purpose": "conformance"},
        waiting=WAITING,
    )
    database = move.create_database()
    source = move.take_snapshot()
    _, replica = move.make_multi_region_key()
    shared = move.copy_across_regions(source["DBSnapshotArn"], replica)
    move.share("orders-shared")
    move.let_b_use(replica)
    target = move.copy_for_b(shared["DBSnapshotArn"], move.make_key("b"))
    restored = move.restore()
    assert bounded.content(restored["DBInstanceArn"]) == bounded.content(database["DBInstanceArn"])
    assert target["KmsKeyId"] != replica
    move.modify_afterwards()
    assert move.exchange_messages() == ["from a", "from b"]

    assume = {"RoleArn": f"arn:aws:iam::{A}:role/trusted", "RoleSessionName": "me"}
    client(bounded, "a", "sts", HERE).assume_role(**assume)
    # Each of these calls is refused by the layer that its error message names.
    refused: list[tuple[str, Callable[[], Any]]] = [
        ("no identity-based policy", lambda: client(bounded, "a", "rds", HERE).describe_db_engine_versions()),
        ("a permissions boundary", lambda: client(bounded, "a", "rds", HERE).delete_db_snapshot(DBSnapshotIdentifier="orders-source")),
        ("a service control policy", lambda: client(bounded, "b", "rds", "eu-west-1").describe_db_instances()),
        ("a service control policy", lambda: public(bounded)),
        ("a resource control policy", lambda: bounded.client("kms", STRANGER, THERE).describe_key(KeyId=replica)),
        ("no resource-based policies", lambda: client(bounded, "b", "kms", THERE).get_key_policy(KeyId=replica)),
        ("no role trust policy", lambda: client(bounded, "a", "sts", HERE).assume_role(**{**assume, "RoleSessionName": "you"})),
        ("no identity-based policy", lambda: client(bounded, "a", "kms", HERE).create_key()),
        ("no resource-based policy", lambda: client(bounded, "b", "sqs", HERE).get_queue_url(QueueName="orders-a", QueueOwnerAWSAccountId=A)),
    ]
    for layer, call in refused:
        with pytest.raises(ClientError, match=layer):
            call()


def public(sim: Simulator) -> Any:
    return client(sim, "b", "rds", THERE).restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier="open", DBSnapshotIdentifier="orders-target", PubliclyAccessible=True
    )


def judge(request: pytest.FixtureRequest, name: str, asked: Iterable[tuple[dict[str, Any], dict[str, Any]]]) -> Session:
    """Compares the referee with aws-sim's ruling on each question, and keeps the results for the summary table."""
    session = Session.begin()
    try:
        for question, ruling in asked:
            session.compare(question, ruling)
    finally:
        session.close()
    request.config.stash.setdefault(REFEREE, {})[name] = session
    assert not session.wrong, "\n".join([f"{len(session.wrong)} disagreements that are not listed:", *session.wrong])
    unread = [key for key in session.ignored if NOT_READ not in key]
    assert not unread, f"condition keys that AWS does not document for the action: {unread}"
    return session


def test_referee_agrees_with_the_decisions_of_this_run(bounded: Simulator, request: pytest.FixtureRequest) -> None:
    recorded = lines(simulators.asked())
    judge(request, "recorded", ((question, question.pop("ruling")) for question in recorded))


def test_referee_agrees_with_the_decisions_of_the_simulators_own_tests(request: pytest.FixtureRequest) -> None:
    folder = os.environ.get("AWS_SIM_QUESTIONS")
    if not folder:
        pytest.skip("the simulator's own tests run only with the whole suite")
    texts = sorted({line for path in Path(folder).glob("*.jsonl") for line in path.read_text().splitlines()})
    assert len(texts) > 1000
    judge(request, "the simulator's own tests'", ((question, question.pop("ruling")) for question in lines(texts)))


def test_referee_agrees_on_generated_questions(request: pytest.FixtureRequest) -> None:
    made = questions.questions(SEED, COUNT)
    with closing(Judge(os.environ["AWS_SIM"], "--judge")) as sim:
        session = judge(request, "generated", ((question, sim(question)) for question in made))
    sessions = request.config.stash[REFEREE].values()
    unmet = [what for what in session.unmet() if all(what in one.unmet() for one in sessions)]
    assert not unmet, f"disagreements.toml lists disagreements that no longer occur: {unmet}"
