//! The result file: a line that says how the run was made, then a line for each row, in the order in which they were measured.
//!
//! A child's rows are appended when it has ended, and the last of them, [`ELAPSED`], says that all are there. So a run that
//! was broken off can go on: what has no such row is measured again.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::args::Arguments;
use crate::engine::{Outcome, Synced};
use crate::engines;
use crate::row::Row;

/// The row that ends what a child has measured: the seconds that it took as a whole.
pub const ELAPSED: &str = "elapsed";

/// How a run was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its command line.
    pub command: String,
    /// The processor and how many of them.
    pub machine: String,
    /// What has to be the same if its rows are to stand beside those of another.
    pub settings: Limits,
    /// What its engines promise, for tables that a build without them draws again.
    #[serde(default)]
    pub engines: Vec<Promise>,
}

/// What the figures of an engine have to be read with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    /// The engine.
    pub engine: String,
    /// An acknowledged write of an *os* row survives a kill.
    pub os: bool,
    /// A synced write is on the device, not in its cache.
    pub device: bool,
    /// What else there is to say.
    pub note: String,
}

/// Settings that change figures and that no row says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    cache_mib: u64,
    row_seconds: f64,
    load_seconds: u64,
    sustained_seconds: u64,
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Run { run: Run },
    Row(Row),
}

/// What a result file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Results {
    /// How it was made; older files do not say.
    pub run: Option<Run>,
    /// All rows.
    pub rows: Vec<Row>,
}

impl Run {
    /// This run, on this machine.
    pub fn new(arguments: &Arguments) -> Run {
        let words = without_places(std::env::args().skip(1));
        let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = processors
            .lines()
            .find(|line| line.starts_with("model name"))
            .and_then(|line| line.split_once(": "))
            .map_or("unknown processor", |(_, model)| model);
        let count = processors.lines().filter(|line| line.starts_with("processor")).count();
        Run {
            command: format!("cargo xtask bench {}", words.join(" ")).trim_end().to_owned(),
            machine: format!("{count} × {model}"),
            engines: engines::built().into_iter().filter_map(promise).collect(),
            settings: Limits {
                cache_mib: arguments.cache_mib,
                row_seconds: arguments.row_seconds(),
                load_seconds: arguments.load_seconds(),
                sustained_seconds: arguments.sustained_seconds(),
            },
        }
    }
}

/// What an engine of this build promises.
fn promise(engine: &str) -> Option<Promise> {
    engines::facts(engine).map(|facts| Promise {
        engine: engine.to_owned(),
        os: facts.os,
        device: facts.sync != Synced::Handed,
        note: facts.note.to_owned(),
    })
}

/// A command line without the options that say where files go, which is nobody else's business.
fn without_places(words: impl Iterator<Item = String>) -> Vec<String> {
    let (mut kept, mut is_place) = (Vec::new(), false);
    for word in words {
        let name = word.split('=').next().unwrap_or_default();
        let names_place = ["--dir", "--out", "--resume"].contains(&name);
        if !is_place && !names_place {
            kept.push(word.clone());
        }
        is_place = names_place && name != "--resume" && !word.contains('=');
    }
    kept
}

impl Results {
    /// Reads a result file.
    pub fn read(path: &Path) -> Outcome<Results> {
        let text = std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        Results::parse(&text).map_err(|error| format!("{} is no result file: {error}", path.display()).into())
    }

    /// The lines of a result file or of a child's output. A last line without an end is what a kill has left of one.
    pub fn parse(text: &[u8]) -> Outcome<Results> {
        let mut results = Results::default();
        for line in text.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
            match serde_json::from_slice(line)? {
                Line::Run { run } => results.run = Some(run),
                Line::Row(row) => results.rows.push(row),
            }
        }
        Ok(results)
    }

    /// What an engine promises, by the file, or else by this build.
    pub fn promise(&self, engine: &str) -> Option<Promise> {
        let told = self.run.iter().flat_map(|run| &run.engines);
        told.into_iter().find(|promise| promise.engine == engine).cloned().or_else(|| promise(engine))
    }

    /// Leaves out the rows of children that were not finished.
    fn keep_finished(&mut self) {
        let finished: HashSet<_> = self.rows.iter().filter(|row| row.row == ELAPSED).map(cell).collect();
        self.rows.retain(|row| finished.contains(&cell(row)));
    }

    /// Whether a child has been run already.
    pub fn has(&self, engine: &str, workload: &str, repetition: u32, keys: u64) -> bool {
        let wanted = (engine.to_owned(), workload.to_owned(), repetition, keys);
        self.rows.iter().any(|row| row.row == ELAPSED && cell(row) == wanted)
    }
}

/// What one child measures.
fn cell(row: &Row) -> (String, String, u32, u64) {
    (row.engine.clone(), row.workload.clone(), row.repetition, row.keys)
}

/// A result file that grows.
pub struct Writer {
    file: File,
    /// What it holds.
    pub results: Results,
}

impl Writer {
    /// Starts a file, or goes on with one where it may.
    pub fn open(path: &Path, run: Run, resume: bool) -> Outcome<Writer> {
        let mut results = if resume && path.exists() { Results::read(path)? } else { Results::default() };
        results.keep_finished();
        if let Some(before) = results.run.as_ref().filter(|before| before.settings != run.settings) {
            let text = format!(
                "{} was made with other settings ({}); give the same ones, or another --out",
                path.display(),
                before.command
            );
            return Err(text.into());
        }
        let run = match results.run.take() {
            None => run,
            Some(mut before) => {
                let is_new =
                    |promise: &Promise| !before.engines.iter().any(|old| old.engine == promise.engine);
                let new: Vec<Promise> = run.engines.into_iter().filter(is_new).collect();
                before.engines.extend(new);
                before
            }
        };
        let mut text = serde_json::to_string(&Line::Run { run: run.clone() })? + "\n";
        for row in &results.rows {
            text += &(serde_json::to_string(row)? + "\n");
        }
        results.run = Some(run);
        // Beside it and moved, so that what was measured is never without a file.
        let beside = path.with_extension("new");
        std::fs::write(&beside, text)
            .and_then(|()| std::fs::rename(&beside, path))
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        Ok(Writer { file: OpenOptions::new().append(true).open(path)?, results })
    }

    /// Adds the rows of a child in one write.
    pub fn append(&mut self, rows: Vec<Row>) -> Outcome<()> {
        let mut text = String::new();
        for row in &rows {
            text += &(serde_json::to_string(row)? + "\n");
        }
        self.file.write_all(text.as_bytes())?;
        self.results.rows.extend(rows);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
