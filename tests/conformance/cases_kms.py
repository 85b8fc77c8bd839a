"""What KMS refuses."""

from __future__ import annotations

import base64
import json
from typing import Any

from cases import case
from world import THERE, World, policy

ALLOWED = "arn:aws:iam::{}:root"


def metadata(w: World, **more: Any) -> Any:
    return w.kms.create_key(**more)["KeyMetadata"]


def primary(w: World) -> str:
    return w.a.key(MultiRegion=True)


def replicate(w: World, key: str = "", **more: Any) -> Any:
    return w.kms.replicate_key(KeyId=key or w.it, **{"ReplicaRegion": THERE, **more})


def put(w: World, document: str, **more: Any) -> Any:
    return w.kms.put_key_policy(KeyId=w.it, **{"PolicyName": "default", "Policy": document, **more})


def own(w: World, **more: Any) -> str:
    return policy(w.a.root, "kms:*", **more)


def aws_key(w: World) -> str:
    """The key that AWS manages for RDS."""
    return w.kms.describe_key(KeyId="alias/aws/rds")["KeyMetadata"]["Arn"]


def doomed(w: World) -> str:
    key = w.a.key()
    w.kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    return key


def revive(w: World, key: str) -> None:
    w.kms.cancel_key_deletion(KeyId=key)
    w.kms.enable_key(KeyId=key)


def key(w: World) -> str:
    return w.a.key()


def named(w: World) -> str:
    """A key with the alias `orders`."""
    made = w.a.key()
    w.kms.create_alias(AliasName="alias/orders", TargetKeyId=made)
    return made


def describe(w: World, key: str) -> Any:
    return w.kms.describe_key(KeyId=key)


def fill(w: World, count: int) -> str:
    made = w.a.key()
    for number in range(count):
        w.kms.create_alias(AliasName=f"alias/number-{number}", TargetKeyId=made)
    return made


# Parameters in general.

case("kms: a parameter that the action lacks", "ValidationException", 400,
     lambda w: w.a.raw("kms", "ListKeys", {"Colour": "blue"}), lambda w: w.kms.list_keys())
case("kms: a parameter that is required", "ValidationException", 400,
     lambda w: w.a.raw("kms", "DescribeKey", {}), lambda w: describe(w, w.it), given=key)
case("kms: a page has at least one", "ValidationException", 400,
     lambda w: w.kms.list_keys(Limit=0), lambda w: w.kms.list_keys(Limit=1))
case("kms: a page has at most 1000", "ValidationException", 400,
     lambda w: w.kms.list_keys(Limit=1001), lambda w: w.kms.list_keys(Limit=1000))
case("kms: a text is a text", "SerializationException", 400,
     lambda w: w.a.raw("kms", "DescribeKey", {"KeyId": 7}), lambda w: w.a.raw("kms", "DescribeKey", {"KeyId": w.it}),
     given=key)
case("kms: a body is JSON", "SerializationException", 400,
     lambda w: w.a.raw("kms", "ListKeys", b"{"), lambda w: w.a.raw("kms", "ListKeys", b"{}"))
case("kms: an action that there is not", "UnknownOperationException", 400,
     lambda w: w.a.raw("kms", "ForecastWeather", {}), lambda w: w.a.raw("kms", "ListKeys", {}))
case("kms: an action at all", "UnknownOperationException", 400,
     lambda w: w.a.raw("kms", "", {}), lambda w: w.a.raw("kms", "ListKeys", {}))

# Which key.

case("kms: a key that there is not", "NotFoundException", 400,
     lambda w: describe(w, w.it[:-4] + "0000"), lambda w: describe(w, w.it), given=key)
case("kms: an alias that there is not", "NotFoundException", 400,
     lambda w: describe(w, "alias/invoices"), lambda w: describe(w, "alias/orders"), given=named)
