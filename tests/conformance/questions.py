"""Generates random authorization questions from a seed: a request and policies of every layer, in the format of
`/_sim/decisions`.

Resources, actions and values come from small sets, so that about half of the elements of a statement match the request. What
aws-sim does not support (NotPrincipal, unknown condition keys) is not generated, and neither is anything that AWS does not
accept in a policy.
"""

from __future__ import annotations

import random
from typing import Any

A, B = "111111111111", "222222222222"
REGION = "eu-west-1"
OTHER = "us-east-2"

# Action, resource type, and the types of the condition keys that its requests have besides the global ones (Service
# Authorization Reference).
TAGS = {"aws:RequestTag/team": "text", "aws:TagKeys": "many"}
OF_KEY = {"aws:ResourceTag/team": "text", "kms:KeySpec": "text", "kms:MultiRegion": "bool", "kms:ResourceAliases": "many"}
KMS = {"kms:CallerAccount": "text", "kms:ViaService": "text"}
ACTIONS: list[tuple[str, str, dict[str, str]]] = [
    ("rds:CopyDBSnapshot", "snapshot", {**TAGS, "rds:req-tag/team": "text", "rds:CopyOptionGroup": "bool", "aws:ResourceTag/team": "text", "rds:snapshot-tag/team": "text"}),
    ("rds:CreateDBSnapshot", "snapshot", {**TAGS, "aws:ResourceTag/team": "text"}),
    ("rds:AddTagsToResource", "snapshot", {**TAGS, "rds:snapshot-tag/team": "text"}),
    ("rds:ModifyDBInstance", "db", {"rds:ManageMasterUserPassword": "bool", "rds:db-tag/team": "text"}),
    ("rds:DeleteDBSnapshot", "snapshot", {"aws:ResourceTag/team": "text"}),
    ("rds:DescribeCertificates", "*", {}),
    ("kms:Decrypt", "key", {**KMS, **OF_KEY, "kms:RequestAlias": "text", "kms:EncryptionContext:of": "text"}),
    ("kms:CreateGrant", "key", {**KMS, **OF_KEY, "kms:GrantIsForAWSResource": "bool", "kms:GrantOperations": "many", "kms:GranteePrincipal": "arn"}),
    ("kms:DescribeKey", "key", {**KMS, **OF_KEY}),
    ("kms:PutKeyPolicy", "key", {**KMS, **OF_KEY, "kms:BypassPolicyLockoutSafetyCheck": "bool"}),
    ("kms:ScheduleKeyDeletion", "key", {**KMS, "kms:ScheduleKeyDeletionPendingWindowInDays": "number"}),
    ("kms:CreateAlias", "alias", {**KMS}),
    ("kms:CreateKey", "*", {**TAGS, **KMS, "kms:MultiRegion": "bool"}),
    ("kms:ListKeys", "*", {}),
    ("sqs:SendMessage", "queue", {"aws:ResourceTag/team": "text"}),
    ("sqs:ReceiveMessage", "queue", {}),
    ("sqs:ListQueues", "*", {}),
    ("sts:AssumeRole", "role", {"sts:ExternalId": "text", "sts:RoleSessionName": "text"}),
    ("secretsmanager:CreateSecret", "secret", {**TAGS}),
    ("iam:PassRole", "role", {"iam:PassedToService": "text"}),
]
GLOBAL = {
    "aws:CurrentTime": "date",
    "aws:EpochTime": "number",
    "aws:PrincipalAccount": "text",
    "aws:PrincipalArn": "arn",
    "aws:PrincipalOrgID": "text",
    "aws:PrincipalTag/team": "text",
    "aws:RequestedRegion": "text",
    "aws:SecureTransport": "bool",
    "aws:ViaAWSService": "bool",
}
TYPES = {key: kind for *_, keys in ACTIONS for key, kind in keys.items()} | GLOBAL
ARNS = {
    "snapshot": "arn:aws:rds:{region}:{account}:snapshot:{name}",
    "db": "arn:aws:rds:{region}:{account}:db:{name}",
    "key": "arn:aws:kms:{region}:{account}:key/{name}",
    "alias": "arn:aws:kms:{region}:{account}:alias/{name}",
    "queue": "arn:aws:sqs:{region}:{account}:{name}",
    "role": "arn:aws:iam::{account}:role/{name}",
    "secret": "arn:aws:secretsmanager:{region}:{account}:secret:{name}",
}
NAMES = ["orders", "orders-1", "invoices"]
# Values in conditions; requests have only the first two.
VALUES: dict[str, list[str]] = {
    "text": ["blue", "red", "bl*", "*", "BLUE", "b?ue"],
    "arn": [
        f"arn:aws:iam::{A}:role/agent", f"arn:aws:iam::{B}:role/agent", "arn:aws:iam::*:role/*", f"arn:aws:iam::{A}:role/ag*",
        "arn:aws:iam::*:*", f"arn:aws:iam::{A}:user/agent",
    ],
    "bool": ["true", "false"],
    "number": ["7", "30", "10"],
    "date": ["2026-11-18T12:00:00Z", "2026-11-19T12:00:00Z", "2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z"],
    "many": ["blue", "red", "green", "bl*"],
}
OF = {
    "aws:PrincipalAccount": [A, B],
    "aws:PrincipalTag/team": ["orders", "blue"],
    "kms:CallerAccount": [A, B],
    "aws:RequestedRegion": [REGION, OTHER],
    "kms:ViaService": [f"rds.{REGION}.amazonaws.com", f"sqs.{REGION}.amazonaws.com", "rds.*.amazonaws.com"],
    "kms:GrantOperations": ["Decrypt", "DescribeKey", "CreateGrant"],
    "aws:TagKeys": ["team", "cost", "te*"],
}
OPERATORS = {
    "text": ["StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike"],
    "arn": ["ArnEquals", "ArnNotEquals", "ArnLike", "ArnNotLike", "StringEquals", "StringLike", "StringNotLike"],
    "bool": ["Bool"],
    "number": ["NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals"],
    "date": ["DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals"],
    "many": ["StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase"],
}
VARIABLES = ["${aws:PrincipalAccount}", "${aws:PrincipalTag/team}", "${aws:PrincipalTag/crew, 'blue'}", "${aws:RequestedRegion}"]
# The services, of those used here, that resource control policies apply to.
CONTROLLED = ("kms", "sqs", "sts", "secretsmanager")


