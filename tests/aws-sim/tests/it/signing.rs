//! Signing keys.

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{KeySpec, KeyUsageType, MessageType, SigningAlgorithmSpec};
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{DerSignature, VerifyingKey};
use p256::pkcs8::DecodePublicKey;

use crate::lab::{A, Clients, HERE, Lab, code};

async fn signing_key(clients: &Clients) -> String {
    let call = clients.kms.create_key().key_spec(KeySpec::EccNistP256).key_usage(KeyUsageType::SignVerify);
    call.send().await.unwrap().key_metadata().unwrap().key_id().to_owned()
}

const DIGEST: [u8; 32] = [7; 32];

#[tokio::test(start_paused = true)]
async fn verify_accepts_signature_only_for_its_message_and_key() {
    let lab = Lab::new();
    let here = lab.agent(A, HERE);
    let (key, other) = (signing_key(&here).await, signing_key(&here).await);
    let sign = |message: &[u8], kind: MessageType| {
        let call = here.kms.sign().key_id(&key).message(Blob::new(message)).message_type(kind);
        call.signing_algorithm(SigningAlgorithmSpec::EcdsaSha256)
    };
    let verify = |key: &str, message: &[u8], signature: &Blob| {
        let call = here.kms.verify().key_id(key).message(Blob::new(message)).signature(signature.clone());
        call.signing_algorithm(SigningAlgorithmSpec::EcdsaSha256).send()
    };
    let signed = sign(b"hello", MessageType::Raw).send().await.unwrap().signature().unwrap().clone();
    assert!(verify(&key, b"hello", &signed).await.unwrap().signature_valid());
    for (key, message) in [(&key, b"hullo"), (&other, b"hello")] {
        assert_eq!(code(verify(key, message, &signed).await), "KMSInvalidSignatureException");
    }
    assert_eq!(code(verify(&key, b"hello", &Blob::new("not DER")).await), "KMSInvalidSignatureException");

    // The signature can be verified with the public key, without KMS.
    let public = here.kms.get_public_key().key_id(&key).send().await.unwrap();
    assert_eq!(public.signing_algorithms(), [SigningAlgorithmSpec::EcdsaSha256]);
    let public = VerifyingKey::from_public_key_der(public.public_key().unwrap().as_ref()).unwrap();
    public.verify(b"hello", &DerSignature::from_bytes(signed.as_ref()).unwrap()).unwrap();

    let hashed = sign(&DIGEST, MessageType::Digest).send().await.unwrap().signature().unwrap().clone();
    assert_eq!(code(verify(&key, &DIGEST, &hashed).await), "KMSInvalidSignatureException");
    let call = here.kms.verify().key_id(&key).message(Blob::new(DIGEST)).message_type(MessageType::Digest);
    call.signature(hashed).signing_algorithm(SigningAlgorithmSpec::EcdsaSha256).send().await.unwrap();

    sign(&[1; 4096], MessageType::Raw).send().await.unwrap();
    for refused in [
        sign(&[1; 4097], MessageType::Raw),
        sign(b"", MessageType::Raw),
        sign(&[1; 31], MessageType::Digest),
        sign(&DIGEST, MessageType::ExternalMu),
        sign(b"x", MessageType::from("COOKED")),
        sign(b"x", MessageType::Raw).signing_algorithm("ROT13".into()),
    ] {
        assert_eq!(code(refused.send().await), "ValidationException");
    }
    let another = sign(b"x", MessageType::Raw).signing_algorithm(SigningAlgorithmSpec::EcdsaSha384);
    assert_eq!(code(another.send().await), "InvalidKeyUsageException");
    assert_eq!(code(sign(b"x", MessageType::Raw).dry_run(true).send().await), "DryRunOperationException");
}

