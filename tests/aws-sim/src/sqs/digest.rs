//! The MD5 digests with which clients verify what they sent and received.

use std::collections::BTreeMap;
use std::fmt::Write;

use md5::{Digest, Md5};

use super::message::{Attribute, AttributeValue};

pub(super) fn of_body(body: &str) -> String {
    hex(Md5::digest(body.as_bytes()).as_ref())
}

/// SQS Developer Guide, Calculating the MD5 message digest for message attributes: by name, each as length-prefixed
/// name, length-prefixed type, one byte for the transport, length-prefixed value.
pub(super) fn of_attributes(attributes: &BTreeMap<String, Attribute>) -> String {
    let mut parts: Vec<u8> = Vec::new();
    for (name, attribute) in attributes {
        let (transport, value) = match &attribute.value {
            AttributeValue::Text(text) => (1, text.as_bytes()),
            AttributeValue::Binary(bytes) => (2, bytes.as_slice()),
        };
        for (index, part) in [name.as_bytes(), attribute.kind.as_bytes(), value].into_iter().enumerate() {
            if index == 2 {
                parts.push(transport);
            }
            parts.extend(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            parts.extend(part);
        }
    }
    hex(Md5::digest(&parts).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
