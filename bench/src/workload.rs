//! What one child process does with one engine: load in random order, settle, read at random, scan. It checks every
//! value it reads and prints one JSON line.
//!
//! Not here: which engine runs when ([`crate::main`]), medians and tables ([`crate::report`]).

use std::fs;
use std::path::Path;
use std::time::Instant;

use esker_testkit::process::written_bytes;
use serde::{Deserialize, Serialize};

use crate::engine::{Engine, Outcome};
use crate::keys::{KEY_BYTES, fill_value, key, shuffled};

/// The figures of one run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Figures {
    /// Engine.
    pub engine: String,
    /// Which repetition, from 0.
    pub repetition: u32,
    /// Number of keys.
    pub keys: u64,
    /// Bytes of each value.
    pub value_bytes: usize,
    /// Puts per second until the last put returned.
    pub load_per_s: f64,
    /// Puts per second until no background work was left.
    pub load_settled_per_s: f64,
    /// Gets per second, data in cache, every key once in random order, after a first pass of the same kind.
    pub read_per_s: f64,
    /// Entries per second of a full forward scan, after a first one.
    pub scan_per_s: f64,
    /// The longest single put in milliseconds.
    pub longest_put_ms: f64,
    /// Bytes that the process caused to be written to storage, until settled, over user bytes.
    pub write_amplification: f64,
    /// Disk size when settled, MiB.
    pub disk_mib: f64,
    /// Peak anonymous memory, MiB.
    pub peak_anon_mib: f64,
}

/// Runs the whole set.
pub fn run(
    engine: &dyn Engine,
    name: &str,
    folder: &Path,
    keys: u64,
    value_bytes: usize,
    repetition: u32,
) -> Outcome<Figures> {
    let sampler = crate::memory::Sampler::start();
    let written_before = written_bytes().unwrap_or(0);
    let started = Instant::now();
    let longest_put_ms = load(engine, keys, value_bytes)?;
    let load_s = started.elapsed().as_secs_f64();
    let idle_s = engine.settle()?;
    let settled_s = started.elapsed().as_secs_f64() - idle_s;
    let user_bytes = (keys as usize * (KEY_BYTES + value_bytes)) as f64;
    let write_amplification = (written_bytes().unwrap_or(0) - written_before) as f64 / user_bytes;

    read_all(engine, keys, value_bytes, 11)?;
    let read_s = read_all(engine, keys, value_bytes, 12)?;
    scan_all(engine, keys)?;
    let scan_s = scan_all(engine, keys)?;

    Ok(Figures {
        engine: name.to_owned(),
        repetition,
        keys,
        value_bytes,
        load_per_s: keys as f64 / load_s,
        load_settled_per_s: keys as f64 / settled_s.max(load_s),
        read_per_s: keys as f64 / read_s,
        scan_per_s: keys as f64 / scan_s,
        longest_put_ms,
        write_amplification,
        disk_mib: folder_bytes(folder)? as f64 / f64::from(1 << 20),
        peak_anon_mib: sampler.stop().anonymous as f64 / f64::from(1 << 20),
    })
}

fn load(engine: &dyn Engine, keys: u64, value_bytes: usize) -> Outcome<f64> {
    let mut value = vec![0; value_bytes];
    let mut longest = 0.0f64;
    let mut last = Instant::now();
    for i in 0..keys {
        // Keys are a mix of their number, so ascending numbers are a random order.
        fill_value(i, &mut value);
        engine.put(&key(i), &value)?;
        let now = Instant::now();
        longest = longest.max((now - last).as_secs_f64());
        last = now;
    }
    Ok(longest * 1e3)
}

fn read_all(engine: &dyn Engine, keys: u64, value_bytes: usize, seed: u64) -> Outcome<f64> {
    // The first word tells a value apart from any other; comparing no more keeps the harness out of the figure.
    let word = value_bytes.min(8);
    let mut expected = vec![0; word];
    let mut wrong = 0u64;
    let started = Instant::now();
    for i in shuffled(keys, seed) {
        fill_value(i, &mut expected);
        engine.get(&key(i), &mut |value| {
            let right = value.is_some_and(|value| value.len() == value_bytes && value[..word] == expected);
            wrong += u64::from(!right);
        })?;
    }
    let seconds = started.elapsed().as_secs_f64();
    if wrong > 0 { Err(format!("{wrong} of {keys} reads were wrong").into()) } else { Ok(seconds) }
}

fn scan_all(engine: &dyn Engine, keys: u64) -> Outcome<f64> {
    let mut seen = 0u64;
    let mut disorder = 0u64;
    let mut last = [0u8; KEY_BYTES];
    let mut sum = 0u64;
    let started = Instant::now();
    engine.scan(&mut |key, value| {
        seen += 1;
        disorder += u64::from(key <= last.as_slice());
        last.copy_from_slice(key);
        sum = sum.wrapping_add(value.iter().step_by(64).map(|byte| u64::from(*byte)).sum());
    })?;
    let seconds = started.elapsed().as_secs_f64();
    std::hint::black_box(sum);
    if seen == keys && disorder == 0 {
        Ok(seconds)
    } else {
        Err(format!("a scan gave {seen} of {keys} entries, {disorder} out of order").into())
    }
}

/// Bytes allocated on disk below `folder`.
fn folder_bytes(folder: &Path) -> Outcome<u64> {
    use std::os::unix::fs::MetadataExt as _;
    let mut total = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        total += if metadata.is_dir() { folder_bytes(&entry.path())? } else { metadata.blocks() * 512 };
    }
    Ok(total)
}
