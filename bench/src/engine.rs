//! What the harness asks of an engine: little, so that a new peer is one short file in `engines/`.
//!
//! Every engine gets the same [`Settings`] and the durability *os*: the write has been handed to the operating system
//! before the call returns. An engine that cannot do that must be marked in its name.

use std::error::Error;
use std::path::Path;

/// Any engine's error.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// What all engines are set to.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Block cache.
    pub cache_bytes: u64,
    /// One memtable.
    pub write_buffer_bytes: u64,
    /// Filter.
    pub bits_per_key: u32,
    /// Background threads.
    pub threads: usize,
}

/// An open database of some engine.
pub trait Engine {
    /// Writes one pair.
    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()>;
    /// Reads one key and shows its value.
    fn get(&self, key: &[u8], show: &mut dyn FnMut(Option<&[u8]>)) -> Outcome<()>;
    /// Shows every pair in ascending order.
    fn scan(&self, show: &mut dyn FnMut(&[u8], &[u8])) -> Outcome<()>;
    /// Flushes what is in memory and waits until no background work is left; gives the seconds that the waiting
    /// itself added to the true time (such as the last quiet interval of a poll).
    fn settle(&self) -> Outcome<f64>;
}

/// Opens the engine `name` in `folder`.
pub fn open(name: &str, folder: &Path, settings: Settings) -> Outcome<Box<dyn Engine>> {
    match name {
        #[cfg(feature = "esker")]
        "esker" => Ok(Box::new(crate::engines::esker::Esker::open(folder, settings)?)),
        #[cfg(feature = "fjall")]
        "fjall" => Ok(Box::new(crate::engines::fjall::Fjall::open(folder, settings)?)),
        _ => Err(format!("no engine {name} in this build; there are {:?}", names()).into()),
    }
}

/// The engines of this build, ours first.
pub fn names() -> Vec<&'static str> {
    vec![
        #[cfg(feature = "esker")]
        "esker",
        #[cfg(feature = "fjall")]
        "fjall",
    ]
}
