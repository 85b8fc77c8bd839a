//! The HTML page. maud escapes every text. The page loads nothing, and its Content-Security-Policy forbids it.

use std::collections::BTreeSet;

use agent_runtime::text::{measured, second};
use jiff::{SignedDuration, Timestamp};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use protocol::tags::Outcome;
use protocol::{Phase, Stage};

use super::bars::TIMES;
use super::bars::Work;
use super::timeline::timeline;
use super::wave::{HandoffReport, Wave, median};
use super::words::{bounds, gib, minute, name, times_median};

const CSS: &str = include_str!("page.css");
/// Allows no script, image, font or connection, so that a malicious name could do nothing even if it were not escaped.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
/// How many of the longest phases are listed.
const SLOW: usize = 5;

/// The whole page.
pub(super) fn page(wave: &Wave) -> String {
    let title = wave.label.as_ref().map_or("Handoffs".to_owned(), |label| format!("Handoffs of {label}"));
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) ", account " (wave.account) }
                style { (PreEscaped(CSS)) }
            }
            body {
                header {
                    h1 { (title) }
                    p .dim {
                        "Databases that left account " (wave.account) ", " (wave.region) ", as read from AWS at "
                        (second(wave.now)) ". Account B is the account that receives a database: " (targets(wave)) ". All times are UTC."
                    }
                }
                main {
                    (totals(wave))
                    @if !wave.notes.is_empty() {
                        h2 .bad { "What could not be read, and may be open" }
                        ul { @for note in &wave.notes { li { (note) } } }
                    }
                    h2 { "Timeline" }
                    (timeline(wave))
                    (problems(wave))
                    (open(wave))
                    (slow(wave))
                    (phases(wave))
                    (table(wave))
                }
                footer {
                    "Written by source-agent as " (wave.caller) ", only from the tags and times of snapshots in AWS. "
                    "Later reports of account B appear after the next run of source-agent."
                }
            }
        }
    };
    page.into_string()
}

fn targets(wave: &Wave) -> String {
    let accounts: BTreeSet<_> = wave.handoffs.iter().map(|handoff| handoff.to_account.as_str()).collect();
    if accounts.is_empty() { "none".to_owned() } else { accounts.into_iter().collect::<Vec<_>>().join(", ") }
}

fn totals(wave: &Wave) -> Markup {
    let all = &wave.handoffs;
    let landed = || all.iter().filter(|handoff| handoff.has_landed());
    let moved: u64 = landed().map(|handoff| u64::from(handoff.size_gib)).sum();
    let open = all.iter().filter(|handoff| !handoff.is_settled()).count();
    let access: Vec<_> = all.iter().filter_map(|handoff| handoff.access(wave.now)).collect();
    let sum: SignedDuration = access.iter().map(|(lasted, _)| *lasted).sum();
    let longest = access.iter().map(|(lasted, _)| *lasted).max();
    // Access is revoked between Ended and Settled.
    let accessible = all.iter().filter(|handoff| !handoff.is_settled() && handoff.access(wave.now).is_some()).count();
    html! {
        dl .tiles {
            (tile("Handoffs", &all.len().to_string(), &format!("{} landed in the other account", landed().count())))
            (tile("Moved", &gib(moved), "of allocated storage"))
            @if let Some((first, last)) = wave.lasts() {
                (tile("From first to last", &measured(last.duration_since(first)), &format!("{} to {}", minute(first), minute(last))))
            }
            (tile("Access of account B, in total", &measured(sum),
                &longest.map_or("it was offered no copy".to_owned(), |longest| format!("at most {} to one copy", measured(longest)))))
            (tile("Still open", &open.to_string(),
                &format!("account B may have access to {}", if accessible == 0 { "none".to_owned() } else { accessible.to_string() })))
        }
        ul .sums {
            @for (class, word, count) in counts(all) {
                @if count > 0 { li { b class=(class) { (count) } " " (word) } }
            }
        }
    }
}

/// The number of handoffs in each state. Each handoff is counted once.
fn counts(all: &[HandoffReport]) -> [(&'static str, &'static str, usize); 9] {
    let count = |is: &dyn Fn(&HandoffReport) -> bool| all.iter().filter(|handoff| is(handoff)).count();
    let in_state = |state| count(&|handoff| handoff.state() == state);
    [
        ("good", "landed and restored", in_state("restored")),
        ("good", "landed, restore not reported yet", in_state("landed")),
        ("bad", "landed, restore failed", in_state("landed, restore failed")),
        ("bad", "failed", in_state("failed")),
        ("bad", "rejected", in_state("rejected")),
        ("bad", "expired", in_state("expired")),
        ("wait", "revoked", in_state("revoked")),
        ("wait", "being withdrawn", count(&|handoff| matches!(handoff.standing, Phase::Withdrawing(_)))),
        ("wait", "under way", in_state("open")),
    ]
}

fn tile(what: &str, figure: &str, more: &str) -> Markup {
    html! { div { dt { (what) } dd .big { (figure) } dd { small { (more) } } } }
}

/// The table of phases: where each begins and ends, and how long it took.
fn phases(wave: &Wave) -> Markup {
    let durations = wave.durations();
    html! {
        h2 { "Phases" }
        table {
            thead { tr { th { "Phase" } th { "From, until" } th .n { "Done" } th .n { "Median" } th .n { "Longest" } } }
            tbody {
                @for work in Work::ALL {
                    @let lasted = durations.get(&work).map_or(&[][..], Vec::as_slice);
                    tr {
                        th scope="row" { span class={ "key p" (work as u8) } {} (name(work)) }
                        td .dim { (bounds(work)) }
                        td .n { (lasted.len()) }
                        @if let Some(longest) = lasted.last() {
                            td .n { (measured(median(lasted))) } td .n { (measured(*longest)) }
                        } @else { td {} td {} }
                    }
                }
            }
        }
    }
}

