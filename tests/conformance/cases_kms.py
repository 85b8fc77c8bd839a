"""Refusals of KMS."""

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
    """The ARN of aws/rds, the AWS managed key for RDS."""
    return w.kms.describe_key(KeyId="alias/aws/rds")["KeyMetadata"]["Arn"]


def pending_deletion(w: World) -> str:
    key = w.a.key()
    w.kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    return key


def cancel_and_enable(w: World, key: str) -> None:
    w.kms.cancel_key_deletion(KeyId=key)
    w.kms.enable_key(KeyId=key)


def key(w: World) -> str:
    return w.a.key()


def named(w: World) -> str:
    """Creates a key with the alias `alias/orders`."""
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

case("kms: unknown parameter", "ValidationException", 400,
     lambda w: w.a.raw("kms", "ListKeys", {"Colour": "blue"}), lambda w: w.kms.list_keys())
case("kms: missing required parameter", "ValidationException", 400,
     lambda w: w.a.raw("kms", "DescribeKey", {}), lambda w: describe(w, w.it), setup=key)
case("kms: page size below 1", "ValidationException", 400,
     lambda w: w.kms.list_keys(Limit=0), lambda w: w.kms.list_keys(Limit=1))
case("kms: page size above 1000", "ValidationException", 400,
     lambda w: w.kms.list_keys(Limit=1001), lambda w: w.kms.list_keys(Limit=1000))
case("kms: number in place of a string", "SerializationException", 400,
     lambda w: w.a.raw("kms", "DescribeKey", {"KeyId": 7}), lambda w: w.a.raw("kms", "DescribeKey", {"KeyId": w.it}),
     setup=key)
case("kms: body that is not JSON", "SerializationException", 400,
     lambda w: w.a.raw("kms", "ListKeys", b"{"), lambda w: w.a.raw("kms", "ListKeys", b"{}"))
case("kms: unknown action", "UnknownOperationException", 400,
     lambda w: w.a.raw("kms", "ForecastWeather", {}), lambda w: w.a.raw("kms", "ListKeys", {}))
case("kms: missing action", "UnknownOperationException", 400,
     lambda w: w.a.raw("kms", "", {}), lambda w: w.a.raw("kms", "ListKeys", {}))

# References to keys.

case("kms: unknown key", "NotFoundException", 400,
     lambda w: describe(w, w.it[:-4] + "0000"), lambda w: describe(w, w.it), setup=key)
case("kms: unknown alias", "NotFoundException", 400,
     lambda w: describe(w, "alias/invoices"), lambda w: describe(w, "alias/orders"), setup=named)
case("kms: incomplete key ARN", "InvalidArnException", 400,
     lambda w: describe(w, "arn:aws:kms"), lambda w: describe(w, w.it), setup=key)
case("kms: ARN of another service", "InvalidArnException", 400,
     lambda w: describe(w, w.it.replace(":kms:", ":rds:")), lambda w: describe(w, w.it), setup=key)
case("kms: key ARN of another Region", "NotFoundException", 400,
     lambda w: w.a_there.kms.describe_key(KeyId=w.it), lambda w: describe(w, w.it), setup=key)
case("kms: alias in place of a key id", "InvalidArnException", 400,
     lambda w: w.kms.disable_key(KeyId="alias/orders"), lambda w: w.kms.disable_key(KeyId=w.it), setup=named)
case("kms: other account's key whose policy does not allow the caller", "AccessDeniedException", 400,
     lambda w: w.b.kms.describe_key(KeyId=w.it),
     lambda w: (w.a.admit(w.it, w.b), w.b.kms.describe_key(KeyId=w.it)), setup=key)
case("kms: administration of another account's key", "AccessDeniedException", 400,
     lambda w: w.b.kms.disable_key(KeyId=w.it), lambda w: w.kms.disable_key(KeyId=w.it),
     setup=lambda w: (made := w.a.key(), w.a.admit(made, w.b))[0])

# Creating keys.

for name, value in (("KeySpec", "RSA_2048"), ("Origin", "EXTERNAL")):
    case(f"kms: unsupported {name} {value}", "UnsupportedOperationException", 400,
         lambda w, name=name, value=value: metadata(w, **{name: value}),
         lambda w: metadata(w, KeySpec="SYMMETRIC_DEFAULT", KeyUsage="ENCRYPT_DECRYPT", Origin="AWS_KMS"))
