//! Runs the program and looks at what it printed and how it ended.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A temporary folder with a place for a database.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Where the database is, or will be.
    pub(crate) fn db(&self) -> PathBuf {
        self.path().join("a.db")
    }

    /// Writes a file beside the database.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// A database with some keys.
    pub(crate) fn with(pairs: &[(&str, &str)]) -> Self {
        let place = Self::new();
        let lines: String = pairs.iter().map(|(key, value)| format!("{key}\t{value}\n")).collect();
        let file = place.file("some.tsv", format!("key\tvalue\n{lines}"));
        esker(args(&["import"]).then(place.db()).then(&file)).done();
        place
    }
}

/// A command line being put together.
#[derive(Clone)]
pub(crate) struct Line(Vec<std::ffi::OsString>);

pub(crate) fn args(arguments: &[&str]) -> Line {
    Line(arguments.iter().map(|argument| (*argument).into()).collect())
}

impl Line {
    pub(crate) fn then(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.0.push(argument.as_ref().to_owned());
        self
    }

    pub(crate) fn and(mut self, arguments: &[&str]) -> Self {
        self.0.extend(arguments.iter().map(|argument| (*argument).into()));
        self
    }
}

/// `esker COMMAND DB ARGUMENTS...`
pub(crate) fn on(place: &Place, command: &str, arguments: &[&str]) -> Run {
    esker(args(&[command]).then(place.db()).and(arguments))
}

/// How a run ended.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Run {
    /// It must have worked, without a complaint; what it printed.
    #[track_caller]
    pub(crate) fn done(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""));
        String::from_utf8(self.stdout).unwrap()
    }

    /// It must have failed with this code, nothing on stdout, and one line on stderr; that line.
    #[track_caller]
    pub(crate) fn refused(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        assert_eq!(String::from_utf8_lossy(&self.stdout), "");
        let line = self.stderr.strip_suffix('\n').unwrap();
        assert!(!line.contains('\n'), "more than a line: {line}");
        line.strip_prefix("esker: ").unwrap().to_owned()
    }
}

pub(crate) fn command(line: Line) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_esker"));
    command.args(line.0).stdin(Stdio::null());
    command
}

pub(crate) fn esker(line: Line) -> Run {
    command(line).output().unwrap().into()
}

/// With something on standard input.
pub(crate) fn esker_reading(line: Line, input: &[u8]) -> Run {
    let mut child =
        command(line).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writing = std::thread::spawn(move || {
        // A program that ends early does not read everything.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    output.into()
}

/// Every file below `folder`, with its bytes: to show that nothing was touched.
pub(crate) fn everything(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((path.clone(), std::fs::read(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}
