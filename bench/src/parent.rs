//! What the parent does: a child for each engine, workload and repetition, taking turns, and a line in the result file for
//! each row that one prints.
//!
//! The order is repetition, workload, engine: engines alternate within every workload, so that a machine that slows down
//! slows all of them. A child that fails, or does not end, is reported and does not end the run.

use std::fs;
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::args::{Arguments, Plan};
use crate::child::Task;
use crate::disk;
use crate::engine::Outcome;
use crate::engines;
use crate::results::{ELAPSED, Results, Run, Writer};
use crate::row::{Absence, EVERY_ROW, Reading, Row};
use crate::workload;

/// Bytes of a key and a value, roughly, for asking whether the disk has room.
const BYTES_A_KEY: u64 = 130;

/// Runs the plan, appending to the result file as it goes. Gives all results, and what failed.
pub fn run(arguments: &Arguments, plan: &Plan) -> Outcome<(Results, Vec<String>)> {
    let most_keys = plan.workloads.iter().map(|(_, keys)| *keys).max().unwrap_or(0);
    disk::check(&arguments.dir, most_keys * BYTES_A_KEY)?;
    if let Some(folder) = arguments.out.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let mut writer = Writer::open(&arguments.out, Run::new(arguments), arguments.resume)?;
    let mut failures = Vec::new();
    let all = plan.reps as usize * plan.workloads.len() * plan.engines.len();
    let mut at = 0;
    for repetition in 0..plan.reps {
        for (workload, keys) in &plan.workloads {
            for engine in &plan.engines {
                at += 1;
                let task = task(arguments, engine, workload, repetition, *keys);
                let (_, loaded) = workload::form(&task)?;
                if writer.results.has(engine, workload, repetition, loaded) {
                    continue;
                }
                if !is_possible(workload, engine) {
                    writer.append(vec![
                        absent(&task, loaded, Absence::Unsupported),
                        elapsed(&task, loaded, 0.0),
                    ])?;
                    continue;
                }
                eprint!("{at} of {all}: {workload}, {loaded} keys: {engine}");
                let started = Instant::now();
                match in_child(&task, Duration::from_secs(arguments.cell_seconds)) {
                    Ok(mut rows) => {
                        let seconds = started.elapsed().as_secs_f64();
                        eprintln!(": {seconds:.1} s");
                        rows.push(elapsed(&task, loaded, seconds));
                        writer.append(rows)?;
                    }
                    Err(error) => {
                        eprintln!(": failed: {error}");
                        failures.push(format!("{engine}, {workload}: {error}"));
                        // Without an end, so that a run that goes on tries again.
                        writer.append(vec![absent(&task, loaded, Absence::Failed)])?;
                    }
                }
            }
        }
    }
    Ok((writer.results, failures))
}

fn task(arguments: &Arguments, engine: &str, workload: &str, repetition: u32, keys: u64) -> Task {
    Task {
        engine: engine.to_owned(),
        workload: workload.to_owned(),
        repetition,
        keys,
        row_seconds: arguments.row_seconds(),
        load_seconds: arguments.load_seconds(),
        sustained_seconds: arguments.sustained_seconds(),
        cache_mib: arguments.cache_mib,
        folder: arguments.dir.join(format!("{engine}-{workload}-{}", std::process::id())),
        victim: false,
    }
}

/// A row of the parent's own.
fn row(task: &Task, keys: u64, row: &str, reading: Reading) -> Row {
    Row {
        engine: task.engine.clone(),
        workload: task.workload.clone(),
        row: row.to_owned(),
        repetition: task.repetition,
        keys,
        second: None,
        reading,
    }
}

fn absent(task: &Task, keys: u64, absence: Absence) -> Row {
    row(task, keys, EVERY_ROW, Reading::Absent(absence))
}

fn elapsed(task: &Task, keys: u64, seconds: f64) -> Row {
    row(task, keys, ELAPSED, Reading::Value(seconds))
}

fn is_possible(workload: &str, engine: &str) -> bool {
    engines::facts(engine).is_some_and(|facts| workload::is_possible(workload, facts))
}

/// One child in a fresh folder, which is removed whatever happens.
fn in_child(task: &Task, patience: Duration) -> Outcome<Vec<Row>> {
    if task.folder.exists() {
        fs::remove_dir_all(&task.folder)?;
    }
    fs::create_dir_all(&task.folder)?;
    let rows = rows_of_child(task, patience);
    fs::remove_dir_all(&task.folder)?;
    rows
}

/// What a child prints, if it ends well and in time.
fn rows_of_child(task: &Task, patience: Duration) -> Outcome<Vec<Row>> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg("--child")
        .arg(serde_json::to_string(task)?)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut output = child.stdout.take().ok_or("the child has no output")?;
    let (sender, receiver) = mpsc::channel();
    // It ends when the child's side of the pipe is closed.
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        let read = output.read_to_end(&mut text);
        let _nobody_waits_any_more = sender.send(read.map(|_| text));
    });
    let text = receiver.recv_timeout(patience);
    if text.is_err() {
        child.kill()?;
    }
    let status = child.wait()?;
    let _ended = reader.join();
    let text = text.map_err(|_| format!("it had not ended after {} s", patience.as_secs()))??;
    if !status.success() {
        return Err(format!("the child ended with {status}").into());
    }
    Ok(Results::parse(&text)?.rows)
}
