//! One line, the right code.

use std::io;

use super::{Failure, reason};

fn code_and_line(failure: &Failure) -> (u8, String) {
    match failure {
        Failure::Said { code, message } => (*code, message.clone()),
        other => (other.code(), String::new()),
    }
}

#[test]
fn a_closed_pipe_is_a_quiet_success() {
    let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
    assert_eq!(failure.code(), 0);
}

#[test]
fn other_trouble_with_the_output_is_said() {
    let (code, line) = code_and_line(&Failure::from(io::Error::from_raw_os_error(28)));
    assert_eq!(code, 3);
    assert_eq!(line, "cannot write the output: No space left on device");
}

#[test]
fn messages_are_one_line() {
    assert_eq!(reason(&io::Error::other("two\n  lines")), "two lines");
    let nested = "cannot create /x: No such file (os error 2); retried (os error 3)";
    assert_eq!(reason(&io::Error::other(nested)), "cannot create /x: No such file; retried");
}

#[test]
fn more_is_said_on_the_same_line() {
    let (code, line) = code_and_line(&Failure::bad_data("line 3: no").and("2 rows are in"));
    assert_eq!((code, line.as_str()), (5, "line 3: no; 2 rows are in"));
}