def questions(seed: int, count: int) -> list[dict[str, Any]]:
    draw = Draw(random.Random(seed))
    return [draw.question() for _ in range(count)]


class Draw:
    def __init__(self, source: random.Random) -> None:
        self.random = source

    def one(self, values: Any) -> Any:
        return self.random.choice(list(values))

    def chance(self, percent: int) -> bool:
        return self.random.randrange(100) < percent

    def some(self, values: Any) -> Any:
        """One value, alone or in a list, or a list of two values."""
        first = self.one(values)
        if self.chance(60):
            return first
        return [first] if self.chance(30) else [first, self.one(values)]

    def question(self) -> dict[str, Any]:
        action, kind, keys = self.one(ACTIONS)
        account = A
        # Resources of RDS and roles to pass are never another account's, since RDS shares snapshots without a policy.
        owner = B if kind in ("key", "queue", "role") and action != "iam:PassRole" and self.chance(40) else A
        resource = "*"
        if kind != "*":
            resource = ARNS[kind].format(region=REGION, account=owner, name=self.one(NAMES))
        leave = {"key": "key", "queue": "policy"}.get(kind, "nobody")
        if action == "sts:AssumeRole":
            leave = "trust"
        context = self.context(account, keys)
        role = f"arn:aws:iam::{account}:role/agent"
        around = (action, resource, keys)
        return {
            "principal": f"arn:aws:sts::{account}:assumed-role/agent/me",
            "account": account,
            "role": role,
            "action": action,
            "resource": resource,
            "owner": owner,
            "leave": leave,
            "resource_policy": self.on_resource(leave, around) if leave != "nobody" else None,
            "identity": [self.document(around, 70) for _ in range(self.random.randint(1, 2))] if self.chance(92) else None,
            "boundary": self.document(around, 80) if self.chance(25) else None,
            "session": [self.document(around, 80)] if self.chance(20) else None,
            "service_controls": [self.document(around, 80) for _ in range(self.random.randint(1, 2))] if self.chance(25) else [],
            "resource_controls": [self.control(around)] if self.chance(20) and action.startswith(CONTROLLED) else [],
            "context": context,
        }

    def context(self, account: str, keys: dict[str, str]) -> dict[str, Any]:
        context: dict[str, Any] = {
            "aws:principalaccount": account,
            "aws:principalarn": f"arn:aws:iam::{account}:role/agent",
            "aws:currenttime": self.one(VALUES["date"][:2]),
            "aws:epochtime": "1795000000",
            "aws:requestedregion": self.one([REGION, OTHER]),
            "aws:securetransport": "true",
            "aws:viaawsservice": self.one(["true", "false"]),
        }
        if self.chance(50):
            context["aws:principaltag/team"] = self.one(OF["aws:PrincipalTag/team"])
        for key, kind in keys.items():
            if self.chance(70):
                values = OF.get(key, VALUES[kind])[:2]
                context[key.lower()] = self.random.sample(values, self.random.randint(1, 2)) if kind == "many" else self.one(values)
        return context

    def document(self, around: tuple[str, str, dict[str, str]], allowing: int) -> dict[str, Any]:
        count = self.random.choice([1, 1, 2, 3])
        return {"Version": "2012-10-17", "Statement": [self.statement(around, allowing) for _ in range(count)]}

    def on_resource(self, leave: str, around: tuple[str, str, dict[str, str]]) -> dict[str, Any]:
        document = self.document(around, 85)
        for statement in document["Statement"]:
            statement["Principal"] = self.principal()
            if leave == "trust":
                statement.pop("Resource", None)
                statement.pop("NotResource", None)
                statement.pop("NotAction", None)
                statement["Action"] = "sts:AssumeRole"
        return document

    def principal(self) -> Any:
        return self.one([
            "*", {"AWS": "*"}, {"AWS": A}, {"AWS": f"arn:aws:iam::{A}:root"}, {"AWS": f"arn:aws:iam::{A}:role/agent"},
            {"AWS": f"arn:aws:sts::{A}:assumed-role/agent/me"}, {"AWS": [f"arn:aws:iam::{A}:role/other", B]},
            {"AWS": f"arn:aws:sts::{A}:assumed-role/agent/you"}, {"Service": "rds.amazonaws.com"},
        ])

    def control(self, around: tuple[str, str, dict[str, str]]) -> dict[str, Any]:
        action, resource, keys = around
        statement = self.statement(around, 0)
        statement.pop("NotAction", None)
        service, name = action.split(":")
        statement |= {"Effect": "Deny", "Principal": "*", "Action": self.one([action, f"{service}:*", "kms:Encrypt"])}
        return {"Version": "2012-10-17", "Statement": [statement]}

    def statement(self, around: tuple[str, str, dict[str, str]], allowing: int) -> dict[str, Any]:
        action, resource, keys = around
        service, name = action.split(":")
        statement: dict[str, Any] = {"Effect": "Allow" if self.chance(allowing) else "Deny"}
        actions = [action, action, f"{service}:*", "*", f"{service}:{name[:3]}*", f"{service}:{name[:-1]}?", "kms:Encrypt", "rds:Describe*", action.lower()]
        statement["Action" if self.chance(88) else "NotAction"] = self.some(actions)
        statement["Resource" if self.chance(88) else "NotResource"] = self.some(self.resources(resource))
        if self.chance(45):
            statement["Condition"] = self.conditions(keys)
        return statement

    def resources(self, resource: str) -> list[str]:
        if resource == "*":
            return ["*", "*", f"arn:aws:kms:{REGION}:{A}:key/*"]
        parts = resource.split(":", 5)
        varied = lambda at, value: ":".join([*parts[:at], value, *parts[at + 1:]])  # noqa: E731
        return [
            "*", resource, resource, varied(5, parts[5][:-2] + "*"), varied(5, parts[5][:-1] + "?"), varied(5, "*"),
            varied(4, "*"), varied(3, "*") if parts[3] else resource, varied(4, "333333333333"), varied(5, parts[5] + "x"),
            varied(5, parts[5].replace("orders", "${aws:PrincipalTag/team}")), varied(5, parts[5].replace("in", "*")),
        ]

    def conditions(self, keys: dict[str, str]) -> dict[str, Any]:
        conditions: dict[str, Any] = {}
        for _ in range(self.random.choice([1, 1, 1, 2])):
            # Sometimes a key that this request does not have.
            key = self.one(keys or GLOBAL) if self.chance(55) else self.one(GLOBAL) if self.chance(80) else self.one(TYPES)
            kind = TYPES[key]
            if self.chance(8):
                conditions.setdefault("Null", {})[key] = self.one(["true", "false"])
                continue
            operator = self.one(OPERATORS[kind])
            if self.chance(15):
                operator += "IfExists"
            if kind == "many":
                operator = self.one(["ForAllValues:", "ForAnyValue:"]) + operator
            values = OF.get(key, VALUES[kind])
            if kind == "text" and self.chance(12):
                values = VARIABLES
            if kind == "arn" and operator.startswith("Arn"):
                values = [value for value in values if value.startswith("arn:")]
            conditions.setdefault(operator, {})[key] = self.some(values)
        return conditions
