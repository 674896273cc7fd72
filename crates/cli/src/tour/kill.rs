//! The chapter that matters: writers killed without warning, and what is there afterwards.
//!
//! Each round starts this very program as a child that writes as fast as it can ([`super::writer`]), kills it with SIGKILL
//! after a moment, opens the database and checks three things: every acknowledged record is there with its value; the records
//! that are there are the first ones written, without a hole; and there is nothing else.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use esker::Database;

use crate::failure::{Failure, Outcome, reason};
use crate::human::{count, duration, rate};
use crate::tour::page::Page;
use crate::tour::{reading, writer};

/// How long each child may write: odd times, so that no rhythm of the engine is hit twice.
const ROUNDS_MS: [u64; 4] = [310, 470, 230, 590];
/// A child that has not written by then never will.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs the chapter; hands back the database as the last round left it.
pub(crate) fn kill_and_reopen(page: &mut Page<'_>, folder: &Path) -> Outcome<Database> {
    page.chapter("Kill the writer")?;
    page.line(
        "A child process puts records of 8 + 104 bytes one by one and notes each acknowledged one. Then:",
    )?;
    page.line("SIGKILL, open, check every record; the next child goes on. Durability is the default, `Os`;")?;
    page.line("memtables are small (8 MiB), so that the kills hit flushes and compactions, too.")?;
    page.line("")?;
    page.line(&format!(
        "{:>7} {:>14} {:>12} {:>16} {:>10} {:>8}",
        "round", "acknowledged", "rate", "there afterwards", "opened in", "missing"
    ))?;
    let path = folder.join("killed.db");
    let note = folder.join("acknowledged");
    let mut there = 0;
    let mut database = None;
    for (round, milliseconds) in (1_u32..).zip(ROUNDS_MS) {
        drop(database.take());
        let first = there;
        let (acknowledged, time) = one_round(&path, &note, first, Duration::from_millis(milliseconds))?;
        let started = Instant::now();
        let opened = writer::builder(&path).create_if_missing(false).open()?;
        let open_time = started.elapsed();
        there = check(page, &opened, acknowledged)?;
        page.measured("put and note, one by one, killed", acknowledged - first, time);
        page.measured("open after a kill", 1, open_time);
        page.line(&format!(
            "{round:>7} {:>14} {:>12} {:>16} {:>10} {:>8}",
            count(acknowledged),
            rate(acknowledged - first, time),
            count(there),
            duration(open_time),
            acknowledged.saturating_sub(there),
        ))?;
        database = Some(opened);
    }
    page.line("")?;
    page.line(
        "Every acknowledged record is there with its value, none twice, and no hole before the last one:",
    )?;
    page.line(
        "what is there beyond the acknowledged ones was written when the kill came, before the note was.",
    )?;
    let _ = std::fs::remove_file(&note);
    database.ok_or_else(|| Failure::refused("no round was run"))
}

/// Lets a child write for a while and kills it: how many records it says are acknowledged, and how long it wrote.
fn one_round(path: &Path, note: &Path, first: u64, time: Duration) -> Outcome<(u64, Duration)> {
    let program = std::env::current_exe().map_err(|error| Failure::refused(format!("who am I? {error}")))?;
    let child = Command::new(&program)
        .arg("tour-writer")
        .args([path, note])
        .arg(first.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn();
    let mut child = Killed(child.map_err(|error| Failure::io("start", &program, &error))?);
    let patience = Instant::now();
    while acknowledged(note) <= first {
        if let Ok(Some(status)) = child.0.try_wait() {
            return Err(Failure::refused(format!("the writing process ended by itself: {status}")));
        }
        if patience.elapsed() > PATIENCE {
            return Err(Failure::refused("the writing process does not write"));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let started = Instant::now();
    std::thread::sleep(time);
    let time = started.elapsed();
    child.kill()?;
    Ok((acknowledged(note).max(first), time))
}

/// The count that the child noted last.
fn acknowledged(note: &Path) -> u64 {
    let bytes = std::fs::read(note).unwrap_or_default();
    bytes.try_into().map_or(0, u64::from_le_bytes)
}

/// A child that never outlives the tour.
struct Killed(Child);

impl Killed {
    /// SIGKILL, and wait until it is gone.
    fn kill(&mut self) -> Outcome {
        let gone = self.0.kill().and_then(|()| self.0.wait());
        gone.map(|_| ())
            .map_err(|error| Failure::refused(format!("cannot kill the writer: {}", reason(&error))))
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Checks all records; says how many there are.
fn check(page: &mut Page<'_>, database: &Database, acknowledged: u64) -> Outcome<u64> {
    let keyspace = database.default_keyspace();
    let mut value = Vec::new();
    let mut number = 0;
    let started = Instant::now();
    loop {
        writer::value_into(number, &mut value);
        match keyspace.get(writer::key(number))? {
            Some(found) if *found == *value => number += 1,
            Some(_) => return page.expect(false, "a record has the value that was written").map(|()| 0),
            None => break,
        }
    }
    page.measured("get, after a kill", number + 1, started.elapsed());
    page.expect(
        number >= acknowledged,
        &format!("record {number} of {acknowledged} acknowledged ones is there"),
    )?;
    let all = reading::count_all(database)?;
    page.expect(all == number, "there is nothing behind the first record that is missing")?;
    Ok(number)
}
