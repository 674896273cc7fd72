//! Which format of rows a file has.

use std::path::Path;

use crate::args::Format;
use crate::failure::{Failure, Outcome};

/// The format that the caller named, or the one that the ending of `path` tells.
pub(crate) fn choose(named: Option<Format>, path: &Path) -> Outcome<Format> {
    if let Some(format) = named {
        return Ok(format);
    }
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    match ending.to_ascii_lowercase().as_str() {
        "csv" => Ok(Format::Csv),
        "tsv" | "tab" => Ok(Format::Tsv),
        "jsonl" | "ndjson" => Ok(Format::Jsonl),
        _ => Err(Failure::usage(format!(
            "the format of {} is not clear from its name: add --format csv, tsv or jsonl",
            if path == Path::new("-") { "a pipe".into() } else { path.display().to_string() },
        ))),
    }
}