case("kms: an ARN is whole", "InvalidArnException", 400,
     lambda w: describe(w, "arn:aws:kms"), lambda w: describe(w, w.it), given=key)
case("kms: an ARN is of KMS", "InvalidArnException", 400,
     lambda w: describe(w, w.it.replace(":kms:", ":rds:")), lambda w: describe(w, w.it), given=key)
case("kms: another Region's ARN is none here", "NotFoundException", 400,
     lambda w: w.a_there.kms.describe_key(KeyId=w.it), lambda w: describe(w, w.it), given=key)
case("kms: an alias is no key id", "InvalidArnException", 400,
     lambda w: w.kms.disable_key(KeyId="alias/orders"), lambda w: w.kms.disable_key(KeyId=w.it), given=named)
case("kms: another's key lets one in", "AccessDeniedException", 400,
     lambda w: w.b.kms.describe_key(KeyId=w.it),
     lambda w: (w.a.admit(w.it, w.b), w.b.kms.describe_key(KeyId=w.it)), given=key)
case("kms: another's key is never administered", "AccessDeniedException", 400,
     lambda w: w.b.kms.disable_key(KeyId=w.it), lambda w: w.kms.disable_key(KeyId=w.it),
     given=lambda w: (made := w.a.key(), w.a.admit(made, w.b))[0])

# Making keys.

for name, value in (("KeySpec", "RSA_2048"), ("Origin", "EXTERNAL")):
    case(f"kms: a key with the {name} {value}", "UnsupportedOperationException", 400,
         lambda w, name=name, value=value: metadata(w, **{name: value}),
         lambda w: metadata(w, KeySpec="SYMMETRIC_DEFAULT", KeyUsage="ENCRYPT_DECRYPT", Origin="AWS_KMS"))
case("kms: a description has 8192 characters", "ValidationException", 400,
     lambda w: metadata(w, Description="d" * 8193), lambda w: metadata(w, Description="d" * 8192))
case("kms: a tag is given once", "TagException", 400,
     lambda w: metadata(w, Tags=[{"TagKey": "k", "TagValue": "v"}] * 2),
     lambda w: metadata(w, Tags=[{"TagKey": "k", "TagValue": "v"}, {"TagKey": "K", "TagValue": "v"}]))
case("kms: only a primary is replicated", "UnsupportedOperationException", 400,
     replicate, lambda w: replicate(w, primary(w)), given=key)
case("kms: a Region is one", "ValidationException", 400,
     lambda w: replicate(w, ReplicaRegion="tokyo"), lambda w: replicate(w), given=primary)
case("kms: one replica a Region", "AlreadyExistsException", 400,
     replicate, lambda w: replicate(w, ReplicaRegion="eu-west-1"),
     given=lambda w: (made := primary(w), replicate(w, made))[0])
case("kms: a replica's Region is enabled for the account", "UnsupportedOperationException", 400,
     lambda w: replicate(w, ReplicaRegion="ap-east-1"), lambda w: replicate(w), given=primary, pace="seeded")
case("kms: what is switched off is not replicated", "DisabledException", 400,
     replicate, lambda w: (w.kms.enable_key(KeyId=w.it), replicate(w)),
     given=lambda w: (made := primary(w), w.kms.disable_key(KeyId=made))[0])

# Aliases.


def alias(w: World, name: str = "alias/orders", target: str = "") -> Any:
    return w.kms.create_alias(AliasName=name, TargetKeyId=target or w.it)


case("kms: an alias begins with alias", "ValidationException", 400,
     lambda w: alias(w, "orders"), lambda w: alias(w, "alias/orders"), given=key)
case("kms: an alias has letters", "InvalidAliasNameException", 400,
     lambda w: alias(w, "alias/or ders"), lambda w: alias(w, "alias/or/ders_-"), given=key)
case("kms: alias/aws is AWS's own", "NotAuthorizedException", 400,
     lambda w: alias(w, "alias/aws/orders"), lambda w: alias(w, "alias/aws-orders"), given=key)
