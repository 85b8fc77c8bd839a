//! Setting up a world, and looking into it, from outside AWS.

use std::collections::{BTreeMap, BTreeSet};

use crate::arn::Arn;
use crate::envelope::Stored;
use crate::policy::Kind;
use crate::principal::{role_arn, root_credentials};
use crate::rds::changes::Changes;
use crate::rds::engines;
use crate::rds::instance::{Instance, Parameters, Stage};
use crate::rds::setup::Setup;
use crate::rds::snapshot::Stage as SnapshotStage;
use crate::{Cloud, Credentials, Database, kms};

/// AWS's own service control policy `FullAWSAccess`: what an account has that nobody has taken anything from.
pub const FULL_ACCESS: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

impl Cloud {
    /// The root of an account. Accounts exist by being named.
    pub fn root(&self, account: &str) -> Credentials {
        root_credentials(account)
    }

    /// A session on the role, which is made when it is missing; the session is named after the role and does not expire.
    pub fn role(&self, account: &str, name: &str) -> Credentials {
        let mut world = self.world();
        let world = &mut *world;
        let arn = world.principals.role(&mut world.ids, account, name);
        let opened = world.principals.open(&mut world.ids, &arn, name, None, None);
        opened.map_or_else(|| root_credentials(account), |(_, credentials)| credentials)
    }

    /// Lets a client be a session on the role, which is made when it is missing, with credentials of one's own choice.
    pub(crate) fn role_with(&self, account: &str, name: &str, credentials: Credentials) -> Result<(), String> {
        let mut world = self.world();
        let world = &mut *world;
        let taken = &credentials.access_key_id;
        if world.principals.claimed(taken).is_some() {
            return Err(format!("the access key id {taken} is taken, or is an account's root: choose another one"));
        }
        let arn = world.principals.role(&mut world.ids, account, name);
        world.principals.enter(&arn, name, None, None, credentials);
        Ok(())
    }

    /// Makes a role that whoever its trust policy names may assume, and that may do what its policies allow; all of them
    /// JSON documents. The error is what IAM would refuse: also a role that exists, or trust in somebody who does not.
    pub fn create_role(&self, account: &str, name: &str, trust: &str, policies: &[&str]) -> Result<(), String> {
        let mut world = self.world();
        let world = &mut *world;
        world.principals.create_role(&mut world.ids, account, name, trust, policies)
    }

    /// Replaces all policies of a role that is there, also of one that [`Cloud::role`] has made. As for those who wait for
    /// it, it takes effect after [`crate::Lags`].
    pub fn put_role_policies(&self, account: &str, name: &str, policies: &[&str]) -> Result<(), String> {
        let mut world = self.world();
        let change = world.change();
        world.principals.put_policies(&role_arn(account, name), policies, change)
    }

    /// Replaces the trust policy of a role that is there (IAM API Reference, UpdateAssumeRolePolicy); it takes effect at once.
    pub fn put_role_trust(&self, account: &str, name: &str, trust: &str) -> Result<(), String> {
        self.world().principals.put_trust(&role_arn(account, name), trust)
    }

    /// Sets the permissions boundary of a role that is there, or removes it; it takes effect as its policies do.
    pub fn put_role_boundary(&self, account: &str, name: &str, boundary: Option<&str>) -> Result<(), String> {
        let mut world = self.world();
        let change = world.change();
        world.principals.put_boundary(&role_arn(account, name), boundary, change)
    }

    /// Replaces all tags of a role that is there: what policies see as `aws:PrincipalTag/...`.
    pub fn tag_role(&self, account: &str, name: &str, tags: &BTreeMap<String, String>) -> Result<(), String> {
        self.world().principals.put_tags(&role_arn(account, name), tags.clone())
    }

    /// Attaches these service control policies to an account, in place of those that it had; they take effect as the policies
    /// of a role do. What none of them allows is refused to everybody in the account, so AWS's own `FullAWSAccess` must
    /// be among them unless they list all that is allowed: [`crate::FULL_ACCESS`]. Without any, all is allowed.
    pub fn set_service_control_policies(&self, account: &str, policies: &[&str]) -> Result<(), String> {
        let mut world = self.world();
        let change = world.change();
        world.principals.put_controls(account, policies, Kind::Identity, change)
    }

    /// Attaches these resource control policies to an account, in place of those that it had, beside AWS's own
    /// `RCPFullAWSAccess`. They deny, whoever asks, what may not be done to the account's keys, queues, roles and secrets;
    /// RDS has none.
    pub fn set_resource_control_policies(&self, account: &str, policies: &[&str]) -> Result<(), String> {
        let mut world = self.world();
        let change = world.change();
        world.principals.put_controls(account, policies, Kind::ResourceControl, change)
    }

