//! A clean little workspace passes; each planted breach of it is caught, once, where it stands.
//!
//! The story: a check of floors that looked only at `use` lines once let `crate::scan::run()` climb three floors, and
//! one that trusted names let a renamed test module count as library code. So every rule here has a breach planted.

use crate::arch::check;
use crate::arch::declaration::Architecture;
use crate::arch::floors::implied;
use crate::arch::imports::{Modules, module_path};
use crate::arch::source::{NamedPath, Source};
use crate::arch::workspace::Workspace;

const ARCHITECTURE: &str = r#"
[[crate]]
name = "low"
path = "crates/low"
library = true
unsafe = ["src/fenced.rs"]
[[crate.floor]]
name = "all"
files = ["fenced.rs"]
[[crate.floor]]
name = "manual"
files = ["lib.rs"]

[[crate]]
name = "high"
path = "crates/high"
library = true
depends = ["low"]
dev_depends = ["kit"]
[[crate.floor]]
name = "words"
files = ["error.rs"]
[[crate.floor]]
name = "parts"
files = ["table", "cache.rs"]
[[crate.floor]]
name = "verbs"
files = ["get.rs", "scan.rs"]
peers = true
[[crate.floor]]
name = "manual"
files = ["lib.rs"]

[[crate]]
name = "kit"
path = "crates/kit"
library = false
touches_os = true
[[crate.floor]]
name = "manual"
files = ["lib.rs"]
"#;

const INVARIANTS: &str =
    "| id | rule | why | where |\n|---|---|---|---|\n| INV-READ-1 | newest wins | else old | get.rs |\n";

/// The clean workspace with some files replaced or added.
fn workspace(changes: &[(&str, &str)]) -> Workspace {
    let mut workspace = Workspace::default();
    let clean = [
        ("architecture.toml", ARCHITECTURE),
        ("Cargo.toml", "[workspace]\nmembers = [\"crates/low\", \"crates/high\", \"crates/kit\"]"),
        ("docs/INVARIANTS.md", INVARIANTS),
        ("docs/DEPENDENCIES.md", "| `arc-swap` | high | because |"),
        ("crates/low/Cargo.toml", "[package]\nname = \"low\""),
        ("crates/low/src/lib.rs", "//! Low.\npub mod fenced;\npub use fenced::get;"),
        ("crates/low/src/fenced.rs", "//! Fenced.\npub fn get(at: *const u8) -> u8 { unsafe { *at } }"),
        (
            "crates/high/Cargo.toml",
            "[dependencies]\nlow = {}\narc-swap = \"1\"\n[dev-dependencies]\nkit = {}",
        ),
        (
            "crates/high/src/lib.rs",
            "//! High.\n#![forbid(unsafe_code)]\nmod error;\npub use error::Error;\npub use get::get;",
        ),
        ("crates/high/src/error.rs", "//! Errors.\npub struct Error;"),
        ("crates/high/src/table.rs", "//! Tables.\npub mod reader;\nuse crate::error::Error;"),
        ("crates/high/src/table/reader.rs", "//! Reads.\nuse super::super::error::Error;"),
        (
            "crates/high/src/cache.rs",
            "//! Cache.\nuse std::sync::Arc;\nuse crate::error::{self, Error as E};",
        ),
        (
            "crates/high/src/get.rs",
            "//! Gets (INV-READ-1).\nuse crate::table::reader::{Reader, Index};\n#[cfg(test)]\nmod tests;",
        ),
        ("crates/high/src/get/tests.rs", "//! INV-READ-1\nuse super::*;\n#[test]\nfn a() { x.unwrap(); }"),
        ("crates/high/src/scan.rs", "//! Scans.\nuse crate::get::visible;\nfn f() { crate::cache::fill(); }"),
        ("crates/kit/Cargo.toml", "[package]\nname = \"kit\""),
        ("crates/kit/src/lib.rs", "//! Kit.\n#![forbid(unsafe_code)]\nuse std::fs;\nfn f() { x.unwrap(); }"),
    ];
    for (path, text) in clean.iter().chain(changes) {
        workspace.files.insert((*path).to_owned(), (*text).to_owned());
    }
    workspace
}

