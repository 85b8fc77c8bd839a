//! Patterns in policies: texts with wildcards and policy variables.

use std::borrow::Cow;

use crate::context::{self, Context};

/// A parsed pattern, to compare with the values of requests.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    pieces: Vec<Piece>,
    has_variables: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Byte(u8),
    /// `?`
    One,
    /// `*`
    Many,
    /// `${aws:PrincipalAccount}`, or `${aws:PrincipalTag/team, 'none'}`.
    Variable {
        key: String,
        default: Option<String>,
    },
}

/// Which special characters a pattern may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PatternSyntax {
    /// `*` and `?` are wildcards.
    pub(crate) wildcards: bool,
    /// `${...}` is replaced by a value of the request: not in documents of version 2008-10-17 (IAM User Guide, IAM
    /// policy elements: Variables and tags).
    pub(crate) variables: bool,
}

impl Pattern {
    /// Parses a pattern. A policy variable is supported if its key is single-valued, begins with `aws:`, and is set or
    /// known to be absent here; `${*}`, `${?}` and `${$}` are the characters themselves (same page).
    pub(crate) fn parse(text: &str, syntax: PatternSyntax) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if syntax.variables
                && let Some(tail) = rest.strip_prefix("${")
            {
                let (inside, after) =
                    tail.split_once('}').ok_or_else(|| format!("{text} has a variable without end"))?;
                match inside {
                    "*" | "?" | "$" => pieces.extend(inside.bytes().map(Piece::Byte)),
                    _ => pieces.push(variable(inside)?),
                }
                rest = after;
                continue;
            }
            match first {
                '*' if syntax.wildcards => pieces.push(Piece::Many),
                '?' if syntax.wildcards => pieces.push(Piece::One),
                _ => pieces.extend(first.to_string().bytes().map(Piece::Byte)),
            }
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
        let has_variables = pieces.iter().any(|piece| matches!(piece, Piece::Variable { .. }));
        Ok(Self { pieces, has_variables })
    }

    /// Whether it is `*`.
    pub(crate) fn is_everything(&self) -> bool {
        self.pieces == [Piece::Many]
    }

    /// Whether the whole text matches. Nothing matches a variable that the request lacks.
    pub(crate) fn fits(&self, text: &str, context: &Context) -> bool {
        self.filled(context).is_some_and(|pieces| like(&pieces, text.as_bytes(), u8::eq))
    }

    /// The same, ignoring case.
    pub(crate) fn fits_in_any_case(&self, text: &str, context: &Context) -> bool {
        self.filled(context).is_some_and(|pieces| like(&pieces, text.as_bytes(), u8::eq_ignore_ascii_case))
    }

    /// Whether each of the six parts of an ARN matches separately (IAM User Guide, ARN condition operators; IAM JSON
    /// policy elements: Resource, "within the individual segments of an ARN").
    pub(crate) fn fits_arn(&self, text: &str, context: &Context) -> bool {
        let Some(pieces) = self.filled(context) else { return false };
        let patterns: Vec<_> = pieces.splitn(6, |piece| *piece == Piece::Byte(b':')).collect();
        let texts: Vec<_> = text.splitn(6, ':').collect();
        patterns.len() == texts.len()
            && patterns.iter().zip(&texts).all(|(pattern, text)| like(pattern, text.as_bytes(), u8::eq))
    }

    /// Whether the request has all of its variables.
    pub(crate) fn resolves(&self, context: &Context) -> bool {
        self.filled(context).is_some()
    }

    /// The pieces, with each variable replaced by its value.
    fn filled(&self, context: &Context) -> Option<Cow<'_, [Piece]>> {
        // Most patterns have no variables, and each request is compared with hundreds of patterns.
        if !self.has_variables {
            return Some(Cow::Borrowed(&self.pieces));
        }
        let mut filled = Vec::with_capacity(self.pieces.len());
        for piece in &self.pieces {
            match piece {
                Piece::Variable { key, default } => {
                    let value = context.one(key).or(default.as_deref())?;
                    filled.extend(value.bytes().map(Piece::Byte));
                }
                other => filled.push(other.clone()),
            }
        }
        Some(Cow::Owned(filled))
    }
}

fn variable(inside: &str) -> Result<Piece, String> {
    let (key, default) = match inside.split_once(',') {
        Some((key, default)) => {
            let quoted = default.trim().strip_prefix('\'').and_then(|default| default.strip_suffix('\''));
            let default = quoted.ok_or_else(|| format!("the default of ${{{inside}}} must stand in single quotes"))?;
            (key.trim(), Some(default.to_owned()))
        }
        None => (inside.trim(), None),
    };
    let key = key.to_lowercase();
    match context::known(&key) {
        Some(known) if !known.many && key.starts_with("aws:") => Ok(Piece::Variable { key, default }),
        _ => Err(format!("the policy variable ${{{inside}}} is not known")),
    }
}

/// Whether `text` matches `pattern`, in which `*` stands for any characters and `?` for one.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let syntax = PatternSyntax { wildcards: true, variables: false };
    Pattern::parse(pattern, syntax).is_ok_and(|pattern| like(&pattern.pieces, text.as_bytes(), u8::eq))
}

fn like(pattern: &[Piece], text: &[u8], same: impl Fn(&u8, &u8) -> bool) -> bool {
    let (mut p, mut t) = (0, 0);
    // The backtracking point: the last star, and the position in the text at which it was reached.
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(t) {
        match pattern.get(p) {
            Some(Piece::Many) => {
                star = Some((p, t));
                p += 1;
            }
            Some(Piece::One) => {
                p += 1;
                t += 1;
            }
            Some(Piece::Byte(wanted)) if same(wanted, byte) => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|piece| *piece == Piece::Many)
}
