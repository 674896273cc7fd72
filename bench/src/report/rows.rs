//! Which rows tables show, in which order and unit, and what is to be reached in them.

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Operations or entries per second: more is better.
    PerSecond,
    /// Microseconds: less is better, as of the rest.
    Micros,
    /// Milliseconds.
    Millis,
    /// Times the user's bytes.
    Times,
    /// Mebibytes.
    Mib,
}

/// Against whom a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// RocksDB.
    RocksDb,
    /// LMDB.
    Lmdb,
    /// The best of all peers.
    Best,
    /// The best of the peers whose acknowledged writes survive a kill.
    BestWithLog,
    /// Our own figure with plain keys.
    PlainKeys,
}

/// A ratio to reach: at least where more is better, at most where less is.
#[derive(Clone, Copy, Debug)]
pub struct Target(pub Against, pub f64);

/// One row of the tables.
pub struct Spec {
    /// The workload that measures it.
    pub workload: &'static str,
    /// Its name there.
    pub row: &'static str,
    /// What it is called in tables.
    pub title: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// What is to be reached.
    pub targets: &'static [Target],
}

use Against::{Best, BestWithLog, Lmdb, PlainKeys, RocksDb};
use Unit::{Mib, Micros, Millis, PerSecond, Times};

macro_rules! specs {
    ($($workload:literal $row:literal $title:literal $unit:ident [$($against:ident $factor:literal),*];)*) => {
        /// All rows of the tables.
        pub const ALL: &[Spec] = &[
            $(Spec {
                workload: $workload,
                row: $row,
                title: $title,
                unit: $unit,
                targets: &[$(Target($against, $factor)),*],
            },)*
        ];
    };
}

