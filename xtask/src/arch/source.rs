//! One Rust file as the rules see it: its tokens, which of them are test code, its functions and the paths it names.
//!
//! A path is what stands after `use`, with groups expanded, or any `crate::…`, `self::…`, `super::…` and
//! `lower_case::…` in the code. Paths of inline modules are made relative to the file, so that `super::` inside
//! `mod fast { … }` is the file itself.
//!
//! Not here: what a path leads to ([`crate::arch::imports`]).

use crate::arch::lexer::{Token, TokenKind, tokenize};

/// A file, read for the rules.
#[derive(Debug)]
pub(crate) struct Source {
    /// Tokens without comments.
    pub(crate) tokens: Vec<Token>,
    /// Whether the token of the same index is test code.
    pub(crate) in_test: Vec<bool>,
    /// Modules that the file declares under `#[cfg(test)]`, by name.
    pub(crate) test_modules: Vec<String>,
    /// Modules whose file an attribute names: module, and path from the folder of this file.
    pub(crate) path_modules: Vec<(String, String)>,
    /// Number of lines.
    pub(crate) lines: usize,
    /// Whether a `//!` comment comes before the first item.
    pub(crate) has_module_doc: bool,
}

/// A path named in the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedPath {
    /// Its segments, the first being `crate`, `self`, `super` or a name.
    pub(crate) segments: Vec<String>,
    /// Inline modules around it, outermost first.
    pub(crate) inside: Vec<String>,
    /// Line.
    pub(crate) line: usize,
}

/// A function with a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Function {
    /// Name.
    pub(crate) name: String,
    /// Line of its `fn`.
    pub(crate) line: usize,
    /// Lines from `fn` to the closing brace.
    pub(crate) lines: usize,
}

impl Source {
    /// Reads `text`.
    pub(crate) fn read(text: &str) -> Source {
        let tokens = tokenize(text);
        let (in_test, test_modules) = mark_tests(&tokens);
        Source {
            in_test,
            test_modules,
            path_modules: path_modules(&tokens),
            lines: text.lines().count(),
            has_module_doc: opens_with_doc(text),
            tokens,
        }
    }

    /// Paths that code outside tests names.
    pub(crate) fn paths(&self) -> Vec<NamedPath> {
        let mut paths = Vec::new();
        let mut inside: Vec<(String, usize)> = Vec::new();
        let mut depth = 0usize;
        let mut at = 0;
        while at < self.tokens.len() {
            let token = &self.tokens[at];
            if token.is("{") {
                depth += 1;
            } else if token.is("}") {
                depth = depth.saturating_sub(1);
                inside.retain(|(_, opened)| *opened <= depth);
            }
            if self.in_test[at] || token.kind != TokenKind::Ident {
                at += 1;
                continue;
            }
            let modules = || inside.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
            if token.is("mod") && self.is(at + 2, "{") {
                inside.push((self.tokens[at + 1].text.clone(), depth + 1));
                at += 2;
            } else if token.is("use") && !self.is(at + 1, "<") {
                let mut trees = UseTrees { tokens: &self.tokens, at: at + 1, found: Vec::new() };
                trees.read(&mut Vec::new());
                at = trees.at;
                paths.extend(trees.found.into_iter().map(|(segments, line)| NamedPath {
                    segments,
                    inside: modules(),
                    line,
                }));
            } else if token.is("in") && at > 0 && self.is(at - 1, "(") {
                while at < self.tokens.len() && !self.is(at, ")") {
                    at += 1;
                }
            } else if self.is(at + 1, "::") && !(at > 0 && (self.is(at - 1, "::") || self.is(at - 1, "."))) {
                let line = token.line;
                let (segments, next) = self.plain_path(at);
                paths.push(NamedPath { segments, inside: modules(), line });
                at = next;
            } else {
                at += 1;
            }
        }
        paths
    }

    /// Functions outside tests.
    pub(crate) fn functions(&self) -> Vec<Function> {
        let mut functions = Vec::new();
        for (at, token) in self.tokens.iter().enumerate() {
            let named = self.tokens.get(at + 1).filter(|next| next.kind == TokenKind::Ident);
            let (true, false, Some(name)) = (token.is("fn"), self.in_test[at], named) else { continue };
            let end = end_of_item(&self.tokens, at);
            if self.is(end, "}") {
                let lines = self.tokens[end].line - token.line + 1;
                functions.push(Function { name: name.text.clone(), line: token.line, lines });
            }
        }
        functions
    }

    /// Whether token `at` is `text`.
    pub(crate) fn is(&self, at: usize, text: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is(text))
    }

    fn plain_path(&self, from: usize) -> (Vec<String>, usize) {
        let mut segments = vec![self.tokens[from].text.clone()];
        let mut at = from + 1;
        while self.is(at, "::") {
            match self.tokens.get(at + 1) {
                Some(next) if next.kind == TokenKind::Ident => segments.push(next.text.clone()),
                _ => break,
            }
            at += 2;
        }
        (segments, at)
    }
}

/// The reader of `a::{b, c::{self, d as e}};`.
struct UseTrees<'a> {
    tokens: &'a [Token],
    at: usize,
    found: Vec<(Vec<String>, usize)>,
}

