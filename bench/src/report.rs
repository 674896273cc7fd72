//! What a result file says: a markdown table of figures, one of ratios with targets, and plots.
//!
//! Everything here is drawn from the rows alone, so that `--report` can do it again later.

mod plot;
mod rows;
mod statistics;
mod table;

use std::path::Path;

use crate::engine::Outcome;
use crate::row::Row;

/// Writes tables and plots beside the result file, and prints the tables.
pub fn write(results: &Path, rows: &[Row]) -> Outcome<()> {
    if rows.is_empty() {
        return Err(format!("{} has no rows", results.display()).into());
    }
    let text = table::all(rows);
    std::fs::write(results.with_extension("md"), &text)?;
    print!("{text}");
    for file in plot::all(results, rows)? {
        eprintln!("drew {}", file.display());
    }
    Ok(())
}
