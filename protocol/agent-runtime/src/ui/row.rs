//! How steps are shown.

use std::fmt::Write as _;

use crate::event::{Row, RowState};
use crate::text::estimate;

/// The first step that is not ready.
pub fn first_open(rows: &[Row]) -> Option<&Row> {
    rows.iter().find(|row| !matches!(row.state, RowState::Made | RowState::Found))
}

/// The word of a state in text output.
pub(crate) fn word(state: RowState) -> &'static str {
    match state {
        RowState::Made => "made",
        RowState::Found => "done",
        RowState::Acting => "acting",
        RowState::Working => "working",
        RowState::Todo => "to do",
        RowState::Blocked => "blocked",
        RowState::Failed => "failed",
    }
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
