//! Reading everything back: each key with its value, in every order, and nothing else.
//!
//! A scan needs no memory of what was written: keys ascend strictly, each gives back a number below the count, and
//! there are as many as the count; so each number was there once.

use std::time::{Duration, Instant};

use crate::proofs::keys::{KEY_BYTES, fill_value, key, number, shuffled};
use crate::proofs::store::Store;

/// Loads `keys` pairs in random order.
pub(crate) fn load(store: &dyn Store, keys: u64, value_bytes: usize) -> Result<Duration, String> {
    let mut value = vec![0; value_bytes];
    let started = Instant::now();
    for i in 0..keys {
        fill_value(i, &mut value);
        store.put(&key(i), &value).map_err(|error| format!("put of key {i}: {error}"))?;
    }
    Ok(started.elapsed())
}

/// Reads every key once in random order and checks its value.
pub(crate) fn read_all(
    store: &dyn Store,
    keys: u64,
    value_bytes: usize,
    seed: u64,
) -> Result<Duration, String> {
    let mut expected = vec![0; value_bytes];
    let mut wrong = Wrong::default();
    let started = Instant::now();
    for i in shuffled(keys, seed) {
        fill_value(i, &mut expected);
        store
            .get(&key(i), &mut |value| match value {
                None => wrong.say(|| format!("key {i} is missing")),
                Some(value) if value != expected => wrong.say(|| format!("key {i} has a wrong value")),
                Some(_) => {}
            })
            .map_err(|error| format!("get of key {i}: {error}"))?;
    }
    wrong.or(started.elapsed())
}

/// Scans everything and checks order, values and completeness.
pub(crate) fn scan_all(
    store: &dyn Store,
    keys: u64,
    value_bytes: usize,
    reverse: bool,
) -> Result<Duration, String> {
    let mut expected = vec![0; value_bytes];
    let mut wrong = Wrong::default();
    let mut last = [0u8; KEY_BYTES];
    let mut seen = 0u64;
    let started = Instant::now();
    store.scan(reverse, &mut |key, value| {
        let Some(i) = number(key).filter(|i| *i < keys) else {
            wrong.say(|| format!("entry {seen} has a key that nobody wrote: {}", key.escape_ascii()));
            return;
        };
        let ordered = seen == 0 || if reverse { key < last.as_slice() } else { key > last.as_slice() };
        if !ordered {
            wrong.say(|| format!("entry {seen}, key {i}, is out of order"));
        }
        fill_value(i, &mut expected);
        if value != expected {
            wrong.say(|| format!("entry {seen}, key {i}, has a wrong value"));
        }
        last.copy_from_slice(key);
        seen += 1;
    })?;
    let elapsed = started.elapsed();
    if seen != keys {
        wrong.say(|| format!("a scan gave {seen} of {keys} keys"));
    }
    wrong.or(elapsed)
}

/// Counts what is wrong and keeps the first as an example.
#[derive(Default)]
struct Wrong {
    count: u64,
    first: String,
}

impl Wrong {
    fn say(&mut self, what: impl FnOnce() -> String) {
        if self.count == 0 {
            self.first = what();
        }
        self.count += 1;
    }

    fn or<T>(self, value: T) -> Result<T, String> {
        if self.count == 0 { Ok(value) } else { Err(format!("{}; {} in all", self.first, self.count)) }
    }
}

#[cfg(test)]
mod tests;
