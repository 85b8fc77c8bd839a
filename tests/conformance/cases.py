"""Cases: a call that must be refused and the most similar call that must be allowed, one after the other in one world."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable

from world import World

Act = Callable[[World], Any]


@dataclass(frozen=True)
class Case:
    """`refused` must be refused with this code and status. Then `allowed` must succeed: the refusal has changed nothing."""

    name: str
    code: str
    status: int
    refused: Act
    allowed: Act
    setup: Act
    simulator: str


ALL: list[Case] = []


def case(
    name: str,
    code: str,
    status: int,
    refused: Act,
    allowed: Act,
    setup: Act = lambda w: None,
    simulator: str = "sim",
) -> None:
    """Adds a case. `w.it` is what `setup` returns; `simulator` names a fixture of conftest.py."""
    ALL.append(Case(name, code, status, refused, allowed, setup, simulator))
