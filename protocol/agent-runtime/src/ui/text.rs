//! Text layout: maximum width and hanging paragraphs.

use std::fmt::Write as _;

/// The maximum line width of text output, except for text to be pasted.
pub const COLUMNS: usize = 100;

/// Appends a paragraph with a hanging indent after `lead`, wrapped at spaces to at most `columns`.
pub fn push_wrapped(text: &mut String, columns: usize, lead: &str, paragraph: &str) {
    let indent = lead.trim_start_matches('\n').chars().count();
    let mut line = lead.to_owned();
    let mut column = indent;
    for word in without_control_chars(paragraph).split_whitespace() {
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

/// Appends a fix: its first line wrapped, the following lines unchanged, since they are to be pasted.
pub fn push_fix(text: &mut String, columns: usize, lead: &str, fix: &str) {
    push_pasted(text, columns, lead, lead.len() - lead.trim_start().len(), fix);
}

/// Appends text: its first line wrapped, the following lines unchanged, since they are to be pasted.
pub fn push_pasted(text: &mut String, columns: usize, lead: &str, indent: usize, words: &str) {
    let (words, paste) = words.split_once('\n').unwrap_or((words, ""));
    push_wrapped(text, columns, lead, words);
    for line in paste.lines() {
        let _ = writeln!(text, "{:indent$}{}", "", without_control_chars(line));
    }
}

/// Replaces control characters, so that text from another account cannot control the terminal.
pub(crate) fn without_control_chars(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}
