//! `esker export`: a range of a keyspace as rows.
//!
//! A regular file is written under a temporary name beside it and renamed at the end, so that it is there completely or
//! not at all. Everything else (stdout, a device, a named pipe) is written as it goes.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::args::ExportArgs;
use crate::failure::{Failure, Outcome};
use crate::progress::Progress;
use crate::range::KeyRange;
use crate::rows;
use crate::rows::row::RowWriter;
use crate::store::Store;
use crate::text::Notation;

/// Runs the command. Nothing but rows goes to stdout.
pub(crate) fn run(arguments: ExportArgs, output: &mut dyn Write) -> Outcome {
    let format = crate::format::choose(arguments.format, &arguments.file)?;
    let notation = if arguments.hex { Notation::Hex } else { Notation::Text };
    let range = KeyRange::parse(arguments.range, notation)?;
    let store = Store::open(&arguments.target)?;
    let path = arguments.file.as_path();
    if path == Path::new("-") {
        return Ok(copy(&store, range, rows::writer(format, output, arguments.hex)?.as_mut())?);
    }
    let unwritable = |error: std::io::Error| Failure::io("write", path, &error);
    let replaceable = std::fs::metadata(path).map_or(true, |metadata| metadata.is_file());
    if !replaceable {
        let file = BufWriter::new(File::options().write(true).open(path).map_err(unwritable)?);
        let mut rows = rows::writer(format, file, arguments.hex).map_err(unwritable)?;
        return copy(&store, range, rows.as_mut()).map_err(|stop| stop.failure(unwritable));
    }
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(directory).map_err(unwritable)?;
    let mut rows = rows::writer(format, BufWriter::new(&mut file), arguments.hex).map_err(unwritable)?;
    copy(&store, range, rows.as_mut()).map_err(|stop| stop.failure(unwritable))?;
    drop(rows);
    file.as_file().sync_all().map_err(unwritable)?;
    file.persist(path).map_err(|error| unwritable(error.error))?;
    Ok(())
}

/// What ended the copying: the database, or the output.
enum Stop {
    Database(esker::Error),
    Output(std::io::Error),
}

impl Stop {
    fn failure(self, unwritable: impl FnOnce(std::io::Error) -> Failure) -> Failure {
        match self {
            Self::Database(error) => error.into(),
            Self::Output(error) => unwritable(error),
        }
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        stop.failure(Self::from)
    }
}

fn copy(store: &Store, range: KeyRange, rows: &mut dyn RowWriter) -> Result<(), Stop> {
    let progress = Progress::over_rows();
    for (entry, done) in store.keyspace.scan(range).zip(1_u64..) {
        let (key, value) = entry.map_err(Stop::Database)?;
        rows.write(&key, &value).map_err(Stop::Output)?;
        if done % 1024 == 0 {
            progress.rows(done);
        }
    }
    rows.finish().map_err(Stop::Output)
}
