//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::engine::Outcome;
use crate::engines;
use crate::workload;

/// Keys of a quick run.
const QUICK_KEYS: u64 = 100_000;
/// Workloads of a quick run.
const QUICK_WORKLOADS: [&str; 7] = ["read", "ycsb", "fill", "batch", "overwrite", "sync", "sustained"];
/// Seconds of a sustained load, and of that of a quick run.
const SUSTAINED: u64 = 10;
const QUICK_SUSTAINED: u64 = 1;
/// Seconds of a row, and of one of a quick run.
const ROW: f64 = 1.5;
const QUICK_ROW: f64 = 0.25;
/// Seconds of a measured load, and of one of a scaling run.
const LOAD: u64 = 10;
const SCALING_LOAD: u64 = 240;
/// Key counts of a scaling run, in millions.
const SCALES: [u64; 4] = [1, 3, 10, 30];
/// Engines of a scaling run, as far as they are built, unless it is told others.
const SCALING_ENGINES: [&str; 4] = ["esker", "rocksdb", "heed", "fjall"];

/// Compare embedded key-value stores on this machine, interleaved, each workload in a fresh process and folder.
#[derive(Clone, Debug, Parser)]
#[command(name = "esker-bench", version)]
pub struct Arguments {
    /// esker, fjall and redb with few keys: a ratio table in under five minutes
    #[arg(long)]
    pub quick: bool,
    /// Instead of the workloads, load throughput over 1, 3, 10 and 30 million keys, or as many as --keys says
    #[arg(long)]
    pub scaling: bool,
    /// Number of keys; workloads with long values take fewer [default: 2000000]
    #[arg(long)]
    pub keys: Option<u64>,
    /// How often each engine runs; tables show medians [default: 3, with --scaling 1]
    #[arg(long)]
    pub reps: Option<u32>,
    /// Engines, by name; all of this build by default
    #[arg(long, value_delimiter = ',')]
    pub engines: Vec<String>,
    /// Workloads, by name (see --list); all by default
    #[arg(long, value_delimiter = ',')]
    pub workloads: Vec<String>,
    /// List engines and workloads
    #[arg(long)]
    pub list: bool,
    /// Block cache of each engine, MiB
    #[arg(long, default_value_t = 256)]
    pub cache_mib: u64,
    /// A row ends after so many seconds of work; writes may be done before [default: 1.5, with --quick 0.25]
    #[arg(long, value_name = "SECONDS")]
    pub row_seconds: Option<f64>,
    /// A load that takes longer is measured so far, and the rest is put in off the clock [default: 10, with --scaling 240]
    #[arg(long, value_name = "SECONDS")]
    pub load_seconds: Option<u64>,
    /// How long the workload `sustained` goes on [default: 10, with --quick 1]
    #[arg(long, value_name = "SECONDS")]
    pub sustained_seconds: Option<u64>,
    /// A workload that an engine has not finished after so many seconds has failed
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub cell_seconds: u64,
    /// Go on where a run with the same settings and the same --out was broken off
    #[arg(long)]
    pub resume: bool,
    /// Where databases are made, on a real disk; each run's folder below it is removed afterwards
    #[arg(long, default_value = "results/tmp")]
    pub dir: PathBuf,
    /// Result file, one JSON object a line; tables (.md) and plots (.svg) go beside it
    #[arg(long, default_value = "results/latest.jsonl")]
    pub out: PathBuf,
    /// Draw tables and plots of an existing result file, and run nothing
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// What a child is to do, as JSON (the parent starts these)
    #[arg(long, hide = true)]
    pub child: Option<String>,
}

/// What to run, with defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Engines in the order that they take turns.
    pub engines: Vec<String>,
    /// Workloads, each with its number of keys.
    pub workloads: Vec<(String, u64)>,
    /// How often.
    pub reps: u32,
}

impl Arguments {
    /// When a row ends.
    pub fn row_seconds(&self) -> f64 {
        self.row_seconds.unwrap_or(if self.quick { QUICK_ROW } else { ROW })
    }

    /// When a measured load ends.
    pub fn load_seconds(&self) -> u64 {
        self.load_seconds.unwrap_or(if self.scaling { SCALING_LOAD } else { LOAD })
    }

    /// How long the workload `sustained` goes on.
    pub fn sustained_seconds(&self) -> u64 {
        self.sustained_seconds.unwrap_or(if self.quick { QUICK_SUSTAINED } else { SUSTAINED })
    }

    /// Fills in the defaults and refuses what cannot be.
    pub fn plan(&self) -> Outcome<Plan> {
        let built = engines::built();
        let engines: Vec<String> = if !self.engines.is_empty() {
            self.engines.clone()
        } else if self.quick {
            ["esker", "fjall", "redb"].map(str::to_owned).to_vec()
        } else {
            let wanted = |name: &&&str| !self.scaling || SCALING_ENGINES.contains(*name);
            built.iter().filter(wanted).map(|name| (*name).to_owned()).collect()
        };
        if let Some(missing) = engines.iter().find(|engine| !built.contains(&engine.as_str())) {
            return Err(engines::refusal(missing).into());
        }
        let no_time = self.load_seconds() == 0 || self.sustained_seconds() == 0;
        if self.keys == Some(0) || self.reps == Some(0) || no_time {
            return Err("--keys, --reps, --load-seconds and --sustained-seconds must be at least 1".into());
        }
        if !(0.001..=86_400.0).contains(&self.row_seconds()) {
            return Err("--row-seconds must be at least 0.001, and not more than a day".into());
        }
        let reps = self.reps.unwrap_or(if self.scaling { 1 } else { 3 });
        if self.scaling {
            let most = self.keys.unwrap_or(u64::MAX);
            let scales = SCALES.iter().map(|millions| millions * 1_000_000).filter(|keys| *keys <= most);
            let workloads: Vec<_> = scales.map(|keys| (workload::SCALING.to_owned(), keys)).collect();
            let too_few = "a scaling run starts at 1,000,000 keys; give more --keys";
            return if workloads.is_empty() {
                Err(too_few.into())
            } else {
                Ok(Plan { engines, workloads, reps })
            };
        }
        let keys = self.keys.unwrap_or(if self.quick { QUICK_KEYS } else { 2_000_000 });
        let names: Vec<String> = match (self.workloads.is_empty(), self.quick) {
            (false, _) => self.workloads.clone(),
            (true, true) => QUICK_WORKLOADS.map(str::to_owned).to_vec(),
            (true, false) => workload::ALL.iter().map(|workload| workload.name.to_owned()).collect(),
        };
        if let Some(unknown) =
            names.iter().find(|name| !workload::ALL.iter().any(|known| known.name == **name))
        {
            let known: Vec<_> = workload::ALL.iter().map(|workload| workload.name).collect();
            return Err(format!("no workload is called {unknown}; there are {}", known.join(", ")).into());
        }
        Ok(Plan { engines, workloads: names.into_iter().map(|name| (name, keys)).collect(), reps })
    }
}

#[cfg(test)]
mod tests;