case("kms: description longer than 8192 characters", "ValidationException", 400,
     lambda w: metadata(w, Description="d" * 8193), lambda w: metadata(w, Description="d" * 8192))
case("kms: duplicate tag key", "TagException", 400,
     lambda w: metadata(w, Tags=[{"TagKey": "k", "TagValue": "v"}] * 2),
     lambda w: metadata(w, Tags=[{"TagKey": "k", "TagValue": "v"}, {"TagKey": "K", "TagValue": "v"}]))
case("kms: replication of a single-Region key", "UnsupportedOperationException", 400,
     replicate, lambda w: replicate(w, primary(w)), setup=key)
case("kms: replication to an unknown Region", "ValidationException", 400,
     lambda w: replicate(w, ReplicaRegion="tokyo"), lambda w: replicate(w), setup=primary)
case("kms: second replica in the same Region", "AlreadyExistsException", 400,
     replicate, lambda w: replicate(w, ReplicaRegion="eu-west-1"),
     setup=lambda w: (made := primary(w), replicate(w, made))[0])
case("kms: replication to a Region that the account has not enabled", "UnsupportedOperationException", 400,
     lambda w: replicate(w, ReplicaRegion="ap-east-1"), lambda w: replicate(w), setup=primary, simulator="seeded")
case("kms: replication of a disabled key", "DisabledException", 400,
     replicate, lambda w: (w.kms.enable_key(KeyId=w.it), replicate(w)),
     setup=lambda w: (made := primary(w), w.kms.disable_key(KeyId=made))[0])

# Aliases.


def alias(w: World, name: str = "alias/orders", target: str = "") -> Any:
    return w.kms.create_alias(AliasName=name, TargetKeyId=target or w.it)


case("kms: alias name without the prefix alias/", "ValidationException", 400,
     lambda w: alias(w, "orders"), lambda w: alias(w, "alias/orders"), setup=key)
case("kms: invalid character in an alias name", "InvalidAliasNameException", 400,
     lambda w: alias(w, "alias/or ders"), lambda w: alias(w, "alias/or/ders_-"), setup=key)
case("kms: reserved alias prefix alias/aws/", "NotAuthorizedException", 400,
     lambda w: alias(w, "alias/aws/orders"), lambda w: alias(w, "alias/aws-orders"), setup=key)
case("kms: alias that targets an alias", "ValidationException", 400,
     lambda w: alias(w, "alias/second", "alias/orders"), lambda w: alias(w, "alias/second"), setup=named)
case("kms: alias of another account's key", "AccessDeniedException", 400,
     lambda w: w.b.kms.create_alias(AliasName="alias/orders", TargetKeyId=w.it),
     lambda w: w.b.kms.create_alias(AliasName="alias/orders", TargetKeyId=w.b.key()), setup=key)
case("kms: alias of an unknown key", "NotFoundException", 400,
     lambda w: alias(w, target=w.it[:-4] + "0000"), alias, setup=key)
case("kms: duplicate alias name", "AlreadyExistsException", 400,
     alias, lambda w: alias(w, "alias/invoices"), setup=named)
case("kms: more than 50 aliases for a key", "LimitExceededException", 400,
     lambda w: alias(w, "alias/one-more"), lambda w: alias(w, "alias/one-more", w.a.key()),
     setup=lambda w: fill(w, 50))
case("kms: update of an unknown alias", "NotFoundException", 400,
     lambda w: w.kms.update_alias(AliasName="alias/invoices", TargetKeyId=w.it),
     lambda w: w.kms.update_alias(AliasName="alias/orders", TargetKeyId=w.it), setup=named)
case("kms: deletion of an unknown alias", "NotFoundException", 400,
     lambda w: w.kms.delete_alias(AliasName="alias/invoices"), lambda w: w.kms.delete_alias(AliasName="alias/orders"),
     setup=named)
case("kms: alias of an AWS managed key", "AccessDeniedException", 400,
     alias, lambda w: alias(w, target=w.a.key()), setup=aws_key)
case("kms: alias of a key that is pending deletion", "KMSInvalidStateException", 400,
     alias, lambda w: (cancel_and_enable(w, w.it), alias(w)), setup=pending_deletion)

