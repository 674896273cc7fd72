//! Reopening after a kill, which is also the proof that *os* rows survive one.
//!
//! The child starts a victim (this program again) that puts keys and says on its standard output how far it was
//! acknowledged. When enough is, the child kills it while it goes on writing, reopens the database on the clock, and
//! looks for every row that the victim had reported: a lost one fails the run.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::child::{Child, Task};
use crate::engine::{Engine, Outcome};
use crate::keys::{Key, fill_value, tag, tag_of};

/// The victim reports after each so many puts.
const REPORT_EVERY: u64 = 16;

/// The workload `recovery`, and its victim.
pub(super) fn run<E: Engine>(child: &Child<'_>) -> Outcome<()> {
    if child.task.victim {
        return write_until_killed::<E>(child);
    }
    let acknowledged = kill_at(child.task, child.keys)?;
    let started = Instant::now();
    let engine = child.open::<E>()?;
    let mut first = false;
    engine.get(Key::new(child.form.shape, 0).bytes(), |value| first = value.is_some())?;
    let seconds = started.elapsed().as_secs_f64();
    let mut lost = u64::from(!first);
    for number in 1..acknowledged {
        let mut right = false;
        engine.get(Key::new(child.form.shape, number).bytes(), |value| {
            right = value
                .is_some_and(|value| value.len() == child.form.value_bytes && tag_of(value) == tag(number));
        })?;
        lost += u64::from(!right);
    }
    if lost > 0 {
        return Err(format!("{lost} of {acknowledged} acknowledged rows were lost by a kill").into());
    }
    child.row("reopen", seconds * 1e3)?;
    child.row("survivors", acknowledged as f64)
}

/// Puts keys in order of their numbers until somebody ends this process.
fn write_until_killed<E: Engine>(child: &Child<'_>) -> Outcome<()> {
    let engine = child.open::<E>()?;
    let mut out = std::io::stdout().lock();
    let mut value = vec![0; child.form.value_bytes];
    for number in 0.. {
        fill_value(number, 0, child.form.compressible, &mut value);
        engine.put(Key::new(child.form.shape, number).bytes(), &value)?;
        if (number + 1) % REPORT_EVERY == 0 {
            out.write_all(&(number + 1).to_le_bytes())?;
            out.flush()?;
        }
    }
    Ok(())
}

/// Starts the victim, kills it once `enough` puts were acknowledged, and tells how many were in the end.
fn kill_at(task: &Task, enough: u64) -> Outcome<u64> {
    let victim = Task { victim: true, ..task.clone() };
    let mut process = Command::new(std::env::current_exe()?)
        .arg("--child")
        .arg(serde_json::to_string(&victim)?)
        .stdout(Stdio::piped())
        .spawn()?;
    let mut reports = process.stdout.take().ok_or("the victim has no output")?;
    let (mut acknowledged, mut killed) = (0, false);
    let mut report = [0; 8];
    // What the victim reported before it died is read to the end.
    while reports.read_exact(&mut report).is_ok() {
        acknowledged = u64::from_le_bytes(report);
        if acknowledged >= enough && !killed {
            process.kill()?;
            killed = true;
        }
    }
    process.wait()?;
    if killed {
        Ok(acknowledged)
    } else {
        Err(format!("the victim died by itself after {acknowledged} puts").into())
    }
}
