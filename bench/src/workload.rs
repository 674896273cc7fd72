//! The workloads: what each child does with its engine, the same for every engine.
//!
//! | file | workloads |
//! |---|---|
//! | [`load`] | putting keys in, and what that costs |
//! | [`reads`] | points and scans over settled, warm data |
//! | [`ycsb`] | the mixes of the Yahoo! Cloud Serving Benchmark |
//! | [`writes`] | fills, batches, overwrites, deletes, synced puts |
//! | [`sustained`] | how long puts take while a load goes on |
//! | [`recovery`] | reopening after a kill |

mod load;
mod reads;
mod recovery;
mod sustained;
mod writes;
mod ycsb;

use crate::child::{Child, Task};
use crate::engine::{Engine, Facts, Outcome, Synced};
use crate::keys::Shape;
use crate::stretch::Form;

/// A workload, as on the command line.
pub struct Workload {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub about: &'static str,
}

/// All workloads in the order that they run.
pub const ALL: &[Workload] = &[
    Workload {
        name: "read",
        about: "load at random, settle; random, missing, zipfian reads; scans; latencies; disk, memory",
    },
    Workload { name: "ycsb", about: "load, settle; YCSB C, E, B, A, F with one and two threads, D with one" },
    Workload { name: "fill", about: "load in order; load at random with two threads" },
    Workload { name: "batch", about: "load in batches of 100" },
    Workload { name: "overwrite", about: "load, settle; overwrite and delete at random" },
    Workload { name: "sync", about: "synced puts with one and eight threads" },
    Workload {
        name: "sustained",
        about: "puts at random for --sustained-seconds: how long each takes, second by second",
    },
    Workload {
        name: "recovery",
        about: "kill a loading process, time the reopening, look for every acknowledged row",
    },
    Workload { name: "cache32", about: "random reads with a cache of 32 MiB" },
    Workload { name: "lz4", about: "load and random reads of values that compress to half, with lz4" },
    Workload { name: "values1000", about: "values of 1,000 bytes: load, random reads, YCSB A" },
    Workload {
        name: "values16k",
        about: "values of 16 KiB, separated where the engine can: load, random reads, YCSB A",
    },
    Workload {
        name: "group3",
        about: "keys under long shared prefixes that tie in groups of 3: load, reads, scans",
    },
    Workload { name: "group10", about: "the same in groups of 10" },
    Workload { name: "group40", about: "the same in groups of 40" },
];

/// The workload of a scaling run: a load alone.
pub const SCALING: &str = "scaling";

/// How keys and values of a workload are made, and how many there are.
pub fn form(task: &Task) -> Outcome<(Form, u64)> {
    let keys = task.keys.max(1_000);
    let plain = Form { shape: Shape::User, value_bytes: 100, compressible: false };
    Ok(match task.workload.as_str() {
        "fill" => (Form { shape: Shape::Ordered, ..plain }, keys),
        "recovery" => (plain, keys / 5),
        "lz4" => (Form { compressible: true, ..plain }, keys),
        "values1000" => (Form { value_bytes: 1_000, ..plain }, keys / 8),
        "values16k" => (Form { value_bytes: 16 << 10, ..plain }, keys / 40),
        "group3" => (Form { shape: Shape::Grouped(3), ..plain }, keys),
        "group10" => (Form { shape: Shape::Grouped(10), ..plain }, keys),
        "group40" => (Form { shape: Shape::Grouped(40), ..plain }, keys),
        SCALING => (plain, keys),
        name if ALL.iter().any(|workload| workload.name == name) => (plain, keys),
        name => return Err(format!("no workload is called {name}").into()),
    })
}

/// Runs the workload of a child.
pub fn run<E: Engine>(child: &Child<'_>) -> Outcome<()> {
    match child.task.workload.as_str() {
        "read" => reads::all::<E>(child),
        "ycsb" => ycsb::all::<E>(child),
        "fill" => writes::fill::<E>(child),
        "batch" => writes::batch::<E>(child),
        "overwrite" => writes::overwrite::<E>(child),
        "sync" => writes::sync::<E>(child),
        "sustained" => sustained::run::<E>(child),
        "recovery" => recovery::run::<E>(child),
        "cache32" => reads::small_cache::<E>(child),
        "lz4" => reads::compressed::<E>(child),
        "values1000" => ycsb::long_values::<E>(child, false),
        "values16k" => ycsb::long_values::<E>(child, true),
        SCALING => load::alone::<E>(child),
        _ => reads::points_and_scans::<E>(child),
    }
}

/// Whether an engine can do a workload at all; otherwise its rows are dashes.
pub fn is_possible(workload: &str, facts: Facts) -> bool {
    match workload {
        "sync" => facts.sync != Synced::Nowhere,
        "lz4" => facts.lz4,
        "recovery" => facts.os,
        _ => true,
    }
}
