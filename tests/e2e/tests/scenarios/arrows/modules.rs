//! The modules of a crate and the arrows between them, read from its source.
//!
//! A module is a file; an inline `mod` belongs to its file. An arrow goes from the file that names an item to the file
//! that defines it, through any re-exports. A parent that only declares and re-exports its children has no arrow to
//! them. Names are read from `use` declarations and from paths in code; items under `#[cfg(test)]` are skipped. Calls
//! of methods are not seen, only the types that code names.

use std::collections::{BTreeMap, BTreeSet};

/// The lines, from 1, on which the first file names an item that the second file defines. Paths are relative to `src`.
pub(super) type Arrows = BTreeMap<(String, String), BTreeSet<usize>>;

/// Returns the module files of a crate and the arrows between them. `sources` has the text of each file of `src`.
pub(super) fn read(sources: &BTreeMap<String, String>) -> (BTreeSet<String>, Arrows) {
    let (mut files, mut arrows) = (BTreeSet::new(), Arrows::new());
    for root in ["lib.rs", "main.rs"].into_iter().filter(|root| sources.contains_key(*root)) {
        let mut tree = Tree::default();
        tree.file(sources, root, None);
        files.extend(tree.0.iter().map(|module| module.file.clone()));
        for (from, to, line) in tree.arrows() {
            arrows.entry((from, to)).or_default().insert(line);
        }
    }
    (files, arrows)
}

/// A word, a `::`, or another character, outside comments and literals.
struct Token<'a> {
    text: &'a str,
    line: usize,
}

fn tokens(source: &str) -> Vec<Token<'_>> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut rest, mut line, mut tokens) = (source, 1, Vec::new());
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (length, is_token) = if rest.starts_with("//") {
            (rest.find('\n').unwrap_or(rest.len()), false)
        } else if rest.starts_with("/*") {
            (block_comment(rest), false)
        } else if let Some(length) = literal(rest) {
            (length, false)
        } else if word > 0 {
            (word, true)
        } else if rest.starts_with("::") {
            (2, true)
        } else {
            (first.len_utf8(), !first.is_whitespace())
        };
        let (text, after) = rest.split_at(length);
        if is_token {
            tokens.push(Token { text, line });
        }
        line += text.matches('\n').count();
        rest = after;
    }
    tokens
}

/// The length of the block comment at the start of `text`. Block comments nest.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if text[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                break;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

