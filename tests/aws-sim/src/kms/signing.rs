//! Signing keys: ECDSA on P-256.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use p256::ecdsa::signature::{Signer, Verifier};
use p256::ecdsa::{DerSignature, SigningKey, VerifyingKey};
use p256::pkcs8::EncodePublicKey;
use serde_json::{Value, json};

use super::actions::named_key;
use super::crypto::refuse_dry_run;
use super::key::{KeySpec, SIGNING_ALGORITHM};
use crate::caller::Caller;
use crate::envelope::Material;
use crate::fault::{Fault, Outcome};
use crate::ids::Ids;
use crate::json::Json;
use crate::world::World;

/// All signing algorithms of KMS (KMS API Reference, Sign).
const ALGORITHMS: [&str; 13] = [
    "RSASSA_PSS_SHA_256",
    "RSASSA_PSS_SHA_384",
    "RSASSA_PSS_SHA_512",
    "RSASSA_PKCS1_V1_5_SHA_256",
    "RSASSA_PKCS1_V1_5_SHA_384",
    "RSASSA_PKCS1_V1_5_SHA_512",
    SIGNING_ALGORITHM,
    "ECDSA_SHA_384",
    "ECDSA_SHA_512",
    "SM2DSA",
    "ML_DSA_SHAKE_256",
    "ED25519_SHA_512",
    "ED25519_PH_SHA_512",
];

/// The private key of a new signing key.
pub(super) fn private_key(ids: &mut Ids) -> Material {
    loop {
        // All but one in 2^32 random values are scalars of the curve.
        let drawn: Material = ids.bytes();
        if SigningKey::from_bytes(&drawn.into()).is_ok() {
            return drawn;
        }
    }
}

/// The common part of Sign and Verify: the key, the message, and whether the message is a digest (KMS API Reference,
/// Sign, InvalidKeyUsageException). InternalFailure for bugs of the simulator (Common Errors).
fn prepared(
    world: &mut World,
    caller: &Caller,
    action: &str,
    json: &Json,
) -> Outcome<(String, SigningKey, Vec<u8>, bool)> {
    let message = json.bytes("Message", 4096)?;
    let kind = json.one_of("MessageType", &["RAW", "DIGEST", "EXTERNAL_MU"])?.unwrap_or("RAW");
    let algorithm = json.required("SigningAlgorithm")?;
    json.one_of("SigningAlgorithm", &ALGORITHMS)?;
    let key = named_key(world, caller, action, json)?;
    if key.spec != KeySpec::EccNistP256 {
        let usage = key.spec.usage();
        let message = format!("{} key usage is {usage} which is not valid for {action}.", key.arn);
        return Err(Fault::bad("InvalidKeyUsageException", message));
    }
    if algorithm != SIGNING_ALGORITHM {
        let message = format!("Algorithm {algorithm} and key spec ECC_NIST_P256 are incompatible.");
        return Err(Fault::bad("InvalidKeyUsageException", message));
    }
    // KMS API Reference, Sign, MessageType: EXTERNAL_MU is for ML-DSA keys.
    if kind == "EXTERNAL_MU" {
        return Err(Fault::validation("EXTERNAL_MU is a message type of ML-DSA keys"));
    }
    // "The length of the Message value must match the length of hashed messages" (same page).
    if kind == "DIGEST" && message.len() != 32 {
        return Err(Fault::validation(format!("Digest is invalid length for algorithm {algorithm}.")));
    }
    let signing = SigningKey::from_bytes(&key.material.into()).map_err(|_| Fault::internal("the key is no scalar"))?;
    Ok((key.arn.to_string(), signing, message, kind == "DIGEST"))
}

/// KMS API Reference, Sign. The nonce is deterministic as in RFC 6979: the same message gives the same signature.
pub(super) fn sign(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["DryRun", "GrantTokens", "KeyId", "Message", "MessageType", "SigningAlgorithm"])?;
    let (arn, key, message, hashed) = prepared(world, caller, "Sign", json)?;
    refuse_dry_run(json)?;
    let signature: Result<DerSignature, _> = if hashed { key.sign_prehash(&message) } else { key.try_sign(&message) };
    let signature = signature.map_err(|_| Fault::internal("signing failed"))?;
    let signature = STANDARD.encode(signature.as_bytes());
    Ok(json!({ "KeyId": arn, "Signature": signature, "SigningAlgorithm": SIGNING_ALGORITHM }))
}

/// KMS API Reference, Verify: a wrong signature is an error, not a result.
pub(super) fn verify(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["DryRun", "GrantTokens", "KeyId", "Message", "MessageType", "Signature", "SigningAlgorithm"])?;
    let signature = json.bytes("Signature", 6144)?;
    let (arn, key, message, hashed) = prepared(world, caller, "Verify", json)?;
    refuse_dry_run(json)?;
    let key = VerifyingKey::from(&key);
    let right = |signature: &DerSignature| {
        if hashed { key.verify_prehash(&message, signature) } else { key.verify(&message, signature) }.is_ok()
    };
    if !DerSignature::from_bytes(&signature).is_ok_and(|signature| right(&signature)) {
        return Err(Fault::bad("KMSInvalidSignatureException", ""));
    }
    Ok(json!({ "KeyId": arn, "SignatureValid": true, "SigningAlgorithm": SIGNING_ALGORITHM }))
}

/// KMS API Reference, GetPublicKey: a DER-encoded SubjectPublicKeyInfo.
pub(super) fn get_public_key(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["GrantTokens", "KeyId"])?;
    let key = named_key(world, caller, "GetPublicKey", json)?;
    if !key.spec.signs() {
        let message = format!("{} is a symmetric key and has no public key.", key.arn);
        return Err(Fault::bad("UnsupportedOperationException", message));
    }
    let signing = SigningKey::from_bytes(&key.material.into()).map_err(|_| Fault::internal("the key is no scalar"))?;
    let public = VerifyingKey::from(&signing).to_public_key_der();
    let public = public.map_err(|_| Fault::internal("the public key cannot be written"))?;
    Ok(json!({
        "CustomerMasterKeySpec": key.spec.name(),
        "KeyId": key.arn.to_string(),
        "KeySpec": key.spec.name(),
        "KeyUsage": key.spec.usage(),
        "PublicKey": STANDARD.encode(public.as_bytes()),
        "SigningAlgorithms": [SIGNING_ALGORITHM],
    }))
}