case("kms: an alias is of a key, not of an alias", "ValidationException", 400,
     lambda w: alias(w, "alias/second", "alias/orders"), lambda w: alias(w, "alias/second"), given=named)
case("kms: an alias is of one's own key", "AccessDeniedException", 400,
     lambda w: w.b.kms.create_alias(AliasName="alias/orders", TargetKeyId=w.it),
     lambda w: w.b.kms.create_alias(AliasName="alias/orders", TargetKeyId=w.b.key()), given=key)
case("kms: an alias is of a key that there is", "NotFoundException", 400,
     lambda w: alias(w, target=w.it[:-4] + "0000"), alias, given=key)
case("kms: an alias is taken", "AlreadyExistsException", 400,
     alias, lambda w: alias(w, "alias/invoices"), given=named)
case("kms: 50 aliases a key", "LimitExceededException", 400,
     lambda w: alias(w, "alias/one-more"), lambda w: alias(w, "alias/one-more", w.a.key()),
     given=lambda w: fill(w, 50))
case("kms: what is moved exists", "NotFoundException", 400,
     lambda w: w.kms.update_alias(AliasName="alias/invoices", TargetKeyId=w.it),
     lambda w: w.kms.update_alias(AliasName="alias/orders", TargetKeyId=w.it), given=named)
case("kms: what is taken away exists", "NotFoundException", 400,
     lambda w: w.kms.delete_alias(AliasName="alias/invoices"), lambda w: w.kms.delete_alias(AliasName="alias/orders"),
     given=named)
case("kms: AWS's own key gets no alias", "AccessDeniedException", 400,
     alias, lambda w: alias(w, target=w.a.key()), given=aws_key)
case("kms: what is doomed gets no alias", "KMSInvalidStateException", 400,
     alias, lambda w: (revive(w, w.it), alias(w)), given=doomed)

# Policies.

case("kms: a policy has 32 KB", "LimitExceededException", 400,
     lambda w: put(w, own(w).ljust(32_769)), lambda w: put(w, own(w).ljust(32_768)), given=key)
case("kms: a policy is JSON", "MalformedPolicyDocumentException", 400,
     lambda w: put(w, "kms:*"), lambda w: put(w, own(w)), given=key)
case("kms: a policy has a version", "MalformedPolicyDocumentException", 400,
     lambda w: put(w, own(w).replace("2012-10-17", "2026-01-01")),
     lambda w: put(w, own(w).replace("2012-10-17", "2008-10-17")), given=key)
case("kms: a policy names who exists", "MalformedPolicyDocumentException", 400,
     lambda w: put(w, policy([w.a.root, f"arn:aws:iam::{w.b.number}:role/nobody"], "kms:*")),
     lambda w: put(w, policy([w.a.root, w.b.root], "kms:*")), given=key)
case("kms: a policy lets its author change it", "MalformedPolicyDocumentException", 400,
     lambda w: put(w, policy(w.b.root, "kms:*")),
     lambda w: put(w, policy(w.b.root, "kms:*"), BypassPolicyLockoutSafetyCheck=True), given=key)
case("kms: a policy is called default", "NotFoundException", 400,
     lambda w: put(w, own(w), PolicyName="mine"), lambda w: put(w, own(w), PolicyName="default"), given=key)
case("kms: AWS's own key keeps its policy", "AccessDeniedException", 400,
     lambda w: put(w, own(w)), lambda w: w.kms.get_key_policy(KeyId=w.it), given=aws_key)
case("kms: the key's policy decides, in its own account too", "AccessDeniedException", 400,
     lambda w: w.kms.encrypt(KeyId=w.it, Plaintext=b"x"), lambda w: w.kms.describe_key(KeyId=w.it),
     given=lambda w: w.a.key(Policy=policy(w.a.root, ["kms:Describe*", "kms:Put*"])))
