//! What a child process does: one workload with one engine, once, and a JSON line per row on its standard output.

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use esker_testkit::process::written_bytes;
use serde::{Deserialize, Serialize};

use crate::engine::{Durability, Engine, Outcome, Settings};
use crate::memory::Sampler;
use crate::row::{Reading, Row};
use crate::stretch::{Done, Form};
use crate::workload;

const MIB: f64 = (1u64 << 20) as f64;

/// What to run: the parent hands it to the child as JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Task {
    /// Engine.
    pub engine: String,
    /// Workload.
    pub workload: String,
    /// Which repetition, from 0.
    pub repetition: u32,
    /// Number of keys of 124 bytes; workloads with longer values take fewer.
    pub keys: u64,
    /// A row ends after so many seconds of work.
    pub row_seconds: f64,
    /// A load ends after so many; what is missing then is put in off the clock.
    pub load_seconds: u64,
    /// How long a sustained load goes on.
    pub sustained_seconds: u64,
    /// Block cache.
    pub cache_mib: u64,
    /// Where the database goes.
    pub folder: PathBuf,
    /// The part of the killed one in a workload that needs two processes.
    #[serde(default)]
    pub victim: bool,
}

/// A running child: its task and what all workloads share.
pub struct Child<'a> {
    /// The task.
    pub task: &'a Task,
    /// How keys and values are made.
    pub form: Form,
    /// How many keys there are.
    pub keys: u64,
    /// What the engine is set to.
    pub settings: Settings,
    written_before: u64,
}

/// Runs a task.
pub fn run<E: Engine>(task: &Task) -> Outcome<()> {
    let (form, keys) = workload::form(task)?;
    let sampler = Sampler::start();
    let child = Child {
        task,
        form,
        keys,
        settings: Settings {
            cache_bytes: task.cache_mib << 20,
            write_buffer_bytes: 64 << 20,
            bits_per_key: 10,
            threads: 2,
            durability: Durability::Os,
            lz4: false,
            separate_values: false,
        },
        written_before: written_bytes().unwrap_or(0),
    };
    workload::run::<E>(&child)?;
    let peak = sampler.stop();
    child.row("peak anonymous", peak.anonymous as f64 / MIB)?;
    child.row("peak file-backed", peak.file as f64 / MIB)
}

impl Child<'_> {
    /// Opens the engine in the folder of the task.
    pub fn open<E: Engine>(&self) -> Outcome<E> {
        E::open(&self.task.folder, self.settings)
    }

    /// Gives the parent a figure.
    pub fn row(&self, row: &str, figure: f64) -> Outcome<()> {
        self.reading(row, None, Reading::Value(figure))
    }

    /// Gives the parent a rate, which says itself whether time was up first.
    pub fn rate(&self, row: &str, done: &Done) -> Outcome<()> {
        self.reading(row, None, done.reading(done.rate()))
    }

    /// Gives the parent a figure that needs more than a name and a number.
    pub fn reading(&self, row: &str, second: Option<u64>, reading: Reading) -> Outcome<()> {
        let row = Row {
            engine: self.task.engine.clone(),
            workload: self.task.workload.clone(),
            row: row.to_owned(),
            repetition: self.task.repetition,
            keys: self.keys,
            second,
            reading,
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", serde_json::to_string(&row)?)?;
        Ok(out.flush()?)
    }

    /// Most time for one row.
    pub fn limit(&self) -> Duration {
        Duration::from_secs_f64(self.task.row_seconds)
    }

    /// Most time for a load that is measured.
    pub fn load_limit(&self) -> Duration {
        Duration::from_secs(self.task.load_seconds)
    }

    /// Bytes that the child caused to be written so far.
    pub fn written(&self) -> u64 {
        written_bytes().unwrap_or(0).saturating_sub(self.written_before)
    }
}
