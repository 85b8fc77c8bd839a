//! Setting up resources without AWS requests, and reading content.

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

/// AWS's own service control policy `FullAWSAccess`, which is attached to an account by default.
pub const FULL_ACCESS: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

impl Cloud {
    /// The credentials of an account's root user. An account exists as soon as it is named.
    pub fn root(&self, account: &str) -> Credentials {
        root_credentials(account)
    }

    /// Credentials of a session of the role, which is created if missing; the session is named after the role and does
    /// not expire.
    pub fn role(&self, account: &str, name: &str) -> Credentials {
        let mut world = self.world();
        let world = &mut *world;
        let arn = world.principals.role(&mut world.ids, account, name);
        let opened = world.principals.open(&mut world.ids, &arn, name, None, None);
        opened.map_or_else(|| root_credentials(account), |(_, credentials)| credentials)
    }

    /// Opens a session of the role, which is created if missing, with the given credentials.
    pub(crate) fn role_with(&self, account: &str, name: &str, credentials: Credentials) -> Result<(), String> {
        let mut world = self.world();
        let world = &mut *world;
        let taken = &credentials.access_key_id;
        if world.principals.session_of(taken).is_some() {
            return Err(format!("the access key id {taken} is taken, or is an account's root: choose another one"));
        }
        let arn = world.principals.role(&mut world.ids, account, name);
        world.principals.open_with(&arn, name, None, None, credentials);
        Ok(())
    }

    /// Creates a role with a trust policy and policies, all JSON documents. The error says what IAM would refuse: also
    /// a role that exists, or a trust policy that names a principal that does not exist.
    pub fn create_role(&self, account: &str, name: &str, trust: &str, policies: &[&str]) -> Result<(), String> {
        let mut world = self.world();
        let world = &mut *world;
        world.principals.create_role(&mut world.ids, account, name, trust, policies)
    }

    /// Replaces all policies of an existing role, also of one that [`Cloud::role`] has created. The change takes effect
    /// after the propagation delay in [`crate::Lags`].
    pub fn put_role_policies(&self, account: &str, name: &str, policies: &[&str]) -> Result<(), String> {
        let mut world = self.world();
        let change = world.change();
        world.principals.put_policies(&role_arn(account, name), policies, change)
    }

    /// Replaces the trust policy of an existing role (IAM API Reference, UpdateAssumeRolePolicy); it takes effect at
    /// once.
    pub fn put_role_trust(&self, account: &str, name: &str, trust: &str) -> Result<(), String> {
        self.world().principals.put_trust(&role_arn(account, name), trust)
    }

    /// Sets or removes the permissions boundary of an existing role; it takes effect like its policies.
    pub fn put_role_boundary(&self, account: &str, name: &str, boundary: Option<&str>) -> Result<(), String> {
        let mut world = self.world();
        let change = world.change();
        world.principals.put_boundary(&role_arn(account, name), boundary, change)
    }

    /// Replaces all tags of an existing role: what policies see as `aws:PrincipalTag/...`.
    pub fn tag_role(&self, account: &str, name: &str, tags: &BTreeMap<String, String>) -> Result<(), String> {
        self.world().principals.put_tags(&role_arn(account, name), tags.clone())
    }

    /// Replaces the service control policies of an account; they take effect like the policies of a role. An action
    /// that none of them allows is refused to all principals of the account, so include AWS's own `FullAWSAccess`
    /// ([`crate::FULL_ACCESS`]) unless they list every allowed action. With an empty list everything is allowed.
    pub fn set_service_control_policies(&self, account: &str, policies: &[&str]) -> Result<(), String> {
        let mut world = self.world();
        let change = world.change();
        world.principals.put_controls(account, policies, Kind::Identity, change)
    }

    /// Replaces the resource control policies of an account, in addition to AWS's own `RCPFullAWSAccess`. They deny
    /// actions on the account's keys, queues, roles and secrets to every caller; RDS is not supported.
    pub fn set_resource_control_policies(&self, account: &str, policies: &[&str]) -> Result<(), String> {
        let mut world = self.world();
        let change = world.change();
        world.principals.put_controls(account, policies, Kind::ResourceControl, change)
    }

    /// Replaces the list of opt-in Regions that an account has not enabled. Its principals are unknown there.
    pub fn set_disabled_regions(&self, account: &str, regions: &[&str]) {
        self.world().principals.disable(account, regions);
    }

    /// Creates a managed policy, which `AssumeRole` may name in `PolicyArns`, and returns its ARN.
    pub fn create_managed_policy(&self, account: &str, name: &str, document: &str) -> Result<String, String> {
        self.world().principals.create_managed(account, name, document)
    }

    /// Sets up a database that is available at once. If its key does not exist, it has no content.
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
        let usual = Setup::with_defaults(
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

    /// Sets up a snapshot that RDS (`rds:...`) or AWS Backup (`awsbackup:...`) has created, of the database as it is
    /// now.
    pub fn create_backup(&self, account: &str, region: &str, database: &str, name: &str) {
        let mut world = self.world();
        crate::rds::set_up_backup(&mut world, account, region, database, name);
    }

    /// The content of the database or snapshot with this ARN, decrypted with its key's material in any key state.
    /// `None` if it does not exist, is not complete, or its key has been deleted.
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

    /// A canonical text of the whole state, without times and random ids: two simulations with the same calls have the
    /// same fingerprint.
    pub fn fingerprint(&self) -> String {
        crate::fingerprint::fingerprint(&self.present())
    }
}
