//! The markdown tables: figures with an engine a column, then our ratio to each peer, beside what is to be reached.

use std::fmt::Write as _;

use crate::report::rows::{self, Against, Spec, Target, Unit};
use crate::report::statistics::Medians;
use crate::results::Results;
use crate::row::Absence;
use crate::workload::SCALING;

/// The engine that is compared with the others.
const OURS: &str = "esker";

/// The row that a scaling run is about.
pub const SCALED: &str = "fillrandom settled";
/// Behind a figure of a synced write that only its device's cache has.
const WEAK: &str = " †";
/// Behind a figure that is of less than there was to do.
const CUT: &str = " ‡";

/// Both tables and the notes.
pub fn all(results: &Results) -> String {
    let medians = Medians::new(results);
    let mut text = String::new();
    if let Some(run) = &results.run {
        let _infallible = writeln!(text, "`{}` on {}.\n", run.command, run.machine);
    }
    let _infallible =
        writeln!(text, "Medians of {}; per second unless a unit is given.\n", medians.repetitions());
    let has_rows = present(&medians).next().is_some();
    if has_rows {
        text += &figures(&medians);
    }
    text += &scaling(&medians);
    if has_rows && medians.engines().len() > 1 && medians.engines().contains(&OURS) {
        text += "\nRatios of esker to each peer; **bold** where a target is missed.\n\n";
        text += &ratios(&medians);
    }
    if text.contains(CUT) {
        text += "\n‡ time was up first; the figure is of what was done until then.\n";
    }
    for engine in medians.engines() {
        if let Some(promise) = medians.promise(engine).filter(|promise| !promise.note.is_empty()) {
            let mark = if promise.os { "" } else { " †" };
            let _infallible = write!(text, "\n{engine}{mark}: {}.\n", promise.note);
        }
    }
    text
}

/// The rows that some engine has a figure in.
fn present<'a>(medians: &'a Medians<'_>) -> impl Iterator<Item = &'static Spec> + 'a {
    rows::ALL.iter().filter(|spec| {
        medians.engines().iter().any(|engine| medians.of(engine, spec.workload, spec.row).is_some())
    })
}

fn figures(medians: &Medians<'_>) -> String {
    let mut text = String::from("| |");
    for engine in medians.engines() {
        let mark = if is_marked(medians, engine) { " †" } else { "" };
        let _infallible = write!(text, " {engine}{mark} |");
    }
    let _infallible = writeln!(text, "\n|---|{}", "--:|".repeat(medians.engines().len()));
    for spec in present(medians) {
        let _infallible = write!(text, "| {} |", spec.title);
        for engine in medians.engines() {
            let _infallible = write!(text, " {} |", cell(medians, engine, spec));
        }
        text.push('\n');
    }
    text
}

/// Loads until settled over the number of keys, an engine a line; nothing where there are none.
fn scaling(medians: &Medians<'_>) -> String {
    let sizes = medians.keys_of(SCALING);
    if sizes.is_empty() {
        return String::new();
    }
    let mut text = String::from("\nRandom load until settled, puts per second, by millions of keys.\n\n| |");
    for keys in &sizes {
        let _infallible = write!(text, " {} |", *keys as f64 / 1e6);
    }
    let _infallible = writeln!(text, "\n|---|{}", "--:|".repeat(sizes.len()));
    for engine in medians.engines() {
        let _infallible = write!(text, "| {engine} |");
        for keys in &sizes {
            let cell = match medians.at(engine, SCALING, SCALED, *keys) {
                Some(value) => figure(value, Unit::PerSecond),
                None if medians.cut_at(engine, SCALING, SCALED, *keys) => "not in time".to_owned(),
                None => "–".to_owned(),
            };
            let _infallible = write!(text, " {cell} |");
        }
        text.push('\n');
    }
    text
}

/// A figure with what has to be known about it.
pub fn marked(medians: &Medians<'_>, engine: &str, spec: &Spec, value: f64) -> String {
    let weak = if is_weakly_synced(medians, engine, spec) { WEAK } else { "" };
    let cut = if medians.is_cut(engine, spec.workload, spec.row) { CUT } else { "" };
    figure(value, spec.unit) + weak + cut
}