impl UseTrees<'_> {
    /// Reads one tree below `prefix`; stops before `,`, `}` or after `;`.
    fn read(&mut self, prefix: &mut Vec<String>) {
        let depth = prefix.len();
        let mut line = self.tokens.get(self.at).map_or(0, |token| token.line);
        while let Some(token) = self.tokens.get(self.at) {
            if token.kind == TokenKind::Ident && token.text == "as" {
                self.at += 2;
            } else if token.kind == TokenKind::Ident || token.is("*") {
                line = token.line;
                prefix.push(token.text.clone());
                self.at += 1;
            } else if token.is("::") {
                self.at += 1;
            } else if token.is("{") {
                self.group(prefix);
                prefix.truncate(depth);
                self.skip_semicolon();
                return;
            } else {
                break;
            }
        }
        if prefix.len() > depth {
            self.found.push((prefix.clone(), line));
        }
        prefix.truncate(depth);
        self.skip_semicolon();
    }

    fn group(&mut self, prefix: &mut Vec<String>) {
        self.at += 1;
        while let Some(token) = self.tokens.get(self.at) {
            if token.is("}") {
                self.at += 1;
                return;
            }
            if token.is(",") {
                self.at += 1;
                continue;
            }
            let before = self.at;
            self.read(prefix);
            if self.at == before {
                self.at += 1;
            }
        }
    }

    fn skip_semicolon(&mut self) {
        if self.tokens.get(self.at).is_some_and(|token| token.is(";")) {
            self.at += 1;
        }
    }
}

/// Marks the tokens of items under `#[cfg(test)]` and `#[test]`; also names the modules declared so.
fn mark_tests(tokens: &[Token]) -> (Vec<bool>, Vec<String>) {
    let mut marks = vec![false; tokens.len()];
    let mut modules = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let inner = tokens[at].is("#") && tokens.get(at + 1).is_some_and(|token| token.is("!"));
        let open = at + 1 + usize::from(inner);
        if !tokens[at].is("#") || !tokens.get(open).is_some_and(|token| token.is("[")) {
            at += 1;
            continue;
        }
        let close = matching(tokens, open);
        if !is_test_attribute(&tokens[open..close]) {
            at = close;
            continue;
        }
        if inner {
            marks.fill(true);
            return (marks, modules);
        }
        let mut item = close + 1;
        while tokens.get(item).is_some_and(|token| token.is("#")) {
            item = matching(tokens, item + 1) + 1;
        }
        let end = end_of_item(tokens, item).min(tokens.len().saturating_sub(1));
        marks[at..=end].fill(true);
        if let Some(at_mod) = (item..end).find(|&i| tokens[i].is("mod")).filter(|_| tokens[end].is(";")) {
            modules.push(tokens[at_mod + 1].text.clone());
        }
        at = end + 1;
    }
    (marks, modules)
}

/// `#[path = "a/b.rs"] mod c;` and the same inside `cfg_attr`.
fn path_modules(tokens: &[Token]) -> Vec<(String, String)> {
    let mut modules = Vec::new();
    let mut paths: Vec<String> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let attribute = tokens[at].is("#") && tokens.get(at + 1).is_some_and(|token| token.is("["));
        if attribute {
            let close = matching(tokens, at + 1);
            let words = tokens[at..close].windows(3).filter(|words| words[0].is("path") && words[1].is("="));
            paths.extend(words.map(|words| words[2].text.clone()));
            at = close + 1;
        } else if tokens[at].is("mod") && !paths.is_empty() {
            let name = tokens.get(at + 1).map_or("", |token| token.text.as_str());
            modules.extend(paths.drain(..).map(|path| (name.to_owned(), path)));
            at += 2;
        } else {
            if !tokens[at].is("pub") && !tokens[at].is("(") && !tokens[at].is(")") && !tokens[at].is("crate")
            {
                paths.clear();
            }
            at += 1;
        }
    }
    modules
}

/// Whether `[cfg(test)]`, `[cfg(all(test, …))]` or `[test]`.
fn is_test_attribute(attribute: &[Token]) -> bool {
    let named = |text: &str| attribute.get(1).is_some_and(|token| token.is(text));
    if named("test") {
        return attribute.len() == 2;
    }
    let says = |text: &str| attribute.iter().any(|token| token.is(text));
    named("cfg") && says("test") && !says("not")
}

/// Index of the bracket that closes the one at `open`.
fn matching(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        if token.is("(") || token.is("[") || token.is("{") {
            depth += 1;
        } else if token.is(")") || token.is("]") || token.is("}") {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return at;
            }
        }
    }
    tokens.len().saturating_sub(1)
}

/// Index of the last token of the item (or field, variant, statement) that begins at `start`.
fn end_of_item(tokens: &[Token], start: usize) -> usize {
    const ITEMS: [&str; 16] = [
        "pub",
        "fn",
        "mod",
        "use",
        "struct",
        "enum",
        "union",
        "impl",
        "trait",
        "const",
        "static",
        "type",
        "unsafe",
        "async",
        "extern",
        "macro_rules",
    ];
    let mut word = start;
    if tokens.get(word).is_some_and(|token| token.is("pub")) {
        word += 1;
        if tokens.get(word).is_some_and(|token| token.is("(")) {
            word = matching(tokens, word) + 1;
        }
    }
    let item = tokens.get(word).is_some_and(|token| ITEMS.contains(&token.text.as_str()));
    let mut at = start;
    while let Some(token) = tokens.get(at) {
        if token.is(";") || (!item && token.is(",")) {
            return at;
        } else if token.is("{") {
            return matching(tokens, at);
        } else if token.is("(") || token.is("[") {
            at = matching(tokens, at);
        } else if token.is("}") {
            return at.saturating_sub(1);
        }
        at += 1;
    }
    tokens.len().saturating_sub(1)
}

/// Whether the file opens with `//!`, inner attributes and blank lines apart.
fn opens_with_doc(text: &str) -> bool {
    text.lines()
        .map(str::trim)
        .find(|line| !line.is_empty() && !line.starts_with("#!"))
        .is_some_and(|line| line.starts_with("//!"))
}