/// What the rules say, as `file:line: rule`.
fn said(changes: &[(&str, &str)]) -> Vec<String> {
    let findings = check(&workspace(changes)).unwrap();
    findings.iter().map(|found| format!("{}:{}: {}", found.file, found.line, found.rule)).collect()
}

#[test]
fn a_clean_workspace_has_no_findings() {
    let findings = check(&workspace(&[])).unwrap();
    assert_eq!(findings, Vec::new());
}

#[test]
fn an_upward_import_is_caught_in_use_lines_and_in_code() {
    let cache = "crates/high/src/cache.rs";
    for text in [
        "//! C.\nuse crate::get::Get;",
        "//! C.\nuse {std::sync::Arc, crate::get::{Get}};",
        "//! C.\nfn f() -> crate::get::Get { g() }",
        "//! C.\nmacro_rules! m { () => { $crate::get::run() }; }",
        "//! C.\nuse super::get::Get;",
        "//! C.\nmod fast { use super::super::get::Get; }",
    ] {
        let found = said(&[(cache, text)]);
        assert_eq!(found, ["crates/high/src/cache.rs:2: floor"], "{text}");
    }
}

#[test]
fn an_import_on_the_same_floor_needs_peers_or_one_entry() {
    let found = said(&[("crates/high/src/cache.rs", "//! C.\nuse crate::table::Table;")]);
    assert_eq!(found, ["crates/high/src/cache.rs:2: floor"]);
    let found = said(&[("crates/high/src/table.rs", "//! T.\npub mod reader;\npub use reader::Reader;")]);
    assert_eq!(found, Vec::<String>::new(), "a folder declared as a whole is one room group");
}

#[test]
fn an_import_through_the_root_is_caught() {
    for text in
        ["//! C.\nuse crate::Error;", "//! C.\nuse super::Error;", "//! C.\n\nfn f() -> crate::Error { g() }"]
    {
        let found = said(&[("crates/high/src/cache.rs", text)]);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].ends_with(": root-import"), "{found:?}");
    }
}

#[test]
fn circles_are_caught_also_between_peers_and_inside_a_folder() {
    let found = said(&[(
        "crates/high/src/get.rs",
        "//! G (INV-READ-1).\nuse crate::scan::Scan;\n#[cfg(test)]\nmod tests;",
    )]);
    assert_eq!(found, ["crates/high/src/get.rs:2: circle"]);
    let found = said(&[
        ("crates/high/src/table.rs", "//! T.\npub mod reader;\npub use reader::Reader;"),
        ("crates/high/src/table/reader.rs", "//! R.\nuse super::Table;"),
    ]);
    assert_eq!(found, ["crates/high/src/table.rs:3: circle"]);
}

#[test]
fn a_module_is_found_under_the_path_that_an_attribute_gives() {
    let parent =
        "//! T.\n#[cfg_attr(unix, path = \"table/unix.rs\")]\npub(crate) mod platform;\npub mod reader;";
    let found = said(&[
        ("crates/high/src/table.rs", parent),
        ("crates/high/src/table/unix.rs", "//! U.\nuse crate::table::reader::R;"),
        ("crates/high/src/table/reader.rs", "//! R.\nuse crate::table::platform::sync;"),
    ]);
    assert_eq!(
        found,
        ["crates/high/src/table/reader.rs:2: circle"],
        "through the alias, not through the parent"
    );
}

#[test]
fn implied_floors_are_as_low_as_imports_allow() {
    let workspace = workspace(&[]);
    let architecture = Architecture::parse(ARCHITECTURE).unwrap();
    let high = Modules::new(workspace.rust_under("crates/high/src"));
    let floors = implied(&architecture.crates[1], &high);
    assert_eq!(
        floors,
        [
            vec!["error.rs"],
            vec!["cache.rs", "table.rs", "table/reader.rs"],
            vec!["get.rs"],
            vec!["lib.rs", "scan.rs"],
        ]
    );
}

