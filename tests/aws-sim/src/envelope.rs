//! Envelope encryption: the content is encrypted with a data key, and the data key with a KMS key's material.

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};

use crate::ids::Ids;

/// The material of a KMS key, or a data key.
pub(crate) type Material = [u8; 32];

const NONCE: usize = 12;

/// The content of a database or snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// Unencrypted storage.
    Plain(Vec<u8>),
    /// Content encrypted with a new data key, and that data key encrypted with the KMS key.
    Sealed { wrapped: Vec<u8>, content: Vec<u8> },
}

impl Stored {
    /// Encrypts `content` for `owner`, an ARN, which is needed again to decrypt it.
    pub(crate) fn seal(ids: &mut Ids, material: &Material, owner: &str, content: &[u8]) -> Option<Self> {
        let data_key: Material = ids.bytes();
        let content = encrypt(ids, &data_key, owner.as_bytes(), content)?;
        let wrapped = encrypt(ids, material, owner.as_bytes(), &data_key)?;
        Some(Self::Sealed { wrapped, content })
    }

    /// The content, if `material` is the right one (or none is needed) and it was encrypted for `owner`.
    pub(crate) fn open(&self, material: Option<&Material>, owner: &str) -> Option<Vec<u8>> {
        match self {
            Self::Plain(content) => Some(content.clone()),
            Self::Sealed { wrapped, content } => {
                let data_key = decrypt(material?, owner.as_bytes(), wrapped)?;
                decrypt(&data_key.try_into().ok()?, owner.as_bytes(), content)
            }
        }
    }
}

/// AES-256-GCM; the nonce precedes the ciphertext.
pub(crate) fn encrypt(ids: &mut Ids, material: &Material, context: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
    let nonce: [u8; NONCE] = ids.bytes();
    let cipher = Aes256Gcm::new(&(*material).into());
    let sealed = cipher.encrypt(&nonce.into(), Payload { msg: plain, aad: context }).ok()?;
    Some([nonce.as_slice(), &sealed].concat())
}

pub(crate) fn decrypt(material: &Material, context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
    let cipher = Aes256Gcm::new(&(*material).into());
    cipher.decrypt(&(*nonce).into(), Payload { msg: sealed, aad: context }).ok()
}