case("kms: an explicit deny wins", "AccessDeniedException", 400,
     lambda w: w.kms.encrypt(KeyId=w.it, Plaintext=b"x"), lambda w: w.kms.list_grants(KeyId=w.it),
     given=lambda w: w.a.key(Policy=json.dumps({"Version": "2012-10-17", "Statement": [
         {"Effect": effect, "Principal": {"AWS": w.a.root}, "Action": action, "Resource": "*"}
         for effect, action in (("Allow", "kms:*"), ("Deny", "kms:Encrypt"))]})))

# Grants.


def grant(w: World, **more: Any) -> Any:
    usual = {"KeyId": w.it, "GranteePrincipal": w.b.root, "Operations": ["Decrypt"]}
    return w.kms.create_grant(**{**usual, **more})


case("kms: a grant is about something", "ValidationException", 400,
     lambda w: grant(w, Operations=[]), grant, given=key)
case("kms: a grant is about what a symmetric key does", "ValidationException", 400,
     lambda w: grant(w, Operations=["Sign"]), grant, given=key)
case("kms: a grant is to somebody", "InvalidArnException", 400,
     lambda w: grant(w, GranteePrincipal="somebody"), grant, given=key)
case("kms: a grant is on a key that is there for use", "DisabledException", 400,
     grant, lambda w: (w.kms.enable_key(KeyId=w.it), grant(w)),
     given=lambda w: (made := w.a.key(), w.kms.disable_key(KeyId=made))[0])
case("kms: what is revoked exists", "NotFoundException", 400,
     lambda w: w.kms.revoke_grant(KeyId=w.it[0], GrantId="0" * 64), lambda w: w.kms.revoke_grant(KeyId=w.it[0], GrantId=w.it[1]),
     given=lambda w: (made := w.a.key(), grant(w, KeyId=made)["GrantId"]))

# The life of a key.

case("kms: what is doomed is not switched on", "KMSInvalidStateException", 400,
     lambda w: w.kms.enable_key(KeyId=w.it), lambda w: revive(w, w.it), given=doomed)
case("kms: what is being made is not used", "KMSInvalidStateException", 400,
     lambda w: w.a_there.kms.encrypt(KeyId=w.it, Plaintext=b"x"), lambda w: w.a_there.kms.describe_key(KeyId=w.it),
     given=lambda w: replicate(w, primary(w))["ReplicaKeyMetadata"]["Arn"], pace="still")
case("kms: what is doomed is not doomed again", "KMSInvalidStateException", 400,
     lambda w: w.kms.schedule_key_deletion(KeyId=w.it), lambda w: w.kms.cancel_key_deletion(KeyId=w.it), given=doomed)
case("kms: what is not doomed is not saved", "KMSInvalidStateException", 400,
     lambda w: w.kms.cancel_key_deletion(KeyId=w.it),
     lambda w: (w.kms.schedule_key_deletion(KeyId=w.it), w.kms.cancel_key_deletion(KeyId=w.it)), given=key)
case("kms: a key waits 7 days at least", "ValidationException", 400,
     lambda w: w.kms.schedule_key_deletion(KeyId=w.it, PendingWindowInDays=6),
     lambda w: w.kms.schedule_key_deletion(KeyId=w.it, PendingWindowInDays=7), given=key)
case("kms: AWS's own key is not deleted", "AccessDeniedException", 400,
     lambda w: w.kms.schedule_key_deletion(KeyId=w.it), lambda w: w.kms.describe_key(KeyId=w.it), given=aws_key)
case("kms: aws: is AWS's own", "TagException", 400,
     lambda w: w.kms.tag_resource(KeyId=w.it, Tags=[{"TagKey": "aws:owner", "TagValue": "me"}]),
     lambda w: w.kms.tag_resource(KeyId=w.it, Tags=[{"TagKey": "awsowner", "TagValue": "me"}]), given=key)
