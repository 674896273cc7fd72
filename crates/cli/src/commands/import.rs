//! `esker import`: a file of rows into a keyspace.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::Path;
use std::time::Instant;

use crate::args::ImportArgs;
use crate::failure::{Failure, Outcome};
use crate::human::{bytes, duration, plural, rate};
use crate::import::{Policy, import, unreadable};
use crate::progress::Progress;
use crate::rows;
use crate::rows::row::Layout;
use crate::store::Store;

/// Runs the command. The file is opened and its header read before a database is opened or created for it.
pub(crate) fn run(arguments: &ImportArgs, output: &mut dyn Write) -> Outcome {
    let format = crate::format::choose(arguments.format, &arguments.file)?;
    let layout = layout(arguments)?;
    let (input, total_bytes) = open(&arguments.file)?;
    let source = source_name(&arguments.file);
    let started = Instant::now();
    let progress = Progress::over_bytes(total_bytes);
    let input = BufReader::with_capacity(256 << 10, progress.watch(input));
    let rows = rows::reader(format, input, &layout).map_err(|error| unreadable(error, &source))?;

    let store = Store::open_or_create(&arguments.target, &arguments.creation)?;
    let policy = Policy { batch_rows: arguments.batch, skip_bad: arguments.skip_bad };
    let report = import(rows, &source, &store, policy, &progress)?;
    store.close()?;
    drop(progress);

    let time = started.elapsed();
    let left_out = match report.bad_rows {
        0 => String::new(),
        bad => format!(", {} left out", plural(bad, "bad row")),
    };
    writeln!(
        output,
        "{} ({}) imported in {}, {}{left_out}",
        plural(report.rows, "row"),
        bytes(report.bytes),
        duration(time),
        rate(report.rows, time),
    )?;
    Ok(())
}

fn layout(arguments: &ImportArgs) -> Outcome<Layout> {
    let delimiter = u8::try_from(arguments.delimiter)
        .ok()
        .filter(|byte| byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n'))
        .ok_or_else(|| Failure::usage(format!("{:?} cannot separate columns", arguments.delimiter)))?;
    Ok(Layout {
        key: arguments.key.clone(),
        value: arguments.value.clone(),
        columns: arguments.columns.clone(),
        delimiter,
        hex: arguments.hex,
    })
}

/// The input, and its length if it has one.
fn open(path: &Path) -> Outcome<(Box<dyn Read>, Option<u64>)> {
    if path == Path::new("-") {
        return Ok((Box::new(std::io::stdin().lock()), None));
    }
    let file = File::open(path).map_err(|error| Failure::io("read", path, &error))?;
    let metadata = file.metadata().map_err(|error| Failure::io("read", path, &error))?;
    if metadata.is_dir() {
        return Err(Failure::refused(format!("cannot read {}: it is a directory", path.display())));
    }
    Ok((Box::new(file), metadata.is_file().then_some(metadata.len())))
}

fn source_name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}
