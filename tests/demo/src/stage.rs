//! The setup of the demo: a simulated AWS, both accounts as their administrators would set them up, and the
//! configuration files of both agents.

use std::path::PathBuf;
use std::time::SystemTime;

use aws_sim::{Clock, Cloud, Credentials, Database, Settings};
use stack::Pair;
use tempfile::TempDir;

use crate::admin::{Admin, Result};
use crate::side::{DATABASE, LABEL, Side};

/// The content of the database.
const ROWS: &str = "\
id,day,customer,goods,amount
1001,2026-11-02,Tanaka Kilns,3 teapots,12600 JPY
1002,2026-11-02,Nordlys AS,40 m of sailcloth,88000 JPY
1003,2026-11-03,Casa Ibarra,12 lanterns,30000 JPY
1004,2026-11-05,Tanaka Kilns,1 kiln door,54000 JPY
";

/// A poll schedule for the simulated AWS: the default one suits AWS, where copies take hours.
const POLLING: &str = "\n# For the simulated AWS only: the default poll schedule suits AWS, where copies take hours.\n\
                          [polling]\nfloor = \"1s\"\nceiling = \"2s\"\nsettle_factor = 0.02\n";

/// Both accounts, ready for a handoff.
#[derive(Debug)]
pub(crate) struct Stage {
    /// The simulated AWS.
    pub(crate) cloud: Cloud,
    /// The URL at which it is served.
    pub(crate) endpoint: String,
    /// The ARN of account B's own key.
    pub(crate) key: String,
    files: TempDir,
}

/// Creates a simulated AWS that uses the machine's clock, as the agents' processes do.
#[expect(clippy::disallowed_methods, reason = "the agents' processes use the machine's clock")]
pub(crate) fn cloud(speed: u32) -> Cloud {
    Cloud::new(Settings { speed, ..Settings::new(Clock::starting_at(SystemTime::now())) })
}

impl Stage {
    /// Sets up both accounts of `cloud`, which is being served at `endpoint`.
    pub(crate) async fn set(cloud: Cloud, endpoint: String) -> Result<Self> {
        // No API of the simulated services can create these: an old database, a subnet group and a security group.
        let database = Database::new(Side::A.account(), Side::A.region(), DATABASE);
        cloud.create_database(Database { content: ROWS.into(), ..database });
        cloud.create_subnet_group(Side::B.account(), Side::B.region(), "private");
        cloud.create_security_group(Side::B.account(), Side::B.region(), "sg-0123456789abcdef0");
        let [a, b] = [Side::A, Side::B].map(|side| Admin::new(&cloud, side, side.region()));
        // Each side deploys its own templates of deploy/, so the agents run under the shipped policies.
        let pair = Pair {
            source: Side::A.account(),
            source_region: Side::A.region(),
            target: Side::B.account(),
            target_region: Side::B.region(),
            existing_key: false,
            requests: false,
        };
        let key = pair.deploy(&cloud, &a.stacks(), &b.stacks()).await;
        let files = TempDir::with_prefix("rds-handoff-demo-")?;
        let stage = Self { cloud, endpoint, key, files };
        std::fs::write(stage.file(Side::A), source())?;
        std::fs::write(stage.file(Side::B), target(&stage.key))?;
        Ok(stage)
    }

    /// The configuration file of a side's agent.
    pub(crate) fn file(&self, side: Side) -> PathBuf {
        self.files.path().join(format!("{}.toml", side.agent()))
    }

    /// Credentials of a side's agent: a session of its role, in its own account.
    pub(crate) fn credentials(&self, side: Side) -> Credentials {
        self.cloud.role(side.account(), side.role())
    }

    /// The content of a side's database.
    pub(crate) fn content(&self, side: Side) -> Option<Vec<u8>> {
        self.cloud.content(&side.database())
    }
}

/// The configuration file of account A's agent.
fn source() -> String {
    let (a, b) = (Side::A, Side::B);
    format!(
        "account = \"{}\"\nregion = \"{}\"\n\n\
         # An account and Region that databases may be handed off to.\n[[target]]\naccount = \"{}\"\nregion = \"{}\"\n\n\
         # The database to hand off.\n[[handoff]]\ndatabase = \"{DATABASE}\"\nlabel = \"{LABEL}\"\n{POLLING}",
        a.account(),
        a.region(),
        b.account(),
        b.region(),
    )
}

/// The configuration file of account B's agent.
fn target(key: &str) -> String {
    let (a, b) = (Side::A, Side::B);
    format!(
        "account = \"{}\"\nregion = \"{}\"\n\
         # This account's own key, which encrypts the restored database.\nkey = \"{}\"\n\n\
         # An account whose handoffs are accepted, and the queue to which receipts are sent.\n[[from]]\naccount = \"{}\"\n\
         receipts = \"arn:aws:sqs:{}:{}:{}\"\n\n\
         # How databases are restored: messages cannot override this.\n[restore]\n\
         subnet_group = \"private\"\nsecurity_groups = [\"sg-0123456789abcdef0\"]\nextended_support = false\n{POLLING}",
        b.account(),
        b.region(),
        key,
        a.account(),
        a.region(),
        a.account(),
        a.queue(),
    )
}
