//! The timeline: one row of bars for each handoff, as inline SVG.

use agent_runtime::text::{day, measured, second, time_of_day};
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

use super::bars::{Bar, End, Work};
use super::wave::{HandoffReport, Wave};
use super::words::{brief, name};

/// The rows of one figure. They fit on one sheet of paper.
const ROWS: usize = 20;
/// The right end of the axis.
const RIGHT: f64 = 1170.0;
/// Longer names are truncated. The table has them in full.
const LONGEST: usize = 32;
/// The height of the axis.
const TOP: f64 = 26.0;
/// The height of a row.
const ROW: f64 = 16.0;
/// Possible distances of ticks, in seconds. The first that gives at most [`TICKS`] ticks is used, so that each has room
/// for a date.
const STEPS: [i64; 17] =
    [1, 5, 15, 30, 60, 300, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000];
const TICKS: i64 = 9;

/// The time axis.
struct Axis {
    from: Timestamp,
    to: Timestamp,
    /// Where the names end and the axis begins.
    left: f64,
}

impl Axis {
    /// From the first snapshot to the last completed phase, plus at most a fifth for what continues, so that an offer
    /// that waits for weeks does not compress the rest.
    fn of(wave: &Wave) -> Option<Self> {
        let bars = || wave.handoffs.iter().flat_map(|handoff| &handoff.bars);
        let from = bars().map(|bar| bar.from).min()?;
        let phases = bars().filter(|bar| bar.first != Work::Withdrawing);
        let done = phases.map(|bar| if let End::Reached(to) = bar.end { to } else { bar.from }).max()?;
        let last = bars().map(|bar| end(bar, wave.now)).max()?;
        let worked = done.duration_since(from).max(SignedDuration::from_mins(1));
        let shown = last.duration_since(from).min(worked + worked / 5).max(SignedDuration::from_mins(1));
        let widest = wave.handoffs.iter().map(|handoff| row_name(wave, handoff).chars().count()).max()?;
        #[expect(clippy::cast_precision_loss, reason = "names are short")]
        Some(Self { from, to: from.checked_add(shown).ok()?, left: 24.0 + 6.6 * widest as f64 })
    }

    fn x(&self, at: Timestamp) -> f64 {
        let share = at.duration_since(self.from).as_secs_f64() / self.to.duration_since(self.from).as_secs_f64();
        self.left + (RIGHT - self.left) * share.min(1.0)
    }

    fn ticks(&self) -> Vec<Timestamp> {
        let (from, to) = (self.from.as_second(), self.to.as_second());
        // If the handoffs span years the ticks are at odd times.
        let step = STEPS.into_iter().find(|step| (to - from) / step <= TICKS).unwrap_or((to - from) / TICKS);
        let first = (from + step - 1).div_euclid(step);
        (first..=to.div_euclid(step)).filter_map(|tick| Timestamp::from_second(tick * step).ok()).collect()
    }
}

/// Where a bar is drawn to end.
fn end(bar: &Bar, now: Timestamp) -> Timestamp {
    match bar.end {
        End::Reached(to) | End::CutShort(to) => to,
        End::Open => now.max(bar.from),
    }
}

/// The timeline of every handoff, in figures of [`ROWS`] rows.
pub(super) fn timeline(wave: &Wave) -> Markup {
    let Some(axis) = Axis::of(wave) else { return html! { p { "There is nothing to show." } } };
    html! {
        ul .legend {
            @for work in Work::ALL { li { span class={ "key p" (work as u8) } {} (name(work)) } }
        }
        @for (chunk, handoffs) in wave.handoffs.chunks(ROWS).enumerate() {
            (figure(wave, &axis, chunk * ROWS, handoffs))
        }
        p .dim {
            "Two colours, one above the other: the times between the upper phase and the lower one are not recorded in AWS. "
            "A red end: the handoff ended during this phase. Pale: the phase continues, or its end was not reported. "
            "An arrow: the bar extends beyond the right edge."
        }
    }
}