fn slow(wave: &Wave) -> Markup {
    let durations = wave.durations();
    html! {
        @let slowest = wave.slowest(SLOW);
        @if !slowest.is_empty() {
            h2 { "What took longest" }
            table {
                thead { tr { th { "Handoff" } th { "Phase" } th .n { "Took" } th .n { "Median" } th .n { "Times the median" } th .n { "GiB" } } }
                tbody {
                    @for (handoff, work, lasted) in slowest {
                        @let median = durations.get(&work).map_or(lasted, |all| median(all));
                        tr {
                            th scope="row" { (handoff.subject()) }
                            td { span class={ "key p" (work as u8) } {} (name(work)) }
                            td .n { (measured(lasted)) } td .n { (measured(median)) } td .n { (times_median(lasted, median)) } td .n { (handoff.size_gib) }
                        }
                    }
                }
            }
        }
    }
}

fn problems(wave: &Wave) -> Markup {
    html! {
        h2 { "What went wrong" }
        @if !wave.handoffs.iter().any(HandoffReport::went_wrong) { p { "Nothing failed, was rejected, expired or was revoked." } }
        @else {
            table {
                thead { tr { th { "Handoff" } th { "End" } th { "Why" } th { "When" } th { "During" } } }
                tbody {
                    @for handoff in wave.handoffs.iter().filter(|handoff| handoff.went_wrong()) {
                        @let (why, when) = why(handoff);
                        tr {
                            th scope="row" { (handoff.subject()) }
                            td .bad { (handoff.state()) }
                            td { (why) }
                            td .t { (when.map_or(String::new(), second)) }
                            td { @if let Some(bar) = handoff.cut_short() { (name(bar.first)) } }
                        }
                    }
                }
            }
        }
    }
}

/// The reason of a problem, as account B reported it if it did, and its time.
fn why(handoff: &HandoffReport) -> (String, Option<Timestamp>) {
    if let Some((stage, reason, at)) = &handoff.trouble {
        let reason = reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
        let what = match stage {
            Stage::Rejected => "account B rejected it",
            _ if handoff.has_landed() => "account B has its copy but could not restore it",
            _ => "account B could not continue",
        };
        return (format!("{what}{reason}"), Some(*at));
    }
    let why = match handoff.standing {
        Phase::Withdrawing(Outcome::Expired) | Phase::Settled(Outcome::Expired) => "not landed when its access ended",
        Phase::Withdrawing(Outcome::Revoked) | Phase::Settled(Outcome::Revoked) => "revoked by an operator",
        _ => "account B gave no reason",
    };
    (why.to_owned(), handoff.ended().or(handoff.access_until))
}

fn open(wave: &Wave) -> Markup {
    html! {
        h2 { "What is still open" }
        @if wave.handoffs.iter().all(HandoffReport::is_settled) { p { "None of these: each is settled, and all access to what was shared was revoked." } }
        @else {
            table {
                thead { tr { th { "Handoff" } th { "State" } th { "Phase" } th { "Since" } th { "Access of account B" } } }
                tbody {
                    @for handoff in wave.handoffs.iter().filter(|handoff| !handoff.is_settled()) {
                        @let bar = handoff.current();
                        tr {
                            th scope="row" { (handoff.subject()) }
                            td .wait { (handoff.state()) }
                            td {
                                @if let Some(bar) = bar { (name(bar.first)) }
                                @if let Some(copying) = &handoff.copying { ": " (copying) }
                            }
                            td .t { (bar.map_or(String::new(), |bar| second(bar.from))) }
                            td { (access(handoff, wave.now)) }
                        }
                    }
                }
            }
        }
    }
}

fn access(handoff: &HandoffReport, now: Timestamp) -> Markup {
    html! {
        @match (handoff.access(now), handoff.access_until) {
            (Some((_, true)), Some(until)) if until <= now => {
                span .bad { "should have ended at " (second(until)) ": the next run of source-agent revokes it" }
            }
            (Some((_, true)), Some(until)) => { "until " (second(until)) }
            (Some(_), _) => { "being revoked" }
            (None, _) => { "none yet" }
        }
    }
}

fn table(wave: &Wave) -> Markup {
    html! {
        h2 { "Every handoff" }
        div .scroll {
            table .all {
                thead { tr {
                    th { "Handoff" } th { "To" } th { "Engine" } th .n { "GiB" } th { "State" }
                    @for time in TIMES { th { (time) } }
                    th .n { "Access" }
                } }
                tbody {
                    @for handoff in &wave.handoffs {
                        tr {
                            th scope="row" { (handoff.subject()) br; code { (handoff.id) } }
                            td { (handoff.to_account) " " (handoff.to_region) }
                            td { (handoff.engine) }
                            td .n { (handoff.size_gib) }
                            td class=(class(handoff)) { (handoff.state()) }
                            @for time in handoff.times { td { (time.map_or(String::new(), second)) } }
                            td .n { @if let Some((lasted, open)) = handoff.access(wave.now) { (measured(lasted)) @if open { " so far" } } }
                        }
                    }
                }
            }
        }
        p .dim { "Access: from the offer until the handoff was marked as ended, when the withdrawal begins; at Settled all access is revoked." }
    }
}

fn class(handoff: &HandoffReport) -> &'static str {
    match handoff.standing {
        _ if handoff.went_wrong() => "bad",
        Phase::Settled(_) => "good",
        _ => "wait",
    }
}
