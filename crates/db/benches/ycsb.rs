//! Our own figures, without peers, under the names that `db_bench` and YCSB gave them.
//!
//! `cargo bench -p esker --bench ycsb -- [--keys N] [--threads N] [--value-bytes N] [--dir PATH]` prints operations per
//! second and latencies of each workload. Keys have 24 bytes; the database has its defaults but for compression, which is
//! off, as values are incompressible. Each operation is timed by itself, which costs some 30 ns; keys and values are made
//! off the clock.
//!
//! The fills start with an empty database each. What follows `fillrandom` works on its data, settled: first what only
//! reads, then the mixes from few writes to many. Comparison with other engines is `cargo xtask bench`.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use esker::{Codec, Database, KeyspaceOptions, LevelPolicy};
use esker_testkit::histogram::LatencyHistogram;
use esker_testkit::workload::choice::{Choice, Chooser, shuffled};
use esker_testkit::workload::keys::{KeyShape, scramble};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Entries that a scan of mix E reads at most.
const SCAN: u64 = 100;

/// What the command line asks for.
#[derive(Clone)]
struct Arguments {
    keys: u64,
    threads: u64,
    value_bytes: usize,
    dir: PathBuf,
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Outcome<Arguments> {
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let mut arguments = Arguments { keys: 1_000_000, threads: 1, value_bytes: 100, dir };
        while let Some(word) = words.next() {
            // What cargo adds.
            if word == "--bench" {
                continue;
            }
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--keys" => arguments.keys = value()?.parse::<u64>()?.max(1_000),
                "--threads" => arguments.threads = value()?.parse::<u64>()?.max(1),
                "--value-bytes" => arguments.value_bytes = value()?.parse()?,
                "--dir" => arguments.dir = value()?.into(),
                _ => {
                    return Err(format!("no option {word}; see the top of ycsb.rs").into());
                }
            }
        }
        Ok(arguments)
    }

    fn open(&self, folder: &Path) -> Outcome<Database> {
        let options = KeyspaceOptions::default().compression(LevelPolicy::all(Codec::None));
        Ok(Database::builder(folder).keyspace("default", options).open()?)
    }
}

/// One operation.
enum Operation {
    Put(Vec<u8>, Vec<u8>),
    /// Whether the key must be there.
    Get(Vec<u8>, bool),
    Update(Vec<u8>, Vec<u8>),
    Scan(Vec<u8>, usize),
}

/// Runs it.
fn run(database: &Database, operation: &Operation) -> Outcome<()> {
    match operation {
        Operation::Put(key, value) => database.put(key, value)?,
        Operation::Get(key, present) => {
            if database.get(key)?.is_some() != *present {
                return Err(format!("{key:?} is {}", if *present { "absent" } else { "there" }).into());
            }
        }
        Operation::Update(key, value) => {
            database.get(key)?.ok_or("a key to update is absent")?;
            database.put(key, value)?;
        }
        Operation::Scan(from, limit) => {
            for entry in database.scan(from.as_slice()..).take(*limit) {
                std::hint::black_box(entry?);
            }
        }
    }
    Ok(())
}

/// Makes the operations of one thread.
struct Maker {
    arguments: Arguments,
    zipfian: Chooser,
    uniform: Chooser,
    drawn: u64,
    /// The first number to insert; each thread has its own, above those loaded.
    first: u64,
    /// The next one.
    fresh: u64,
}

impl Maker {
    fn new(arguments: &Arguments, thread: u64) -> Maker {
        let chooser = |choice| Chooser::new(choice, arguments.keys, 7 + thread);
        Maker {
            arguments: arguments.clone(),
            zipfian: chooser(Choice::Zipfian),
            uniform: chooser(Choice::Uniform),
            drawn: thread << 32,
            first: (thread + 1) << 32,
            fresh: (thread + 1) << 32,
        }
    }

    /// A number below a hundred.
    fn percent(&mut self) -> u64 {
        self.drawn += 1;
        scramble(self.drawn) % 100
    }

    fn put(&self, number: u64) -> Operation {
        Operation::Put(key(number), value(number ^ self.drawn, self.arguments.value_bytes))
    }

    fn make(&mut self, name: &str) -> Operation {
        let uniform = self.uniform.next_number();
        let zipfian = self.zipfian.next_number();
        let write = self.percent() < if matches!(name, "ycsb-a" | "ycsb-f") { 50 } else { 5 };
        match name {
            "overwrite" => self.put(uniform),
            "readrandom" => Operation::Get(key(uniform), true),
            "readmissing" => Operation::Get(key(uniform | 1 << 60), false),
            "seekrandom" => Operation::Scan(key(uniform), 1),
            "ycsb-a" | "ycsb-b" if write => self.put(zipfian),
            "ycsb-d" | "ycsb-e" if write => {
                self.fresh += 1;
                self.put(self.fresh - 1)
            }
            "ycsb-d" => {
                // The newest of this thread's own first, then the loaded ones, so that what is read has been written.
                let rank = self.zipfian.next_rank();
                let own = self.fresh - self.first;
                let number = if rank < own { self.fresh - 1 - rank } else { zipfian };
                Operation::Get(key(number), true)
            }
            "ycsb-e" => {
                Operation::Scan(key(zipfian), usize::try_from(self.percent() % SCAN + 1).unwrap_or(1))
            }
            "ycsb-f" if write => {
                Operation::Update(key(zipfian), value(zipfian ^ self.drawn, self.arguments.value_bytes))
            }
            _ => Operation::Get(key(zipfian), true),
        }
    }
}

