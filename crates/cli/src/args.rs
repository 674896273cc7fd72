//! The command line: what each command takes, with the help texts.
//!
//! Every command that works on a database names its directory first. Options shared by several commands are small
//! structures here, flattened into each.
//!
//! Not here: what the commands do ([`crate::commands`]).

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::text::Notation;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the key is not there, or a check found something
  2  the command line is wrong (unknown keyspace and oversized key included)
  3  the database or the operating system refused
  4  damage, or a format that this version cannot read
  5  a row of an import does not parse";

/// Work with esker databases: read, write, import, export, look at them and check them.
#[derive(Debug, Parser)]
#[command(name = "esker", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// See the engine at work on a real data set, in under a minute
    Tour(TourArgs),
    /// Write a value; creates the database if the directory is missing or empty
    Put(PutArgs),
    /// Print the value of a key
    Get(GetArgs),
    /// Delete keys; a key that is not there is no error
    Delete(DeleteArgs),
    /// Print keys and values in order, one pair per line, a tab between them
    Scan(ScanArgs),
    /// Count keys
    Count(CountArgs),
    /// Write the rows of a CSV, TSV or JSON lines file
    Import(ImportArgs),
    /// Print keys and values as CSV, TSV or JSON lines that `import` takes back
    Export(ExportArgs),
    /// Show the shape of the trees, the memtables, the cache and the log
    Stats(StatsArgs),
    /// Check every block of every file
    Verify(VerifyArgs),
    /// Print a file of a database by its specification; damage is shown where it is
    Dump(DumpArgs),
    /// The child process of the tour: writes until it is killed
    #[command(hide = true)]
    TourWriter(TourWriterArgs),
}

/// Where: a database and a keyspace in it.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// The database's directory
    #[arg(value_name = "DB")]
    pub(crate) directory: PathBuf,
    /// The keyspace; without it, the default one
    #[arg(short, long, value_name = "NAME")]
    pub(crate) keyspace: Option<String>,
}

/// Whether a missing keyspace may be created.
#[derive(Debug, Args)]
pub(crate) struct Creation {
    /// Create the keyspace if there is none of that name
    #[arg(long, requires = "keyspace")]
    pub(crate) create_keyspace: bool,
}

/// How keys and values are written.
#[derive(Debug, Args)]
pub(crate) struct NotationArgs {
    /// Take and print keys and values as hexadecimal digits
    #[arg(long)]
    pub(crate) hex: bool,
}

impl NotationArgs {
    /// What the option means.
    pub(crate) fn notation(&self) -> Notation {
        if self.hex { Notation::Hex } else { Notation::Text }
    }
}

/// A range of keys.
#[derive(Debug, Args)]
pub(crate) struct RangeArgs {
    /// Only keys that begin with this
    #[arg(short, long, conflicts_with_all = ["from", "to"])]
    pub(crate) prefix: Option<OsString>,
    /// Only this key and those after it
    #[arg(long, value_name = "KEY")]
    pub(crate) from: Option<OsString>,
    /// Only keys before this one
    #[arg(long, value_name = "KEY")]
    pub(crate) to: Option<OsString>,
}

/// `esker put`
#[derive(Debug, Args)]
pub(crate) struct PutArgs {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The key
    pub(crate) key: OsString,
    /// The value
    #[arg(required_unless_present = "value_file")]
    pub(crate) value: Option<OsString>,
    /// Take the value from a file, byte for byte; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "value")]
    pub(crate) value_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) creation: Creation,
    #[command(flatten)]
    pub(crate) notation: NotationArgs,
}

/// `esker get`
#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The key
    pub(crate) key: OsString,
    /// Print the bytes of the value alone, without a line break at the end
    #[arg(long, conflicts_with = "hex")]
    pub(crate) raw: bool,
    #[command(flatten)]
    pub(crate) notation: NotationArgs,
}

/// `esker delete`
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The keys, deleted all at once
    #[arg(required = true, value_name = "KEY")]
    pub(crate) keys: Vec<OsString>,
    #[command(flatten)]
    pub(crate) notation: NotationArgs,
}

/// `esker scan`
#[derive(Debug, Args)]
pub(crate) struct ScanArgs {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) range: RangeArgs,
    /// Stop after this many keys
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// From the last key to the first
    #[arg(short, long)]
    pub(crate) reverse: bool,
    /// Print keys only
    #[arg(long)]
    pub(crate) keys_only: bool,
    #[command(flatten)]
    pub(crate) notation: NotationArgs,
}

