//! The timeline: one row of bars for each handoff, as inline SVG.

use jiff::{SignedDuration, Timestamp, tz};
use maud::{Markup, html};

use super::wave::{Bar, End, Handoff, Wave, Work};
use super::words::{brief, lasts, stamp};

/// So many rows share an axis, and stay on one sheet of paper.
const ROWS: usize = 40;
/// Of names.
const LEFT: f64 = 236.0;
const RIGHT: f64 = 1170.0;
/// Of the axis.
const TOP: f64 = 26.0;
const ROW: f64 = 16.0;
/// Seconds between two ticks: as few as leave room for a date at each.
const STEPS: [i64; 17] =
    [1, 5, 15, 30, 60, 300, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000];
const TICKS: i64 = 9;

/// The times that are shown.
struct Axis {
    from: Timestamp,
    to: Timestamp,
}

impl Axis {
    /// From the first snapshot to the last work that was done, so that an offer that nobody took does not press weeks into the
    /// page; a little that goes on after that is shown too.
    fn of(wave: &Wave) -> Option<Self> {
        let bars = || wave.handoffs.iter().flat_map(|handoff| &handoff.bars);
        let from = bars().map(|bar| bar.from).min()?;
        let moving = bars().filter(|bar| bar.first != Work::Withdrawing);
        let done = moving.map(|bar| if let End::Reached(to) = bar.end { to } else { bar.from }).max()?;
        let last = bars().map(|bar| end(bar, wave.now)).max()?;
        let worked = done.duration_since(from).max(SignedDuration::from_mins(1));
        let shown = last.duration_since(from).min(worked + worked / 5).max(SignedDuration::from_mins(1));
        Some(Self { from, to: from.checked_add(shown).ok()? })
    }

    fn x(&self, at: Timestamp) -> f64 {
        let share = at.duration_since(self.from).as_secs_f64() / self.to.duration_since(self.from).as_secs_f64();
        LEFT + (RIGHT - LEFT) * share.min(1.0)
    }

    fn ticks(&self) -> Vec<Timestamp> {
        let (from, to) = (self.from.as_second(), self.to.as_second());
        // Years of handoffs get a few ticks at odd times.
        let step = STEPS.into_iter().find(|step| (to - from) / step <= TICKS).unwrap_or((to - from) / TICKS);
        let first = from.div_euclid(step) + 1;
        (first..=to.div_euclid(step)).filter_map(|tick| Timestamp::from_second(tick * step).ok()).collect()
    }
}

/// Where a bar ends for the eye.
fn end(bar: &Bar, now: Timestamp) -> Timestamp {
    match bar.end {
        End::Reached(to) | End::CutShort(to) => to,
        End::Open => now.max(bar.from),
    }
}

/// Every handoff, in figures of [`ROWS`] rows.
pub(super) fn timeline(wave: &Wave) -> Markup {
    let Some(axis) = Axis::of(wave) else { return html! { p { "There is nothing to show." } } };
    let count = wave.handoffs.len();
    html! {
        @for (chunk, handoffs) in wave.handoffs.chunks(ROWS).enumerate() {
            @let first = chunk * ROWS + 1;
            (figure(&axis, wave.now, handoffs, first, &format!("{first} to {} of {count}", first + handoffs.len() - 1)))
        }
    }
}

fn figure(axis: &Axis, now: Timestamp, handoffs: &[Handoff], first: usize, which: &str) -> Markup {
    #[expect(clippy::cast_precision_loss, reason = "there are few rows")]
    let y = |row: usize| TOP + ROW * row as f64;
    let height = y(handoffs.len()) + 4.0;
    html! {
        figure {
            svg viewBox=(format!("0 0 1180 {height}")) role="img" aria-labelledby={ "t" (first) " d" (first) } {
                title id={ "t" (first) } { "Timeline of handoffs " (which) }
                desc id={ "d" (first) } {
                    "A row for each handoff, from " (stamp(axis.from)) " to " (stamp(axis.to))
                    " UTC. The table of every handoff has the same times."
                }
                @for tick in axis.ticks() {
                    @let x = one(axis.x(tick));
                    path .grid d={ "M" (x) " 20V" (height) } {}
                    text .tick x=(x) y="14" { (label(tick)) }
                }
                @for (row, handoff) in handoffs.iter().enumerate() {
                    g .row transform={ "translate(0," (y(row)) ")" } {
                        title { (told(handoff)) }
                        text x="228" y="10" { (short(&handoff.database)) }
                        @for bar in &handoff.bars { (drawn(axis, bar, now)) }
                    }
                }
            }
        }
    }
}

fn drawn(axis: &Axis, bar: &Bar, now: Timestamp) -> Markup {
    let to = end(bar, now);
    let (x, right) = (axis.x(bar.from), axis.x(to));
    let width = one((right - x).max(1.0));
    let open = if bar.end == End::Open { " open" } else { "" };
    let (y, height) = if bar.first == Work::Withdrawing { ("12", "2") } else { ("1", "10") };
    html! {
        @if bar.from <= axis.to {
            @if bar.first == bar.last {
                rect class={ "p" (bar.first as u8) (open) } x=(one(x)) y=(y) width=(width) height=(height) {}
            } @else {
                rect class={ "p" (bar.first as u8) (open) } x=(one(x)) y="1" width=(width) height="5" {}
                rect class={ "p" (bar.last as u8) (open) } x=(one(x)) y="6" width=(width) height="5" {}
            }
            @if to > axis.to {
                path .on d={ "M" (one(right + 1.0)) " 1l6 5l-6 5z" } {}
            } @else if matches!(bar.end, End::CutShort(_)) {
                path .cut d={ "M" (one(right)) " 0v12" } {}
            }
        }
    }
}

/// What shows when one points at a row.
fn told(handoff: &Handoff) -> String {
    let works = handoff.bars.iter().map(|bar| match bar.end {
        End::Reached(to) => format!("{} {}", brief(bar), lasts(to.duration_since(bar.from))),
        End::CutShort(to) => format!("{} ended after {}", brief(bar), lasts(to.duration_since(bar.from))),
        End::Open => format!("{} since {}", brief(bar), stamp(bar.from)),
    });
    format!("{}: {}. {}", handoff.subject(), handoff.stands(), works.collect::<Vec<_>>().join(", "))
}

fn short(name: &str) -> String {
    if name.chars().count() <= 32 { name.to_owned() } else { name.chars().take(31).chain(['…']).collect() }
}

/// The day where one begins, else the time.
fn label(at: Timestamp) -> String {
    let midnight = at.as_second().rem_euclid(86_400) == 0;
    at.to_zoned(tz::TimeZone::UTC).strftime(if midnight { "%b %-d" } else { "%H:%M" }).to_string()
}

fn one(x: f64) -> String {
    let text = format!("{x:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}
