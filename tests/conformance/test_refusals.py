"""Every case: the refused call, and the similar call that is allowed."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

import cases
import cases_kms  # noqa: F401  each of these modules adds its cases
import cases_rds  # noqa: F401
import cases_settings  # noqa: F401
import cases_signatures  # noqa: F401
import cases_sqs  # noqa: F401
from world import World


@pytest.mark.parametrize("case", cases.ALL, ids=lambda case: case.name)
def test_call_is_refused_and_similar_call_is_allowed(case: cases.Case, request: pytest.FixtureRequest) -> None:
    w = World(request.getfixturevalue(case.simulator), seeded=case.simulator == "seeded")
    w.it = case.setup(w)
    with pytest.raises(ClientError) as refusal:
        case.refused(w)
    answer = refusal.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (case.code, case.status)
    assert answer["Error"].get("Message") is not None
    case.allowed(w)


def test_names_of_cases_are_unique() -> None:
    names = [case.name for case in cases.ALL]
    assert len(names) == len(set(names))
