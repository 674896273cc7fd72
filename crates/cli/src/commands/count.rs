//! `esker count`: how many keys a range holds.

use std::io::Write;

use crate::args::CountArgs;
use crate::failure::Outcome;
use crate::range::KeyRange;
use crate::store::Store;

/// Runs the command. Counting walks the range: what is deleted or overwritten does not count.
pub(crate) fn run(arguments: CountArgs, output: &mut dyn Write) -> Outcome {
    let range = KeyRange::parse(arguments.range, arguments.notation.notation())?;
    let store = Store::open(&arguments.target)?;
    let mut entries = store.keyspace.scan(range);
    let limit = arguments.limit.unwrap_or(u64::MAX);
    let mut count = 0_u64;
    while count < limit {
        let Some(entry) = entries.next() else { break };
        entry?;
        count += 1;
    }
    writeln!(output, "{count}")?;
    Ok(())
}
