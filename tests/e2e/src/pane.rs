//! A virtual terminal, for assertions on what a person would see.

use std::fmt;
use std::io::{self, Write};
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::TermLike;
use vt100::Parser;

/// A terminal of some size.
#[derive(Clone)]
pub struct Pane(Arc<Mutex<Parser>>);

impl fmt::Debug for Pane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pane")
    }
}

impl Pane {
    /// An empty terminal of this size.
    pub fn new(columns: u16, lines: u16) -> Self {
        let [lines, columns] = [lines, columns].map(|count| NonZero::new(count).expect("a terminal of some size"));
        Self(Arc::new(Mutex::new(Parser::new(lines, columns, 0))))
    }

    /// Its visible text.
    pub fn text(&self) -> String {
        self.with(|parser| {
            let screen = parser.screen();
            let rows: Vec<_> = screen.rows(0, screen.size().1.into()).map(|row| row.trim_end().to_owned()).collect();
            rows.join("\n").trim_end().to_owned()
        })
    }

    fn with<T>(&self, access: impl FnOnce(&mut Parser) -> T) -> T {
        access(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn show(&self, text: &str) -> io::Result<()> {
        // A terminal's driver does the same.
        let text = text.replace('\n', "\r\n");
        self.with(|parser| parser.write_all(text.as_bytes()))
    }
}

impl Write for Pane {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.show(&String::from_utf8_lossy(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl TermLike for Pane {
    fn width(&self) -> u16 {
        self.with(|parser| parser.screen().size().1).into()
    }

    fn height(&self) -> u16 {
        self.with(|parser| parser.screen().size().0).into()
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        if n == 0 { Ok(()) } else { self.show(&format!("\x1b[{n}A")) }
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        if n == 0 { Ok(()) } else { self.show(&format!("\x1b[{n}B")) }
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        if n == 0 { Ok(()) } else { self.show(&format!("\x1b[{n}C")) }
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        if n == 0 { Ok(()) } else { self.show(&format!("\x1b[{n}D")) }
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        self.show(&format!("{line}\n"))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.show(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.show("\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}
