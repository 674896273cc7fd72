//! One adapter per engine, and the list of them.
//!
//! An engine is a Cargo feature, a file here, and a line in the list below.

use std::ops::Deref;

use crate::child::{Task, run};
use crate::engine::{Engine as _, Facts, Failure, Outcome};

#[allow(dead_code, reason = "a build may have none of the engines that need it")]
mod quiet;

macro_rules! engines {
    ($($feature:literal $module:ident $type:ident,)*) => {
        $(#[cfg(feature = $feature)] mod $module;)*

        /// All engines that there are adapters for, ours first.
        pub const KNOWN: &[&str] = &[$($feature),*];

        /// The engines of this build, ours first.
        pub fn built() -> Vec<&'static str> {
            vec![$(#[cfg(feature = $feature)] $feature),*]
        }

        /// Runs a task with the engine that it names.
        pub fn run_task(task: &Task) -> Outcome<()> {
            match task.engine.as_str() {
                $(#[cfg(feature = $feature)] $feature => run::<$module::$type>(task),)*
                other => Err(refusal(other).into()),
            }
        }

        /// What an engine of this build can do.
        pub fn facts(engine: &str) -> Option<Facts> {
            match engine {
                $(#[cfg(feature = $feature)] $feature => Some($module::$type::FACTS),)*
                _ => None,
            }
        }
    };
}

engines! {
    "esker" esker Esker,
    "rocksdb" rocksdb RocksDb,
    "heed" heed Heed,
    "fjall" fjall Fjall,
    "redb" redb Redb,
    "coordinode" coordinode Coordinode,
    "lsm-db" lsm_db LsmDb,
    "surrealkv" surrealkv SurrealKv,
    "canopydb" canopydb Canopydb,
    "sled" sled Sled,
}

/// Shows the pairs of an iterator that may fail, as most engines have it.
#[allow(dead_code, reason = "a build may have none of the engines that need it")]
#[inline]
fn show_pairs<K: Deref<Target = [u8]>, V: Deref<Target = [u8]>, E: Into<Failure>>(
    pairs: impl Iterator<Item = Result<(K, V), E>>,
    mut show: impl FnMut(&[u8], &[u8]),
) -> Outcome<()> {
    for pair in pairs {
        let (key, value) = pair.map_err(Into::into)?;
        show(&key, &value);
    }
    Ok(())
}

/// Why an engine cannot be run.
pub fn refusal(engine: &str) -> String {
    if KNOWN.contains(&engine) {
        format!(
            "this build has no {engine}: build with `--features {engine}` (it has {})",
            built().join(", ")
        )
    } else {
        format!("no engine is called {engine}; there are {}", KNOWN.join(", "))
    }
}
