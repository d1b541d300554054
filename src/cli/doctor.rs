//! The arguments of `doctor`.

use std::path::PathBuf;

use clap::Args;

/// The arguments of `doctor`.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct DoctorArgs {
    /// SQLite databases, URLs of PostgreSQL or ClickHouse, files [default: the databases found here, as on the screen]
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<PathBuf>,

    /// Write one JSON object per line
    ///
    /// Fields: check, state (ok, note, trouble), text, fix. A fix that is not needed is null.
    #[arg(long)]
    pub json: bool,
}
