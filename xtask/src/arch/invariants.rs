//! Invariant ids, both ways: each row of `docs/INVARIANTS.md` is upheld by some source file and guarded by some test,
//! and each id named in code has its row. A rule without its test is a wish; a test without its rule is a riddle.
//!
//! An id is `INV-<AREA>-<n>`. Source is library and tool code outside tests. A test is any of: `tests.rs`, a `tests/`
//! folder, an inline test module, the test kit, the crash harness of xtask, a fuzz target. A row whose rule says
//! *retired* needs neither and may not be named any more.

use std::collections::BTreeMap;

use crate::arch::finding::Finding;
use crate::arch::imports::is_test_file;
use crate::arch::source::Source;
use crate::arch::workspace::Workspace;

/// The document of record.
const DOCUMENT: &str = "docs/INVARIANTS.md";

#[derive(Default)]
struct Uses {
    source: bool,
    test: bool,
    first: Option<(String, usize)>,
}

/// Checks ids both ways.
pub(crate) fn check(workspace: &Workspace, findings: &mut Vec<Finding>) {
    let uses = uses(workspace);
    let rows = rows(workspace, findings);
    for (id, row) in &rows {
        let used = uses.get(id);
        if row.retired {
            if let Some((file, line)) = used.and_then(|used| used.first.clone()) {
                let advice = format!("{id} is retired in {DOCUMENT}; drop the mention");
                findings.push(Finding::breach(&file, line, "invariant", advice));
            }
            continue;
        }
        if !used.is_some_and(|used| used.source) {
            let advice = format!("no source file names {id}; name it where the rule is upheld");
            findings.push(Finding::breach(DOCUMENT, row.line, "invariant", advice));
        }
        if !used.is_some_and(|used| used.test) {
            let advice = format!("no test names {id}; name it in the test that fails without the rule");
            findings.push(Finding::breach(DOCUMENT, row.line, "invariant", advice));
        }
    }
    for (id, used) in &uses {
        if let (false, Some((file, line))) = (rows.contains_key(id), used.first.clone()) {
            let advice = format!("{id} has no row in {DOCUMENT}");
            findings.push(Finding::breach(&file, line, "invariant", advice));
        }
    }
}

struct Row {
    line: usize,
    retired: bool,
}

fn rows(workspace: &Workspace, findings: &mut Vec<Finding>) -> BTreeMap<String, Row> {
    let mut rows = BTreeMap::new();
    let text = workspace.files.get(DOCUMENT).map_or("", String::as_str);
    for (at, line) in text.lines().enumerate() {
        let mut cells = line.split('|').map(str::trim);
        let (Some(""), Some(id), Some(rule)) = (cells.next(), cells.next(), cells.next()) else { continue };
        let Some((id, _)) = ids(id).into_iter().next() else { continue };
        let row = Row { line: at + 1, retired: rule.contains("retired") };
        if rows.insert(id.clone(), row).is_some() {
            let advice = format!("{id} has two rows; an id belongs to one rule");
            findings.push(Finding::breach(DOCUMENT, at + 1, "invariant", advice));
        }
    }
    rows
}

fn uses(workspace: &Workspace) -> BTreeMap<String, Uses> {
    let mut uses: BTreeMap<String, Uses> = BTreeMap::new();
    for (file, text) in &workspace.files {
        if !file.ends_with(".rs") || file.starts_with("xtask/src/arch") {
            continue;
        }
        let whole_file = is_test_file(file)
            || file.starts_with("crates/testkit/")
            || file.starts_with("xtask/")
            || file.starts_with("fuzz/");
        let test_lines = if whole_file { Vec::new() } else { inline_test_lines(text) };
        for (at, line) in text.lines().enumerate() {
            for (id, _) in ids(line) {
                let used = uses.entry(id).or_default();
                let test =
                    whole_file || test_lines.iter().any(|(from, to)| (*from..=*to).contains(&(at + 1)));
                used.test |= test;
                used.source |= !test;
                used.first.get_or_insert_with(|| (file.clone(), at + 1));
            }
        }
    }
    uses
}

/// Line ranges of inline test items. Their comments are not tokens, so whole ranges count.
fn inline_test_lines(text: &str) -> Vec<(usize, usize)> {
    let source = Source::read(text);
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    let mut open: Option<(usize, usize)> = None;
    for (token, in_test) in source.tokens.iter().zip(&source.in_test) {
        match (in_test, &mut open) {
            (true, Some(range)) => range.1 = token.line,
            (true, None) => open = Some((token.line, token.line)),
            (false, _) => ranges.extend(open.take()),
        }
    }
    ranges.extend(open);
    ranges
}

/// The ids in a text, with where each begins.
fn ids(text: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("INV-") {
        let rest = &text[at + 4..];
        let area: String = rest.chars().take_while(char::is_ascii_uppercase).collect();
        let Some(after) = rest[area.len()..].strip_prefix('-') else { continue };
        let number: String = after.chars().take_while(char::is_ascii_digit).collect();
        if !area.is_empty() && !number.is_empty() {
            found.push((format!("INV-{area}-{number}"), at));
        }
    }
    found
}
