//! A store with a log of its own over `esker_tree`: counts how often it was run, and survives being killed at any moment.
//!
//! ```text
//! cargo run -p esker-tree --example own_log -- /tmp/counts
//! ```

mod store;

use std::path::PathBuf;
use std::sync::Arc;

use esker_env::clock::{Clock, SystemClock};
use esker_env::fs::SharedFs;
use esker_env::os::OsFs;

use crate::store::{Result, Store};

fn main() -> Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from).ok_or("usage: own_log FOLDER")?;
    let fs: SharedFs = Arc::new(OsFs::new());
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let store = Store::open(&fs, &clock, &folder)?;
    let runs =
        store.get(b"runs")?.and_then(|value| String::from_utf8_lossy(&value).parse().ok()).unwrap_or(0u64);
    store.put(b"runs", (runs + 1).to_string().as_bytes())?;
    store.put(format!("run {:06}", runs + 1).as_bytes(), b"was here")?;
    if runs % 10 == 9 {
        store.flush()?;
    }
    if runs >= 100 {
        store.delete(format!("run {:06}", runs - 99).as_bytes())?;
    }
    let entries = store.iter()?;
    println!("run {}, {} entries", runs + 1, entries.len());
    Ok(())
}
