//! `esker tour`: the engine at work on a real data set, for people who want to see before they read.
//!
//! Six short chapters, one file each where it takes more than a screen: import, reads by key, ranges ([`reading`]), a
//! snapshot under writes and deletes ([`history`]), writers killed and reopened ([`kill`]), and at the end the rates and the
//! tree's shape. Every figure printed was measured in this run, and every "all" was checked: a wrong answer ends the tour with
//! exit code 1.
//!
//! Everything happens in a temporary directory, removed at the end, or in the one that the caller wants to keep.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use esker::Database;
use tempfile::TempDir;

use crate::args::TourArgs;
use crate::failure::{Failure, Outcome};
use crate::human::{bytes, count, duration};
use crate::tour::page::Page;

mod history;
mod kill;
mod page;
mod reading;
mod unicode;
pub(crate) mod writer;

/// Rows in one atomic batch of the import.
const BATCH_ROWS: usize = 1_000;

/// Runs the command.
pub(crate) fn run(arguments: &TourArgs, output: &mut dyn Write) -> Outcome {
    let started = Instant::now();
    let place = Place::take(arguments)?;
    let mut page = Page::new(output);
    page.title(&format!("esker {}: a tour on a real data set", env!("CARGO_PKG_VERSION")))?;
    page.line(&match &place {
        Place::Temporary(folder) => {
            format!(
                "It all happens in {}, which is removed at the end; --dir DIR keeps it.",
                folder.path().display()
            )
        }
        Place::Kept(path) => format!("It all happens in {}, which is kept.", path.display()),
    })?;

    let records = unicode::records();
    let unicode_path = place.path().join("unicode.db");
    let database = Database::open(&unicode_path)?;
    import(&mut page, &database, &records)?;
    reading::by_key(&mut page, &database, &records)?;
    reading::by_range(&mut page, &database, records.len())?;
    history::snapshot(&mut page, &database, &records)?;
    history::deletes(&mut page, &database)?;
    let database = reopen(&mut page, database, &unicode_path)?;
    database.close()?;
    drop(database);
    let killed = kill::kill_and_reopen(&mut page, place.path())?;
    page.chapter("The shape of that tree")?;
    page.block(&crate::shape::report(&killed.stats(), None))?;
    killed.close()?;
    drop(killed);

    page.rates(started.elapsed())?;
    place.leave(&mut page)
}

/// Where the tour happens.
enum Place {
    Temporary(TempDir),
    Kept(PathBuf),
}

impl Place {
    fn take(arguments: &TourArgs) -> Outcome<Self> {
        let Some(path) = &arguments.dir else {
            let folder = tempfile::Builder::new().prefix("esker-tour-").tempdir();
            let folder = folder
                .map_err(|error| Failure::io("create a directory in", &std::env::temp_dir(), &error))?;
            return Ok(Self::Temporary(folder));
        };
        std::fs::create_dir_all(path).map_err(|error| Failure::io("create", path, &error))?;
        let mut entries = std::fs::read_dir(path).map_err(|error| Failure::io("read", path, &error))?;
        if entries.next().is_some() {
            return Err(Failure::usage(format!(
                "{} is not empty: the tour wants a new directory",
                path.display()
            )));
        }
        Ok(Self::Kept(path.clone()))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Temporary(folder) => folder.path(),
            Self::Kept(path) => path,
        }
    }

    fn leave(self, page: &mut Page<'_>) -> Outcome {
        match self {
            Self::Temporary(folder) => {
                let path = folder.path().to_path_buf();
                folder.close().map_err(|error| Failure::io("remove", &path, &error))
            }
            Self::Kept(path) => {
                let path = path.display();
                page.line("")?;
                page.line("Kept. Now you:")?;
                page.line(&format!("  esker scan {path}/unicode.db --prefix U+0003"))?;
                page.line(&format!("  esker stats {path}/killed.db"))
            }
        }
    }
}

/// Writes all records, in order of the file, in atomic batches.
fn import(page: &mut Page<'_>, database: &Database, records: &[unicode::Record]) -> Outcome {
    page.chapter("Import")?;
    page.line("The Unicode Character Database 15.0: one record per code point, in atomic batches of 1,000.")?;
    let keyspace = database.default_keyspace();
    let started = Instant::now();
    let mut size = 0;
    for records in records.chunks(BATCH_ROWS) {
        let mut batch = database.batch();
        for record in records {
            batch.put_in(&keyspace, &record.key, record.value);
            size += record.key.len() + record.value.len();
        }
        batch.commit()?;
    }
    let time = started.elapsed();
    let rows = records.len() as u64;
    page.measured("import, batches of 1,000", rows, time);
    page.line(&format!("{} records, {}, in {}.", count(rows), bytes(size as u64), duration(time)))?;
    let started = Instant::now();
    database.flush()?;
    page.line(&format!(
        "Flushed from memory to a table in {}: the reads below come from there.",
        duration(started.elapsed())
    ))
}

/// Closes the database and opens it again.
fn reopen(page: &mut Page<'_>, database: Database, path: &Path) -> Outcome<Database> {
    page.chapter("Close and open again")?;
    let before = reading::count_all(&database)?;
    database.close()?;
    drop(database);
    let started = Instant::now();
    let database = Database::builder(path).create_if_missing(false).open()?;
    let time = started.elapsed();
    page.expect(
        reading::count_all(&database)? == before,
        "the database reads after opening as it did before closing",
    )?;
    page.line(&format!("Opened in {}; all {} records are as they were.", duration(time), count(before)))?;
    Ok(database)
}
