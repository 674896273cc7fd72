//! What the code of a file may hold: unsafe only in its fence, the operating system only through `esker-env`, no
//! panics in library code, no ignored tests, no stubs, a module doc, rooms of a bearable size.
//!
//! Not here: imports ([`crate::arch::floors`]).

use crate::arch::declaration::CrateRules;
use crate::arch::finding::Finding;
use crate::arch::lexer::TokenKind;
use crate::arch::source::Source;

/// Above this a library file is two rooms.
const MAX_FILE_LINES: usize = 600;
/// Above this a function no longer fits on a screen.
const MAX_FUNCTION_LINES: usize = 70;

/// A file with what the rules need to know about it.
pub(crate) struct Subject<'a> {
    /// The crate's rules.
    pub(crate) rules: &'a CrateRules,
    /// Path from the crate's folder, such as `src/arena.rs`.
    pub(crate) file: &'a str,
    /// Whether the whole file is test code.
    pub(crate) is_test: bool,
    /// Its content.
    pub(crate) source: &'a Source,
}

/// Checks one file.
pub(crate) fn check(subject: &Subject<'_>, findings: &mut Vec<Finding>) {
    let path = format!("{}/{}", subject.rules.path, subject.file);
    let mut breach = |line: usize, rule: &'static str, advice: &str| {
        findings.push(Finding::breach(&path, line, rule, advice.to_owned()));
    };
    everywhere(subject, &mut breach);
    if !subject.is_test {
        shape(subject, &mut breach);
        operating_system(subject, &mut breach);
        if subject.rules.library {
            panics(subject, &mut breach);
        }
        long_functions(subject, &path, findings);
    }
}

/// Rules that hold in tests too.
fn everywhere(subject: &Subject<'_>, breach: &mut impl FnMut(usize, &'static str, &str)) {
    let source = subject.source;
    let fenced = subject.rules.may_be_unsafe(subject.file);
    for (at, token) in source.tokens.iter().enumerate() {
        if token.kind != TokenKind::Ident {
            continue;
        }
        let stub = matches!(token.text.as_str(), "todo" | "unimplemented") && source.is(at + 1, "!");
        if stub {
            breach(token.line, "stub", "unfinished code; finish it or leave it out");
        }
        let attribute = at >= 2 && source.is(at - 1, "[") && source.is(at - 2, "#");
        let ignored = token.is("ignore") && attribute;
        if ignored {
            breach(
                token.line,
                "ignored-test",
                "a test that does not run protects nothing; mend or remove it",
            );
        }
        if token.is("unsafe") && !fenced && !attribute {
            breach(token.line, "unsafe", "unsafe code outside its fence (`unsafe` in architecture.toml)");
        }
    }
}

fn shape(subject: &Subject<'_>, breach: &mut impl FnMut(usize, &'static str, &str)) {
    let source = subject.source;
    if !source.has_module_doc {
        breach(1, "module-doc", "open the file with `//!`: what it is, how it works, what is not here");
    }
    if subject.rules.library && source.lines > MAX_FILE_LINES {
        let advice =
            format!("{} lines, more than {MAX_FILE_LINES}: two rooms in one; split it", source.lines);
        breach(1, "long-file", &advice);
    }
    let forbids = source.tokens.iter().any(|token| token.is("unsafe_code"));
    if subject.file == "src/lib.rs" && subject.rules.unsafe_files.is_empty() && !forbids {
        breach(1, "unsafe", "a crate without a fence opens with `#![forbid(unsafe_code)]`");
    }
}

/// Files, clock, threads and randomness come from `esker-env`.
fn operating_system(subject: &Subject<'_>, breach: &mut impl FnMut(usize, &'static str, &str)) {
    if subject.rules.touches_os || allowed(subject, "os") {
        return;
    }
    let source = subject.source;
    let said = |line: usize, what: &str, breach: &mut dyn FnMut(usize, &'static str, &str)| {
        breach(
            line,
            "os",
            &format!("`{what}` outside esker-env; take it from there, so that tests can stand in"),
        );
    };
    for path in source.paths() {
        let words: Vec<&str> = path.segments.iter().map(String::as_str).collect();
        let bad = match words.as_slice() {
            ["std", "fs", ..] | ["rand" | "fastrand" | "getrandom", ..] => true,
            ["std", "thread", rest @ ..] => !matches!(rest, ["panicking"]),
            [.., "Instant" | "SystemTime", "now"] => true,
            [.., last] => *last == "RandomState",
            [] => false,
        };
        if bad {
            said(path.line, &words.join("::"), breach);
        }
    }
}

/// Library code does not panic on purpose.
fn panics(subject: &Subject<'_>, breach: &mut impl FnMut(usize, &'static str, &str)) {
    if allowed(subject, "panic") {
        return;
    }
    let source = subject.source;
    for (at, token) in source.tokens.iter().enumerate() {
        if source.in_test[at] || token.kind != TokenKind::Ident {
            continue;
        }
        let word = token.text.as_str();
        let method = matches!(word, "unwrap" | "expect") && source.is(at + 1, "(") && at > 0;
        if (method && source.is(at - 1, ".")) || (word == "panic" && source.is(at + 1, "!")) {
            breach(token.line, "panic", &format!("`{word}` in library code; return an error instead"));
        }
    }
}

fn long_functions(subject: &Subject<'_>, path: &str, findings: &mut Vec<Finding>) {
    for function in subject.source.functions() {
        if function.lines > MAX_FUNCTION_LINES {
            let advice = format!("`{}` is {} lines long; a screen holds 70", function.name, function.lines);
            let mut finding = Finding::breach(path, function.line, "long-function", advice);
            finding.warning = true;
            findings.push(finding);
        }
    }
}

fn allowed(subject: &Subject<'_>, rule: &str) -> bool {
    subject.rules.allowed.iter().any(|allowed| {
        allowed.rule == rule && allowed.file == subject.file && !allowed.reason.trim().is_empty()
    })
}
