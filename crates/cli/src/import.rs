//! Rows into a database, in atomic batches.
//!
//! Rows are collected until a batch is full (by rows or by bytes) and then written at once. A row that does not parse, or
//! that no database takes, ends the import before its batch is written, so what is in is always whole batches; or it is
//! counted and left out. The end of the import is the only sync: until then a power loss may take the newest batches. Then
//! everything is flushed to tables, so that whoever opens the database next has nothing to replay.
//!
//! Not here: files and formats ([`crate::rows`]), the command ([`crate::commands::import`]).

use esker::{Durability, WriteBatch};

use crate::failure::{Failure, Outcome};
use crate::human::plural;
use crate::progress::Progress;
use crate::rows::row::{Row, RowError, Rows};
use crate::store::{MAX_KEY_BYTES, Store};

/// A batch of large values is written before it has all its rows.
const BATCH_BYTES: usize = 4 << 20;
/// How many rows that are left out are complained about one by one.
const SHOWN_BAD_ROWS: u64 = 10;

/// How to import.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    /// Rows in a batch.
    pub(crate) batch_rows: u64,
    /// Whether bad rows are left out.
    pub(crate) skip_bad: bool,
}

/// What was imported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// Rows written.
    pub(crate) rows: u64,
    /// Rows left out.
    pub(crate) bad_rows: u64,
    /// Bytes of keys and values written.
    pub(crate) bytes: u64,
}

/// Writes all `rows` of the file called `source` to `store`.
pub(crate) fn import(
    rows: Rows<'_>,
    source: &str,
    store: &Store,
    policy: Policy,
    progress: &Progress,
) -> Outcome<Report> {
    let mut importer =
        Importer { store, batch: store.database.batch(), rows: 0, bytes: 0, report: Report::default() };
    let told = |importer: &Importer<'_>, failure: Failure| {
        failure.and(format_args!("{} in", are(importer.report.rows)))
    };
    for row in rows {
        match row.and_then(check) {
            Ok(row) => importer.add(&row),
            Err(RowError::Bad { line, problem }) if policy.skip_bad => {
                importer.report.bad_rows += 1;
                if importer.report.bad_rows <= SHOWN_BAD_ROWS {
                    progress.warn(&format!("{source}, line {line}: {problem}; left out"));
                }
            }
            Err(error) => return Err(told(&importer, unreadable(error, source))),
        }
        if importer.rows >= policy.batch_rows || importer.bytes >= BATCH_BYTES {
            importer.flush().map_err(|failure| told(&importer, failure))?;
            progress.rows(importer.report.rows);
        }
    }
    importer.flush().map_err(|failure| told(&importer, failure))?;
    store.database.persist(Durability::Sync)?;
    store.database.flush()?;
    Ok(importer.report)
}

/// The failure of a reader.
pub(crate) fn unreadable(error: RowError, source: &str) -> Failure {
    match error {
        RowError::Bad { line, problem } => Failure::bad_data(format!("{source}, line {line}: {problem}")),
        RowError::Unusable(problem) => Failure::bad_data(format!("{source}: {problem}")),
        RowError::Io(error) => {
            Failure::refused(format!("cannot read {source}: {}", crate::failure::reason(&error)))
        }
    }
}

fn are(rows: u64) -> String {
    format!("{} {}", plural(rows, "row"), if rows == 1 { "is" } else { "are" })
}

/// Refuses a row that no database takes.
fn check(row: Row) -> Result<Row, RowError> {
    if row.key.len() > MAX_KEY_BYTES {
        let problem = format!("a key of {} bytes is over the limit of 65,535", row.key.len());
        return Err(RowError::Bad { line: row.line, problem });
    }
    Ok(row)
}

struct Importer<'a> {
    store: &'a Store,
    batch: WriteBatch,
    /// Rows and bytes in the batch.
    rows: u64,
    bytes: usize,
    report: Report,
}

impl Importer<'_> {
    fn add(&mut self, row: &Row) {
        self.batch.put_in(&self.store.keyspace, &row.key, &row.value);
        self.rows += 1;
        self.bytes += row.key.len() + row.value.len();
    }

    fn flush(&mut self) -> Outcome {
        if self.rows == 0 {
            return Ok(());
        }
        let batch = std::mem::replace(&mut self.batch, self.store.database.batch());
        batch.commit_with(Durability::Os)?;
        self.report.rows += self.rows;
        self.report.bytes += self.bytes as u64;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }
}
