//! The lines of a file, numbered.

use std::io::{self, BufRead};

/// One line after the other, without its end; empty lines are passed over.
pub(crate) struct Lines<R> {
    input: R,
    /// The line.
    pub(crate) buffer: Vec<u8>,
    /// Its number, from 1.
    pub(crate) number: u64,
}

impl<R: BufRead> Lines<R> {
    /// Before the first line.
    pub(crate) fn new(input: R) -> Self {
        Self { input, buffer: Vec::new(), number: 0 }
    }

    /// Goes to the next line; `false` at the end.
    pub(crate) fn advance(&mut self) -> io::Result<bool> {
        loop {
            self.buffer.clear();
            if self.input.read_until(b'\n', &mut self.buffer)? == 0 {
                return Ok(false);
            }
            self.number += 1;
            if self.buffer.last() == Some(&b'\n') {
                self.buffer.pop();
            }
            if self.buffer.last() == Some(&b'\r') {
                self.buffer.pop();
            }
            if !self.buffer.is_empty() {
                return Ok(true);
            }
        }
    }
}