#[tokio::test(start_paused = true)]
async fn key_usage_decides_between_signing_and_encrypting() {
    let lab = Lab::new();
    let here = lab.agent(A, HERE);
    let (signs, encrypts) = (signing_key(&here).await, here.key().await);
    let sign = |key: &str| {
        let call = here.kms.sign().key_id(key).message(Blob::new("x"));
        call.signing_algorithm(SigningAlgorithmSpec::EcdsaSha256).send()
    };
    let encrypt = |key: &str| here.kms.encrypt().key_id(key).plaintext(Blob::new("x")).send();
    sign(&signs).await.unwrap();
    let sealed = encrypt(&encrypts).await.unwrap().ciphertext_blob().unwrap().clone();
    assert_eq!(code(sign(&encrypts).await), "InvalidKeyUsageException");
    assert_eq!(code(encrypt(&signs).await), "InvalidKeyUsageException");
    let decrypt = here.kms.decrypt().key_id(&signs).ciphertext_blob(sealed).send().await;
    assert_eq!(code(decrypt), "IncorrectKeyException");
    assert_eq!(code(here.kms.get_public_key().key_id(&encrypts).send().await), "UnsupportedOperationException");
    here.kms.get_public_key().key_id(&signs).send().await.unwrap();
    here.kms.enable_key_rotation().key_id(&encrypts).send().await.unwrap();
    assert_eq!(code(here.kms.enable_key_rotation().key_id(&signs).send().await), "UnsupportedOperationException");

    // An alias can be moved only to a key of the same kind.
    let third = here.key().await;
    here.kms.create_alias().alias_name("alias/x").target_key_id(&encrypts).send().await.unwrap();
    let update = |key: &str| here.kms.update_alias().alias_name("alias/x").target_key_id(key).send();
    assert_eq!(code(update(&signs).await), "ValidationException");
    update(&third).await.unwrap();
    assert_eq!(
        code(here.kms.update_alias().alias_name("alias/y").target_key_id(&third).send().await),
        "NotFoundException"
    );
}

#[tokio::test(start_paused = true)]
async fn create_key_validates_spec_usage_and_origin() {
    use aws_sdk_kms::types::OriginType;
    let lab = Lab::new();
    let here = lab.agent(A, HERE);
    let create = || here.kms.create_key();
    let symmetric = create().key_spec(KeySpec::SymmetricDefault).key_usage(KeyUsageType::EncryptDecrypt);
    symmetric.origin(OriginType::AwsKms).send().await.unwrap();
    #[expect(deprecated, reason = "old clients still use it")]
    let former = |spec: &str| create().customer_master_key_spec(spec.into());
    let made = former("ECC_NIST_P256").key_usage(KeyUsageType::SignVerify).send().await.unwrap();
    assert_eq!(made.key_metadata().unwrap().key_spec(), Some(&KeySpec::EccNistP256));
    for (refused, expected) in [
        (create().key_spec(KeySpec::Rsa2048).key_usage(KeyUsageType::SignVerify), "UnsupportedOperationException"),
        (
            create().key_spec(KeySpec::EccNistP256).key_usage(KeyUsageType::KeyAgreement),
            "UnsupportedOperationException",
        ),
        (create().key_spec(KeySpec::EccNistP256), "ValidationException"),
        (create().key_spec(KeySpec::EccNistP256).key_usage(KeyUsageType::EncryptDecrypt), "ValidationException"),
        (create().key_usage(KeyUsageType::SignVerify), "ValidationException"),
        (create().key_spec("DES".into()), "ValidationException"),
        (former("SYMMETRIC_DEFAULT").key_spec(KeySpec::SymmetricDefault), "ValidationException"),
        (create().origin(OriginType::External), "UnsupportedOperationException"),
        (create().custom_key_store_id("cks-1"), "CustomKeyStoreNotFoundException"),
        (create().xks_key_id("x"), "ValidationException"),
        (create().description("x".repeat(8193)), "ValidationException"),
    ] {
        assert_eq!(code(refused.send().await), expected);
    }
}