# Policies.

case("kms: policy larger than 32 KB", "LimitExceededException", 400,
     lambda w: put(w, own(w).ljust(32_769)), lambda w: put(w, own(w).ljust(32_768)), setup=key)
case("kms: policy that is not JSON", "MalformedPolicyDocumentException", 400,
     lambda w: put(w, "kms:*"), lambda w: put(w, own(w)), setup=key)
case("kms: policy with an unknown version", "MalformedPolicyDocumentException", 400,
     lambda w: put(w, own(w).replace("2012-10-17", "2026-01-01")),
     lambda w: put(w, own(w).replace("2012-10-17", "2008-10-17")), setup=key)
case("kms: policy with an unknown principal", "MalformedPolicyDocumentException", 400,
     lambda w: put(w, policy([w.a.root, f"arn:aws:iam::{w.b.number}:role/nobody"], "kms:*")),
     lambda w: put(w, policy([w.a.root, w.b.root], "kms:*")), setup=key)
case("kms: policy that locks its author out", "MalformedPolicyDocumentException", 400,
     lambda w: put(w, policy(w.b.root, "kms:*")),
     lambda w: put(w, policy(w.b.root, "kms:*"), BypassPolicyLockoutSafetyCheck=True), setup=key)
case("kms: policy with a name other than default", "NotFoundException", 400,
     lambda w: put(w, own(w), PolicyName="mine"), lambda w: put(w, own(w), PolicyName="default"), setup=key)
case("kms: policy change of an AWS managed key", "AccessDeniedException", 400,
     lambda w: put(w, own(w)), lambda w: w.kms.get_key_policy(KeyId=w.it), setup=aws_key)
case("kms: key policy that does not allow the key's own account", "AccessDeniedException", 400,
     lambda w: w.kms.encrypt(KeyId=w.it, Plaintext=b"x"), lambda w: w.kms.describe_key(KeyId=w.it),
     setup=lambda w: w.a.key(Policy=policy(w.a.root, ["kms:Describe*", "kms:Put*"])))
case("kms: explicit deny besides an allow", "AccessDeniedException", 400,
     lambda w: w.kms.encrypt(KeyId=w.it, Plaintext=b"x"), lambda w: w.kms.list_grants(KeyId=w.it),
     setup=lambda w: w.a.key(Policy=json.dumps({"Version": "2012-10-17", "Statement": [
         {"Effect": effect, "Principal": {"AWS": w.a.root}, "Action": action, "Resource": "*"}
         for effect, action in (("Allow", "kms:*"), ("Deny", "kms:Encrypt"))]})))

# Grants.


def grant(w: World, **more: Any) -> Any:
    usual = {"KeyId": w.it, "GranteePrincipal": w.b.root, "Operations": ["Decrypt"]}
    return w.kms.create_grant(**{**usual, **more})


case("kms: grant without operations", "ValidationException", 400,
     lambda w: grant(w, Operations=[]), grant, setup=key)
case("kms: grant of an operation that the key does not support", "ValidationException", 400,
     lambda w: grant(w, Operations=["Sign"]), grant, setup=key)
case("kms: invalid grantee principal", "InvalidArnException", 400,
     lambda w: grant(w, GranteePrincipal="somebody"), grant, setup=key)
case("kms: grant on a disabled key", "DisabledException", 400,
     grant, lambda w: (w.kms.enable_key(KeyId=w.it), grant(w)),
     setup=lambda w: (made := w.a.key(), w.kms.disable_key(KeyId=made))[0])
case("kms: revocation of an unknown grant", "NotFoundException", 400,
     lambda w: w.kms.revoke_grant(KeyId=w.it[0], GrantId="0" * 64), lambda w: w.kms.revoke_grant(KeyId=w.it[0], GrantId=w.it[1]),
     setup=lambda w: (made := w.a.key(), grant(w, KeyId=made)["GrantId"]))

# Key states, and tags.

case("kms: enabling a key that is pending deletion", "KMSInvalidStateException", 400,
     lambda w: w.kms.enable_key(KeyId=w.it), lambda w: cancel_and_enable(w, w.it), setup=pending_deletion)