/// One figure, whose first row is the nth handoff.
fn figure(wave: &Wave, axis: &Axis, nth: usize, handoffs: &[HandoffReport]) -> Markup {
    #[expect(clippy::cast_precision_loss, reason = "there are few rows")]
    let y = |row: usize| TOP + ROW * row as f64;
    let (first, last) = (nth + 1, nth + handoffs.len());
    let height = y(handoffs.len()) + 4.0;
    html! {
        figure {
            svg viewBox=(format!("0 0 1180 {height}")) role="img" aria-labelledby={ "t" (first) " d" (first) } {
                title id={ "t" (first) } { "Timeline of handoffs " (first) " to " (last) " of " (wave.handoffs.len()) }
                desc id={ "d" (first) } {
                    "A row for each handoff, from " (second(axis.from)) " to " (second(axis.to))
                    " UTC. The table of every handoff has the same times."
                }
                @for (nth, tick) in axis.ticks().into_iter().enumerate() {
                    @let x = decimal(axis.x(tick));
                    path .grid d={ "M" (x) " 20V" (height) } {}
                    text .tick x=(x) y="14" { (label(nth, tick)) }
                }
                @for (row, handoff) in handoffs.iter().enumerate() {
                    g .row transform={ "translate(0," (y(row)) ")" } {
                        title { (tooltip(handoff)) }
                        text x=(decimal(axis.left - 8.0)) y="10" { (row_name(wave, handoff)) }
                        @for bar in &handoff.bars { (bar_path(axis, bar, wave.now)) }
                    }
                }
            }
        }
    }
}

fn bar_path(axis: &Axis, bar: &Bar, now: Timestamp) -> Markup {
    let to = end(bar, now);
    let (x, right) = (axis.x(bar.from), axis.x(to));
    // A bar is drawn as a thick line, which takes half the bytes of a rectangle.
    let line = |y: &str| format!("M{} {y}h{}", decimal(x), decimal((right - x).max(1.0)));
    let open = if bar.end == End::Open { " open" } else { "" };
    html! {
        @if bar.from <= axis.to {
            @if bar.first == bar.last {
                path class={ "p" (bar.first as u8) (open) } d=(line(if bar.first == Work::Withdrawing { "13" } else { "6" })) {}
            } @else {
                path class={ "p" (bar.first as u8) " half" (open) } d=(line("3.5")) {}
                path class={ "p" (bar.last as u8) " half" (open) } d=(line("8.5")) {}
            }
            @if to > axis.to {
                path .on d={ "M" (decimal(right + 1.0)) " 1l6 5l-6 5z" } {}
            } @else if matches!(bar.end, End::CutShort(_)) {
                path .cut d={ "M" (decimal(right)) " 0v12" } {}
            }
        }
    }
}

/// The tooltip of a row.
fn tooltip(handoff: &HandoffReport) -> String {
    let works = handoff.bars.iter().map(|bar| match bar.end {
        End::Reached(to) => format!("{} {}", brief(bar), measured(to.duration_since(bar.from))),
        End::CutShort(to) => format!("{} ended after {}", brief(bar), measured(to.duration_since(bar.from))),
        End::Open => format!("{} since {}", brief(bar), second(bar.from)),
    });
    format!("{}: {}. {}", handoff.subject(), handoff.state(), works.collect::<Vec<_>>().join(", "))
}

/// The name of a row. The label is left out if all handoffs have the same.
fn row_name(wave: &Wave, handoff: &HandoffReport) -> String {
    let name = if wave.label.is_some() { handoff.database.clone() } else { handoff.subject() };
    if name.chars().count() <= LONGEST { name } else { name.chars().take(LONGEST - 1).chain(['…']).collect() }
}

/// The text of a tick: the day at midnight, day and time at the first tick, else the time.
fn label(nth: usize, at: Timestamp) -> String {
    let midnight = at.as_second().rem_euclid(86_400) == 0;
    if midnight {
        day(at)
    } else if nth == 0 {
        format!("{}, {}", day(at), time_of_day(at))
    } else {
        time_of_day(at)
    }
}

/// A coordinate with at most one decimal.
fn decimal(x: f64) -> String {
    let text = format!("{x:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}