    /// Leaves an account all Regions but these: opt-in Regions that it has not enabled, in place of those that it had not. Nobody
    /// of the account is known there.
    pub fn set_disabled_regions(&self, account: &str, regions: &[&str]) {
        self.world().principals.disable(account, regions);
    }

    /// Makes a managed policy, and gives its ARN: what `AssumeRole` may name in `PolicyArns`.
    pub fn create_managed_policy(&self, account: &str, name: &str, document: &str) -> Result<String, String> {
        self.world().principals.create_managed(account, name, document)
    }

    /// Sets up a database that is available at once. A key that does not exist leaves it without content.
    pub fn create_database(&self, database: Database) {
        let mut world = self.world();
        let world = &mut *world;
        let arn = Arn::new("rds", &database.region, &database.account, format!("db:{}", database.identifier));
        let owned_key = database.kms_key.as_deref() == Some("sse-rds");
        let tde = database.tde.then(|| format!("arn:aws:cloudhsm:{}:{}:hapg-tde", database.region, database.account));
        let option_group = world.rds.set_up_options(&database);
        let key = match database.kms_key.as_deref() {
            None | Some("sse-rds") => None,
            Some("aws/rds") => Some(kms::managed_key(world, &database.account, &database.region)),
            other => other.map(str::to_owned),
        };
        let material = key.as_ref().and_then(|key| world.kms.keys.get(key)).map(|key| key.material);
        let sealed =
            material.and_then(|material| Stored::seal(&mut world.ids, &material, &arn.to_string(), &database.content));
        let engine = engines::of(&database.engine);
        let usual = Setup::usual(
            engine,
            &database.engine_version,
            &database.account,
            &database.region,
            &database.class,
            database.allocated_gib,
        );
        let setup = Setup {
            storage: usual.storage.clone().of_kind(&database.storage_type),
            multi_az: database.multi_az,
            retention: 7,
            option_group,
            ..usual
        };
        let instance = Instance {
            resource_id: format!("db-{}", world.ids.upper(26)),
            engine: database.engine,
            engine_version: database.engine_version,
            master_username: "admin_user".to_owned(),
            database_name: None,
            created: world.now,
            setup,
            parameters: Parameters::InSync,
            cluster: database.cluster,
            secret: None,
            tde,
            stored: if key.is_some() {
                sealed.unwrap_or(Stored::Plain(Vec::new()))
            } else {
                Stored::Plain(database.content)
            },
            key,
            owned_key,
            tags: database.tags,
            restoring: None,
            stage: Stage::Available,
            pending: Changes::default(),
            optimizing: None,
            backups: BTreeSet::new(),
            arn: arn.clone(),
        };
        world.rds.instances.insert(arn.to_string(), instance);
    }

    /// Sets up a DB subnet group in the account's default VPC.
    pub fn create_subnet_group(&self, account: &str, region: &str, name: &str) {
        self.world().rds.add_subnet_group(account, region, name);
    }

    /// Sets up a VPC security group by its id.
    pub fn create_security_group(&self, account: &str, region: &str, id: &str) {
        let key = (account.to_owned(), region.to_owned(), id.to_owned());
        self.world().rds.security_groups.insert(key);
    }

    /// Deletes the default VPC of an account in a Region, and the default subnet group with it.
    pub fn delete_default_vpc(&self, account: &str, region: &str) {
        self.world().rds.without_default_vpc.insert((account.to_owned(), region.to_owned()));
    }

    /// Sets up a snapshot that the account has not made itself: `rds:...` by RDS, `awsbackup:...` by AWS Backup. It is a copy
    /// of the database as it stands.
    pub fn create_backup(&self, account: &str, region: &str, database: &str, name: &str) {
        let mut world = self.world();
        crate::rds::set_up_backup(&mut world, account, region, database, name);
    }

    /// What the database or snapshot with this ARN holds, decrypted with its key's material, whatever state the key is
    /// in. `None` when it is not there, not complete, or its key has been deleted.
    pub fn content(&self, arn: &str) -> Option<Vec<u8>> {
        let world = self.present();
        let (stored, key) = match (world.rds.instances.get(arn), world.rds.snapshots.get(arn)) {
            (Some(instance), _) if !matches!(instance.stage, Stage::Creating { .. }) => {
                (&instance.stored, &instance.key)
            }
            (None, Some(snapshot)) if snapshot.stage == SnapshotStage::Available => {
                (snapshot.stored.as_ref()?, &snapshot.key)
            }
            _ => return None,
        };
        let material = key.as_ref().and_then(|key| world.kms.keys.get(key)).map(|key| key.material);
        stored.open(material.as_ref(), arn)
    }

    /// A canonical text of the whole world, without times and without ids that vary: two worlds in which the same was
    /// done have the same.
    pub fn fingerprint(&self) -> String {
        crate::fingerprint::fingerprint(&self.present())
    }
}
