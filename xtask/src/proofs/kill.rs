//! `cargo xtask kill`: real kills. A child under load is killed at a random instant, the database is opened again and
//! compared with what the child had acknowledged; and again, in the same directory.
//!
//! The child runs some writers, each with the operations of [`crate::proofs::kill_model`], and says through a pipe after each
//! operation that it returned. What came through the pipe before the kill is acknowledged, and the oracle allows the
//! one operation under way besides. Every third round first kills a child that only opens, so that recovery itself is
//! interrupted. Memtables are small, so flushes and compactions are always under way.
//!
//! A proof that cannot fail is worthless, so each run begins with children that acknowledge `Buffered` writes as if they
//! survived a kill: the loss must be seen.
//!
//! Not here: loss of power, which the test kit simulates; killing a process loses nothing that the kernel has.

use std::fs::File;
use std::io::{BufReader, Read, Write as _};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use esker_testkit::oracle::change::Durability;
use esker_testkit::oracle::state::State;

use crate::proofs::arguments::Kill;
use crate::proofs::esker;
use crate::proofs::folder::in_fresh_folder;
use crate::proofs::kill_model::{Expected, key_prefix, operation};
use crate::proofs::report;
use crate::proofs::store::{Settings, Store};

/// Writers of the child; a writer told to start here does nothing.
const WRITERS: usize = 2;
const IDLE: u64 = u64::MAX;

/// Small, so that memtables are sealed, flushed and compacted all the time.
const SETTINGS: Settings = Settings {
    budget_bytes: Some(16 << 20),
    memtable_bytes: Some(1 << 20),
    log_bytes: Some(8 << 20),
    segment_bytes: Some(1 << 20),
    maps_log: None,
};

/// Runs the proof, or its child.
pub(crate) fn run(arguments: &Kill) -> Result<(), String> {
    if !arguments.child.is_empty() {
        let folder = arguments.dir.as_deref().ok_or("the child needs --dir")?;
        return child(arguments, folder);
    }
    let kills = arguments.kills.unwrap_or(if arguments.bounded { 40 } else { 1000 });
    let parent = arguments.dir.as_deref();
    in_fresh_folder("kill-weak", parent, |folder| see_weakness(arguments.seed, folder))?;
    in_fresh_folder("kill", parent, |folder| prove(kills, arguments.seed, folder))
}

/// Kills weak children until what they wrongly acknowledged is missed.
fn see_weakness(seed: u64, folder: &Path) -> Result<(), String> {
    let mut expected = vec![Expected::default(); WRITERS];
    for kill in 1..=50 {
        let starts: Vec<u64> = expected.iter().map(|expected| expected.done).collect();
        let child = Start { seed, starts, weak: true };
        let acknowledged = kill_after(&child, folder, Duration::from_millis(150 + kill))?;
        if verify(seed, folder, &mut expected, &acknowledged).is_err() {
            report::line("planted loss seen after kills", &kill.to_string());
            return Ok(());
        }
    }
    Err("50 kills of a child that acknowledges too early went unnoticed: this proof proves nothing"
        .to_owned())
}

/// How a child begins.
struct Start {
    seed: u64,
    /// The first operation of each writer.
    starts: Vec<u64>,
    /// Whether it acknowledges what a kill may take.
    weak: bool,
}

fn prove(kills: u32, seed: u64, folder: &Path) -> Result<(), String> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut expected = vec![Expected::default(); WRITERS];
    let mut killed_while_opening = 0;
    for round in 0..kills {
        if round % 3 == 2 {
            let idle = Start { seed, starts: vec![IDLE; WRITERS], weak: false };
            kill_after(&idle, folder, Duration::from_micros(random.u64(0..20_000)))?;
            killed_while_opening += 1;
        }
        let starts: Vec<u64> = expected.iter().map(|expected| expected.done).collect();
        let delay = Duration::from_micros(random.u64(0..if round % 2 == 0 { 300_000 } else { 40_000 }));
        let acknowledged = kill_after(&Start { seed, starts, weak: false }, folder, delay)?;
        let told = |problem: String| format!("round {round} of --seed {seed}: {problem}");
        verify(seed, folder, &mut expected, &acknowledged).map_err(told)?;
    }
    report::line("kills under load", &kills.to_string());
    report::line("kills while opening", &killed_while_opening.to_string());
    let operations: u64 = expected.iter().map(|expected| expected.done).sum();
    report::line("operations survived", &operations.to_string());
    Ok(())
}