/// `esker count`
#[derive(Debug, Args)]
pub(crate) struct CountArgs {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) range: RangeArgs,
    /// Stop counting here
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    #[command(flatten)]
    pub(crate) notation: NotationArgs,
}

/// A format of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Comma-separated values with a header line, quoted as RFC 4180 says
    Csv,
    /// Tab-separated values with a header line; tab, line breaks and backslash are `\t`, `\n`, `\r`, `\\`
    Tsv,
    /// One JSON object per line
    Jsonl,
}

/// `esker import`
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The file; `-` is standard input
    pub(crate) file: PathBuf,
    /// The format; without it, the file's ending tells
    #[arg(short, long, value_enum)]
    pub(crate) format: Option<Format>,
    /// The column (JSON: the field) that holds the key
    #[arg(long, value_name = "COLUMN", default_value = "key")]
    pub(crate) key: String,
    /// The column (JSON: the field) that holds the value. Without it: the column `value` if it is the only one beside
    /// the key, otherwise all other columns as one JSON object
    #[arg(long, value_name = "COLUMN")]
    pub(crate) value: Option<String>,
    /// The file has no header line; these are its columns (CSV and TSV)
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) columns: Vec<String>,
    /// What separates the columns (CSV)
    #[arg(long, value_name = "CHARACTER", default_value = ",")]
    pub(crate) delimiter: char,
    /// Leave out rows that do not parse, and say how many; without it, the first one ends the import
    #[arg(long)]
    pub(crate) skip_bad: bool,
    /// Rows per atomic batch
    #[arg(long, value_name = "ROWS", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) batch: u64,
    /// The key and value columns hold hexadecimal digits
    #[arg(long)]
    pub(crate) hex: bool,
    #[command(flatten)]
    pub(crate) creation: Creation,
}

/// `esker export`
#[derive(Debug, Args)]
#[command(after_help = "\
Bytes survive export and import. CSV and TSV hold them as they are. JSON cannot hold bytes that are not UTF-8: such a key or
value is written as hexadecimal digits in a field `key_hex` or `value_hex`, which `import` understands.")]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) target: Target,
    /// The file, written completely or not at all; `-` is standard output
    #[arg(default_value = "-")]
    pub(crate) file: PathBuf,
    /// The format; without it, the file's ending tells
    #[arg(short, long, value_enum)]
    pub(crate) format: Option<Format>,
    #[command(flatten)]
    pub(crate) range: RangeArgs,
    /// Write keys and values as hexadecimal digits
    #[arg(long)]
    pub(crate) hex: bool,
}

/// `esker stats`
#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// Print the text format of Prometheus, of all keyspaces
    #[arg(long, conflicts_with_all = ["json", "keyspace"])]
    pub(crate) prometheus: bool,
}

/// `esker verify`
#[derive(Debug, Args)]
#[command(after_help = "\
Reads every file of the database without opening it and changes nothing: the blocks of all tables and their order, all
manifests, the catalog and the log. Prints a line for each problem: file, offset, what is wrong. An incomplete end of the last log
segment, as a killed process leaves it, is no damage.")]
pub(crate) struct VerifyArgs {
    /// The database's directory
    #[arg(value_name = "DB")]
    pub(crate) directory: PathBuf,
    /// Print nothing but problems
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// `esker dump`
#[derive(Debug, Args)]
pub(crate) struct DumpArgs {
    /// The file: a table, a manifest, CURRENT, a catalog or a log segment
    pub(crate) file: PathBuf,
    /// Print every entry of a table, and every operation of a log
    #[arg(long)]
    pub(crate) entries: bool,
    #[command(flatten)]
    pub(crate) notation: NotationArgs,
}

/// `esker tour`
#[derive(Debug, Args)]
pub(crate) struct TourArgs {
    /// Keep the databases in this new or empty directory instead of a temporary one
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}

/// The hidden command of the tour.
#[derive(Debug, Args)]
pub(crate) struct TourWriterArgs {
    /// The database's directory
    pub(crate) directory: PathBuf,
    /// Where to note each acknowledged number
    pub(crate) acknowledged: PathBuf,
    /// The first number to write
    pub(crate) first: u64,
}
