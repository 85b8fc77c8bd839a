//! What a person or a program is shown: the sinks of events, and what `plan` and `status` print.
//!
//! [`Screen`] is the sink that emitters are given. Each event goes to the log and, on a terminal, to the bars; what was not shown
//! before goes on to one sink of lines: text, JSON, or text above the bars.

mod above;
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