/// The length of the string, character or lifetime at the start of `text`.
fn literal(text: &str) -> Option<usize> {
    let prefix = ["", "b", "c", "r", "br", "cr"].into_iter().find(|prefix| {
        let after = text.strip_prefix(prefix).unwrap_or("");
        let after = if prefix.ends_with('r') { after.trim_start_matches('#') } else { after };
        after.starts_with('"') || after.starts_with('\'') && ["", "b"].contains(prefix)
    })?;
    let after = &text[prefix.len()..];
    if prefix.ends_with('r') {
        let hashes = after.find('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        let body = prefix.len() + hashes + 1;
        return Some(text[body..].find(&end).map_or(text.len(), |at| body + at + end.len()));
    }
    let quote = after.chars().next()?;
    let mut inside = after.char_indices().skip(1);
    // A quote and a character that is not an escape, without a closing quote, is a lifetime.
    if quote == '\'' && !after[1..].starts_with('\\') && after.chars().nth(2) != Some('\'') {
        return Some(prefix.len() + 1);
    }
    while let Some((at, c)) = inside.next() {
        if c == '\\' {
            inside.next();
        } else if c == quote {
            return Some(prefix.len() + at + 1);
        }
    }
    Some(text.len())
}

/// A path in code or in a `use` declaration.
struct Path {
    segments: Vec<String>,
    line: usize,
}

struct Import {
    path: Path,
    /// The imported name; `*` for a glob.
    name: String,
    is_public: bool,
}

#[derive(Default)]
struct Module {
    file: String,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    imports: Vec<Import>,
    paths: Vec<Path>,
    /// Words that are not next to a `::`.
    words: BTreeSet<String>,
    /// The words that are called as functions.
    called: BTreeSet<String>,
}

/// What a path resolves to.
enum Target {
    Module(usize),
    /// An item that this module defines.
    Item(usize),
}

impl Target {
    fn module(&self) -> usize {
        match self {
            Self::Module(module) | Self::Item(module) => *module,
        }
    }
}

/// The modules of one root file.
#[derive(Default)]
struct Tree(Vec<Module>);

impl Tree {
    fn module(&mut self, file: &str, parent: Option<usize>) -> usize {
        self.0.push(Module { file: file.to_owned(), parent, ..Module::default() });
        self.0.len() - 1
    }

    /// Reads a file and the modules that it declares.
    fn file(&mut self, sources: &BTreeMap<String, String>, file: &str, parent: Option<usize>) -> usize {
        let module = self.module(file, parent);
        let tokens = tokens(&sources[file]);
        let texts: Vec<&str> = tokens.iter().map(|token| token.text).collect();
        let folder = match file.rsplit_once('/') {
            _ if parent.is_none() => String::new(),
            Some((folder, "mod.rs")) => format!("{folder}/"),
            _ => format!("{}/", file.trim_end_matches(".rs")),
        };
        // The open inline modules, each with the depth of the braces around it.
        let (mut open, mut depth, mut at) = (vec![(module, 0)], 0, 0);
        while at < tokens.len() {
            let here = open.last().map_or(module, |(here, _)| *here);
            let line = tokens[at].line;
            let before = if at > 0 { texts[at - 1] } else { "" };
            match &texts[at..] {
                ["#", "[", "cfg", "(", "test", ")", "]", ..] => at = item_end(&texts, at + 7),
                ["mod", name, ";", ..] => {
                    let path = [format!("{folder}{name}.rs"), format!("{folder}{name}/mod.rs")];
                    let path = path.iter().find(|path| sources.contains_key(*path));
                    let path = path.unwrap_or_else(|| panic!("{file}:{line}: no file for module {name}"));
                    let child = self.file(sources, path, Some(here));
                    self.0[here].children.insert((*name).to_owned(), child);
                    at += 3;
                }
                ["mod", name, "{", ..] => {
                    let child = self.module(file, Some(here));
                    self.0[here].children.insert((*name).to_owned(), child);
                    open.push((child, depth));
                    depth += 1;
                    at += 3;
                }
                ["use", next, ..] if is_name(next) || *next == "{" => {
                    let is_public = before == "pub" || before == ")";
                    at += 1;
                    for (path, name) in use_tree(&tokens, &mut at, &[]) {
                        self.0[here].imports.push(Import { path, name, is_public });
                    }
                }
                [text, ..] => {
                    let begins = at;
                    let mut segments = vec![(*text).to_owned()];
                    while is_name(texts[at])
                        && texts.get(at + 1) == Some(&"::")
                        && is_name(texts.get(at + 2).unwrap_or(&""))
                    {
                        at += 2;
                        segments.push(texts[at].to_owned());
                    }
                    let next = texts.get(at + 1).copied().unwrap_or_default();
                    at += 1;
                    match *text {
                        "{" => depth += 1,
                        "}" => {
                            depth -= 1;
                            if open.len() > 1 && open.last().is_some_and(|(_, outside)| *outside == depth) {
                                open.pop();
                            }
                        }
                        _ if begins > 0 && before == "::" || !is_name(text) => {}
                        _ if segments.len() > 1 => self.0[here].paths.push(Path { segments, line }),
                        _ if before == "." || before == "fn" => {}
                        _ => {
                            self.0[here].words.insert((*text).to_owned());
                            if next == "(" {
                                self.0[here].called.insert((*text).to_owned());
                            }
                        }
                    }
                }
                [] => break,
            }
        }
        module
    }

    /// Resolves a path in `module`; `None` if it leaves the crate or names something local.
    fn resolve(&self, module: usize, path: &[String], seen: &mut BTreeSet<(usize, String)>) -> Option<Target> {
        let (mut here, mut rest) = (module, path);
        match rest.first()?.as_str() {
            "crate" => (here, rest) = (0, &rest[1..]),
            "self" => rest = &rest[1..],
            "super" => {
                while let Some((first, after)) = rest.split_first()
                    && first == "super"
                {
                    (here, rest) = (self.0[here].parent?, after);
                }
            }
            first => {
                let module = &self.0[module];
                if !module.children.contains_key(first) && !module.imports.iter().any(|import| import.name == first) {
                    return None;
                }
            }
        }
        while let Some((name, after)) = rest.split_first() {
            if let Some(child) = self.0[here].children.get(name) {
                (here, rest) = (*child, after);
                continue;
            }
            let import = self.0[here].imports.iter().find(|import| import.name == *name);
            let Some(import) = import.filter(|_| seen.insert((here, name.clone()))) else {
                return Some(Target::Item(here));
            };
            match self.resolve(here, &import.path.segments, seen)? {
                Target::Module(module) => (here, rest) = (module, after),
                item @ Target::Item(_) => return Some(item),
            }
        }
        Some(Target::Module(here))
    }

    fn is_below(&self, module: usize, ancestor: usize) -> bool {
        std::iter::successors(Some(module), |module| self.0[*module].parent).skip(1).any(|above| above == ancestor)
    }

    /// The arrows: from which file, to which file, on which line.
    fn arrows(&self) -> Vec<(String, String, usize)> {
        let mut arrows = Vec::new();
        for (index, module) in self.0.iter().enumerate() {
            let target = |path: &Path| self.resolve(index, &path.segments, &mut BTreeSet::new());
            for Import { path, name, is_public } in &module.imports {
                let Some(target) = target(path) else { continue };
                assert!(
                    name != "*" || matches!(target, Target::Item(_)),
                    "src/{}:{}: a glob import hides which names are used: list them",
                    module.file,
                    path.line
                );
                let counts = match target {
                    // The paths through the module count by themselves; the import counts only for a function of the
                    // same name.
                    Target::Module(_) => module.called.contains(name),
                    Target::Item(to) => !(*is_public && self.is_below(to, index)) || module.words.contains(name),
                };
                if counts {
                    arrows.push((index, target.module(), path.line));
                }
            }
            for path in &module.paths {
                if let Some(Target::Item(to)) = target(path) {
                    arrows.push((index, to, path.line));
                }
            }
        }
        let file = |module: usize| self.0[module].file.clone();
        let arrows = arrows.into_iter().map(|(from, to, line)| (file(from), file(to), line));
        arrows.filter(|(from, to, _)| from != to).collect()
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The index behind the item that starts at `at`, including further attributes.
fn item_end(texts: &[&str], mut at: usize) -> usize {
    let mut depth = 0;
    while let Some(text) = texts.get(at) {
        match *text {
            "(" | "[" | "{" => depth += 1,
            "}" if depth <= 1 => return at + usize::from(depth == 1),
            ")" | "]" | "}" => depth -= 1,
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
        at += 1;
    }
    at
}

/// The paths of a `use` declaration, each with the imported name. Leaves `at` behind the tree: at `,`, `}` or `;`.
fn use_tree(tokens: &[Token<'_>], at: &mut usize, lead: &[String]) -> Vec<(Path, String)> {
    let (mut segments, mut paths) = (lead.to_vec(), Vec::new());
    let line = tokens[*at].line;
    let mut name = None;
    loop {
        match tokens[*at].text {
            "::" => {}
            "{" => {
                while tokens[*at].text != "}" {
                    *at += 1;
                    if tokens[*at].text != "}" {
                        paths.extend(use_tree(tokens, at, &segments));
                    }
                }
                *at += 1;
                return paths;
            }
            "as" => {
                *at += 1;
                name = Some(tokens[*at].text.to_owned());
            }
            "self" if !segments.is_empty() => {}
            "*" => name = Some("*".to_owned()),
            text if is_name(text) => segments.push(text.to_owned()),
            _ => break,
        }
        *at += 1;
    }
    let name = name.or_else(|| segments.last().cloned()).unwrap_or_default();
    vec![(Path { segments, line }, name)]
}
