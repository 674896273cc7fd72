//! The plots: throughput as bars, latencies as curves, load throughput over the number of keys. Each engine has one colour
//! in all of them.

mod bars;
mod curves;

use std::path::{Path, PathBuf};

use plotters::style::RGBColor;

use crate::engine::Outcome;
use crate::report::statistics::Medians;
use crate::results::Results;

/// Letters of all plots.
const FONT: &str = "sans-serif";

/// Draws every plot that the results have figures for, beside the result file `file`; gives the files.
pub fn all(file: &Path, results: &Results) -> Outcome<Vec<PathBuf>> {
    let medians = Medians::new(results);
    let stem = file.file_stem().map_or_else(|| "results".into(), |stem| stem.to_string_lossy());
    let mut drawn = Vec::new();
    let mut keep = |name: &str, draw: &dyn Fn(&Path) -> Outcome<bool>| -> Outcome<()> {
        let file = file.with_file_name(format!("{stem}-{name}.svg"));
        if draw(&file)? {
            drawn.push(file);
        }
        Ok(())
    };
    keep("throughput", &|file| bars::draw(file, &medians))?;
    keep("put-latency", &|file| curves::latencies(file, &medians, "sustained", "put"))?;
    keep("read-latency", &|file| curves::latencies(file, &medians, "read", "read"))?;
    keep("sustained-p99.9", &|file| curves::over_time(file, &medians, "put p99.9", "p99.9 of puts"))?;
    keep("sustained-longest", &|file| curves::over_time(file, &medians, "put longest", "Longest put"))?;
    keep("scaling", &|file| curves::scaling(file, &medians))?;
    Ok(drawn)
}

/// The colour of an engine: ours strong, the others apart from each other.
fn colour(engine: &str) -> RGBColor {
    match engine {
        "esker" => RGBColor(0xC2, 0x41, 0x0C),
        "rocksdb" => RGBColor(0x1F, 0x4E, 0x79),
        "heed" => RGBColor(0x2E, 0x7D, 0x32),
        "fjall" => RGBColor(0x5B, 0x9B, 0xD5),
        "redb" => RGBColor(0xB0, 0x3A, 0x6B),
        "coordinode" => RGBColor(0x80, 0x60, 0xA8),
        "lsm-db" => RGBColor(0x8D, 0x6E, 0x63),
        "surrealkv" => RGBColor(0xE0, 0x9F, 0x1F),
        "canopydb" => RGBColor(0x2A, 0x9D, 0x8F),
        _ => RGBColor(0x75, 0x75, 0x75),
    }
}
