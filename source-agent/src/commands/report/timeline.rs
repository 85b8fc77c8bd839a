//! The timeline: one row of bars for each handoff, as inline SVG.

use agent_runtime::text::{day, measured, second, time_of_day};
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

use super::bars::{Bar, End, Work};
use super::wave::{HandoffReport, Wave};
use super::words::{brief, name};

/// So many rows share an axis, and stay on one sheet of paper.
const ROWS: usize = 20;
const RIGHT: f64 = 1170.0;
/// Longer names are cut; the table has them whole.
const LONGEST: usize = 32;
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
    /// Where names end.
    left: f64,
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
        // Years of handoffs get a few ticks at odd times.
        let step = STEPS.into_iter().find(|step| (to - from) / step <= TICKS).unwrap_or((to - from) / TICKS);
        let first = (from + step - 1).div_euclid(step);
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
    html! {
        ul .legend {
            @for work in Work::ALL { li { span class={ "key p" (work as u8) } {} (name(work)) } }
        }
        @for (chunk, handoffs) in wave.handoffs.chunks(ROWS).enumerate() {
            (figure(wave, &axis, chunk * ROWS, handoffs))
        }
        p .dim {
            "Two colours, one above the other: AWS does not tell where the upper phase ended and the lower one began, nor the "
            "times of those between. A red end: the handoff ended within this phase. Pale: it goes on, or its end was not told. "
            "An arrow: it goes on to the right."
        }
    }
}

/// The rows from the nth on.
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
                    @let x = one(axis.x(tick));
                    path .grid d={ "M" (x) " 20V" (height) } {}
                    text .tick x=(x) y="14" { (label(nth, tick)) }
                }
                @for (row, handoff) in handoffs.iter().enumerate() {
                    g .row transform={ "translate(0," (y(row)) ")" } {
                        title { (told(handoff)) }
                        text x=(one(axis.left - 8.0)) y="10" { (row_name(wave, handoff)) }
                        @for bar in &handoff.bars { (drawn(axis, bar, wave.now)) }
                    }
                }
            }
        }
    }
}

fn drawn(axis: &Axis, bar: &Bar, now: Timestamp) -> Markup {
    let to = end(bar, now);
    let (x, right) = (axis.x(bar.from), axis.x(to));
    // A bar is a thick line: that is half the bytes of a rectangle.
    let line = |y: &str| format!("M{} {y}h{}", one(x), one((right - x).max(1.0)));
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
                path .on d={ "M" (one(right + 1.0)) " 1l6 5l-6 5z" } {}
            } @else if matches!(bar.end, End::CutShort(_)) {
                path .cut d={ "M" (one(right)) " 0v12" } {}
            }
        }
    }
}

/// What shows when one points at a row.
fn told(handoff: &HandoffReport) -> String {
    let works = handoff.bars.iter().map(|bar| match bar.end {
        End::Reached(to) => format!("{} {}", brief(bar), measured(to.duration_since(bar.from))),
        End::CutShort(to) => format!("{} ended after {}", brief(bar), measured(to.duration_since(bar.from))),
        End::Open => format!("{} since {}", brief(bar), second(bar.from)),
    });
    format!("{}: {}. {}", handoff.subject(), handoff.stands(), works.collect::<Vec<_>>().join(", "))
}

/// What stands at a row. Under one label its name is not repeated.
fn row_name(wave: &Wave, handoff: &HandoffReport) -> String {
    let name = if wave.label.is_some() { handoff.database.clone() } else { handoff.subject() };
    if name.chars().count() <= LONGEST { name } else { name.chars().take(LONGEST - 1).chain(['…']).collect() }
}

/// The day where one begins, and at the first tick.
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

fn one(x: f64) -> String {
    let text = format!("{x:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}
