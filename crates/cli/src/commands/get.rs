//! `esker get`: the value of one key.

use std::io::Write;

use crate::args::GetArgs;
use crate::failure::{Failure, Outcome};
use crate::store::{Store, check_key};
use crate::text::{Notation, brief};

/// Runs the command. The value is printed as it is, with a line break behind it unless the caller wants the bytes alone.
pub(crate) fn run(arguments: &GetArgs, output: &mut dyn Write) -> Outcome {
    let notation = arguments.notation.notation();
    let key = notation.argument("the key", &arguments.key)?;
    check_key(&key)?;
    let store = Store::open(&arguments.target)?;
    let Some(value) = store.keyspace.get(&key)? else {
        let shown = match notation {
            Notation::Text => brief(&key, 60),
            Notation::Hex => Notation::Hex.show(&key),
        };
        return Err(Failure::absent(format!("there is no key {shown}")));
    };
    match notation {
        Notation::Text => output.write_all(&value)?,
        Notation::Hex => output.write_all(Notation::Hex.show(&value).as_bytes())?,
    }
    if !arguments.raw {
        output.write_all(b"\n")?;
    }
    Ok(())
}
