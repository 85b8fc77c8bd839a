//! Account B's own key, as KMS describes it. No other module uses the SDK's types for it.

use agent_runtime::aws::cache::Resource;
use agent_runtime::{AwsResult as _, Fault, Freshness};
use aws_sdk_kms::types::{KeyManagerType, KeySpec, KeyState, KeyUsageType};
use protocol::{KeyArn, tags};

use crate::account::Account;

/// The key of the read cache for a check that found this key usable.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Usable(KeyArn);

impl Resource for Usable {
    type View = ();
}

/// Checks that the key is enabled, and of a kind that RDS and Secrets Manager can use for this account.
pub(crate) async fn usable(account: &Account) -> Result<(), Fault> {
    let key = &account.settings.key;
    let read = async || check(account, key).await;
    account.cache.get(&key.region, &Usable(key.clone()), Freshness::Recent, read).await.map(drop)
}

async fn check(account: &Account, key: &KeyArn) -> Result<(), Fault> {
    let KeyArn { region, key: id, .. } = key;
    let tag = || {
        format!(
            "correct key in the configuration, or tag the key, since the agent's policies identify it by its tag:\n\
             aws kms tag-resource --region {region} \\\n    --key-id {id} \\\n    --tags TagKey={},TagValue={}",
            tags::ROLE,
            tags::ROLE_OWN_KEY
        )
    };
    let answer = account.clients.kms(region).describe_key().key_id(key.to_string()).send().await;
    let answer = answer.op("kms:DescribeKey");
    let answer = answer.map_err(|fault| if fault.is_refusal() { fault.hint(tag()) } else { fault })?;
    let Some(found) = answer.key_metadata() else {
        return Err(Fault::blocked(format!("KMS returned no metadata of {key}")));
    };
    // RDS takes symmetric keys only (RDS User Guide, Encrypting Amazon RDS resources). An AWS managed key works for one
    // service only (KMS Developer Guide, AWS KMS keys), and this key encrypts the secret of the master password too.
    let kind = (found.key_manager(), found.key_spec(), found.key_usage());
    let wanted =
        (Some(&KeyManagerType::Customer), Some(&KeySpec::SymmetricDefault), Some(&KeyUsageType::EncryptDecrypt));
    match found.key_state() {
        _ if kind != wanted => {
            Err(Fault::blocked(format!("{key} is not a symmetric customer managed key for encryption"))
                .hint("name a key of that kind: databases and their passwords are encrypted under it"))
        }
        Some(KeyState::Enabled | KeyState::Updating) => Ok(()),
        Some(KeyState::PendingDeletion) => Err(Fault::blocked(format!("{key} is to be deleted"))
            .hint("cancel its deletion and enable it, or name another key: databases are encrypted under it")),
        state => Err(Fault::blocked(format!("{key} is {}", state.map_or("in an unknown state", KeyState::as_str)))
            .hint("enable it, or name another key: databases are encrypted under it")),
    }
}
