//! What the parent does: a child for each engine, workload and repetition, taking turns, and a line in the result file for
//! each row that one prints.
//!
//! The order is repetition, workload, engine: engines alternate within every workload, so that a machine that slows down
//! slows all of them. A child that fails is reported and does not end the run.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::args::{Arguments, Plan};
use crate::child::Task;
use crate::disk;
use crate::engine::Outcome;
use crate::engines;
use crate::row::Row;
use crate::workload;

/// Bytes of a key and a value, roughly, for asking whether the disk has room.
const BYTES_A_KEY: u64 = 130;

/// Runs the plan, appending to the result file as it goes. Gives all rows, and what failed.
pub fn run(arguments: &Arguments, plan: &Plan) -> Outcome<(Vec<Row>, Vec<String>)> {
    let most_keys = plan.workloads.iter().map(|(_, keys)| *keys).max().unwrap_or(0);
    disk::check(&arguments.dir, most_keys * BYTES_A_KEY)?;
    if let Some(folder) = arguments.out.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let mut file = fs::File::create(&arguments.out)
        .map_err(|error| format!("cannot write {}: {error}", arguments.out.display()))?;
    let (mut rows, mut failures) = (Vec::new(), Vec::new());
    for repetition in 0..plan.reps {
        for (workload, keys) in &plan.workloads {
            for engine in plan.engines.iter().filter(|engine| is_possible(workload, engine)) {
                eprintln!("{} of {}: {workload}, {keys} keys: {engine}", repetition + 1, plan.reps);
                let task = Task {
                    engine: engine.clone(),
                    workload: workload.clone(),
                    repetition,
                    keys: *keys,
                    row_seconds: arguments.row_seconds,
                    cache_mib: arguments.cache_mib,
                    folder: arguments.dir.join(format!("{engine}-{workload}-{}", std::process::id())),
                    victim: false,
                };
                match in_child(&task) {
                    Ok(measured) => {
                        for row in &measured {
                            writeln!(file, "{}", serde_json::to_string(row)?)?;
                        }
                        rows.extend(measured);
                    }
                    Err(error) => {
                        let failure = format!("{engine}, {workload}: {error}");
                        eprintln!("  failed: {failure}");
                        failures.push(failure);
                    }
                }
            }
        }
    }
    Ok((rows, failures))
}

fn is_possible(workload: &str, engine: &str) -> bool {
    engines::facts(engine).is_some_and(|facts| workload::is_possible(workload, facts))
}

/// One child in a fresh folder, which is removed whatever happens.
fn in_child(task: &Task) -> Outcome<Vec<Row>> {
    if task.folder.exists() {
        fs::remove_dir_all(&task.folder)?;
    }
    fs::create_dir_all(&task.folder)?;
    let output = Command::new(std::env::current_exe()?)
        .arg("--child")
        .arg(serde_json::to_string(task)?)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output();
    fs::remove_dir_all(&task.folder)?;
    let output = output?;
    if !output.status.success() {
        return Err(format!("the child ended with {}", output.status).into());
    }
    parse(&output.stdout)
}

/// The rows of a result file or of a child's output.
pub fn parse(text: &[u8]) -> Outcome<Vec<Row>> {
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    Ok(lines.map(serde_json::from_slice).collect::<Result<_, _>>()?)
}

/// Reads a result file.
pub fn read(path: &Path) -> Outcome<Vec<Row>> {
    let text = fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    parse(&text).map_err(|error| format!("{} is no result file: {error}", path.display()).into())
}
