//! How text is laid out: columns and hanging paragraphs.

use std::fmt::Write as _;

/// No line of text output is wider, but what is to be pasted.
pub const COLUMNS: usize = 100;

/// Appends a paragraph that hangs under `lead`, broken at spaces where a line would have more `columns`.
pub fn push_wrapped(text: &mut String, columns: usize, lead: &str, paragraph: &str) {
    let indent = lead.trim_start_matches('\n').chars().count();
    let mut line = lead.to_owned();
    let mut column = indent;
    for word in harmless(paragraph).split_whitespace() {
        let width = word.chars().count();
        if column > indent && column + 1 + width > columns {
            text.push_str(line.trim_end());
            text.push('\n');
            line = " ".repeat(indent);
            column = indent;
        }
        if column > indent {
            line.push(' ');
            column += 1;
        }
        line.push_str(word);
        column += width;
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

/// Appends how something is fixed: a paragraph, and under it, as it is, what is to be pasted.
pub fn push_fix(text: &mut String, columns: usize, lead: &str, fix: &str) {
    push_pasted(text, columns, lead, lead.len() - lead.trim_start().len(), fix);
}

/// The first line is wrapped; what follows it is to be pasted, and stands as it is.
pub fn push_pasted(text: &mut String, columns: usize, lead: &str, indent: usize, words: &str) {
    let (words, paste) = words.split_once('\n').unwrap_or((words, ""));
    push_wrapped(text, columns, lead, words);
    for line in paste.lines() {
        let _ = writeln!(text, "{:indent$}{}", "", harmless(line));
    }
}

/// What another account has written must not speak to the terminal.
pub(crate) fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}
