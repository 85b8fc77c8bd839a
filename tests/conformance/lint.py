"""Lints policies with parliament: lint.py FOLDER...

Every JSON file that is a policy document counts, trust policies and those on resources too. What parliament says of all
policies of that kind, or wrongly, is put away below, each with the reason.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Iterator

import parliament

PUT_AWAY = {
    # A policy on a key has no other resource than the key (KMS Developer Guide, Key policies, Resource), and policies of
    # accounts and boundaries speak of everything.
    "RESOURCE_STAR",
}
# Condition keys of the Service Authorization Reference, Amazon RDS, that parliament 1.6.4 does not know for the action.
NEWER = ("rds:ManageMasterUserPassword", "rds:PubliclyAccessible", "rds:db-tag/", "rds:snapshot-tag/")


def policies(folders: list[str]) -> Iterator[tuple[Path, dict[str, Any]]]:
    for folder in folders:
        for path in sorted(Path(folder).rglob("*.json")):
            document = json.loads(path.read_text())
            if isinstance(document, dict) and "Statement" in document:
                yield path, document


def main() -> int:
    found = 0
    count = 0
    for path, document in policies(sys.argv[1:]):
        count += 1
        for statement in document["Statement"] if isinstance(document["Statement"], list) else [document["Statement"]]:
            # A trust policy has no resource, and parliament wants one.
            if "Resource" not in statement and "NotResource" not in statement:
                statement["Resource"] = "*"
        for finding in parliament.analyze_policy_string(json.dumps(document)).findings:
            newer = finding.issue == "UNKNOWN_CONDITION_FOR_ACTION" and any(key in finding.detail for key in NEWER)
            if finding.issue not in PUT_AWAY and not newer:
                print(f"{path}: {finding.issue} {finding.title} {finding.detail}")
                found += 1
    print(f"{count} policies, {found} findings")
    return 1 if found or not count else 0


if __name__ == "__main__":
    sys.exit(main())
