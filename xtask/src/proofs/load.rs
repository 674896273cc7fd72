//! `cargo xtask load`: what the engine promises about data and memory, at scale.
//!
//! Load N keys in random order; settle; read every key in random order; scan both ways. Everything read is checked.
//! Peak anonymous memory of the whole process may pass the budget by 15 %: memtables, cache and table metadata
//! are the budget, the rest is the allocator's slack, stacks and the harness.

use std::path::Path;
use std::time::Instant;

use esker_testkit::process::written_bytes;

use crate::proofs::arguments::Load;
use crate::proofs::check::{load, read_all, scan_all};
use crate::proofs::esker;
use crate::proofs::folder::{disk_bytes, in_fresh_folder};
use crate::proofs::keys::KEY_BYTES;
use crate::proofs::memory::Sampler;
use crate::proofs::report;
use crate::proofs::store::{Settings, Store};

/// Runs the proof.
pub(crate) fn run(arguments: &Load) -> Result<(), String> {
    in_fresh_folder("load", arguments.dir.as_deref(), |folder| prove(arguments, folder))
}

fn prove(arguments: &Load, folder: &Path) -> Result<(), String> {
    let Load { keys, value_bytes, budget, .. } = *arguments;
    let sampler = Sampler::start();
    let database =
        esker::Esker::open(folder, Settings { budget_bytes: Some(budget), ..Settings::default() })?;
    let written_before = written_bytes().unwrap_or(0);

    let started = Instant::now();
    let loaded = load(&database, keys, value_bytes)?;
    report::rate("puts, random order", keys, loaded);
    database.settle()?;
    report::rate("puts, until settled", keys, started.elapsed());
    report::time("settled after", started.elapsed());
    let written = written_bytes().unwrap_or(0) - written_before;
    let user_bytes = keys.saturating_mul((KEY_BYTES + value_bytes) as u64);
    report::mebibytes("user bytes", user_bytes);
    report::mebibytes("bytes written", written);
    report::line("bytes written / user bytes", &format!("{:.2}", written as f64 / user_bytes.max(1) as f64));
    report::mebibytes("disk, settled", disk_bytes(folder));

    report::rate("gets, random order, first pass", keys, read_all(&database, keys, value_bytes, 1)?);
    report::rate("gets, random order, second pass", keys, read_all(&database, keys, value_bytes, 2)?);
    report::rate("entries, scan forward", keys, scan_all(&database, keys, value_bytes, false)?);
    report::rate("entries, scan reverse", keys, scan_all(&database, keys, value_bytes, true)?);
    database.close()?;

    let peak = sampler.stop();
    report::mebibytes("peak anonymous memory", peak.anonymous);
    report::mebibytes("peak file-backed memory", peak.file);
    within_budget(peak.anonymous, budget)
}

/// The bar: 15 % over the budget.
fn within_budget(anonymous: u64, budget: u64) -> Result<(), String> {
    let bar = budget + budget / 20 * 3;
    if anonymous <= bar {
        return Ok(());
    }
    let mib = |bytes: u64| bytes >> 20;
    Err(format!("peak anonymous memory {} MiB is over {} MiB, the budget and 15 %", mib(anonymous), mib(bar)))
}

#[cfg(test)]
mod tests;
