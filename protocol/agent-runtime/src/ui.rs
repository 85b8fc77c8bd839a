//! Output: the sinks of events, and the documents of `plan` and `status`.
//!
//! [`Screen`] is the sink that emitters use. Each event goes to the log and, on a terminal, to the progress bars.
//! Events that were not shown before also go to one sink of lines: text, JSON, or text above the bars.

mod above_bars;
mod bars;
mod console;
pub mod forecast;
pub(crate) mod json;
mod lines;
mod log;
mod once;
pub mod plan;
pub mod row;
mod screen;
pub mod standing;
#[cfg(test)]
mod tests;
pub mod text;
mod wave;
mod words;

pub use bars::Terminal;
pub use screen::{Format, Screen};
