"""Refusals of requests with invalid credentials or signatures, and refusals of STS."""

from __future__ import annotations

import json
from typing import Any

from cases import case
from world import World


def identity(w: World, **unusual: Any) -> Any:
    return w.a.raw("sts", "GetCallerIdentity", {}, **unusual)


def keys(w: World, **unusual: Any) -> Any:
    return w.a.raw("kms", "ListKeys", {}, **unusual)


def queues(w: World, **unusual: Any) -> Any:
    return w.a.raw("sqs", "ListQueues", {}, **unusual)


def without(header: str) -> Any:
    def alter(request: Any) -> None:
        del request.headers[header]

    return alter


def with_(header: str, value: str) -> Any:
    def alter(request: Any) -> None:
        del request.headers[header]
        request.headers[header] = value

    return alter


def other_body(request: Any) -> None:
    request.data = request.data.replace(b"Version", b"version")


# Each service has its own error codes for the same refusal.
for call, name, codes, status in (
    (identity, "sts", ("MissingAuthenticationToken", "IncompleteSignature", "SignatureDoesNotMatch",
                       "InvalidClientTokenId"), 403),
    (keys, "kms", ("MissingAuthenticationTokenException", "IncompleteSignatureException", "InvalidSignatureException",
                   "UnrecognizedClientException"), 400),
    (queues, "sqs", ("MissingAuthenticationTokenException", "IncompleteSignatureException", "InvalidSignatureException",
                     "UnrecognizedClientException"), 403),
):
    unsigned, incomplete, wrong, unknown = codes
    if call is identity:
        case("sts: unsigned request", unsigned, status,
             lambda w: identity(w, alter=without("Authorization")), identity)
        case("sts: incomplete signature", incomplete, 400,
             lambda w: identity(w, alter=with_("Authorization", "AWS4-HMAC-SHA256 Credential=me")), identity)
        case("sts: signature for an unknown service", wrong, status, lambda w: identity(w, scope="weather"), identity)
        case("sts: body modified after signing", wrong, status,
             lambda w: identity(w, alter=lambda request: setattr(request, "data", request.data + b"&A=1")), identity)
    case(f"{name}: wrong secret access key", wrong, status, lambda w, call=call: call(w, secret="guessed"), call)
    case(f"{name}: unknown access key", unknown, status,
         lambda w, call=call: call(w, account="AKIANOBODY"), call)
    case(f"{name}: session token of another key", unknown, status,
         lambda w, call=call: call(w, token="a token"), call)
    case(f"{name}: missing date", incomplete, 400, lambda w, call=call: call(w, alter=without("X-Amz-Date")), call)
    for minutes, side in ((-16, "behind"), (16, "ahead")):
        case(f"{name}: clock 16 minutes {side}", wrong, status,
             lambda w, call=call, minutes=minutes: call(w, off=minutes * 60),
             lambda w, call=call, minutes=minutes: call(w, off=minutes // abs(minutes) * 14 * 60))

for call, name, code, status in ((identity, "sts", "InvalidClientTokenId", 403), (keys, "kms", "UnrecognizedClientException", 400)):
    case(f"{name}: Region that the account has not enabled", code, status,
         lambda w, call=call: call(w, region="ap-east-1"), call, simulator="seeded")

# STS.


def assume(w: World, role: str = "", **more: Any) -> Any:
    usual = {"RoleArn": role or f"arn:aws:iam::{w.a.number}:role/agent", "RoleSessionName": "session"}
    return w.sts.assume_role(**{name: value for name, value in {**usual, **more}.items() if value is not None})


case("sts: unknown action", "InvalidAction", 400, lambda w: w.a.raw("sts", "GetWeather", {}), identity)
case("sts: unknown API version", "InvalidAction", 400,
     lambda w: w.a.raw("sts", "GetCallerIdentity", {"Version": "2010-01-01"}), identity)
case("sts: unknown parameter", "InvalidParameterValue", 400,
     lambda w: w.a.raw("sts", "GetCallerIdentity", {"Colour": "blue"}), identity)
case("sts: AssumeRole by a root user", "AccessDenied", 403, assume, identity)
case("sts: role name in place of an ARN", "ValidationError", 400, lambda w: assume(w, "agent"), identity)
case("sts: session tags, which are not simulated", "ValidationError", 400,
     lambda w: assume(w, Tags=[{"Key": "k", "Value": "v"}]), identity)
case("sts: external id of one character", "ValidationError", 400, lambda w: assume(w, ExternalId="x"), identity)
case("sts: role chaining for more than one hour", "ValidationError", 400,
     lambda w: assume(w, DurationSeconds=3601), identity)
case("sts: missing session name", "MissingParameter", 400, lambda w: assume(w, RoleSessionName=None), identity)
case("sts: session name of one character", "ValidationError", 400,
     lambda w: assume(w, RoleSessionName="s"), identity)
case("sts: session shorter than 15 minutes", "ValidationError", 400,
     lambda w: assume(w, DurationSeconds=899), identity)

# Roles, which worlds/seeded.toml defines.
TRUSTING = "arn:aws:iam::300000000002:role/trusting"


def agent(w: World) -> Any:
    return w.sim.client_of("sts", "agent-a", "simulated-agent-a", None, w.a.region, checked=False)


def as_agent(w: World, **more: Any) -> Any:
    usual = {"RoleArn": TRUSTING, "RoleSessionName": "session", "ExternalId": "agreed"}
    given = {**usual, **more}
    return agent(w).assume_role(**{name: value for name, value in given.items() if value is not None})


case("sts: trust policy condition that does not match", "AccessDenied", 403,
     lambda w: as_agent(w, ExternalId="not-agreed"), as_agent, simulator="seeded")
case("sts: unknown role", "AccessDenied", 403,
     lambda w: as_agent(w, RoleArn=TRUSTING + "2"), as_agent, simulator="seeded")

# Session policies. worlds/seeded.toml defines a managed policy for them.
LISTS = "arn:aws:iam::300000000001:policy/lists"


def document(action: str) -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def narrowed(w: World, *policies: str, **more: Any) -> Any:
    return as_agent(w, PolicyArns=[{"arn": arn} for arn in policies], **more)


case("sts: invalid session policy", "MalformedPolicyDocument", 400,
     lambda w: as_agent(w, Policy="{}"), lambda w: as_agent(w, Policy=document("kms:*")), simulator="seeded")
case("sts: session policy longer than 2048 characters", "ValidationError", 400,
     lambda w: as_agent(w, Policy=document("kms:" + "x" * 2000)),
     lambda w: as_agent(w, Policy=document("kms:" + "x" * 1900)), simulator="seeded")
case("sts: unknown managed session policy", "ValidationError", 400,
     lambda w: narrowed(w, LISTS + "2"), lambda w: narrowed(w, LISTS), simulator="seeded")
case("sts: more than 10 managed session policies", "ValidationError", 400,
     lambda w: narrowed(w, *[LISTS] * 11), lambda w: narrowed(w, *[LISTS] * 10), simulator="seeded")
