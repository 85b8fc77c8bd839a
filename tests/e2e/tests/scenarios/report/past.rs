//! Past handoffs: an administrator writes the tags that agents would have written.

use aws_sdk_rds::types::Tag;
use aws_sim::Database;
use e2e::{A, B, HOME, Lab, TARGET};

/// The time this many minutes after the start of the Lab.
fn at(minute: u32) -> String {
    let hour = 10 + minute / 60;
    format!("2026-11-{:02}T{:02}:{:02}:00Z", 21 + hour / 24, hour % 24, minute % 60)
}

/// A past handoff: the times of its tags, in minutes after the start of the Lab, and further values of the tags.
#[derive(Debug, Clone, Default)]
pub(super) struct Past {
    hello: Option<u32>,
    /// The time, and what account B lacks.
    ready: Option<(u32, &'static str)>,
    /// The times `issued`, and `start-by` and `access-until`.
    offer: Option<(u32, u32)>,
    published: Option<u32>,
    /// The receipts of account B: stage, time and reason.
    heard: Vec<(&'static str, u32, &'static str)>,
    ended: Option<(&'static str, u32)>,
    settled: Option<(&'static str, u32)>,
    /// Whether the shared copy still exists.
    copy: bool,
}

impl Past {
    /// Offered, ended with this outcome at this minute, and settled three minutes later.
    fn settled(outcome: &'static str, minute: u32) -> Self {
        let (ended, settled) = (Some((outcome, minute)), Some((outcome, minute + 3)));
        Self { ended, settled, ..Self::offered() }
    }

    fn offered() -> Self {
        Self {
            hello: Some(20),
            ready: Some((21, "")),
            offer: Some((200, 10_280)),
            published: Some(202),
            ..Self::default()
        }
    }

    fn tags(&self) -> Vec<(String, String)> {
        let digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let nonce = "0123456789abcdef";
        let word = |word: &str| if word.is_empty() { String::new() } else { format!(" {word}") };
        let mut tags = Vec::new();
        let mut tag = |key: &str, value: String| tags.push((format!("rds-handoff:{key}"), value));
        if let Some(sent) = self.hello {
            tag("hello", format!("issued={0} sent={0} nonce={nonce} sha256={digest}", at(sent)));
        }
        if let Some((ready, lack)) = self.ready {
            tag("ready", format!("{}{}", at(ready), word(lack)));
        }
        if let Some((from, until)) = self.offer {
            let times = format!("issued={} start-by={} access-until={}", at(from), at(until), at(until));
            tag("offer", format!("number=1 {times} nonce={nonce} sha256={digest}"));
        }
        if let Some(published) = self.published {
            tag("published", format!("{} sha256={digest}", at(published)));
        }
        for (stage, heard, reason) in &self.heard {
            tag(stage, format!("{}{}", at(*heard), word(reason)));
        }
        for (key, ended) in [("ended", self.ended), ("settled", self.settled)] {
            if let Some((outcome, minute)) = ended {
                tag(key, format!("{outcome}/{}", at(minute)));
            }
        }
        tags
    }
}

async fn snapshot(lab: &Lab, region: &str, database: Database, name: &str, tags: Vec<(String, String)>) {
    let identifier = database.identifier.clone();
    lab.cloud.create_database(database);
    let tags = tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    let call = lab.admin(A, region).rds.create_db_snapshot().db_instance_identifier(identifier);
    call.db_snapshot_identifier(name).set_tags(Some(tags)).send().await.unwrap();
}

/// Creates the snapshots of a past handoff with their tags.
pub(super) async fn create(lab: &Lab, nth: usize, database: &str, label: &str, past: &Past) {
    let id = format!("{nth:016x}");
    let size = 20 * u32::try_from(nth).unwrap();
    let sized = |region| Database { allocated_gib: size, ..Database::new(A, region, database) };
    let own = [
        ("role", "source"),
        ("id", &id),
        ("label", label),
        ("database", database),
        ("route", &format!("account={B} region={TARGET} key=managed")),
        ("hints", "class=db.m6g.large multi-az=false port=5432 storage=gp3"),
    ];
    let own = own.map(|(key, value)| (format!("rds-handoff:{key}"), value.to_owned()));
    let tags = own.iter().cloned().chain(past.tags()).collect();
    snapshot(lab, HOME, sized(HOME), &format!("rds-handoff-{database}-{id}-source"), tags).await;
    if past.copy {
        let tags = vec![("rds-handoff:role".to_owned(), "shared".to_owned()), own[1].clone()];
        snapshot(lab, TARGET, sized(TARGET), &format!("rds-handoff-{database}-{id}-shared"), tags).await;
    }
}

/// A handoff for each outcome, and for each state in which an active handoff may be.
pub(super) fn pasts() -> Vec<(&'static str, Past)> {
    let accepted = || vec![("accepted", 205, "")];
    let landed = || vec![("accepted", 205, ""), ("landed", 265, "")];
    let restored = vec![("accepted", 205, ""), ("landed", 265, ""), ("restored", 300, "")];
    let without_hello = Past { hello: None, ready: None, ..Past::settled("landed", 266) };
    let restore_failed = vec![("accepted", 205, ""), ("landed", 265, ""), ("failed", 280, "restore-failed")];
    vec![
        ("orders", Past { heard: restored, ..Past::settled("landed", 266) }),
        ("billing", Past { heard: landed(), ..without_hello }),
        ("crm", Past { heard: restore_failed, ..Past::settled("landed", 266) }),
        (
            "catalog",
            Past { heard: vec![("accepted", 205, ""), ("failed", 230, "copy-failed")], ..Past::settled("failed", 231) },
        ),
        ("payroll", Past { heard: vec![("rejected", 203, "name-taken")], ..Past::settled("rejected", 204) }),
        ("ledger", Past { offer: Some((200, 500)), ..Past::settled("expired", 500) }),
        ("media", Past { offer: None, published: None, ..Past::settled("revoked", 90) }),
        ("stock", Past { heard: landed(), ended: Some(("landed", 266)), copy: true, ..Past::offered() }),
        ("search", Past { heard: accepted(), copy: true, ..Past::offered() }),
        ("stuck", Past { offer: Some((200, 400)), copy: true, ..Past::offered() }),
        ("audit", Past { hello: Some(20), ready: Some((21, "key")), ..Past::default() }),
        ("web", Past { hello: Some(20), ready: Some((700, "")), copy: true, ..Past::default() }),
    ]
}