#[test]
fn files_and_entries_must_match() {
    let found = check(&workspace(&[("crates/high/src/new.rs", "//! N.\nuse crate::cache::Cache;")])).unwrap();
    assert_eq!(found.len(), 1);
    assert!(found[0].advice.contains("floor \"verbs\" or above"), "{}", found[0]);
    let without = ARCHITECTURE.replace("\"cache.rs\"", "\"cache.rs\", \"gone.rs\"");
    assert_eq!(said(&[("architecture.toml", &without)]), ["architecture.toml:1: missing-file"]);
    let members = "[workspace]\nmembers = [\"crates/other\"]";
    assert_eq!(said(&[("Cargo.toml", members)]), ["Cargo.toml:2: undeclared"]);
}

#[test]
fn crate_dependencies_are_fenced() {
    let found = said(&[("crates/low/Cargo.toml", "[dependencies]\nhigh = {}")]);
    assert_eq!(found, ["crates/low/Cargo.toml:2: crate-dependency"]);
    let found = said(&[("crates/high/Cargo.toml", "[dependencies]\nkit = {}")]);
    assert_eq!(found, ["crates/high/Cargo.toml:2: crate-dependency"], "a test dependency in the library");
    let found = said(&[("crates/low/Cargo.toml", "[target.'cfg(unix)'.dependencies]\nlibc = \"1\"")]);
    assert_eq!(found, ["crates/low/Cargo.toml:2: crate-dependency"], "no row in DEPENDENCIES.md");
}

#[test]
fn unsafe_stays_in_its_fence() {
    let found = said(&[("crates/high/src/cache.rs", "//! C.\nfn f() { unsafe { g() } }")]);
    assert_eq!(found, ["crates/high/src/cache.rs:2: unsafe"]);
    let found = said(&[("crates/high/src/lib.rs", "//! High, which once said: unsafe { }.")]);
    assert_eq!(found, ["crates/high/src/lib.rs:1: unsafe"], "the forbid is missing; a comment is no code");
}

#[test]
fn the_operating_system_is_behind_env() {
    for text in [
        "//! C.\nuse std::fs::File;",
        "//! C.\nuse std::{thread, sync::Arc};",
        "//! C.\nfn f() { std::thread::spawn(g); }",
        "//! C.\nfn f() { Instant::now(); }",
        "//! C.\nfn f() { std::time::SystemTime::now(); }",
        "//! C.\nfn f() { fastrand::u64(..); }",
        "//! C.\nuse std::collections::hash_map::RandomState;",
    ] {
        assert_eq!(said(&[("crates/high/src/cache.rs", text)]), ["crates/high/src/cache.rs:2: os"], "{text}");
    }
    let allow = format!(
        "{}\n[[crate.allow]]\nrule = \"os\"\nfile = \"src/cache.rs\"\nreason = \"x\"\n\n[[crate]]\nname = \"kit\"{}",
        ARCHITECTURE.split("\n[[crate]]\nname = \"kit\"").next().unwrap(),
        ARCHITECTURE.split("name = \"kit\"").nth(1).unwrap()
    );
    let excepted =
        [("architecture.toml", allow.as_str()), ("crates/high/src/cache.rs", "//! C.\nuse std::fs;")];
    assert_eq!(said(&excepted), Vec::<String>::new());
}

#[test]
fn library_code_does_not_panic() {
    for text in [
        "//! C.\nfn f() { x.unwrap(); }",
        "//! C.\nfn f() { x\n.expect(\"a\"); }",
        "//! C.\nfn f() { panic!(\"unwrap()\"); }",
        "//! C.\n#[cfg(not(test))] fn f() { x.unwrap(); }",
    ] {
        let found = said(&[("crates/high/src/cache.rs", text)]);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].ends_with(": panic"), "{found:?}");
    }
    let harmless = "//! C.\n// x.unwrap()\nconst A: &str = \"panic!\";\nconst B: &str = r#\"a.unwrap() \"x\" \"#;\n\
        fn f<'a>(c: char) { match c { '\"' => g('\\''), _ => h() } x.unwrap_or(1) }\n\
        #[cfg(test)]\nmod checks { fn g<A, B>() { x.unwrap(); } }";
    assert_eq!(said(&[("crates/high/src/cache.rs", harmless)]), Vec::<String>::new());
}