case("kms: use of a replica that is being created", "KMSInvalidStateException", 400,
     lambda w: w.a_there.kms.encrypt(KeyId=w.it, Plaintext=b"x"), lambda w: w.a_there.kms.describe_key(KeyId=w.it),
     setup=lambda w: replicate(w, primary(w))["ReplicaKeyMetadata"]["Arn"], simulator="still")
case("kms: second deletion of a key that is pending deletion", "KMSInvalidStateException", 400,
     lambda w: w.kms.schedule_key_deletion(KeyId=w.it), lambda w: w.kms.cancel_key_deletion(KeyId=w.it), setup=pending_deletion)
case("kms: cancelling a deletion that is not scheduled", "KMSInvalidStateException", 400,
     lambda w: w.kms.cancel_key_deletion(KeyId=w.it),
     lambda w: (w.kms.schedule_key_deletion(KeyId=w.it), w.kms.cancel_key_deletion(KeyId=w.it)), setup=key)
case("kms: deletion in less than 7 days", "ValidationException", 400,
     lambda w: w.kms.schedule_key_deletion(KeyId=w.it, PendingWindowInDays=6),
     lambda w: w.kms.schedule_key_deletion(KeyId=w.it, PendingWindowInDays=7), setup=key)
case("kms: deletion of an AWS managed key", "AccessDeniedException", 400,
     lambda w: w.kms.schedule_key_deletion(KeyId=w.it), lambda w: w.kms.describe_key(KeyId=w.it), setup=aws_key)
case("kms: reserved tag prefix aws:", "TagException", 400,
     lambda w: w.kms.tag_resource(KeyId=w.it, Tags=[{"TagKey": "aws:owner", "TagValue": "me"}]),
     lambda w: w.kms.tag_resource(KeyId=w.it, Tags=[{"TagKey": "awsowner", "TagValue": "me"}]), setup=key)
case("kms: more than 50 tags", "LimitExceededException", 400,
     lambda w: w.kms.tag_resource(KeyId=w.it, Tags=[{"TagKey": "one", "TagValue": "more"}]),
     lambda w: w.kms.tag_resource(KeyId=w.it, Tags=[{"TagKey": "number-0", "TagValue": "again"}]),
     setup=lambda w: w.a.key(Tags=[{"TagKey": f"number-{number}", "TagValue": ""} for number in range(50)]))

# Encrypting and decrypting.


def encrypted(w: World) -> tuple[str, bytes]:
    made = w.a.key()
    return made, w.kms.encrypt(KeyId=made, Plaintext=b"secret")["CiphertextBlob"]


def check_decrypts(w: World, blob: bytes, **more: Any) -> None:
    assert w.kms.decrypt(CiphertextBlob=blob, **more)["Plaintext"] == b"secret"


case("kms: plaintext larger than 4096 bytes", "ValidationException", 400,
     lambda w: w.kms.encrypt(KeyId=w.it, Plaintext=b"x" * 4097), lambda w: w.kms.encrypt(KeyId=w.it, Plaintext=b"x" * 4096),
     setup=key)
case("kms: plaintext that is not base64", "SerializationException", 400,
     lambda w: w.a.raw("kms", "Encrypt", {"KeyId": w.it, "Plaintext": "not base64!"}),
     lambda w: w.a.raw("kms", "Encrypt", {"KeyId": w.it, "Plaintext": base64.b64encode(b"x").decode()}), setup=key)
case("kms: data key without a size", "ValidationException", 400,
     lambda w: w.kms.generate_data_key(KeyId=w.it), lambda w: w.kms.generate_data_key(KeyId=w.it, KeySpec="AES_256"),
     setup=key)
case("kms: decryption of arbitrary bytes", "InvalidCiphertextException", 400,
     lambda w: w.kms.decrypt(CiphertextBlob=b"x" * 40), lambda w: check_decrypts(w, w.it[1]), setup=encrypted)
case("kms: decryption of a modified ciphertext", "InvalidCiphertextException", 400,
     lambda w: w.kms.decrypt(CiphertextBlob=w.it[1][:-1] + bytes([w.it[1][-1] ^ 1])), lambda w: check_decrypts(w, w.it[1]),
     setup=encrypted)
case("kms: decryption with another encryption context", "InvalidCiphertextException", 400,
     lambda w: w.kms.decrypt(CiphertextBlob=w.it[1], EncryptionContext={"a": "b"}), lambda w: check_decrypts(w, w.it[1]),
     setup=encrypted)
