//! The arguments of `archive`, `prune` and `restore`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::selection::{Since, parse_filter, parse_since};
use crate::query::Query;

/// Which traces of a database are old.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct OldTraces {
    /// The SQLite database or PostgreSQL URL [default: the database found here, as on the screen]
    #[arg(value_name = "SOURCE")]
    pub source: Option<PathBuf>,

    /// Traces that ended longer ago: 30d, 12h, or before a time: 2026-11-22, monday, month
    #[arg(long, value_name = "AGE", value_parser = parse_since)]
    pub older_than: Since,

    /// Of these, only traces with a span that matches this filter, in the syntax of the screen: status:ok
    ///
    /// A negated word excludes every trace with a span that it names: -status:error keeps the failed runs.
    #[arg(long, value_name = "EXPR", value_parser = parse_filter, allow_hyphen_values = true)]
    pub filter: Option<Query>,

    /// Only tell how many traces, spans and bytes it would be, and what stands in the way
    #[arg(long)]
    pub dry_run: bool,
}

/// The arguments of `archive`.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct ArchiveArgs {
    /// The traces to archive.
    #[command(flatten)]
    pub traces: OldTraces,

    /// The archive, a new file: PATH.jsonl.zst
    #[arg(short, long, value_name = "FILE", required_unless_present = "dry_run")]
    pub output: Option<PathBuf>,

    /// Then delete these traces from the database, except those that have changed meanwhile
    #[arg(long)]
    pub delete: bool,

    /// Go on with a deletion that was interrupted: delete the traces that the archive holds already
    #[arg(long, requires = "delete")]
    pub resume: bool,

    /// After the deletion, make the SQLite file smaller, unless a program uses it
    #[arg(long, requires = "delete")]
    pub vacuum: bool,
}

/// The arguments of `prune`.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct PruneArgs {
    /// The traces to delete.
    #[command(flatten)]
    pub traces: OldTraces,

    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,

    /// Then make the SQLite file smaller, unless a program uses it
    #[arg(long)]
    pub vacuum: bool,
}

/// The arguments of `restore`.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct RestoreArgs {
    /// The archive
    #[arg(value_name = "FILE")]
    pub archive: PathBuf,

    /// The same as --to
    #[arg(value_name = "SOURCE", required_unless_present = "to", conflicts_with = "to")]
    database: Option<PathBuf>,

    /// The SQLite database, created if it is missing, or the URL of a database
    #[arg(long, value_name = "SOURCE")]
    to: Option<PathBuf>,
}

impl RestoreArgs {
    /// Returns the database to write to.
    #[must_use]
    pub fn database(&self) -> &Path {
        self.to.as_deref().or(self.database.as_deref()).unwrap_or(Path::new(""))
    }
}
