//! Interleaved comparison of embedded key-value stores on one machine.
//!
//! `cargo run --release -- --keys 2000000 --reps 3` runs every engine in turn, again and again: each run in a fresh
//! child process and a fresh directory on a real disk, so that no engine profits from another's leavings. Only ratios
//! of one such run mean anything. Prints a markdown table and writes one JSON line per run.
//!
//! Same for all: one thread, durability *os* (a write was handed to the operating system before the call returned),
//! cache 256 MiB, write buffer 64 MiB, 10 filter bits per key, no compression, two background threads, and otherwise
//! each engine's own defaults.
//!
//! A new peer is one file in `engines/` and two lines in `engine.rs`.

#![forbid(unsafe_code)]

mod engine;
mod engines;
#[path = "../../xtask/src/proofs/keys.rs"]
#[allow(dead_code, reason = "shared with `cargo xtask load`, which uses more of it")]
mod keys;
#[path = "../../xtask/src/proofs/memory.rs"]
#[allow(dead_code, reason = "shared with `cargo xtask load`, which uses more of it")]
mod memory;
mod report;
mod workload;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use clap::Parser;

use crate::engine::{Outcome, Settings};
use crate::workload::Figures;

#[derive(Parser)]
#[command(about = "Compare embedded key-value stores, interleaved, on this machine")]
struct Arguments {
    /// Number of distinct keys
    #[arg(long, default_value_t = 2_000_000)]
    keys: u64,
    /// Bytes of each value
    #[arg(long, default_value_t = 100)]
    value_bytes: usize,
    /// How often each engine runs; the table shows medians
    #[arg(long, default_value_t = 3)]
    reps: u32,
    /// Engines, by name; all of this build by default
    #[arg(long, value_delimiter = ',')]
    engines: Vec<String>,
    /// Block cache of each engine, MiB
    #[arg(long, default_value_t = 256)]
    cache_mib: u64,
    /// Where databases are made, on a real disk; a fresh folder below it is removed after each run
    #[arg(long, default_value = "results/tmp")]
    dir: PathBuf,
    /// Where the JSON lines go
    #[arg(long, default_value = "results/latest.jsonl")]
    out: PathBuf,
    /// Run one engine in this process and print its JSON line (what the parent starts)
    #[arg(long, hide = true)]
    child: Option<String>,
    /// Number of the repetition, for the child
    #[arg(long, hide = true, default_value_t = 0)]
    repetition: u32,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match &arguments.child {
        Some(engine) => child(&arguments, engine),
        None => parent(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn child(arguments: &Arguments, name: &str) -> Outcome<()> {
    let settings = Settings {
        cache_bytes: arguments.cache_mib << 20,
        write_buffer_bytes: 64 << 20,
        bits_per_key: 10,
        threads: 2,
    };
    let folder = &arguments.dir;
    let engine = engine::open(name, folder, settings)?;
    let figures = workload::run(
        engine.as_ref(),
        name,
        folder,
        arguments.keys,
        arguments.value_bytes,
        arguments.repetition,
    )?;
    println!("{}", serde_json::to_string(&figures)?);
    Ok(())
}

fn parent(arguments: &Arguments) -> Outcome<()> {
    let built = engine::names();
    let asked: Vec<&str> = if arguments.engines.is_empty() {
        built
    } else {
        arguments.engines.iter().map(String::as_str).collect()
    };
    refuse_memory_disk(&arguments.dir)?;
    if let Some(folder) = arguments.out.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut lines = fs::File::create(&arguments.out)?;
    let mut all = Vec::new();
    for repetition in 0..arguments.reps {
        for name in &asked {
            let figures = in_child(arguments, name, repetition)?;
            writeln!(lines, "{}", serde_json::to_string(&figures)?)?;
            eprintln!(
                "{repetition} {name}: load {:.0}/s, settled {:.0}/s, read {:.0}/s, scan {:.0}/s",
                figures.load_per_s, figures.load_settled_per_s, figures.read_per_s, figures.scan_per_s
            );
            all.push(figures);
        }
    }
    println!(
        "{} keys of 24 bytes, values of {} bytes, medians of {}, durability os\n",
        arguments.keys, arguments.value_bytes, arguments.reps
    );
    print!("{}", report::table(&asked, &all));
    Ok(())
}

/// One engine in a fresh process and folder.
fn in_child(arguments: &Arguments, name: &str, repetition: u32) -> Outcome<Figures> {
    let folder = arguments.dir.join(format!("{name}-{repetition}-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let output = Command::new(std::env::current_exe()?)
        .args(["--child", name])
        .args(["--keys", &arguments.keys.to_string()])
        .args(["--value-bytes", &arguments.value_bytes.to_string()])
        .args(["--cache-mib", &arguments.cache_mib.to_string()])
        .args(["--repetition", &repetition.to_string()])
        .arg("--dir")
        .arg(&folder)
        .stderr(Stdio::inherit())
        .output();
    let removed = fs::remove_dir_all(&folder);
    let output = output?;
    removed?;
    if !output.status.success() {
        return Err(format!("{name}: {}", output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// A disk in memory would flatter everyone who syncs.
fn refuse_memory_disk(folder: &Path) -> Outcome<()> {
    fs::create_dir_all(folder)?;
    let folder = folder.canonicalize()?;
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let mount = mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ').skip(1);
            Some((PathBuf::from(words.next()?), words.next()?.to_owned()))
        })
        .filter(|(point, _)| folder.starts_with(point))
        .max_by_key(|(point, _)| point.as_os_str().len());
    match mount {
        Some((_, kind)) if kind == "tmpfs" || kind == "ramfs" => {
            Err(format!("{} is on {kind}; give --dir a real disk", folder.display()).into())
        }
        _ => Ok(()),
    }
}