/// The figure of an engine, or why there is none.
fn cell(medians: &Medians<'_>, engine: &str, spec: &Spec) -> String {
    match medians.of(engine, spec.workload, spec.row) {
        Some(value) => marked(medians, engine, spec, value),
        None => match medians.absence(engine, spec.workload) {
            Some(Absence::Unsupported) => "not supported".to_owned(),
            Some(Absence::Failed) => "failed".to_owned(),
            None => "–".to_owned(),
        },
    }
}

/// Whether an engine's *os* rows promise less than they should.
fn is_marked(medians: &Medians<'_>, engine: &str) -> bool {
    medians.promise(engine).is_some_and(|promise| !promise.os)
}

/// Whether a row is of synced writes that an engine does not take as far as the others.
fn is_weakly_synced(medians: &Medians<'_>, engine: &str, spec: &Spec) -> bool {
    spec.workload == "sync" && medians.promise(engine).is_some_and(|promise| !promise.device)
}

fn ratios(medians: &Medians<'_>) -> String {
    let peers: Vec<&str> = medians.engines().iter().copied().filter(|engine| *engine != OURS).collect();
    let mut text = String::from("| |");
    for peer in &peers {
        let _infallible = write!(text, " ÷ {peer} |");
    }
    let _infallible = writeln!(text, " target |\n|---|{}---|", "--:|".repeat(peers.len()));
    for spec in present(medians) {
        let Some(ours) = medians.of(OURS, spec.workload, spec.row) else { continue };
        let _infallible = write!(text, "| {} |", spec.title);
        for peer in &peers {
            let theirs = medians.of(peer, spec.workload, spec.row);
            let _infallible =
                write!(text, " {} |", theirs.map_or("–".to_owned(), |theirs| times(ours / theirs)));
        }
        let targets: Vec<String> =
            spec.targets.iter().filter_map(|target| judge(medians, spec, *target, ours, &peers)).collect();
        let _infallible = writeln!(text, " {} |", targets.join(", "));
    }
    text
}

/// What a target asks, what there is, and whether that is enough; `None` without the peer.
fn judge(medians: &Medians<'_>, spec: &Spec, target: Target, ours: f64, peers: &[&str]) -> Option<String> {
    let more = spec.unit == Unit::PerSecond;
    let of = |engine: &str| medians.of(engine, spec.workload, spec.row);
    let best_of = |peers: &mut dyn Iterator<Item = &&str>| {
        peers.filter_map(|peer| of(peer)).reduce(if more { f64::max } else { f64::min })
    };
    let Target(against, factor) = target;
    let (name, theirs) = match against {
        Against::RocksDb => ("RocksDB", of("rocksdb")?),
        Against::Lmdb => ("LMDB", of("heed")?),
        Against::Best => {
            ("best", best_of(&mut peers.iter().filter(|peer| !is_weakly_synced(medians, peer, spec)))?)
        }
        Against::BestWithLog => {
            ("best durable", best_of(&mut peers.iter().filter(|peer| !is_marked(medians, peer)))?)
        }
        Against::PlainKeys => ("own plain keys", medians.of(OURS, "read", spec.row)?),
    };
    let ratio = ours / theirs;
    let reached = if more { ratio >= factor } else { ratio <= factor };
    let sign = if more { '≥' } else { '≤' };
    Some(if reached {
        format!("{sign} {factor} × {name}: {}", times(ratio))
    } else {
        format!("**{sign} {factor} × {name}: {}**", times(ratio))
    })
}

fn times(ratio: f64) -> String {
    if ratio >= 20.0 { format!("{ratio:.0}") } else { format!("{ratio:.2}") }
}

/// A figure as a person reads it.
pub fn figure(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Times => format!("{value:.2}"),
        Unit::Mib | Unit::Millis if value >= 10.0 => format!("{value:.0}"),
        Unit::PerSecond if value >= 1e6 => format!("{:.2}M", value / 1e6),
        Unit::PerSecond if value >= 1e4 => format!("{:.0}k", value / 1e3),
        Unit::PerSecond if value >= 1e3 => format!("{:.1}k", value / 1e3),
        Unit::PerSecond => format!("{value:.0}"),
        _ if value >= 100.0 => format!("{value:.0}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests;
