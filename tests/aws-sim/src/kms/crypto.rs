//! Encrypting and decrypting data of at most 4096 bytes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::actions::key;
use super::key::Key;
use crate::arn::Arn;
use crate::caller::Caller;
use crate::envelope;
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::world::World;

/// Plaintext has at most 4096 bytes (KMS API Reference, Encrypt).
const LARGEST: usize = 4096;
/// A ciphertext has at most 6144 bytes (KMS API Reference, Decrypt).
const LARGEST_BLOB: usize = 6144;
const ALGORITHM: &str = "SYMMETRIC_DEFAULT";

/// A ciphertext names its key by account and id, not by Region: related multi-Region keys can decrypt each other's.
struct Ciphertext {
    account: String,
    id: String,
    sealed: Vec<u8>,
}

impl Ciphertext {
    fn written(key: &Arn, sealed: &[u8]) -> String {
        let mut bytes = format!("{}/{}\n", key.account, key.name_of("key").unwrap_or_default()).into_bytes();
        bytes.extend_from_slice(sealed);
        STANDARD.encode(bytes)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let (account, id) = std::str::from_utf8(&bytes[..end]).ok()?.split_once('/')?;
        Some(Self { account: account.to_owned(), id: id.to_owned(), sealed: bytes[end + 1..].to_vec() })
    }

    /// The ARN of its key in the caller's Region.
    fn key(&self, caller: &Caller) -> String {
        Arn::new("kms", &caller.region, &self.account, format!("key/{}", self.id)).to_string()
    }
}

/// The ARN, in the caller's Region, of the key that encrypted a ciphertext.
pub(super) fn key_of(caller: &Caller, text: &str) -> Option<String> {
    Some(Ciphertext::read(&STANDARD.decode(text).ok()?)?.key(caller))
}

/// Refuses a dry run of a request that would succeed (KMS Developer Guide, Testing your permissions).
pub(super) fn refuse_dry_run(json: &Json) -> Outcome<()> {
    if json.flag("DryRun")?.unwrap_or(false) {
        return Err(Fault::bad(
            "DryRunOperationException",
            "The request would have succeeded, but the DryRun option is set.",
        ));
    }
    Ok(())
}

/// The encryption context: it is authenticated with the ciphertext, and must be the same for decryption.
fn encryption_context(json: &Json, name: &str) -> Outcome<Vec<u8>> {
    Ok(serde_json::to_vec(&json.map(name)?).unwrap_or_default())
}

/// KMS API Reference, Encrypt, InvalidKeyUsageException: the algorithm must be one of the key's.
fn check_algorithm(json: &Json, name: &str) -> Outcome<()> {
    let known = [ALGORITHM, "RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256", "SM2PKE"];
    match json.one_of(name, &known)? {
        None | Some(ALGORITHM) => Ok(()),
        Some(other) => {
            let message = format!("Algorithm {other} and key spec {ALGORITHM} are incompatible.");
            Err(Fault::bad("InvalidKeyUsageException", message))
        }
    }
}

/// KMS API Reference, Encrypt, InvalidKeyUsageException.
fn must_encrypt(key: &Key) -> Outcome<()> {
    if key.spec.signs() {
        let message = format!("{} key usage is SIGN_VERIFY which is not valid for this operation.", key.arn);
        return Err(Fault::bad("InvalidKeyUsageException", message));
    }
    Ok(())
}

pub(super) fn encrypt(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["DryRun", "EncryptionAlgorithm", "EncryptionContext", "GrantTokens", "KeyId", "Plaintext"])?;
    let plain = json.bytes("Plaintext", LARGEST)?;
    check_algorithm(json, "EncryptionAlgorithm")?;
    let (arn, ciphertext) = seal(world, caller, "Encrypt", json, &plain)?;
    Ok(json!({ "CiphertextBlob": ciphertext, "EncryptionAlgorithm": ALGORITHM, "KeyId": arn }))
}

pub(super) fn generate_data_key(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    data_key(world, caller, "GenerateDataKey", json, true)
}

pub(super) fn generate_data_key_without_plaintext(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    data_key(world, caller, "GenerateDataKeyWithoutPlaintext", json, false)
}

/// "You must specify either the KeySpec or the NumberOfBytes parameter (but not both)" (KMS API Reference,
/// GenerateDataKey); the text is from nsmithuk/local-kms#6.
fn data_key(world: &mut World, caller: &Caller, action: &str, json: &Json, shown: bool) -> Outcome<Value> {
    json.only(&["DryRun", "EncryptionContext", "GrantTokens", "KeyId", "KeySpec", "NumberOfBytes"])?;
    let length = match (json.one_of("KeySpec", &["AES_128", "AES_256"])?, json.number("NumberOfBytes")?) {
        (Some("AES_256"), None) => 32,
        (Some(_), None) => 16,
        (None, Some(count @ 1..=1024)) => usize::try_from(count).unwrap_or(32),
        _ => return Err(Fault::validation("Please specify either number of bytes or key spec.")),
    };
    let plain = random(world, length);
    let (arn, ciphertext) = seal(world, caller, action, json, &plain)?;
    let mut answer = json!({ "CiphertextBlob": ciphertext, "KeyId": arn });
    if shown {
        answer["Plaintext"] = json!(STANDARD.encode(plain));
    }
    Ok(answer)
}

