//! Encrypting with KMS directly.

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;

use crate::lab::{A, B, HERE, Lab, code};

#[tokio::test(start_paused = true)]
async fn decrypt_needs_same_key_and_encryption_context() {
    let lab = Lab::new();
    let here = lab.agent(A, HERE);
    let (key, other) = (here.key().await, here.key().await);
    let encrypt = |length: usize| here.kms.encrypt().key_id(&key).plaintext(Blob::new(vec![1; length]));
    encrypt(4096).send().await.unwrap();
    assert_eq!(code(encrypt(4097).send().await), "ValidationException");
    assert_eq!(code(encrypt(0).send().await), "ValidationException");
    assert_eq!(code(encrypt(1).dry_run(true).send().await), "DryRunOperationException");
    let rsa = encrypt(1).encryption_algorithm("RSAES_OAEP_SHA_256".into());
    assert_eq!(code(rsa.send().await), "InvalidKeyUsageException");

    let sealed = encrypt(3).encryption_context("a", "b").send().await.unwrap().ciphertext_blob().unwrap().clone();
    let decrypt = || here.kms.decrypt().ciphertext_blob(sealed.clone());
    let opened = decrypt().encryption_context("a", "b").send().await.unwrap();
    assert_eq!((opened.key_id(), opened.plaintext().unwrap().as_ref()), (Some(key.as_str()), [1; 3].as_slice()));
    assert_eq!(code(decrypt().send().await), "InvalidCiphertextException");
    assert_eq!(code(decrypt().encryption_context("a", "c").send().await), "InvalidCiphertextException");
    let with = |key: &str| decrypt().encryption_context("a", "b").key_id(key).send();
    with(&key).await.unwrap();
    assert_eq!(code(with(&other).await), "IncorrectKeyException");
    for nonsense in [here.kms.decrypt(), here.kms.decrypt().key_id(&key)] {
        assert_eq!(code(nonsense.ciphertext_blob(Blob::new("x")).send().await), "InvalidCiphertextException");
    }
    assert_eq!(code(decrypt().encryption_context("a", "b").dry_run(true).send().await), "DryRunOperationException");

    let re_encrypt = |to: &str, context: &str| {
        let call = here.kms.re_encrypt().ciphertext_blob(sealed.clone()).destination_key_id(to);
        call.source_encryption_context("a", context).destination_encryption_context("c", "d")
    };
    let moved = re_encrypt(&other, "b").send().await.unwrap();
    assert_eq!((moved.source_key_id(), moved.key_id()), (Some(key.as_str()), Some(other.as_str())));
    let call = here.kms.decrypt().ciphertext_blob(moved.ciphertext_blob().unwrap().clone());
    let opened = call.encryption_context("c", "d").send().await.unwrap();
    assert_eq!(opened.plaintext().unwrap().as_ref(), [1; 3]);
    assert_eq!(code(re_encrypt(&other, "x").send().await), "InvalidCiphertextException");
    assert_eq!(code(re_encrypt(&other, "b").source_key_id(&other).send().await), "IncorrectKeyException");
    assert_eq!(code(re_encrypt("nothing", "b").send().await), "NotFoundException");
}

#[tokio::test(start_paused = true)]
async fn data_keys_are_returned_with_or_without_plaintext() {
    let lab = Lab::new();
    let here = lab.agent(A, HERE);
    let key = here.key().await;
    let open = |sealed: &Blob| here.kms.decrypt().ciphertext_blob(sealed.clone()).send();
    let both = here.kms.generate_data_key().key_id(&key).key_spec(DataKeySpec::Aes128).send().await.unwrap();
    assert_eq!(both.plaintext().unwrap().as_ref().len(), 16);
    let opened = open(both.ciphertext_blob().unwrap()).await.unwrap();
    assert_eq!(opened.plaintext(), both.plaintext());
    let sealed = |count: i32| here.kms.generate_data_key_without_plaintext().key_id(&key).number_of_bytes(count);
    let alone = sealed(100).send().await.unwrap();
    assert_eq!(open(alone.ciphertext_blob().unwrap()).await.unwrap().plaintext().unwrap().as_ref().len(), 100);
    for refused in [sealed(0), sealed(1025), sealed(1).key_spec(DataKeySpec::Aes256)] {
        assert_eq!(code(refused.send().await), "ValidationException");
    }
    let random = |count: i32| here.kms.generate_random().number_of_bytes(count);
    assert_eq!(random(1024).send().await.unwrap().plaintext().unwrap().as_ref().len(), 1024);
    assert_eq!(code(random(1025).send().await), "ValidationException");
    assert_eq!(code(here.kms.generate_random().send().await), "ValidationException");
    assert_eq!(code(random(1).custom_key_store_id("cks-1").send().await), "CustomKeyStoreNotFoundException");
}

#[tokio::test(start_paused = true)]
async fn re_encrypt_needs_permission_on_both_keys() {
    let lab = Lab::new();
    let (a, b) = (lab.agent(A, HERE), lab.agent(B, HERE));
    let (from, to) = (a.key().await, b.key().await);
    let call = a.kms.encrypt().key_id(&from).plaintext(Blob::new("x"));
    let sealed = call.send().await.unwrap().ciphertext_blob().unwrap().clone();
    let re_encrypt = || {
        let call = b.kms.re_encrypt().ciphertext_blob(sealed.clone()).source_key_id(&from);
        call.destination_key_id(&to).send()
    };
    assert_eq!(code(re_encrypt().await), "AccessDeniedException");
    for (action, allowed) in [("kms:ReEncryptTo", false), ("kms:ReEncryptFrom", true)] {
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":[
                {{"Effect":"Allow","Principal":{{"AWS":"{A}"}},"Action":"kms:*","Resource":"*"}},
                {{"Effect":"Allow","Principal":{{"AWS":"{B}"}},"Action":"{action}","Resource":"*"}}]}}"#
        );
        a.kms.put_key_policy().key_id(&from).policy(policy).send().await.unwrap();
        assert_eq!(re_encrypt().await.is_ok(), allowed, "{action}");
    }
}
