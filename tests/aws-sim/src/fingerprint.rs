//! A canonical text of the whole simulated state, for comparing two simulations.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::kms::Key;
use crate::pattern::matches;
use crate::rds::instance::Instance;
use crate::rds::snapshot::Snapshot;
use crate::world::World;

/// One line per resource, sorted; times, digests and random ids are masked.
pub(crate) fn fingerprint(world: &World) -> String {
    let mut lines: Vec<String> = Vec::new();
    lines.extend(world.rds.instances.values().map(|instance| database(world, instance)));
    lines.extend(world.rds.snapshots.values().map(|of| snapshot(world, of)));
    lines.extend(world.rds.subnet_groups.values().map(|of| format!("subnet group {} tags {}", of.arn, tags(&of.tags))));
    lines.extend(
        world
            .rds
            .parameter_groups
            .values()
            .map(|of| format!("parameter group {} {} {:?} tags {}", of.arn, of.family, of.description, tags(&of.tags))),
    );
    lines.extend(world.rds.option_groups.values().map(|of| {
        format!(
            "option group {} {} {} {:?} {:?} tags {}",
            of.arn,
            of.engine,
            of.major,
            of.options,
            of.description,
            tags(&of.tags)
        )
    }));
    lines.extend(world.kms.keys.values().map(|of| key(world, of)));
    lines.extend(world.sqs.queues.iter().map(|(arn, queue)| {
        let mut bodies: Vec<String> = queue.messages.iter().map(|message| message.body.clone()).collect();
        bodies.sort();
        let attributes: Vec<_> = queue.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("queue {arn} attributes {attributes:?} tags {} messages {bodies:?}", tags(&queue.tags))
    }));
    let mut lines: Vec<String> = lines.iter().map(|line| mask(line)).collect();
    lines.sort();
    lines.join("\n")
}

fn database(world: &World, instance: &Instance) -> String {
    let setup = &instance.setup;
    let storage = &setup.storage;
    let insights = setup.insights.as_ref();
    format!(
        "database {} {} {} {} {} {} GiB {} {:?} IOPS {:?} MiB/s up to {:?} log volume {} port {} zone {} multi-az {} public {} protected {} copies tags {} minor upgrades {} iam {} retention {} at {} maintained {} license {} {:?} certificate {} parameters {} {:?} options {} subnets {} groups {:?} logs {:?} monitoring {:?} insights {:?} {} cluster {:?} managed password {} tde {} pending {:?} key {} owned {} tags {}",
        instance.arn,
        instance.status(world.now),
        instance.engine,
        instance.engine_version,
        setup.class,
        storage.gib,
        storage.kind,
        storage.iops,
        storage.throughput,
        setup.ceiling,
        setup.log_volume,
        setup.port,
        setup.zone,
        setup.multi_az,
        setup.public,
        setup.deletion_protection,
        setup.copy_tags,
        setup.minor_upgrade,
        setup.iam,
        setup.retention,
        setup.backup_window,
        setup.maintenance_window,
        setup.license,
        setup.lifecycle,
        setup.certificate,
        setup.parameter_group,
        instance.parameters,
        setup.option_group,
        setup.subnet_group,
        setup.security_groups,
        setup.logs,
        setup.monitoring,
        insights.map(|on| on.days),
        key_name(world, insights.map(|on| on.key.as_str())),
        instance.cluster,
        instance.secret.as_ref().map_or_else(|| "no".to_owned(), |secret| key_name(world, Some(&secret.key))),
        instance.tde.is_some(),
        instance.pending,
        key_name(world, instance.key.as_deref()),
        instance.owned_key,
        tags(&instance.tags),
    )
}

fn snapshot(world: &World, snapshot: &Snapshot) -> String {
    format!(
        "snapshot {} {} of {} source {} key {} owned {} options {} shared {:?} tags {}",
        snapshot.arn,
        snapshot.status(world.now),
        snapshot.origin.instance,
        snapshot.source.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
        key_name(world, snapshot.key.as_deref()),
        snapshot.owned_key,
        snapshot.option_group,
        snapshot.shares,
        tags(&snapshot.tags),
    )
}

/// The document with each list of strings sorted.
fn with_sorted_lists(value: Value) -> Value {
    match value {
        Value::Array(mut items) => {
            if items.iter().all(Value::is_string) {
                items.sort_by(|one, other| one.as_str().cmp(&other.as_str()));
            }
            items.into_iter().map(with_sorted_lists).collect()
        }
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, with_sorted_lists(value))).collect(),
        plain => plain,
    }
}