specs! {
    "read" "fillrandom" "fillrandom" PerSecond [RocksDb 4.0, BestWithLog 2.0, Best 1.0];
    "read" "fillrandom settled" "fillrandom, settled" PerSecond [RocksDb 2.0];
    "fill" "fillrandom 2t" "fillrandom, 2 threads" PerSecond [];
    "fill" "fillseq" "fillseq" PerSecond [RocksDb 4.0, Best 1.0];
    "fill" "fillseq settled" "fillseq, settled" PerSecond [];
    "batch" "batch100" "batches of 100" PerSecond [RocksDb 4.0, Best 2.0];
    "overwrite" "overwrite" "overwrite" PerSecond [RocksDb 4.0, Best 1.0];
    "overwrite" "delete" "delete" PerSecond [RocksDb 4.0, Best 1.0];
    "read" "readrandom" "readrandom" PerSecond [RocksDb 5.0, Lmdb 1.3];
    "read" "readrandom 2t" "readrandom, 2 threads" PerSecond [RocksDb 5.0, Lmdb 1.3];
    "read" "readmissing" "readmissing" PerSecond [RocksDb 10.0, Best 5.0];
    "read" "readmissing 2t" "readmissing, 2 threads" PerSecond [];
    "read" "readzipfian" "read zipfian" PerSecond [RocksDb 5.0, Lmdb 1.3];
    "read" "readzipfian 2t" "read zipfian, 2 threads" PerSecond [];
    "read" "scan forward" "scan forward, entries" PerSecond [RocksDb 4.0, Lmdb 1.3];
    "read" "scan reverse" "scan reverse, entries" PerSecond [RocksDb 6.0, Lmdb 1.3];
    "ycsb" "ycsb a" "YCSB A" PerSecond [RocksDb 4.0, Best 1.5];
    "ycsb" "ycsb a 2t" "YCSB A, 2 threads" PerSecond [RocksDb 4.0, Best 1.5];
    "ycsb" "ycsb b" "YCSB B" PerSecond [RocksDb 4.0, Best 1.5];
    "ycsb" "ycsb b 2t" "YCSB B, 2 threads" PerSecond [RocksDb 4.0, Best 1.5];
    "ycsb" "ycsb c" "YCSB C" PerSecond [RocksDb 4.0, Lmdb 1.0];
    "ycsb" "ycsb c 2t" "YCSB C, 2 threads" PerSecond [RocksDb 4.0, Lmdb 1.0];
    "ycsb" "ycsb d" "YCSB D" PerSecond [RocksDb 4.0, Lmdb 1.0];
    "ycsb" "ycsb e" "YCSB E" PerSecond [RocksDb 4.0, Lmdb 1.0];
    "ycsb" "ycsb e 2t" "YCSB E, 2 threads" PerSecond [];
    "ycsb" "ycsb f" "YCSB F" PerSecond [RocksDb 4.0, Best 1.5];
    "ycsb" "ycsb f 2t" "YCSB F, 2 threads" PerSecond [RocksDb 4.0, Best 1.5];
    "cache32" "readrandom" "readrandom, cache 32 MiB" PerSecond [RocksDb 2.0];
    "cache32" "readrandom 2t" "readrandom, cache 32 MiB, 2 threads" PerSecond [];
    "sync" "sync put" "sync put" PerSecond [RocksDb 1.3, Best 1.1];
    "sync" "sync put 8t" "sync put, 8 threads" PerSecond [RocksDb 1.3, Best 1.1];
    "values1000" "fillrandom" "1,000 B values: fillrandom" PerSecond [];
    "values1000" "fillrandom settled" "1,000 B values: fillrandom, settled" PerSecond [];
    "values1000" "readrandom" "1,000 B values: readrandom" PerSecond [];
    "values1000" "ycsb a" "1,000 B values: YCSB A" PerSecond [];
    "values16k" "fillrandom" "16 KiB values: fillrandom" PerSecond [RocksDb 3.0, Best 1.0];
    "values16k" "fillrandom settled" "16 KiB values: fillrandom, settled" PerSecond [];
    "values16k" "readrandom" "16 KiB values: readrandom" PerSecond [RocksDb 3.0, Best 1.0];
    "values16k" "ycsb a" "16 KiB values: YCSB A" PerSecond [RocksDb 3.0, Best 1.0];
    "lz4" "fillrandom" "lz4: fillrandom" PerSecond [];
    "lz4" "fillrandom settled" "lz4: fillrandom, settled" PerSecond [];
    "lz4" "readrandom" "lz4: readrandom" PerSecond [];
    "lz4" "fillrandom disk" "lz4: disk, settled" Times [];
    "group3" "fillrandom" "groups of 3: fillrandom" PerSecond [PlainKeys 0.6];
    "group3" "readrandom" "groups of 3: readrandom" PerSecond [PlainKeys 0.6];
    "group3" "readmissing" "groups of 3: readmissing" PerSecond [PlainKeys 0.6];
    "group3" "readzipfian" "groups of 3: read zipfian" PerSecond [PlainKeys 0.6];
    "group3" "scan forward" "groups of 3: scan forward" PerSecond [PlainKeys 0.6];
    "group3" "scan reverse" "groups of 3: scan reverse" PerSecond [PlainKeys 0.6];
    "group10" "fillrandom" "groups of 10: fillrandom" PerSecond [PlainKeys 0.6];
    "group10" "readrandom" "groups of 10: readrandom" PerSecond [PlainKeys 0.6];
    "group10" "readmissing" "groups of 10: readmissing" PerSecond [PlainKeys 0.6];
    "group10" "readzipfian" "groups of 10: read zipfian" PerSecond [PlainKeys 0.6];
    "group10" "scan forward" "groups of 10: scan forward" PerSecond [PlainKeys 0.6];
    "group10" "scan reverse" "groups of 10: scan reverse" PerSecond [PlainKeys 0.6];
    "group40" "fillrandom" "groups of 40: fillrandom" PerSecond [PlainKeys 0.6, Lmdb 1.0];
    "group40" "readrandom" "groups of 40: readrandom" PerSecond [PlainKeys 0.6, Lmdb 1.0];
    "group40" "readmissing" "groups of 40: readmissing" PerSecond [PlainKeys 0.6, Lmdb 1.0];
    "group40" "readzipfian" "groups of 40: read zipfian" PerSecond [PlainKeys 0.6, Lmdb 1.0];
    "group40" "scan forward" "groups of 40: scan forward" PerSecond [PlainKeys 0.6, Lmdb 1.0];
    "group40" "scan reverse" "groups of 40: scan reverse" PerSecond [PlainKeys 0.6, Lmdb 1.0];
    "sustained" "sustained" "puts, sustained" PerSecond [];
    "sustained" "put p50" "put p50, sustained, µs" Micros [];
    "sustained" "put p99" "put p99, sustained, µs" Micros [];
    "sustained" "put p99.9" "put p99.9, sustained, µs" Micros [RocksDb 0.25];
    "sustained" "put longest" "longest put, sustained, µs" Micros [];
    "read" "read p50" "warm read p50, µs" Micros [];
    "read" "read p99" "warm read p99, µs" Micros [];
    "read" "read p99.9" "warm read p99.9, µs" Micros [];
    "sync" "sync put p99" "sync put p99, µs" Micros [];
    "recovery" "reopen" "reopen after a kill, ms" Millis [RocksDb 0.1];
    "read" "fillrandom written" "bytes written ÷ user bytes, settled" Times [RocksDb 0.8];
    "read" "fillrandom disk" "disk ÷ user bytes, settled" Times [RocksDb 1.0];
    "read" "peak anonymous" "peak anonymous memory, MiB (reads)" Mib [RocksDb 1.0];
    "read" "peak file-backed" "peak file-backed memory, MiB (reads)" Mib [];
    "ycsb" "peak anonymous" "peak anonymous memory, MiB (YCSB)" Mib [RocksDb 1.0];
}