case("kms: 50 tags", "LimitExceededException", 400,
     lambda w: w.kms.tag_resource(KeyId=w.it, Tags=[{"TagKey": "one", "TagValue": "more"}]),
     lambda w: w.kms.tag_resource(KeyId=w.it, Tags=[{"TagKey": "number-0", "TagValue": "again"}]),
     given=lambda w: w.a.key(Tags=[{"TagKey": f"number-{number}", "TagValue": ""} for number in range(50)]))

# Encrypting.


def sealed(w: World) -> tuple[str, bytes]:
    made = w.a.key()
    return made, w.kms.encrypt(KeyId=made, Plaintext=b"secret")["CiphertextBlob"]


def opened(w: World, blob: bytes, **more: Any) -> None:
    assert w.kms.decrypt(CiphertextBlob=blob, **more)["Plaintext"] == b"secret"


case("kms: 4096 bytes of plaintext", "ValidationException", 400,
     lambda w: w.kms.encrypt(KeyId=w.it, Plaintext=b"x" * 4097), lambda w: w.kms.encrypt(KeyId=w.it, Plaintext=b"x" * 4096),
     given=key)
case("kms: plaintext comes as base64", "SerializationException", 400,
     lambda w: w.a.raw("kms", "Encrypt", {"KeyId": w.it, "Plaintext": "not base64!"}),
     lambda w: w.a.raw("kms", "Encrypt", {"KeyId": w.it, "Plaintext": base64.b64encode(b"x").decode()}), given=key)
case("kms: a data key has one size", "ValidationException", 400,
     lambda w: w.kms.generate_data_key(KeyId=w.it), lambda w: w.kms.generate_data_key(KeyId=w.it, KeySpec="AES_256"),
     given=key)
case("kms: what is not sealed is not opened", "InvalidCiphertextException", 400,
     lambda w: w.kms.decrypt(CiphertextBlob=b"x" * 40), lambda w: opened(w, w.it[1]), given=sealed)
case("kms: what was changed is not opened", "InvalidCiphertextException", 400,
     lambda w: w.kms.decrypt(CiphertextBlob=w.it[1][:-1] + bytes([w.it[1][-1] ^ 1])), lambda w: opened(w, w.it[1]),
     given=sealed)
case("kms: the context is part of it", "InvalidCiphertextException", 400,
     lambda w: w.kms.decrypt(CiphertextBlob=w.it[1], EncryptionContext={"a": "b"}), lambda w: opened(w, w.it[1]),
     given=sealed)
case("kms: the wrong key", "IncorrectKeyException", 400,
     lambda w: w.kms.decrypt(CiphertextBlob=w.it[1], KeyId=w.a.key()), lambda w: opened(w, w.it[1], KeyId=w.it[0]),
     given=sealed)
case("kms: what is switched off opens nothing", "DisabledException", 400,
     lambda w: w.kms.decrypt(CiphertextBlob=w.it[1]),
     lambda w: (w.kms.enable_key(KeyId=w.it[0]), opened(w, w.it[1])),
     given=lambda w: (made := sealed(w), w.kms.disable_key(KeyId=made[0]))[0])
case("kms: another Region's key opens nothing", "NotFoundException", 400,
     lambda w: w.a_there.kms.decrypt(CiphertextBlob=w.it[1]), lambda w: opened(w, w.it[1]), given=sealed)


# What the other actions refuse.


def signing(w: World) -> str:
    return w.a.key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")


def sign(w: World, **more: Any) -> Any:
    usual = {"KeyId": w.it, "Message": b"m", "SigningAlgorithm": "ECDSA_SHA_256"}
    return w.kms.sign(**{**usual, **more})


def verify(w: World, signature: bytes) -> Any:
    return w.kms.verify(KeyId=w.it[0], Message=b"m", SigningAlgorithm="ECDSA_SHA_256", Signature=signature)


def signed(w: World) -> tuple[str, bytes]:
    w.it = signing(w)
    return w.it, sign(w)["Signature"]