/// KMS API Reference, GenerateRandom. There are no custom key stores here.
pub(super) fn generate_random(world: &mut World, json: &Json) -> Outcome<Value> {
    json.only(&["CustomKeyStoreId", "NumberOfBytes"])?;
    if let Some(store) = json.text("CustomKeyStoreId")? {
        return Err(Fault::bad("CustomKeyStoreNotFoundException", format!("{store} does not exist")));
    }
    let count = json.bounded("NumberOfBytes", 1, 1024, 0)?;
    Ok(json!({ "Plaintext": STANDARD.encode(random(world, usize::try_from(count).unwrap_or(1))) }))
}

fn random(world: &mut World, length: usize) -> Vec<u8> {
    (0..length).map(|_| world.ids.bytes::<1>()[0]).collect()
}

fn seal(world: &mut World, caller: &Caller, action: &str, json: &Json, plain: &[u8]) -> Outcome<(String, String)> {
    let named = json.required("KeyId")?;
    seal_under(world, caller, action, json, named, "EncryptionContext", plain)
}

fn seal_under(
    world: &mut World,
    caller: &Caller,
    action: &str,
    json: &Json,
    named: &str,
    context: &str,
    plain: &[u8],
) -> Outcome<(String, String)> {
    let context = encryption_context(json, context)?;
    let key = key(world, caller, action, named)?;
    must_encrypt(key)?;
    let (arn, material) = (key.arn.clone(), key.material);
    refuse_dry_run(json)?;
    // Encryption cannot fail. InternalFailure: KMS API Reference, Common Errors.
    let sealed = envelope::encrypt(&mut world.ids, &material, &context, plain)
        .ok_or_else(|| Fault::internal("encryption failed"))?;
    Ok((arn.to_string(), Ciphertext::written(&arn, &sealed)))
}

pub(super) fn decrypt(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["CiphertextBlob", "DryRun", "EncryptionAlgorithm", "EncryptionContext", "GrantTokens", "KeyId"])?;
    check_algorithm(json, "EncryptionAlgorithm")?;
    let (arn, plain) = open(world, caller, "Decrypt", json, "KeyId", "EncryptionContext")?;
    refuse_dry_run(json)?;
    Ok(json!({ "EncryptionAlgorithm": ALGORITHM, "KeyId": arn, "Plaintext": STANDARD.encode(plain) }))
}

/// The key and the plaintext of the request's ciphertext. A key named in the request must be the right one
/// (KMS API Reference, Decrypt: InvalidCiphertextException and IncorrectKeyException).
fn open(
    world: &mut World,
    caller: &Caller,
    action: &str,
    json: &Json,
    named: &str,
    context: &str,
) -> Outcome<(String, Vec<u8>)> {
    let invalid = || Fault::bad("InvalidCiphertextException", "");
    let ciphertext = Ciphertext::read(&json.bytes("CiphertextBlob", LARGEST_BLOB)?);
    let context = encryption_context(json, context)?;
    let under = ciphertext.as_ref().map(|ciphertext| ciphertext.key(caller));
    let arn = match json.text(named)? {
        Some(named) => key(world, caller, action, named)?.arn.to_string(),
        None => under.clone().ok_or_else(invalid)?,
    };
    // Checked before the key's usage: test_error_messaging_for_invalid_keys of localstack/localstack, recorded from
    // AWS.
    if under.as_ref().is_some_and(|under| *under != arn) {
        let message = "The key ID in the request does not identify a CMK that can perform this operation.";
        return Err(Fault::bad("IncorrectKeyException", message));
    }
    let key = key(world, caller, action, &arn)?;
    must_encrypt(key)?;
    let sealed = ciphertext.map(|ciphertext| ciphertext.sealed).ok_or_else(invalid)?;
    let plain = envelope::decrypt(&key.material, &context, &sealed).ok_or_else(invalid)?;
    Ok((arn, plain))
}

/// KMS API Reference, ReEncrypt.
pub(super) fn re_encrypt(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&[
        "CiphertextBlob",
        "DestinationEncryptionAlgorithm",
        "DestinationEncryptionContext",
        "DestinationKeyId",
        "DryRun",
        "GrantTokens",
        "SourceEncryptionAlgorithm",
        "SourceEncryptionContext",
        "SourceKeyId",
    ])?;
    check_algorithm(json, "SourceEncryptionAlgorithm")?;
    check_algorithm(json, "DestinationEncryptionAlgorithm")?;
    let (source, plain) = open(world, caller, "ReEncryptFrom", json, "SourceKeyId", "SourceEncryptionContext")?;
    let named = json.required("DestinationKeyId")?;
    let (arn, ciphertext) =
        seal_under(world, caller, "ReEncryptTo", json, named, "DestinationEncryptionContext", &plain)?;
    Ok(json!({
        "CiphertextBlob": ciphertext,
        "DestinationEncryptionAlgorithm": ALGORITHM,
        "KeyId": arn,
        "SourceEncryptionAlgorithm": ALGORITHM,
        "SourceKeyId": source,
    }))
}
