//! Medians per engine and a markdown table with ratios.

use std::fmt::Write as _;

use crate::workload::Figures;

struct Row {
    name: &'static str,
    unit: &'static str,
    more_is_better: bool,
    of: fn(&Figures) -> f64,
}

const ROWS: [Row; 8] = [
    Row { name: "random load, until written", unit: "puts/s", more_is_better: true, of: |f| f.load_per_s },
    Row {
        name: "random load, until settled",
        unit: "puts/s",
        more_is_better: true,
        of: |f| f.load_settled_per_s,
    },
    Row { name: "random reads, in cache", unit: "gets/s", more_is_better: true, of: |f| f.read_per_s },
    Row { name: "full scan forward", unit: "entries/s", more_is_better: true, of: |f| f.scan_per_s },
    Row { name: "longest put", unit: "ms", more_is_better: false, of: |f| f.longest_put_ms },
    Row {
        name: "bytes written / user bytes",
        unit: "x",
        more_is_better: false,
        of: |f| f.write_amplification,
    },
    Row { name: "disk, settled", unit: "MiB", more_is_better: false, of: |f| f.disk_mib },
    Row { name: "peak anonymous memory", unit: "MiB", more_is_better: false, of: |f| f.peak_anon_mib },
];

/// The table: one column per engine, then how the first compares with each other one.
pub fn table(engines: &[&str], figures: &[Figures]) -> String {
    let mut text = String::from("| |");
    for engine in engines {
        let _infallible = write!(text, " {engine} |");
    }
    for peer in engines.iter().skip(1) {
        let _infallible = write!(text, " {} : {peer} |", engines[0]);
    }
    let columns = engines.len() * 2 - 1;
    let _infallible = writeln!(text, "\n|---|{}", "--:|".repeat(columns));
    for row in &ROWS {
        let medians: Vec<f64> = engines.iter().map(|engine| median(figures, engine, row.of)).collect();
        let _infallible = write!(text, "| {}, {} |", row.name, row.unit);
        for value in &medians {
            let _infallible = write!(text, " {} |", number(*value));
        }
        for peer in medians.iter().skip(1) {
            let note = if row.more_is_better == (medians[0] >= *peer) { "" } else { " (worse)" };
            let _infallible = write!(text, " {:.2}×{note} |", medians[0] / peer);
        }
        text.push('\n');
    }
    text
}

fn median(figures: &[Figures], engine: &str, of: fn(&Figures) -> f64) -> f64 {
    let mut values: Vec<f64> = figures.iter().filter(|figure| figure.engine == engine).map(of).collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        length if length % 2 == 0 => f64::midpoint(values[middle - 1], values[middle]),
        _ => values[middle],
    }
}

fn number(value: f64) -> String {
    if value >= 1e6 {
        format!("{:.2}M", value / 1e6)
    } else if value >= 1e4 {
        format!("{:.0}k", value / 1e3)
    } else if value >= 100.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}
