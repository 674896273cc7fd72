//! Which file of a crate a named path leads to.
//!
//! The longest prefix of the absolute path that is a file's module wins, so `crate::block::BlockHandle` leads to
//! `block.rs`. A path that leads to no file stops at the crate's root: that is an import through the root.
//!
//! Not here: which of these edges are allowed ([`crate::arch::floors`]).

use std::collections::BTreeMap;

use crate::arch::source::{NamedPath, Source};

/// The files of one crate's `src`, tests excluded.
#[derive(Debug)]
pub(crate) struct Modules<'a> {
    /// File below `src` → what it holds.
    pub(crate) files: BTreeMap<&'a str, Source>,
    by_path: BTreeMap<Vec<String>, &'a str>,
}

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    /// To another file of the crate.
    File(&'a str),
    /// To something taken from the crate's root.
    Root,
    /// To the file itself, another crate, or a local name.
    Elsewhere,
}

impl<'a> Modules<'a> {
    /// Reads the sources of a crate and sets test files aside.
    pub(crate) fn new(sources: impl Iterator<Item = (&'a str, &'a str)>) -> Modules<'a> {
        let mut files: BTreeMap<&str, Source> = sources
            .filter(|(path, _)| !is_test_file(path))
            .map(|(path, text)| (path, Source::read(text)))
            .collect();
        let mut tests: Vec<Vec<String>> = Vec::new();
        for (path, source) in &files {
            for name in &source.test_modules {
                let mut module = module_path(path);
                module.push(name.clone());
                tests.push(module);
            }
        }
        files.retain(|path, _| {
            let module = module_path(path);
            !tests.iter().any(|test| module.starts_with(test))
        });
        let mut by_path: BTreeMap<Vec<String>, &str> =
            files.keys().map(|path| (module_path(path), *path)).collect();
        for (file, source) in &files {
            for (name, path) in &source.path_modules {
                let folder = file.rfind('/').map_or("", |slash| &file[..=slash]);
                let named = format!("{folder}{path}");
                if let Some((target, _)) = files.get_key_value(named.as_str()) {
                    let mut module = module_path(file);
                    module.push(name.clone());
                    by_path.entry(module).or_insert(target);
                }
            }
        }
        Modules { files, by_path }
    }

    /// Where `path`, named in `file`, leads.
    pub(crate) fn target(&self, file: &str, path: &NamedPath) -> Target<'a> {
        let here = module_path(file);
        let Some(first) = path.segments.first() else { return Target::Elsewhere };
        let mut rest = path.segments.as_slice();
        let mut module: Vec<String> = here.iter().chain(&path.inside).cloned().collect();
        match first.as_str() {
            "crate" => {
                module.clear();
                rest = &rest[1..];
            }
            "self" | "super" => {
                while let Some(word) = rest.first().filter(|word| *word == "self" || *word == "super") {
                    if word == "super" {
                        module.pop();
                    }
                    rest = &rest[1..];
                }
            }
            child => {
                let is_child = path.inside.is_empty() && {
                    let mut full = here.clone();
                    full.push(child.to_owned());
                    self.by_path.contains_key(&full)
                };
                if !is_child {
                    return Target::Elsewhere;
                }
            }
        }
        module.extend(rest.iter().take_while(|segment| *segment != "*" && *segment != "self").cloned());
        while !module.is_empty() {
            if let Some(found) = self.by_path.get(&module) {
                return if *found == file { Target::Elsewhere } else { Target::File(found) };
            }
            module.pop();
        }
        if here.is_empty() { Target::Elsewhere } else { Target::Root }
    }
}

/// `table/reader.rs` → `[table, reader]`; the root → `[]`.
pub(crate) fn module_path(below_src: &str) -> Vec<String> {
    let stem = below_src.strip_suffix(".rs").unwrap_or(below_src);
    let mut segments: Vec<String> = stem.split('/').map(str::to_owned).collect();
    let root = segments.len() == 1 && (stem == "lib" || stem == "main");
    if root || segments.last().is_some_and(|last| last == "mod") {
        segments.pop();
    }
    segments
}

/// Whether the file holds only tests, by its name.
pub(crate) fn is_test_file(below_src: &str) -> bool {
    let mut parts = below_src.split('/').rev();
    parts.next() == Some("tests.rs") || parts.any(|folder| folder == "tests")
}
