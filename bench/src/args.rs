//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::engine::Outcome;
use crate::engines;
use crate::workload;

/// Keys of a quick run.
const QUICK_KEYS: u64 = 200_000;
/// Workloads of a quick run.
const QUICK_WORKLOADS: [&str; 7] = ["read", "ycsb", "fill", "batch", "overwrite", "sync", "latency"];
/// Key counts of a scaling run, in millions.
const SCALES: [u64; 6] = [1, 2, 5, 10, 20, 30];

/// Compare embedded key-value stores on this machine, interleaved, each workload in a fresh process and folder.
#[derive(Clone, Debug, Parser)]
#[command(name = "esker-bench", version)]
pub struct Arguments {
    /// esker, fjall and redb with few keys: a ratio table in under five minutes
    #[arg(long)]
    pub quick: bool,
    /// Load throughput over the number of keys, from 1 M to 30 M (or to --keys), instead of the workloads
    #[arg(long)]
    pub scaling: bool,
    /// Number of keys; workloads with long values take fewer [default: 2000000]
    #[arg(long)]
    pub keys: Option<u64>,
    /// How often each engine runs; tables show medians [default: 3]
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
    /// A row ends early after so many seconds; loads do not
    #[arg(long, default_value_t = 20)]
    pub row_seconds: u64,
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
    /// Fills in the defaults and refuses what cannot be.
    pub fn plan(&self) -> Outcome<Plan> {
        let built = engines::built();
        let engines: Vec<String> = match (self.engines.is_empty(), self.quick) {
            (false, _) => self.engines.clone(),
            (true, true) => ["esker", "fjall", "redb"].map(str::to_owned).to_vec(),
            (true, false) => built.iter().map(|name| (*name).to_owned()).collect(),
        };
        if let Some(missing) = engines.iter().find(|engine| !built.contains(&engine.as_str())) {
            return Err(engines::refusal(missing).into());
        }
        if self.keys == Some(0) || self.reps == Some(0) || self.row_seconds == 0 {
            return Err("--keys, --reps and --row-seconds must be at least 1".into());
        }
        let reps = self.reps.unwrap_or(3);
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
