//! The settings as they are in force.

use std::io::{self, Write};

use crate::cli::Cli;
use crate::config::{self, ConfigError};

/// Writes the settings for this command line to standard output.
pub(super) fn run(cli: &Cli) -> Result<io::Result<()>, ConfigError> {
    Ok(io::stdout().write_all(config::effective(cli)?.as_bytes()))
}
