//! `esker scan`: keys and values in order, a line each.

use std::io::Write;

use crate::args::ScanArgs;
use crate::failure::Outcome;
use crate::range::KeyRange;
use crate::store::Store;

/// Runs the command.
pub(crate) fn run(arguments: ScanArgs, output: &mut dyn Write) -> Outcome {
    let notation = arguments.notation.notation();
    let range = KeyRange::parse(arguments.range, notation)?;
    let store = Store::open(&arguments.target)?;
    let mut entries = store.keyspace.scan(range);
    let mut line = String::new();
    for _ in 0..arguments.limit.unwrap_or(u64::MAX) {
        let entry = if arguments.reverse { entries.next_back() } else { entries.next() };
        let Some(entry) = entry else { break };
        let (key, value) = entry?;
        line.clear();
        notation.show_into(&key, &mut line);
        if !arguments.keys_only {
            line.push('\t');
            notation.show_into(&value, &mut line);
        }
        line.push('\n');
        output.write_all(line.as_bytes())?;
    }
    Ok(())
}
