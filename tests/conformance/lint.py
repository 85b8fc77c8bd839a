"""Lints policies with parliament. Usage: lint.py FOLDER...

Reads every JSON file that is a policy document, including trust policies and resource-based policies. Findings that apply to
every policy of a kind, or that are wrong, are suppressed below, each with the reason.
"""

from __future__ import annotations

import json
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Iterator

import parliament

SUPPRESSED = {
    # The resource of a key policy is always the key itself, written as * (KMS Developer Guide, Key policies, Resource); service
    # control policies and boundaries apply to all resources.
    "RESOURCE_STAR",
}
# Condition keys that parliament 1.6.4 does not know for the action (Service Authorization Reference, Amazon RDS; IAM User
# Guide, AWS global condition context keys).
NEWER = ("aws:ViaAWSService", "rds:PubliclyAccessible", "rds:db-tag/")


def policies(folder: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in sorted(Path(folder).rglob("*.json")):
        document = json.loads(path.read_text())
        if isinstance(document, dict) and "Statement" in document:
            yield path, document


def main() -> int:
    found = 0
    for folder in sys.argv[1:]:
        count = 0
        for path, document in policies(folder):
            count += 1
            for finding in findings(document):
                print(f"{path}: {finding.issue} {finding.title} {finding.detail}")
                found += 1
        print(f"{folder}: {count} policies")
        found += not count
    return 1 if found else 0


def findings(document: dict[str, Any]) -> Iterator[Any]:
    statements = listed(document["Statement"])
    for statement in statements:
        # A trust policy has no resource, but parliament requires one.
        if "Resource" not in statement and "NotResource" not in statement:
            statement["Resource"] = "*"
    for finding in parliament.analyze_policy_string(json.dumps(document)).findings:
        newer = finding.issue == "UNKNOWN_CONDITION_FOR_ACTION" and any(key in finding.detail for key in NEWER)
        elsewhere = finding.issue == "RESOURCE_MISMATCH" and all(allows(statements, need) for need in finding.detail)
        if finding.issue not in SUPPRESSED and not newer and not elsewhere:
            yield finding


def allows(statements: list[dict[str, Any]], need: dict[str, str]) -> bool:
    """Whether another statement allows the action on the resource that parliament misses. parliament requires all resources of
    an action in one statement; IAM does not, and separate statements allow separate conditions for each resource."""
    having = (one for one in statements if one["Effect"] == "Allow" and need["action"] in listed(one.get("Action")))
    return any(fnmatchcase(resource, need["required_format"]) for one in having for resource in listed(one.get("Resource")))


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


if __name__ == "__main__":
    sys.exit(main())
