//! Encrypting small things.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::named_key;
use crate::arn::Arn;
use crate::envelope;
use crate::fault::{Fault, Outcome};
use crate::json::Json;
use crate::world::{Caller, World};

/// Plaintext has at most 4096 bytes (KMS API Reference, Encrypt).
const LARGEST: usize = 4096;

/// A ciphertext names its key by account and id, not by Region: related multi-Region keys decrypt each other's.
fn blob(account: &str, id: &str, sealed: &[u8]) -> String {
    let mut bytes = format!("{account}/{id}\n").into_bytes();
    bytes.extend_from_slice(sealed);
    STANDARD.encode(bytes)
}

fn opened(text: &str) -> Option<(String, String, Vec<u8>)> {
    let bytes = STANDARD.decode(text).ok()?;
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (account, id) = std::str::from_utf8(&bytes[..end]).ok()?.split_once('/')?;
    Some((account.to_owned(), id.to_owned(), bytes[end + 1..].to_vec()))
}

/// The ARN, in the caller's Region, of the key that a ciphertext is under.
pub(super) fn key_of(caller: &Caller, text: &str) -> Option<String> {
    let (account, id, _) = opened(text)?;
    Some(Arn::new("kms", &caller.region, &account, format!("key/{id}")).to_string())
}

fn encryption_context(json: &Json) -> Outcome<Vec<u8>> {
    Ok(serde_json::to_vec(&json.map("EncryptionContext")?).unwrap_or_default())
}

pub(super) fn encrypt(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["EncryptionAlgorithm", "EncryptionContext", "GrantTokens", "KeyId", "Plaintext"])?;
    let plain =
        STANDARD.decode(json.required("Plaintext")?).map_err(|_| Fault::bad("SerializationException", "Plaintext"))?;
    if !(1..=LARGEST).contains(&plain.len()) {
        return Err(Fault::validation(format!("Plaintext has 1 to {LARGEST} bytes")));
    }
    let (arn, ciphertext) = seal(world, caller, json, &plain)?;
    Ok(json!({ "CiphertextBlob": ciphertext, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT", "KeyId": arn }))
}

pub(super) fn generate_data_key(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["EncryptionContext", "GrantTokens", "KeyId", "KeySpec", "NumberOfBytes"])?;
    let length = match (json.text("KeySpec")?, json.number("NumberOfBytes")?) {
        (Some("AES_256"), None) => 32,
        (Some("AES_128"), None) => 16,
        (None, Some(count @ 1..=1024)) => usize::try_from(count).unwrap_or(32),
        _ => return Err(Fault::validation("Please specify either number of bytes or key spec.")),
    };
    let plain: Vec<u8> = (0..length).map(|_| world.ids.bytes::<1>()[0]).collect();
    let (arn, ciphertext) = seal(world, caller, json, &plain)?;
    Ok(json!({ "CiphertextBlob": ciphertext, "KeyId": arn, "Plaintext": STANDARD.encode(plain) }))
}

fn seal(world: &mut World, caller: &Caller, json: &Json, plain: &[u8]) -> Outcome<(String, String)> {
    let context = encryption_context(json)?;
    let key = named_key(world, caller, json)?;
    key.must_be_enabled()?;
    let (arn, material) = (key.arn.clone(), key.material);
    let sealed = envelope::encrypt(&mut world.ids, &material, &context, plain)
        .ok_or_else(|| Fault::internal("encryption failed"))?;
    let id = arn.name_of("key").unwrap_or_default();
    Ok((arn.to_string(), blob(&arn.account, id, &sealed)))
}

pub(super) fn decrypt(world: &mut World, caller: &Caller, json: &Json) -> Outcome<Value> {
    json.only(&["CiphertextBlob", "EncryptionAlgorithm", "EncryptionContext", "GrantTokens", "KeyId"])?;
    let invalid = || Fault::bad("InvalidCiphertextException", "");
    let text = json.required("CiphertextBlob")?;
    let (.., sealed) = opened(text).ok_or_else(invalid)?;
    let arn = key_of(caller, text).ok_or_else(invalid)?;
    if let Some(named) = json.text("KeyId")?
        && world.kms.resolve(caller, named)? != arn
    {
        let message = "The key ID in the request does not identify a CMK that can perform this operation.";
        return Err(Fault::bad("IncorrectKeyException", message));
    }
    let key = world
        .kms
        .keys
        .get(&arn)
        .ok_or_else(|| Fault::bad("NotFoundException", format!("Key '{arn}' does not exist")))?;
    key.must_be_enabled()?;
    let plain = envelope::decrypt(&key.material, &encryption_context(json)?, &sealed).ok_or_else(invalid)?;
    Ok(json!({ "EncryptionAlgorithm": "SYMMETRIC_DEFAULT", "KeyId": arn, "Plaintext": STANDARD.encode(plain) }))
}