#[test]
fn stubs_ignored_tests_and_bare_files_are_caught() {
    let found = said(&[("crates/high/src/cache.rs", "//! C.\nfn f() { todo!() }")]);
    assert_eq!(found, ["crates/high/src/cache.rs:2: stub"]);
    let found =
        said(&[("crates/high/tests/it/main.rs", "#[test]\n#[ignore = \"slow\"]\nfn a() { x.unwrap(); }")]);
    assert_eq!(found, ["crates/high/tests/it/main.rs:2: ignored-test"]);
    let found = said(&[("crates/high/src/cache.rs", "use std::sync::Arc;\n//! Too late.")]);
    assert_eq!(found, ["crates/high/src/cache.rs:1: module-doc"]);
}

#[test]
fn long_files_fail_and_long_functions_are_told() {
    let long = format!("//! C.\n{}", "// line\n".repeat(600));
    assert_eq!(said(&[("crates/high/src/cache.rs", &long)]), ["crates/high/src/cache.rs:1: long-file"]);
    let function = format!("//! C.\nfn long() {{\n{}}}\nfn short() {{}}", "g();\n".repeat(69));
    let found = check(&workspace(&[("crates/high/src/cache.rs", &function)])).unwrap();
    assert_eq!(found.len(), 1);
    assert!(found[0].warning && found[0].line == 2 && found[0].advice.contains("71 lines"), "{}", found[0]);
}

#[test]
fn invariant_ids_go_both_ways() {
    let rows = format!("{INVARIANTS}| INV-READ-2 | r | w | f |\n");
    assert_eq!(
        said(&[("docs/INVARIANTS.md", &rows)]),
        ["docs/INVARIANTS.md:4: invariant", "docs/INVARIANTS.md:4: invariant"],
        "neither source nor test"
    );
    let source = ("crates/high/src/cache.rs", "//! C, INV-READ-2.");
    assert_eq!(
        said(&[("docs/INVARIANTS.md", &rows), source]),
        ["docs/INVARIANTS.md:4: invariant"],
        "no test"
    );
    let inline =
        ("crates/high/src/cache.rs", "//! C, INV-READ-2.\n#[cfg(test)]\nmod checks {\n// INV-READ-2\n}");
    assert_eq!(said(&[("docs/INVARIANTS.md", &rows), inline]), Vec::<String>::new());
    assert_eq!(said(&[source]), ["crates/high/src/cache.rs:1: invariant"], "no row");
    let twice = format!("{INVARIANTS}| INV-READ-1 | r | w | f |\n");
    assert_eq!(said(&[("docs/INVARIANTS.md", &twice)]), ["docs/INVARIANTS.md:4: invariant"]);
    let retired = format!("{INVARIANTS}| INV-READ-2 | retired: r | w | f |\n");
    assert_eq!(said(&[("docs/INVARIANTS.md", &retired)]), Vec::<String>::new());
    assert_eq!(said(&[("docs/INVARIANTS.md", &retired), source]), ["crates/high/src/cache.rs:1: invariant"]);
}

#[test]
fn unknown_settings_in_the_declaration_are_refused() {
    let wrong = ARCHITECTURE.replace("peers = true", "peer = true");
    assert!(check(&workspace(&[("architecture.toml", &wrong)])).unwrap_err().contains("peer"));
}

#[test]
fn use_trees_are_expanded() {
    let source =
        Source::read("use a::{b, c::{self, d as e}, *};\npub(in crate::x) fn f<'a>() -> impl T + use<'a> {}");
    let named: Vec<String> =
        source.paths().iter().map(|NamedPath { segments, .. }| segments.join("::")).collect();
    assert_eq!(named, ["a::b", "a::c::self", "a::c::d", "a::*"]);
}

#[test]
fn module_paths_follow_both_layouts() {
    assert!(module_path("lib.rs").is_empty());
    assert_eq!(module_path("table/reader.rs"), ["table", "reader"]);
    assert_eq!(module_path("table/mod.rs"), ["table"]);
}