/// Opens the database and holds it against what was acknowledged.
fn verify(seed: u64, folder: &Path, expected: &mut [Expected], acknowledged: &[u64]) -> Result<(), String> {
    let database = esker::Esker::open(folder, SETTINGS)?;
    let mut found = vec![State::new(); expected.len()];
    let mut foreign = None;
    database.scan(false, &mut |key, value| {
        let writer =
            (0..).zip(&mut found).find(|(writer, _)| key.starts_with(key_prefix(*writer).as_bytes()));
        match writer {
            Some((_, state)) => state.insert(0, key.to_vec(), value.to_vec()),
            None => foreign = Some(key.escape_ascii().to_string()),
        }
    })?;
    database.close()?;
    if let Some(key) = foreign {
        return Err(format!("a key that nobody wrote: {key}"));
    }
    for (writer, (expected, found)) in (0..).zip(expected.iter_mut().zip(&found)) {
        let acknowledged = acknowledged.get(usize::try_from(writer).unwrap_or(0)).copied().unwrap_or(0);
        expected.accept(seed, writer, acknowledged.max(expected.done), found)?;
    }
    Ok(())
}

/// Starts a child, kills it after `delay`, and gives the number of operations acknowledged by each writer.
fn kill_after(start: &Start, folder: &Path, delay: Duration) -> Result<Vec<u64>, String> {
    let list = start.starts.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut child = Command::new(program)
        .args(["kill", "--seed", &start.seed.to_string(), "--child", &list, "--dir"])
        .arg(folder)
        .args(start.weak.then_some("--weak"))
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start the child: {error}"))?;
    let reader = child.stdout.take().map(|pipe| {
        let mut acknowledged = start.starts.clone();
        thread::spawn(move || {
            // Buffered, or a full pipe would hold the writers back.
            read_acknowledgements(BufReader::with_capacity(1 << 16, pipe), &mut acknowledged);
            acknowledged
        })
    });
    thread::sleep(delay);
    end(&mut child)?;
    reader.and_then(|reader| reader.join().ok()).ok_or_else(|| "lost the child's pipe".to_owned())
}

/// Kills the child; one that ended by itself has failed, and said why on its standard error.
fn end(child: &mut Child) -> Result<(), String> {
    let _already_gone = child.kill();
    let status = child.wait().map_err(|error| format!("cannot wait for the child: {error}"))?;
    match status.code() {
        None => Ok(()),
        Some(_) => Err(format!("the child ended before it was killed: {status}")),
    }
}

/// Records of 16 bytes: writer, operations done.
fn read_acknowledgements(mut pipe: impl Read, acknowledged: &mut [u64]) {
    let mut record = [0u8; 16];
    while pipe.read_exact(&mut record).is_ok() {
        let (writer, done) = record.split_at(8);
        let number = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_le_bytes);
        let slot = usize::try_from(number(writer)).ok().and_then(|writer| acknowledged.get_mut(writer));
        if let Some(slot) = slot {
            *slot = (*slot).max(number(done));
        }
    }
}

/// Writes until killed.
fn child(arguments: &Kill, folder: &Path) -> Result<(), String> {
    // Every other child copies into a mapped log. A weak one must not: what is copied survives, `Buffered` or not.
    let is_odd = arguments.child.first().is_some_and(|start| start % 2 == 1);
    let settings = Settings { maps_log: Some(is_odd && !arguments.weak), ..SETTINGS };
    let database = esker::Esker::open(folder, settings)?;
    let pipe = std::io::stdout().as_fd().try_clone_to_owned().map_err(|error| error.to_string())?;
    let pipe = File::from(pipe);
    let outcomes: Vec<Result<(), String>> = thread::scope(|scope| {
        let writers: Vec<_> = (0u64..)
            .zip(&arguments.child)
            .map(|(writer, start)| {
                let (database, pipe) = (&database, &pipe);
                scope.spawn(move || {
                    if *start == IDLE {
                        wait_for_kill()
                    } else {
                        write(database, arguments, writer, *start, pipe)
                    }
                })
            })
            .collect();
        writers
            .into_iter()
            .map(|writer| writer.join().unwrap_or_else(|_| Err("a writer panicked".to_owned())))
            .collect()
    });
    outcomes.into_iter().collect()
}

fn wait_for_kill() -> Result<(), String> {
    loop {
        thread::park();
    }
}

fn write(
    database: &dyn Store,
    arguments: &Kill,
    writer: u64,
    start: u64,
    mut pipe: &File,
) -> Result<(), String> {
    let mut record = [0u8; 16];
    for n in start.. {
        let operation = operation(arguments.seed, writer, n);
        let durability = if arguments.weak { Durability::Buffered } else { operation.durability };
        database.apply(&operation.changes, durability)?;
        record[..8].copy_from_slice(&writer.to_le_bytes());
        record[8..].copy_from_slice(&(n + 1).to_le_bytes());
        pipe.write_all(&record).map_err(|error| error.to_string())?;
    }
    Ok(())
}
