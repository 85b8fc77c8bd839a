"""Shared fixtures (simulators, accounts), and the summary table at the end of a run."""

from __future__ import annotations

from typing import Any, Iterator

import pytest

import cases
import rules
import simulator as simulators
import wire
from procedure import Move
from simulator import Simulator
from world import HERE, THERE, Account

# Fast enough to wait for, and slow enough to observe work in progress: a snapshot takes 0.6 seconds.
SLOW = 2000
COVERAGE = pytest.StashKey[rules.Coverage]()
STANDINGS = ("sourced", "UNSOURCED", "silent")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--whole", action="store_true", help="also check the coverage of the rules")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # test_referee.py runs last: it checks the authorization decisions that the other tests have caused.
    items.sort(key=lambda item: item.path.name == "test_referee.py")


@pytest.fixture(scope="session")
def sim() -> Iterator[Simulator]:
    """A simulator for the whole run: each test uses accounts of its own."""
    with simulators.running() as simulator:
        yield simulator


@pytest.fixture(scope="session")
def slow() -> Iterator[Simulator]:
    """A simulator in which asynchronous work lasts long enough to make calls while it is in progress."""
    with simulators.running(speed=SLOW) as simulator:
        yield simulator


@pytest.fixture(scope="session")
def still() -> Iterator[Simulator]:
    """A simulator in real time: no asynchronous work finishes during a test."""
    with simulators.running(speed=1) as simulator:
        yield simulator


@pytest.fixture(scope="session")
def seeded() -> Iterator[Simulator]:
    """A simulator with resources that no API call can create."""
    with simulators.running("--world", str(wire.HERE / "worlds" / "seeded.toml")) as simulator:
        yield simulator


@pytest.fixture(scope="session")
def busy() -> Iterator[Simulator]:
    """A simulator that allows one request per second, one grant per key, and one message in flight."""
    with simulators.running("--world", str(wire.HERE / "worlds" / "busy.toml")) as simulator:
        yield simulator


@pytest.fixture(scope="session")
def lagging() -> Iterator[Simulator]:
    """A simulator in which new keys cannot be used yet, because of the propagation delay."""
    with simulators.running("--world", str(wire.HERE / "worlds" / "lagging.toml"), speed=1) as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def every_response() -> Iterator[None]:
    """Fails a test if a response during it does not match botocore's model."""
    before = len(wire.LEDGER.faults)
    yield
    faults = wire.LEDGER.faults[before:]
    assert not faults, "responses that do not match the models:\n" + "\n".join(sorted(set(faults)))


@pytest.fixture
def a(sim: Simulator) -> Account:
    return Account(sim, simulators.new_account())


@pytest.fixture
def b(sim: Simulator) -> Account:
    return Account(sim, simulators.new_account())


@pytest.fixture
def move(sim: Simulator, a: Account, b: Account) -> Move:
    numbers = {"a": a.number, "b": b.number}
    return Move(
        clients=lambda side, service, region: sim.client(service, numbers[side], region),
        account_a=a.number,
        account_b=b.number,
        region_a=HERE,
        region_b=THERE,
        name="orders",
        tags={"purpose": "conformance"},
    )


def pytest_sessionfinish(session: pytest.Session) -> None:
    if not session.config.getoption("--whole"):
        return
    session.config.stash[COVERAGE] = found = rules.coverage(wire.LEDGER.calls)
    if wire.LEDGER.responses != len(wire.LEDGER.calls):
        found.wrong.append("some responses were not checked against the models")
    if found.wrong and session.exitstatus == 0:
        session.exitstatus = 1


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    found = config.stash.get(COVERAGE, None)
    if found is None:
        return
    ledger = wire.LEDGER
    rows = [
        ("refusal sites in tests/aws-sim/src", len(found.sites)),
        ("  with a source / UNSOURCED / silent", "{} / {} / {}".format(*map(found.standing, STANDINGS))),
        ("  reached in this run", len(found.provoked)),
        ("  unreachable from outside", found.excused),
        ("cases (a refused and a similar allowed call)", len(cases.ALL)),
        ("calls in the traces", len(ledger.calls)),
        ("responses checked against the models", ledger.responses),
        ("  of these, refusals", ledger.refusals),
        ("distinct operations called", len(ledger.operations)),
    ]
    if moto := config.stash.get(simulators.MOTO, None):
        rows += [("calls compared with moto", moto[0]), ("  known differences", moto[1])]
    terminalreporter.section("the simulated AWS")
    for name, value in rows:
        terminalreporter.write_line(f"{name:<50}{value:>16}")
    for name, session in config.stash.get(simulators.REFEREE, {}).items():
        rows = [
            (f"{name} decisions compared with the referee", sum(session.agreed.values()) + sum(session.disagreed.values())),
            *((f"  agreed: {result}", count) for result, count in sorted(session.agreed.items())),
            *((f"  not compared: {reason}", count) for reason, count in sorted(session.excluded.items())),
            *((f"  disagreed: {what}", count) for what, count in sorted(session.disagreed.items())),
        ]
        for what, count in rows:
            terminalreporter.write_line(f"{what:<100}{count:>8}")
    for wrong in found.wrong:
        terminalreporter.write_line(f"FAILED {wrong}", red=True)
