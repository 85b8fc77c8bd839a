"""What the tests share: simulators, accounts, and the table at the end."""

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

# Quick enough to be waited for, and slow enough to be seen under way: a snapshot takes 0.6 seconds.
SLOW = 2000
COVERAGE = pytest.StashKey[rules.Coverage]()
STANDINGS = ("sourced", "UNSOURCED", "silent")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--whole", action="store_true", help="judge the coverage of the rules as well")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # The referee comes last: it judges what the other tests have had decided.
    items.sort(key=lambda item: item.path.name == "test_referee.py")


@pytest.fixture(scope="session")
def sim() -> Iterator[Simulator]:
    """One simulated AWS for the whole run: tests keep apart by using accounts of their own."""
    with simulators.running() as simulator:
        yield simulator


@pytest.fixture(scope="session")
def slow() -> Iterator[Simulator]:
    """One in which asynchronous work lasts long enough to be in its midst."""
    with simulators.running(speed=SLOW) as simulator:
        yield simulator


@pytest.fixture(scope="session")
def still() -> Iterator[Simulator]:
    """One in which time passes as it does at AWS: nothing that is asynchronous ends while a test lasts."""
    with simulators.running(speed=1) as simulator:
        yield simulator


@pytest.fixture(scope="session")
def seeded() -> Iterator[Simulator]:
    """One with what no call can make."""
    with simulators.running("--world", str(wire.HERE / "worlds" / "seeded.toml")) as simulator:
        yield simulator


@pytest.fixture(scope="session")
def busy() -> Iterator[Simulator]:
    """One that takes one request a second, one grant a key, and one message in flight."""
    with simulators.running("--world", str(wire.HERE / "worlds" / "busy.toml")) as simulator:
        yield simulator


@pytest.fixture(scope="session")
def lagging() -> Iterator[Simulator]:
    """One in which nobody may use a new key yet."""
    with simulators.running("--world", str(wire.HERE / "worlds" / "lagging.toml"), speed=1) as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def every_response() -> Iterator[None]:
    """Fails the test during which a response was not as its model says."""
    before = len(wire.LEDGER.faults)
    yield
    faults = wire.LEDGER.faults[before:]
    assert not faults, "responses that the models do not know:\n" + "\n".join(sorted(set(faults)))


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
        found.wrong.append("not every response to every call has been checked against the models")
    if found.wrong and session.exitstatus == 0:
        session.exitstatus = 1


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    found = config.stash.get(COVERAGE, None)
    if found is None:
        return
    ledger = wire.LEDGER
    rows = [
        ("sites that refuse, in tests/aws-sim/src", len(found.sites)),
        ("  with a source / UNSOURCED / silent", "{} / {} / {}".format(*map(found.standing, STANDINGS))),
        ("  provoked here", len(found.provoked)),
        ("  that nothing can provoke from outside", found.excused),
        ("cases of a refusal and its nearest neighbour", len(cases.ALL)),
        ("calls in the traces", len(ledger.calls)),
        ("responses checked against the models", ledger.responses),
        ("  of them refusals", ledger.refusals),
        ("distinct operations driven", len(ledger.operations)),
    ]
    if moto := config.stash.get(simulators.MOTO, None):
        rows += [("calls compared with moto", moto[0]), ("  differences, each known", moto[1])]
    terminalreporter.section("the simulated AWS")
    for name, value in rows:
        terminalreporter.write_line(f"{name:<50}{value:>16}")
    for name, session in config.stash.get(simulators.REFEREE, {}).items():
        rows = [
            (f"{name} decisions that the referee judged", sum(session.agreed.values()) + sum(session.disagreed.values())),
            *((f"  agreed: {result}", count) for result, count in sorted(session.agreed.items())),
            *((f"  not judged: {reason}", count) for reason, count in sorted(session.excluded.items())),
            *((f"  disagreed: {what}", count) for what, count in sorted(session.disagreed.items())),
        ]
        for what, count in rows:
            terminalreporter.write_line(f"{what:<100}{count:>8}")
    for wrong in found.wrong:
        terminalreporter.write_line(f"FAILED {wrong}", red=True)
