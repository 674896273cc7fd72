//! `cargo xtask recover`: how long opening takes when everything is still in the log, and that nothing is missing.
//!
//! A child process (this program again) writes N keys into one large memtable, with the log allowed to hold them all,
//! says that it is done, and waits. The parent kills it, opens the directory, and checks every key.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::proofs::arguments::Recover;
use crate::proofs::check::{load, read_all, scan_all};
use crate::proofs::esker;
use crate::proofs::folder::{disk_bytes, in_fresh_folder};
use crate::proofs::keys::VALUE_BYTES;
use crate::proofs::memory::Sampler;
use crate::proofs::report;
use crate::proofs::store::Settings;

/// What the child says when every write was acknowledged.
const DONE: &str = "acknowledged";

/// What the recovering database may use.
const BUDGET_BYTES: u64 = 4 << 30;

/// The log may hold everything: ten million records are 1.6 GiB of it.
fn log_bytes(keys: u64) -> u64 {
    keys.saturating_mul(200).max(2 << 30)
}

/// The child must keep everything in one memtable, or a part would be in tables before the kill and not in the log. A
/// memtable is given at most 2/15 of the budget, and a record needs less than 256 bytes in it.
fn child_settings(keys: u64) -> Settings {
    let memtable = keys.saturating_mul(256).max(64 << 20);
    Settings {
        maps_log: None,
        budget_bytes: Some(memtable.saturating_mul(8)),
        memtable_bytes: Some(memtable),
        log_bytes: Some(log_bytes(keys)),
        segment_bytes: None,
    }
}

/// Runs the proof, or its child.
pub(crate) fn run(arguments: &Recover) -> Result<(), String> {
    if arguments.child {
        let folder = arguments.dir.as_deref().ok_or("the child needs --dir")?;
        return child(arguments.keys, folder);
    }
    in_fresh_folder("recover", arguments.dir.as_deref(), |folder| prove(arguments.keys, folder))
}

fn child(keys: u64, folder: &Path) -> Result<(), String> {
    let database = esker::Esker::open(folder, child_settings(keys))?;
    let took = load(&database, keys, VALUE_BYTES)?;
    println!("{DONE} {}", took.as_secs_f64());
    std::io::stdout().flush().map_err(|error| error.to_string())?;
    // Until killed; when the parent is gone, its end of the pipe closes and so does this.
    let _ended = std::io::stdin().lines().count();
    Err("not killed".to_owned())
}

fn prove(keys: u64, folder: &Path) -> Result<(), String> {
    kill_when_loaded(keys, folder)?;
    report::mebibytes("disk after the kill", disk_bytes(folder));

    let settings = Settings {
        budget_bytes: Some(BUDGET_BYTES),
        log_bytes: Some(log_bytes(keys)),
        ..Settings::default()
    };
    let sampler = Sampler::start();
    let started = Instant::now();
    let database = esker::Esker::open(folder, settings)?;
    let took = started.elapsed();
    let at_opening = sampler.stop();
    report::time("opened", took);
    report::rate("records recovered", keys, took);
    report::mebibytes("peak anonymous memory, opening", at_opening.anonymous);
    let sampler = Sampler::start();
    report::rate("gets, random order", keys, read_all(&database, keys, VALUE_BYTES, 1)?);
    report::rate("entries, scan forward", keys, scan_all(&database, keys, VALUE_BYTES, false)?);
    database.close()?;
    let peak = sampler.stop();
    report::mebibytes("peak anonymous memory", peak.anonymous);
    report::mebibytes("peak file-backed memory", peak.file);
    Ok(())
}

fn kill_when_loaded(keys: u64, folder: &Path) -> Result<(), String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut child = Command::new(program)
        .args(["recover", "--child", "--keys", &keys.to_string(), "--dir"])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start the child: {error}"))?;
    let mut line = String::new();
    let read = child.stdout.take().map(|stdout| BufReader::new(stdout).read_line(&mut line));
    child.kill().and_then(|()| child.wait()).map_err(|error| format!("cannot kill the child: {error}"))?;
    match (read, line.trim().strip_prefix(DONE)) {
        (Some(Ok(_)), Some(seconds)) => {
            report::line("child loaded, acknowledged, killed", &format!("{} s", seconds.trim()));
            Ok(())
        }
        _ => Err("the child failed before it had loaded everything".to_owned()),
    }
}
