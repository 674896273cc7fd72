//! Figures of a proof, one a line, aligned.

use std::time::Duration;

/// Prints `what` and `figure`.
pub(crate) fn line(what: &str, figure: &str) {
    println!("{what:<34} {figure:>14}");
}

/// Prints how many things a second.
pub(crate) fn rate(what: &str, count: u64, took: Duration) {
    let seconds = took.as_secs_f64().max(1e-9);
    line(what, &format!("{}/s", thousands(count as f64 / seconds)));
}

/// Prints bytes as MiB.
pub(crate) fn mebibytes(what: &str, bytes: u64) {
    line(what, &format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)));
}

/// Prints a time.
pub(crate) fn time(what: &str, took: Duration) {
    line(what, &format!("{:.3} s", took.as_secs_f64()));
}

fn thousands(value: f64) -> String {
    if value >= 1e6 { format!("{:.2} M", value / 1e6) } else { format!("{:.0} k", value / 1e3) }
}
