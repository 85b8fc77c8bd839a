"""Cases: what is refused, and the nearest thing that is allowed, in one world, one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable

from world import World

Act = Callable[[World], Any]


@dataclass(frozen=True)
class Case:
    """`refused` must be refused with this code and status; then `allowed` must work: the refusal has changed nothing."""

    name: str
    code: str
    status: int
    refused: Act
    allowed: Act
    given: Act
    pace: str


ALL: list[Case] = []


def case(
    name: str,
    code: str,
    status: int,
    refused: Act,
    allowed: Act,
    given: Act = lambda w: None,
    pace: str = "sim",
) -> None:
    """Adds a case. What `given` returns is `w.it`; `pace` names the simulator: a fixture of conftest.py."""
    ALL.append(Case(name, code, status, refused, allowed, given, pace))
