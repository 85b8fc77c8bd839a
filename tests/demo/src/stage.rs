//! The stage: a simulated AWS with both accounts as their administrators would have set them up, and the configuration of
//! both agents.

use std::path::PathBuf;
use std::time::SystemTime;

use aws_sim::{Clock, Cloud, Credentials, Database, Settings};
use stack::Pair;
use tempfile::TempDir;

use crate::admin::{Admin, Result};
use crate::side::{DATABASE, LABEL, Side};

/// What the database holds.
const ROWS: &str = "\
id,day,customer,goods,amount
1001,2026-11-02,Tanaka Kilns,3 teapots,12600 JPY
1002,2026-11-02,Nordlys AS,40 m of sailcloth,88000 JPY
1003,2026-11-03,Casa Ibarra,12 lanterns,30000 JPY
1004,2026-11-05,Tanaka Kilns,1 kiln door,54000 JPY
";

/// How often the agents look: by default they keep to the pace of AWS, which takes hours.
const LOOK_AGAIN: &str = "\n# For the simulated AWS only; left out, the agents keep to the pace of AWS.\n\
                          [look_again]\nfloor = \"1s\"\nceiling = \"2s\"\nsettle_factor = 0.02\n";

/// Both accounts, ready for a move.
#[derive(Debug)]
pub(crate) struct Stage {
    /// The simulated AWS.
    pub(crate) cloud: Cloud,
    /// Where it is served.
    pub(crate) endpoint: String,
    /// The ARN of account B's own key.
    pub(crate) key: String,
    files: TempDir,
}

/// A simulated AWS on the machine's clock, which has to be that of the agents' processes too.
#[expect(clippy::disallowed_methods, reason = "over loopback the world's clock is the machine's")]
pub(crate) fn cloud(speed: u32) -> Cloud {
    Cloud::new(Settings { speed, ..Settings::new(Clock::starting_at(SystemTime::now())) })
}

impl Stage {
    /// Sets up both accounts of `cloud`, which is being served at `endpoint`.
    pub(crate) async fn set(cloud: Cloud, endpoint: String) -> Result<Self> {
        // What no API of the simulated services makes: a database that has been there for long, and what belongs to a VPC.
        let database = Database::new(Side::A.account(), Side::A.region(), DATABASE);
        cloud.create_database(Database { content: ROWS.into(), ..database });
        cloud.create_subnet_group(Side::B.account(), Side::B.region(), "private");
        cloud.create_security_group(Side::B.account(), Side::B.region(), "sg-0123456789abcdef0");
        let [a, b] = [Side::A, Side::B].map(|side| Admin::new(&cloud, side, side.region()));
        // Each side deploys its own stacks of deploy/: the agents run under the policies that are shipped.
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

    /// What a database holds.
    pub(crate) fn content(&self, side: Side) -> Option<Vec<u8>> {
        self.cloud.content(&side.database())
    }
}

/// Account A's configuration.
fn source() -> String {
    let (a, b) = (Side::A, Side::B);
    format!(
        "account = \"{}\"\nregion = \"{}\"\n\n\
         # Where databases may go.\n[[target]]\naccount = \"{}\"\nregion = \"{}\"\n\n\
         # Which go.\n[[handoff]]\ndatabase = \"{DATABASE}\"\nlabel = \"{LABEL}\"\n{LOOK_AGAIN}",
        a.account(),
        a.region(),
        b.account(),
        b.region(),
    )
}

/// Account B's configuration.
fn target(key: &str) -> String {
    let (a, b) = (Side::A, Side::B);
    format!(
        "account = \"{}\"\nregion = \"{}\"\n\
         # This account's own key: no database rests under another account's.\nkey = \"{}\"\n\n\
         # Whom to trust, and where to tell them how far it got.\n[[from]]\naccount = \"{}\"\n\
         receipts = \"arn:aws:sqs:{}:{}:{}\"\n\n\
         # How databases are restored is decided here, never by a message.\n[restore]\n\
         subnet_group = \"private\"\nsecurity_groups = [\"sg-0123456789abcdef0\"]\nextended_support = false\n{LOOK_AGAIN}",
        b.account(),
        b.region(),
        key,
        a.account(),
        a.region(),
        a.account(),
        a.queue(),
    )
}
