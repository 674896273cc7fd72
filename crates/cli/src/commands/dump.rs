//! `esker dump`: one file by its specification. Exit code 4 if something in it is damaged.

use std::io::Write;

use esker_format::current::decode_current;

use crate::args::DumpArgs;
use crate::dump::kind::{DumpKind, tell};
use crate::dump::{Page, log, table};
use crate::failure::{Failure, Outcome};
use crate::human::plural;
use crate::inspect::file::RawFile;

/// Runs the command.
pub(crate) fn run(arguments: &DumpArgs, output: &mut dyn Write) -> Outcome {
    let path = &arguments.file;
    let unreadable = |error: std::io::Error| Failure::io("read", path, &error);
    let file = RawFile::open(path).map_err(unreadable)?;
    let Some(kind) = tell(path, &file).map_err(unreadable)? else {
        return Err(Failure::damage(format!(
            "{} is no file of a database that this version knows, by its content or its name",
            path.display()
        )));
    };
    let mut page = Page::new(output, arguments.entries, arguments.notation.notation());
    match kind {
        DumpKind::Table => table::dump(file, &mut page)?,
        DumpKind::Log => log::dump(&file.all().map_err(unreadable)?, &mut page)?,
        DumpKind::Lock => page.line("LOCK: held by whoever has the database open; it has no content")?,
        DumpKind::Current => match decode_current(&file.all().map_err(unreadable)?) {
            Ok(number) => page.line(format_args!("CURRENT: manifest or catalog {number}"))?,
            Err(error) => page.damage(error)?,
        },
    }
    match page.damaged {
        0 => Ok(()),
        places => {
            Err(Failure::damage(format!("{} is damaged in {}", path.display(), plural(places, "place"))))
        }
    }
}
