//! What a result file says: a markdown table of figures, one of ratios with targets, and plots.
//!
//! Everything here is drawn from the rows alone, so that `--report` can do it again later.

mod plot;
mod rows;
mod statistics;
mod table;

use std::path::Path;

use crate::engine::Outcome;
use crate::results::Results;

/// Writes tables and plots beside the result file, and prints the tables.
pub fn write(file: &Path, results: &Results) -> Outcome<()> {
    if results.rows.is_empty() {
        return Err(format!("{} has no rows", file.display()).into());
    }
    let text = table::all(results);
    std::fs::write(file.with_extension("md"), &text)?;
    print!("{text}");
    for file in plot::all(file, results)? {
        eprintln!("drew {}", file.display());
    }
    Ok(())
}
