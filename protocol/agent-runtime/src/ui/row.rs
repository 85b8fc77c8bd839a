//! The text of steps.

use std::fmt::Write as _;

use crate::event::Row;
use crate::text::estimate;

/// The first step that is not ready.
pub fn first_open(rows: &[Row]) -> Option<&Row> {
    rows.iter().find(|row| !row.state.is_ready())
}

/// A row's text with its progress.
pub(crate) fn progress(row: &Row) -> String {
    let mut text = row.text.clone();
    if let Some(percent) = row.percent {
        let _ = write!(text, ", {percent} %");
    }
    if let Some(remaining) = row.remaining {
        let _ = write!(text, ", about {} left", estimate(remaining));
    }
    text
}
