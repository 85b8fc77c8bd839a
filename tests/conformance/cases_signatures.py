"""Who may speak at all, and what STS refuses."""

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


# Each service has its own words for the same refusal.
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
        case("sts: nobody at all", unsigned, status,
             lambda w: identity(w, alter=without("Authorization")), identity)
        case("sts: half a signature", incomplete, 400,
             lambda w: identity(w, alter=with_("Authorization", "AWS4-HMAC-SHA256 Credential=me")), identity)
        case("sts: a service that there is not", wrong, status, lambda w: identity(w, scope="weather"), identity)
        case("sts: another body than was signed", wrong, status,
             lambda w: identity(w, alter=lambda request: setattr(request, "data", request.data + b"&A=1")), identity)
    case(f"{name}: a guessed secret", wrong, status, lambda w, call=call: call(w, secret="guessed"), call)
    case(f"{name}: an access key that there is not", unknown, status,
         lambda w, call=call: call(w, account="AKIANOBODY"), call)
    case(f"{name}: a token that does not belong to the key", unknown, status,
         lambda w, call=call: call(w, token="a token"), call)
    case(f"{name}: no date", incomplete, 400, lambda w, call=call: call(w, alter=without("X-Amz-Date")), call)
    for minutes, side in ((-16, "behind"), (16, "before")):
        case(f"{name}: a clock 16 minutes {side}", wrong, status,
             lambda w, call=call, minutes=minutes: call(w, off=minutes * 60),
             lambda w, call=call, minutes=minutes: call(w, off=minutes // abs(minutes) * 14 * 60))

for call, name, code, status in ((identity, "sts", "InvalidClientTokenId", 403), (keys, "kms", "UnrecognizedClientException", 400)):
    case(f"{name}: a Region that is not enabled for the account", code, status,
         lambda w, call=call: call(w, region="ap-east-1"), call, pace="seeded")

# STS.


def assume(w: World, role: str = "", **more: Any) -> Any:
    usual = {"RoleArn": role or f"arn:aws:iam::{w.a.number}:role/agent", "RoleSessionName": "session"}
    return w.sts.assume_role(**{name: value for name, value in {**usual, **more}.items() if value is not None})


case("sts: an action that there is not", "InvalidAction", 400, lambda w: w.a.raw("sts", "GetWeather", {}), identity)
case("sts: another version of the API", "InvalidAction", 400,
     lambda w: w.a.raw("sts", "GetCallerIdentity", {"Version": "2010-01-01"}), identity)
case("sts: a parameter that the action lacks", "InvalidParameterValue", 400,
     lambda w: w.a.raw("sts", "GetCallerIdentity", {"Colour": "blue"}), identity)
case("sts: a root assumes no role", "AccessDenied", 403, assume, identity)
case("sts: a role has an ARN", "ValidationError", 400, lambda w: assume(w, "agent"), identity)
case("sts: session tags are not simulated", "ValidationError", 400,
     lambda w: assume(w, Tags=[{"Key": "k", "Value": "v"}]), identity)
case("sts: a condition has two characters", "ValidationError", 400, lambda w: assume(w, ExternalId="x"), identity)
case("sts: an hour at most for who is a role himself", "ValidationError", 400,
     lambda w: assume(w, DurationSeconds=3601), identity)
case("sts: a session has a name", "MissingParameter", 400, lambda w: assume(w, RoleSessionName=None), identity)
case("sts: a session's name has two characters", "ValidationError", 400,
     lambda w: assume(w, RoleSessionName="s"), identity)
case("sts: a session lasts a quarter of an hour", "ValidationError", 400,
     lambda w: assume(w, DurationSeconds=899), identity)

# Roles, which worlds/seeded.toml has.
TRUSTING = "arn:aws:iam::300000000002:role/trusting"


def agent(w: World) -> Any:
    return w.sim.client_of("sts", "agent-a", "simulated-agent-a", None, w.a.region, checked=False)


def as_agent(w: World, **more: Any) -> Any:
    usual = {"RoleArn": TRUSTING, "RoleSessionName": "session", "ExternalId": "agreed"}
    given = {**usual, **more}
    return agent(w).assume_role(**{name: value for name, value in given.items() if value is not None})


case("sts: a role trusts on a condition", "AccessDenied", 403,
     lambda w: as_agent(w, ExternalId="not-agreed"), as_agent, pace="seeded")
case("sts: a role that there is not trusts nobody", "AccessDenied", 403,
     lambda w: as_agent(w, RoleArn=TRUSTING + "2"), as_agent, pace="seeded")

# Session policies, of which an account of seeded.toml has a managed one.
LISTS = "arn:aws:iam::300000000001:policy/lists"


def document(action: str) -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def narrowed(w: World, *policies: str, **more: Any) -> Any:
    return as_agent(w, PolicyArns=[{"arn": arn} for arn in policies], **more)


case("sts: a session policy is a policy", "MalformedPolicyDocument", 400,
     lambda w: as_agent(w, Policy="{}"), lambda w: as_agent(w, Policy=document("kms:*")), pace="seeded")
case("sts: a session policy has 2048 characters", "ValidationError", 400,
     lambda w: as_agent(w, Policy=document("kms:" + "x" * 2000)),
     lambda w: as_agent(w, Policy=document("kms:" + "x" * 1900)), pace="seeded")
case("sts: a managed session policy exists", "ValidationError", 400,
     lambda w: narrowed(w, LISTS + "2"), lambda w: narrowed(w, LISTS), pace="seeded")
case("sts: a session has ten managed policies", "ValidationError", 400,
     lambda w: narrowed(w, *[LISTS] * 11), lambda w: narrowed(w, *[LISTS] * 10), pace="seeded")