case("kms: decryption with another key", "IncorrectKeyException", 400,
     lambda w: w.kms.decrypt(CiphertextBlob=w.it[1], KeyId=w.a.key()), lambda w: check_decrypts(w, w.it[1], KeyId=w.it[0]),
     setup=encrypted)
case("kms: decryption with a disabled key", "DisabledException", 400,
     lambda w: w.kms.decrypt(CiphertextBlob=w.it[1]),
     lambda w: (w.kms.enable_key(KeyId=w.it[0]), check_decrypts(w, w.it[1])),
     setup=lambda w: (made := encrypted(w), w.kms.disable_key(KeyId=made[0]))[0])
case("kms: decryption in another Region", "NotFoundException", 400,
     lambda w: w.a_there.kms.decrypt(CiphertextBlob=w.it[1]), lambda w: check_decrypts(w, w.it[1]), setup=encrypted)


# Other actions.


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


case("kms: symmetric key with key usage SIGN_VERIFY", "ValidationException", 400,
     lambda w: metadata(w, KeyUsage="SIGN_VERIFY"), lambda w: metadata(w, KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY"))
case("kms: unknown key spec", "ValidationException", 400,
     lambda w: metadata(w, KeySpec="ROT_13"), lambda w: metadata(w, KeySpec="SYMMETRIC_DEFAULT"))
case("kms: key agreement, which is not simulated", "UnsupportedOperationException", 400,
     lambda w: metadata(w, KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT"), signing)
case("kms: KeySpec together with CustomerMasterKeySpec", "ValidationException", 400,
     lambda w: metadata(w, KeySpec="SYMMETRIC_DEFAULT", CustomerMasterKeySpec="SYMMETRIC_DEFAULT"),
     lambda w: metadata(w, CustomerMasterKeySpec="SYMMETRIC_DEFAULT"))
case("kms: unknown key store", "CustomKeyStoreNotFoundException", 400,
     lambda w: metadata(w, CustomKeyStoreId="cks-1"), metadata)
case("kms: XksKeyId for a key with another origin", "ValidationException", 400, lambda w: metadata(w, XksKeyId="k-1"), metadata)
case("kms: random bytes from an unknown key store", "CustomKeyStoreNotFoundException", 400,
     lambda w: w.kms.generate_random(NumberOfBytes=8, CustomKeyStoreId="cks-1"),
     lambda w: w.kms.generate_random(NumberOfBytes=8))
case("kms: key id longer than 2048 characters", "ValidationException", 400,
     lambda w: describe(w, "k" * 2049), lambda w: describe(w, w.it), setup=key)
case("kms: alias update to a key of another type", "ValidationException", 400,
     lambda w: w.kms.update_alias(AliasName="alias/orders", TargetKeyId=signing(w)),
     lambda w: w.kms.update_alias(AliasName="alias/orders", TargetKeyId=w.a.key()), setup=named)
case("kms: invalid pagination marker", "InvalidMarkerException", 400,
     lambda w: w.kms.list_keys(Marker="page 2"), lambda w: w.kms.list_keys())
case("kms: dry run of Encrypt", "DryRunOperationException", 400,
     lambda w: w.kms.encrypt(KeyId=w.it, Plaintext=b"x", DryRun=True), lambda w: w.kms.encrypt(KeyId=w.it, Plaintext=b"x"),
     setup=key)
case("kms: dry run of Decrypt", "DryRunOperationException", 400,
     lambda w: w.kms.decrypt(CiphertextBlob=w.it[1], DryRun=True), lambda w: check_decrypts(w, w.it[1]), setup=encrypted)
case("kms: dry run of Sign", "DryRunOperationException", 400, lambda w: sign(w, DryRun=True), sign, setup=signing)
case("kms: dry run of Verify", "DryRunOperationException", 400,
     lambda w: w.kms.verify(KeyId=w.it[0], Message=b"m", SigningAlgorithm="ECDSA_SHA_256", Signature=w.it[1], DryRun=True),
     lambda w: verify(w, w.it[1]), setup=signed)
case("kms: dry run of CreateGrant", "DryRunOperationException", 400, lambda w: grant(w, DryRun=True), grant, setup=key)
case("kms: dry run of RevokeGrant", "DryRunOperationException", 400,
     lambda w: w.kms.revoke_grant(KeyId=w.it[0], GrantId=w.it[1], DryRun=True),
     lambda w: w.kms.revoke_grant(KeyId=w.it[0], GrantId=w.it[1]),
     setup=lambda w: (made := w.a.key(), grant(w, KeyId=made)["GrantId"]))
case("kms: dry run of RetireGrant", "DryRunOperationException", 400,
     lambda w: w.kms.retire_grant(GrantToken=w.it, DryRun=True), lambda w: w.kms.retire_grant(GrantToken=w.it),
     setup=lambda w: grant(w, KeyId=w.a.key(), RetiringPrincipal=w.a.root)["GrantToken"])
case("kms: encryption algorithm that the key does not support", "InvalidKeyUsageException", 400,
     lambda w: w.kms.encrypt(KeyId=w.it, Plaintext=b"x", EncryptionAlgorithm="RSAES_OAEP_SHA_256"),
     lambda w: w.kms.encrypt(KeyId=w.it, Plaintext=b"x", EncryptionAlgorithm="SYMMETRIC_DEFAULT"), setup=key)
case("kms: encryption with a signing key", "InvalidKeyUsageException", 400,
     lambda w: w.kms.encrypt(KeyId=w.it, Plaintext=b"x"), sign, setup=signing)
case("kms: signature with an encryption key", "InvalidKeyUsageException", 400,
     sign, lambda w: w.kms.encrypt(KeyId=w.it, Plaintext=b"x"), setup=key)
case("kms: signing algorithm that the key does not support", "InvalidKeyUsageException", 400,
     lambda w: sign(w, SigningAlgorithm="ECDSA_SHA_512"), sign, setup=signing)
case("kms: message type that the key does not support", "ValidationException", 400,
     lambda w: sign(w, MessageType="EXTERNAL_MU"), lambda w: sign(w, MessageType="RAW"), setup=signing)
case("kms: digest of the wrong length", "ValidationException", 400,
     lambda w: sign(w, MessageType="DIGEST", Message=b"d" * 31), lambda w: sign(w, MessageType="DIGEST", Message=b"d" * 32),
     setup=signing)
case("kms: modified signature", "KMSInvalidSignatureException", 400,
     lambda w: verify(w, w.it[1][:-1] + bytes([w.it[1][-1] ^ 1])), lambda w: verify(w, w.it[1]), setup=signed)
case("kms: public key of a symmetric key", "UnsupportedOperationException", 400,
     lambda w: w.kms.get_public_key(KeyId=w.it), lambda w: w.kms.get_public_key(KeyId=signing(w)), setup=key)
case("kms: rotation of a signing key", "UnsupportedOperationException", 400,
     lambda w: w.kms.enable_key_rotation(KeyId=w.it), lambda w: w.kms.enable_key_rotation(KeyId=w.a.key()), setup=signing)
case("kms: rotation of a replica", "UnsupportedOperationException", 400,
     lambda w: w.a_there.kms.enable_key_rotation(KeyId=w.it), lambda w: w.kms.enable_key_rotation(KeyId=w.it),
     setup=lambda w: replicated(w).rpartition("/")[2])
case("kms: new primary in an unknown Region", "ValidationException", 400,
     lambda w: promote(w, "tokyo"), lambda w: promote(w, THERE), setup=lambda w: replicated(w))
case("kms: new primary for a single-Region key", "UnsupportedOperationException", 400,
     lambda w: w.kms.update_primary_region(KeyId=w.a.key(), PrimaryRegion=THERE), lambda w: promote(w, THERE),
     setup=lambda w: replicated(w))
case("kms: new primary in the Region of the present one", "UnsupportedOperationException", 400,
     lambda w: promote(w, w.a.region), lambda w: promote(w, THERE), setup=lambda w: replicated(w))


def promote(w: World, region: str) -> Any:
    return w.kms.update_primary_region(KeyId=w.it, PrimaryRegion=region)


def replicated(w: World) -> str:
    """Creates a primary whose replica is enabled."""
    made = primary(w)
    replica = replicate(w, made)["ReplicaKeyMetadata"]["Arn"]
    while w.a_there.kms.describe_key(KeyId=replica)["KeyMetadata"]["KeyState"] != "Enabled":
        pass
    return made


case("kms: invalid character in a grant name", "ValidationException", 400,
     lambda w: grant(w, Name="one two"), lambda w: grant(w, Name="one/two"), setup=key)
case("kms: encryption context constraint on a signing key", "ValidationException", 400,
     lambda w: grant(w, Operations=["Sign"], Constraints={"EncryptionContextEquals": {"a": "b"}}),
     lambda w: grant(w, Operations=["Sign"]), setup=signing)
case("kms: listing grants of another account's retiring principal", "InvalidArnException", 400,
     lambda w: w.kms.list_retirable_grants(RetiringPrincipal=w.b.root),
     lambda w: w.kms.list_retirable_grants(RetiringPrincipal=w.a.root))
case("kms: grant that exceeds the grant of its issuer", "AccessDeniedException", 400,
     lambda w: w.b.kms.create_grant(KeyId=w.it, GranteePrincipal=w.b.root, Operations=["Encrypt"]),
     lambda w: w.b.kms.create_grant(KeyId=w.it, GranteePrincipal=w.b.root, Operations=["Decrypt"]),
     setup=lambda w: (made := w.a.key(), grant(w, KeyId=made, Operations=["CreateGrant", "Decrypt"]))[0])
case("kms: retirement with an unknown grant token", "InvalidGrantTokenException", 400,
     lambda w: w.kms.retire_grant(GrantToken="t" * 8), lambda w: w.kms.retire_grant(GrantToken=w.it),
     setup=lambda w: grant(w, KeyId=w.a.key(), RetiringPrincipal=w.a.root)["GrantToken"])
case("kms: retirement without a token or grant id", "ValidationException", 400,
     lambda w: w.a.raw("kms", "RetireGrant", {}), lambda w: w.kms.retire_grant(GrantToken=w.it),
     setup=lambda w: grant(w, KeyId=w.a.key(), RetiringPrincipal=w.a.root)["GrantToken"])
case("kms: retirement of another account's grant", "AccessDeniedException", 400,
     lambda w: w.b.kms.retire_grant(GrantToken=w.it), lambda w: w.kms.retire_grant(GrantToken=w.it),
     setup=lambda w: grant(w, KeyId=w.a.key(), RetiringPrincipal=w.a.root)["GrantToken"])
case("kms: more than 10 grant tokens", "ValidationException", 400,
     lambda w: w.kms.describe_key(KeyId=w.it[0], GrantTokens=[w.it[1]] * 11),
     lambda w: w.kms.describe_key(KeyId=w.it[0], GrantTokens=[w.it[1]] * 10),
     setup=lambda w: (made := w.a.key(), grant(w, KeyId=made)["GrantToken"]))
case("kms: request with an unknown grant token", "InvalidGrantTokenException", 400,
     lambda w: w.kms.describe_key(KeyId=w.it, GrantTokens=["t" * 8]), lambda w: w.kms.describe_key(KeyId=w.it), setup=key)
case("kms: tagging without tags", "ValidationException", 400,
     lambda w: w.a.raw("kms", "TagResource", {"KeyId": w.it}),
     lambda w: w.kms.tag_resource(KeyId=w.it, Tags=[{"TagKey": "k", "TagValue": "v"}]), setup=key)
case("kms: untagging without tag keys", "ValidationException", 400,
     lambda w: w.kms.untag_resource(KeyId=w.it, TagKeys=[]), lambda w: w.kms.untag_resource(KeyId=w.it, TagKeys=["k"]),
     setup=key)
case("kms: request above the rate limit", "ThrottlingException", 400,
     lambda w: w.kms.list_keys(), lambda w: w.kms.list_aliases(), setup=lambda w: w.kms.list_keys(), simulator="busy")
case("kms: grant above the quota", "LimitExceededException", 400,
     lambda w: grant(w, KeyId=w.it), lambda w: grant(w, KeyId=w.a.key()),
     setup=lambda w: (made := w.a.key(), grant(w, KeyId=made))[0], simulator="busy")
case("kms: use of a new key within the propagation delay", "NotFoundException", 400,
     lambda w: w.kms.encrypt(KeyId=w.it, Plaintext=b"x"), lambda w: describe(w, w.it), setup=key, simulator="lagging")