fn key(world: &World, key: &Key) -> String {
    let mut grants: BTreeMap<String, usize> = BTreeMap::new();
    for (_, grant) in key.grants.iter() {
        let terms = &grant.terms;
        *grants.entry(format!("{} to {} for {:?}", terms.issuer, terms.grantee, terms.operations)).or_default() += 1;
    }
    // Formatting and the order of lists are ignored: KMS returns lists in another order than they were written in, so
    // the order that a client reads, changes and writes back depends on how often it did so.
    let policy = serde_json::from_str::<Value>(&key.policy.shown().text)
        .map_or_else(|_| key.policy.shown().text.clone(), |value| with_sorted_lists(value).to_string());
    format!(
        "key of {} in {} {} {} {} rotated every {:?} days primary {:?} description {:?} tags {} grants {grants:?} policy {}",
        key.arn.account,
        key.arn.region,
        key_name(world, Some(&key.arn.to_string())),
        key.spec.name(),
        key.state.name(),
        key.rotation.map(|rotation| rotation.days),
        key.primary,
        key.description,
        tags(&key.tags),
        policy,
    )
}

/// A key by its aliases, or else by its account and Region.
fn key_name(world: &World, key: Option<&str>) -> String {
    let Some(key) = key else { return "none".to_owned() };
    let aliases: Vec<&str> =
        world.kms.aliases.iter().filter(|(_, target)| *target == key).map(|(alias, _)| alias.as_str()).collect();
    if !aliases.is_empty() {
        return aliases.join("+");
    }
    let part = |index: usize| key.split(':').nth(index).unwrap_or_default();
    format!("(key of {} in {})", part(4), part(3))
}

fn tags(tags: &BTreeMap<String, String>) -> String {
    let shown: Vec<String> = tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    format!("{shown:?}")
}

/// Replaces what differs between runs: times, and what looks like an id, nonce or digest.
fn mask(text: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    // Words are split at characters that none of the masked forms contains.
    for character in text.chars().chain(['\n']) {
        if character.is_ascii_alphanumeric() || "-:.+_".contains(character) {
            word.push(character);
        } else {
            out.push_str(&mask_word(&word));
            word.clear();
            out.push(character);
        }
    }
    out.pop();
    out
}

fn mask_word(word: &str) -> String {
    if let Some(length) = time_length(word) {
        return format!("<time>{}", mask_word(&word[length..]));
    }
    // A time or an id may be part of a longer word, after a colon or an underscore.
    if let Some(at) = word.find([':', '_', '.', '+']) {
        let (head, tail) = word.split_at(at);
        let (separator, tail) = tail.split_at(1);
        return format!("{}{separator}{}", mask_part(head), mask_word(tail));
    }
    mask_part(word)
}

fn mask_part(part: &str) -> String {
    const UUID: &str = "????????-????-????-????-????????????";
    let hex = |text: &str, least: usize| text.len() >= least && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let masked = if matches(UUID, part) && hex(&part.replace('-', ""), 32) {
        "<uuid>"
    } else if part.strip_prefix("mrk-").is_some_and(|rest| hex(rest, 16)) {
        "<mrk>"
    } else if part.strip_prefix("db-").is_some_and(|rest| {
        rest.len() == 26 && rest.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    }) {
        "<resource>"
    } else {
        // A digest may be one part of a name.
        let pieces: Vec<&str> = part.split('-').map(|piece| if hex(piece, 16) { "<hex>" } else { piece }).collect();
        return pieces.join("-");
    };
    masked.to_owned()
}

/// The length of the RFC 3339 time at the beginning of `word`.
fn time_length(word: &str) -> Option<usize> {
    const SHORTEST: &str = "????-??-??T??:??:??";
    let head = word.get(..SHORTEST.len())?;
    let digits = head.bytes().filter(u8::is_ascii_digit).count();
    if !matches(SHORTEST, head) || digits != 14 {
        return None;
    }
    let rest = &word[SHORTEST.len()..];
    let fraction = rest.strip_prefix('.').map_or(0, |rest| 1 + rest.bytes().take_while(u8::is_ascii_digit).count());
    let zone = rest[fraction..].starts_with('Z').then_some(1)?;
    Some(SHORTEST.len() + fraction + zone)
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn mask_replaces_times_ids_and_digests_only() {
        let text = "snapshot:orders-0123456789abcdef-source key/mrk-0123456789abcdef0123 111111111111 \
                    1/2026-11-21T10:00:00.123Z/2026-11-22T10:00:00Z db-ABCDEFGHIJKLMNOPQRSTUVWXYZ \
                    a83c0ccd-9212-40d1-a688-8a9cde86121a eu-west-1 db.m6g.large";
        let masked = "snapshot:orders-<hex>-source key/<mrk> 111111111111 1/<time>/<time> <resource> <uuid> \
                      eu-west-1 db.m6g.large";
        assert_eq!(mask(text), masked);
    }
}