case("kms: a key for signing signs", "ValidationException", 400,
     lambda w: metadata(w, KeyUsage="SIGN_VERIFY"), lambda w: metadata(w, KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY"))
case("kms: a kind of key that there is not", "ValidationException", 400,
     lambda w: metadata(w, KeySpec="ROT_13"), lambda w: metadata(w, KeySpec="SYMMETRIC_DEFAULT"))
case("kms: key agreement is not simulated", "UnsupportedOperationException", 400,
     lambda w: metadata(w, KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT"), signing)
case("kms: one name for the kind of key", "ValidationException", 400,
     lambda w: metadata(w, KeySpec="SYMMETRIC_DEFAULT", CustomerMasterKeySpec="SYMMETRIC_DEFAULT"),
     lambda w: metadata(w, CustomerMasterKeySpec="SYMMETRIC_DEFAULT"))
case("kms: a key store that there is not", "CustomKeyStoreNotFoundException", 400,
     lambda w: metadata(w, CustomKeyStoreId="cks-1"), metadata)
case("kms: a key elsewhere", "ValidationException", 400, lambda w: metadata(w, XksKeyId="k-1"), metadata)
case("kms: random bytes of a key store that there is not", "CustomKeyStoreNotFoundException", 400,
     lambda w: w.kms.generate_random(NumberOfBytes=8, CustomKeyStoreId="cks-1"),
     lambda w: w.kms.generate_random(NumberOfBytes=8))
case("kms: a key id has 2048 characters", "ValidationException", 400,
     lambda w: describe(w, "k" * 2049), lambda w: describe(w, w.it), given=key)
case("kms: an alias moves to a key of its kind", "ValidationException", 400,
     lambda w: w.kms.update_alias(AliasName="alias/orders", TargetKeyId=signing(w)),
     lambda w: w.kms.update_alias(AliasName="alias/orders", TargetKeyId=w.a.key()), given=named)
case("kms: a marker is one that was given out", "InvalidMarkerException", 400,
     lambda w: w.kms.list_keys(Marker="page 2"), lambda w: w.kms.list_keys())
case("kms: only tried: encrypting", "DryRunOperationException", 400,
     lambda w: w.kms.encrypt(KeyId=w.it, Plaintext=b"x", DryRun=True), lambda w: w.kms.encrypt(KeyId=w.it, Plaintext=b"x"),
     given=key)
case("kms: only tried: decrypting", "DryRunOperationException", 400,
     lambda w: w.kms.decrypt(CiphertextBlob=w.it[1], DryRun=True), lambda w: opened(w, w.it[1]), given=sealed)
case("kms: only tried: signing", "DryRunOperationException", 400, lambda w: sign(w, DryRun=True), sign, given=signing)
case("kms: only tried: verifying", "DryRunOperationException", 400,
     lambda w: w.kms.verify(KeyId=w.it[0], Message=b"m", SigningAlgorithm="ECDSA_SHA_256", Signature=w.it[1], DryRun=True),
     lambda w: verify(w, w.it[1]), given=signed)
case("kms: only tried: granting", "DryRunOperationException", 400, lambda w: grant(w, DryRun=True), grant, given=key)
case("kms: only tried: revoking", "DryRunOperationException", 400,
     lambda w: w.kms.revoke_grant(KeyId=w.it[0], GrantId=w.it[1], DryRun=True),
     lambda w: w.kms.revoke_grant(KeyId=w.it[0], GrantId=w.it[1]),
     given=lambda w: (made := w.a.key(), grant(w, KeyId=made)["GrantId"]))
case("kms: only tried: retiring", "DryRunOperationException", 400,
     lambda w: w.kms.retire_grant(GrantToken=w.it, DryRun=True), lambda w: w.kms.retire_grant(GrantToken=w.it),
     given=lambda w: grant(w, KeyId=w.a.key(), RetiringPrincipal=w.a.root)["GrantToken"])
case("kms: an algorithm that the key lacks", "InvalidKeyUsageException", 400,
     lambda w: w.kms.encrypt(KeyId=w.it, Plaintext=b"x", EncryptionAlgorithm="RSAES_OAEP_SHA_256"),
     lambda w: w.kms.encrypt(KeyId=w.it, Plaintext=b"x", EncryptionAlgorithm="SYMMETRIC_DEFAULT"), given=key)
case("kms: a key for signing does not encrypt", "InvalidKeyUsageException", 400,
     lambda w: w.kms.encrypt(KeyId=w.it, Plaintext=b"x"), sign, given=signing)
case("kms: a key for encrypting does not sign", "InvalidKeyUsageException", 400,
     sign, lambda w: w.kms.encrypt(KeyId=w.it, Plaintext=b"x"), given=key)
case("kms: an algorithm for signing that the key lacks", "InvalidKeyUsageException", 400,
     lambda w: sign(w, SigningAlgorithm="ECDSA_SHA_512"), sign, given=signing)
case("kms: a kind of message that is for other keys", "ValidationException", 400,
     lambda w: sign(w, MessageType="EXTERNAL_MU"), lambda w: sign(w, MessageType="RAW"), given=signing)
case("kms: a digest has 32 bytes", "ValidationException", 400,
     lambda w: sign(w, MessageType="DIGEST", Message=b"d" * 31), lambda w: sign(w, MessageType="DIGEST", Message=b"d" * 32),
     given=signing)
case("kms: a signature is of its message", "KMSInvalidSignatureException", 400,
     lambda w: verify(w, w.it[1][:-1] + bytes([w.it[1][-1] ^ 1])), lambda w: verify(w, w.it[1]), given=signed)
case("kms: a symmetric key has no public one", "UnsupportedOperationException", 400,
     lambda w: w.kms.get_public_key(KeyId=w.it), lambda w: w.kms.get_public_key(KeyId=signing(w)), given=key)
case("kms: a key for signing is not rotated", "UnsupportedOperationException", 400,
     lambda w: w.kms.enable_key_rotation(KeyId=w.it), lambda w: w.kms.enable_key_rotation(KeyId=w.a.key()), given=signing)
case("kms: a replica is rotated with its primary", "UnsupportedOperationException", 400,
     lambda w: w.a_there.kms.enable_key_rotation(KeyId=w.it), lambda w: w.kms.enable_key_rotation(KeyId=w.it),
     given=lambda w: replicated(w).rpartition("/")[2])
case("kms: a primary goes to a Region", "ValidationException", 400,
     lambda w: promote(w, "tokyo"), lambda w: promote(w, THERE), given=lambda w: replicated(w))
case("kms: only a primary hands on that it is one", "UnsupportedOperationException", 400,
     lambda w: w.kms.update_primary_region(KeyId=w.a.key(), PrimaryRegion=THERE), lambda w: promote(w, THERE),
     given=lambda w: replicated(w))
case("kms: a primary goes elsewhere", "UnsupportedOperationException", 400,
     lambda w: promote(w, w.a.region), lambda w: promote(w, THERE), given=lambda w: replicated(w))


def promote(w: World, region: str) -> Any:
    return w.kms.update_primary_region(KeyId=w.it, PrimaryRegion=region)


def replicated(w: World) -> str:
    """A primary whose replica there can be used."""
    made = primary(w)
    replica = replicate(w, made)["ReplicaKeyMetadata"]["Arn"]
    while w.a_there.kms.describe_key(KeyId=replica)["KeyMetadata"]["KeyState"] != "Enabled":
        pass
    return made


case("kms: a grant has a name of letters", "ValidationException", 400,
     lambda w: grant(w, Name="one two"), lambda w: grant(w, Name="one/two"), given=key)
case("kms: a key for signing has no context", "ValidationException", 400,
     lambda w: grant(w, Operations=["Sign"], Constraints={"EncryptionContextEquals": {"a": "b"}}),
     lambda w: grant(w, Operations=["Sign"]), given=signing)
case("kms: who may retire is of one's own account", "InvalidArnException", 400,
     lambda w: w.kms.list_retirable_grants(RetiringPrincipal=w.b.root),
     lambda w: w.kms.list_retirable_grants(RetiringPrincipal=w.a.root))
case("kms: a grant passes on no more than it is", "AccessDeniedException", 400,
     lambda w: w.b.kms.create_grant(KeyId=w.it, GranteePrincipal=w.b.root, Operations=["Encrypt"]),
     lambda w: w.b.kms.create_grant(KeyId=w.it, GranteePrincipal=w.b.root, Operations=["Decrypt"]),
     given=lambda w: (made := w.a.key(), grant(w, KeyId=made, Operations=["CreateGrant", "Decrypt"]))[0])
case("kms: a grant token that there is not", "InvalidGrantTokenException", 400,
     lambda w: w.kms.retire_grant(GrantToken="t" * 8), lambda w: w.kms.retire_grant(GrantToken=w.it),
     given=lambda w: grant(w, KeyId=w.a.key(), RetiringPrincipal=w.a.root)["GrantToken"])
case("kms: a grant is retired by its token, or by its key and id", "ValidationException", 400,
     lambda w: w.a.raw("kms", "RetireGrant", {}), lambda w: w.kms.retire_grant(GrantToken=w.it),
     given=lambda w: grant(w, KeyId=w.a.key(), RetiringPrincipal=w.a.root)["GrantToken"])
case("kms: another's grant is not retired", "AccessDeniedException", 400,
     lambda w: w.b.kms.retire_grant(GrantToken=w.it), lambda w: w.kms.retire_grant(GrantToken=w.it),
     given=lambda w: grant(w, KeyId=w.a.key(), RetiringPrincipal=w.a.root)["GrantToken"])
case("kms: ten grant tokens", "ValidationException", 400,
     lambda w: w.kms.describe_key(KeyId=w.it[0], GrantTokens=[w.it[1]] * 11),
     lambda w: w.kms.describe_key(KeyId=w.it[0], GrantTokens=[w.it[1]] * 10),
     given=lambda w: (made := w.a.key(), grant(w, KeyId=made)["GrantToken"]))
case("kms: grant tokens are ones that were given out", "InvalidGrantTokenException", 400,
     lambda w: w.kms.describe_key(KeyId=w.it, GrantTokens=["t" * 8]), lambda w: w.kms.describe_key(KeyId=w.it), given=key)
case("kms: at least one tag", "ValidationException", 400,
     lambda w: w.a.raw("kms", "TagResource", {"KeyId": w.it}),
     lambda w: w.kms.tag_resource(KeyId=w.it, Tags=[{"TagKey": "k", "TagValue": "v"}]), given=key)
case("kms: at least one tag to take away", "ValidationException", 400,
     lambda w: w.kms.untag_resource(KeyId=w.it, TagKeys=[]), lambda w: w.kms.untag_resource(KeyId=w.it, TagKeys=["k"]),
     given=key)
case("kms: one request a second", "ThrottlingException", 400,
     lambda w: w.kms.list_keys(), lambda w: w.kms.list_aliases(), given=lambda w: w.kms.list_keys(), pace="busy")
case("kms: as many grants as there may be", "LimitExceededException", 400,
     lambda w: grant(w, KeyId=w.it), lambda w: grant(w, KeyId=w.a.key()),
     given=lambda w: (made := w.a.key(), grant(w, KeyId=made))[0], pace="busy")
case("kms: a new key is not used at once", "NotFoundException", 400,
     lambda w: w.kms.encrypt(KeyId=w.it, Plaintext=b"x"), lambda w: describe(w, w.it), given=key, pace="lagging")