fn key(number: u64) -> Vec<u8> {
    KeyShape::User.key(number)
}

fn value(seed: u64, bytes: usize) -> Vec<u8> {
    let words = (0..bytes.div_ceil(8) as u64).flat_map(|word| scramble(seed ^ (word << 48)).to_le_bytes());
    words.take(bytes).collect()
}

/// Times operations in all threads and prints a line.
fn measure<I>(
    database: &Database,
    name: &str,
    arguments: &Arguments,
    make: impl Fn(u64) -> I + Sync,
) -> Outcome<()>
where
    I: Iterator<Item = Operation>,
{
    let each: Vec<Outcome<(Duration, LatencyHistogram)>> = std::thread::scope(|scope| {
        let work = |thread| {
            let mut latencies = LatencyHistogram::new();
            let mut busy = Duration::ZERO;
            let mut operations = make(thread);
            loop {
                let block: Vec<Operation> = operations.by_ref().take(256).collect();
                if block.is_empty() {
                    return Ok((busy, latencies));
                }
                let started = Instant::now();
                let mut last = started;
                for operation in &block {
                    run(database, operation)?;
                    let now = Instant::now();
                    latencies.record(now - last);
                    last = now;
                }
                busy += last - started;
            }
        };
        let running: Vec<_> =
            (0..arguments.threads).map(|thread| scope.spawn(move || work(thread))).collect();
        running.into_iter().map(|thread| thread.join().map_err(|_| "a thread panicked")?).collect()
    });
    let (mut longest, mut latencies) = (Duration::ZERO, LatencyHistogram::new());
    for result in each {
        let (busy, own) = result?;
        longest = longest.max(busy);
        latencies.merge(&own);
    }
    line(name, latencies.count(), longest, Some(&latencies));
    Ok(())
}

/// One line of the table.
fn line(name: &str, count: u64, time: Duration, latencies: Option<&LatencyHistogram>) {
    let rate = count as f64 / time.as_secs_f64();
    let micros = |share| {
        latencies.map_or("–".to_owned(), |all| format!("{:.2}", all.percentile(share).as_secs_f64() * 1e6))
    };
    println!(
        "| {name:<12} | {rate:>12.0} | {:>8} | {:>8} | {:>8} |",
        micros(0.5),
        micros(0.99),
        micros(0.999)
    );
}

/// A full scan: entries per second.
fn scan(database: &Database, name: &str, keys: u64) -> Outcome<()> {
    let started = Instant::now();
    let mut seen = 0;
    if name == "readreverse" {
        for entry in database.iter().rev() {
            seen += u64::from(!std::hint::black_box(entry?).0.is_empty());
        }
    } else {
        for entry in database.iter() {
            seen += u64::from(!std::hint::black_box(entry?).0.is_empty());
        }
    }
    line(name, seen, started.elapsed(), None);
    if seen == keys { Ok(()) } else { Err(format!("{name} gave {seen} of {keys} entries").into()) }
}

fn main() -> Outcome<()> {
    let arguments = Arguments::parse(std::env::args().skip(1))?;
    let Arguments { keys, threads, value_bytes, .. } = arguments;
    println!("{keys} keys of 24 bytes, values of {value_bytes}, {threads} threads; latencies in µs\n");
    println!("| {:<12} | {:>12} | {:>8} | {:>8} | {:>8} |", "", "ops/s", "p50", "p99", "p99.9");
    println!("|{:-<14}|{:->13}:|{:->9}:|{:->9}:|{:->9}:|", "", "", "", "", "");
    std::fs::create_dir_all(&arguments.dir)?;
    let stride = usize::try_from(threads)?;
    let share = |thread: u64| shuffled(keys, 3).skip(usize::try_from(thread).unwrap_or(0)).step_by(stride);

    let folder = tempfile::tempdir_in(&arguments.dir)?;
    let database = arguments.open(folder.path())?;
    measure(&database, "fillseq", &arguments, |thread| {
        let numbers = (thread..keys).step_by(stride);
        numbers.map(|number| Operation::Put(KeyShape::OrderedUser.key(number), value(number, value_bytes)))
    })?;
    database.close()?;

    let folder = tempfile::tempdir_in(&arguments.dir)?;
    let database = arguments.open(folder.path())?;
    measure(&database, "fillrandom", &arguments, |thread| {
        share(thread).map(|number| Operation::Put(key(number), value(number, value_bytes)))
    })?;
    let mixed = |name: &'static str, count: u64| {
        database.flush()?;
        database.wait_until_idle()?;
        measure(&database, name, &arguments, |thread| {
            let mut maker = Maker::new(&arguments, thread);
            std::iter::repeat_with(move || maker.make(name))
                .take(usize::try_from(count / threads).unwrap_or(1))
        })
    };
    mixed("readrandom", keys)?;
    mixed("readmissing", keys)?;
    for name in ["readseq", "readreverse"] {
        scan(&database, name, keys)?;
    }
    mixed("seekrandom", keys / 4)?;
    for (name, count) in [
        ("ycsb-c", keys / 2),
        ("ycsb-e", keys / 20),
        ("ycsb-b", keys / 2),
        ("ycsb-a", keys / 2),
        ("ycsb-f", keys / 2),
        ("overwrite", keys / 2),
        ("ycsb-d", keys / 2),
    ] {
        mixed(name, count)?;
    }
    Ok(database.close()?)
}
