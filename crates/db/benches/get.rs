//! Point reads of a settled database of two million records, all of it in the cache: what a user of `get` feels.
//!
//! `cargo bench -p esker --bench get` takes all rows; `-- --shape var hit miss` takes some of one shape. With
//! `--dir FOLDER` the data is left there and found again, which spares loading it for every run.
//!
//! A row is the median of three passes over all keys in random order, in nanoseconds of wall time per key, so that
//! keys, blocks and values come from memory and not from the processor's caches. Every value is looked at.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    missing_docs,
    reason = "benches stop at the first error"
)]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use esker::Database;
use esker_testkit::workload::keys::{KeyShape, scramble};

const RECORDS: u64 = 2_000_000;
const VALUE_BYTES: usize = 100;
const ROWS: [&str; 5] = ["hit", "miss", "zipf", "multi", "hit2"];

/// Keys one after another, so that reading the next one is never a cache miss of the bench's own.
struct Keys {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Keys {
    fn new(shape: KeyShape, numbers: impl Iterator<Item = u64>) -> Self {
        let mut keys = Self { bytes: Vec::new(), ends: vec![0] };
        let mut key = Vec::new();
        for number in numbers {
            shape.key_into(number, &mut key);
            keys.bytes.extend_from_slice(&key);
            keys.ends.push(keys.bytes.len() as u32);
        }
        keys
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.ends.windows(2).map(|pair| &self.bytes[pair[0] as usize..pair[1] as usize])
    }

    fn len(&self) -> usize {
        self.ends.len() - 1
    }
}

fn open(folder: &Path, shape: KeyShape) -> Database {
    let fresh = !folder.exists();
    std::fs::create_dir_all(folder).unwrap();
    let database = Database::builder(folder).memory_budget(1 << 30).memtable_bytes(64 << 20).open().unwrap();
    if fresh {
        let mut value = [b'v'; VALUE_BYTES];
        for i in 0..RECORDS {
            // Not compressible to nothing, and told apart by its first word.
            value[..8].copy_from_slice(&scramble(i).to_le_bytes());
            database.put(shape.key(i), value).unwrap();
        }
    }
    database.flush().unwrap();
    database.wait_until_idle().unwrap();
    database
}

/// All numbers in random order: a step that shares no factor with their count.
fn all() -> impl Iterator<Item = u64> {
    (0..RECORDS).map(|i| i * 1_299_709 % RECORDS)
}

/// Zipfian numbers with exponent 0.99, scattered (Gray et al., *Quickly Generating Billion-Record Synthetic
/// Databases*, 1994).
fn zipfian() -> impl Iterator<Item = u64> {
    let (n, theta) = (RECORDS as f64, 0.99);
    let zeta = (1..=RECORDS).map(|i| (i as f64).powf(-theta)).sum::<f64>();
    let eta = (1.0 - (2.0 / n).powf(1.0 - theta)) / (1.0 - (1.0 + 0.5_f64.powf(theta)) / zeta);
    (0..RECORDS).map(move |i| {
        let u = scramble(i ^ 0x5EED) as f64 / u64::MAX as f64;
        let rank = if u * zeta < 1.0 {
            0.0
        } else if u * zeta < 1.0 + 0.5_f64.powf(theta) {
            1.0
        } else {
            n * (eta * u - eta + 1.0).powf(1.0 / (1.0 - theta))
        };
        scramble(rank as u64) % RECORDS
    })
}

fn get_all(database: &Database, keys: &Keys) -> usize {
    let value = |key: &[u8]| database.get(key).unwrap().map_or(0, |value| usize::from(value[0] | 1));
    keys.iter().map(value).filter(|&looked_at| black_box(looked_at) != 0).count()
}

fn multi_get_all(database: &Database, keys: &Keys) -> usize {
    let keys: Vec<_> = keys.iter().collect();
    let chunk = |keys: &[&[u8]]| {
        let values = database.multi_get(keys.iter().copied()).unwrap();
        values.iter().flatten().filter(|value| black_box(value[0] | 1) != 0).count()
    };
    keys.chunks(100).map(chunk).sum()
}

/// Nanoseconds per key of the median of three passes after a first one.
fn time(keys: &Keys, found: usize, pass: impl Fn(&Keys) -> usize) -> f64 {
    assert_eq!(pass(keys), found);
    let mut times: Vec<_> = (0..3)
        .map(|_| {
            let start = Instant::now();
            black_box(pass(keys));
            start.elapsed().as_secs_f64() * 1e9 / keys.len() as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[1]
}

fn row(database: &Database, shape: KeyShape, row: &str) -> f64 {
    let n = RECORDS as usize;
    match row {
        "hit" => time(&Keys::new(shape, all()), n, |keys| get_all(database, keys)),
        "miss" => time(&Keys::new(shape, all().map(|i| RECORDS + i)), 0, |keys| get_all(database, keys)),
        "zipf" => time(&Keys::new(shape, zipfian()), n, |keys| get_all(database, keys)),
        "multi" => time(&Keys::new(shape, all()), n, |keys| multi_get_all(database, keys)),
        _ => {
            let halves = Keys::new(shape, all());
            let others = Keys::new(shape, all().map(|i| (i + RECORDS / 3) % RECORDS));
            // Both threads read everything, so a key costs half of a thread's time.
            time(&halves, n, |keys| {
                std::thread::scope(|scope| {
                    let other = scope.spawn(|| get_all(database, &others));
                    get_all(database, keys).min(other.join().unwrap())
                })
            }) / 2.0
        }
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let (mut wanted, mut shapes, mut dir) = (Vec::new(), vec!["fixed", "var"], None);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--shape" if arguments.next().is_some_and(|shape| shape == "var") => shapes = vec!["var"],
            "--shape" => shapes = vec!["fixed"],
            "--dir" => dir = arguments.next().map(PathBuf::from),
            _ => wanted.push(argument),
        }
    }
    let temporary = tempfile::tempdir().unwrap();
    let dir = dir.unwrap_or_else(|| temporary.path().to_path_buf());
    for shape in shapes {
        let key_shape = if shape == "var" { KeyShape::Tenant } else { KeyShape::User };
        let database = open(&dir.join(shape), key_shape);
        for name in ROWS {
            if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
                println!("{shape} {name}: {:.0} ns", row(&database, key_shape, name));
            }
        }
    }
}
