//! `esker verify`: every file of a closed database. Findings are lines on stdout; exit code 1 if there are any.

use std::io::Write;

use crate::args::VerifyArgs;
use crate::failure::{Failure, Outcome};
use crate::human::plural;
use crate::verify::database;
use crate::verify::findings::Findings;

/// Runs the command.
pub(crate) fn run(arguments: &VerifyArgs, output: &mut dyn Write) -> Outcome {
    let mut findings = Findings::new(output, arguments.quiet);
    database::check(&arguments.directory, &mut findings)?;
    let (problems, seen) = findings.finish()?;
    if problems > 0 {
        if !arguments.quiet {
            writeln!(output, "{}; read: {seen}", plural(problems, "problem"))?;
        }
        return Err(Failure::Found);
    }
    if !arguments.quiet {
        writeln!(output, "sound: {seen}")?;
    }
    Ok(())
}
