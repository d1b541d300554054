//! `agno-top tail`: each span when it ends.

mod follow;
mod line;

use color_eyre::eyre::Report;

use super::Outcome;
use crate::cli::TailArgs;
use crate::config::Config;

/// Follows the sources until an interrupt, the end of the reader, the limit, or the end of all sources.
pub(super) fn run(args: &TailArgs, config: &Config) -> Result<Outcome, Report> {
    follow::run(args, config)
}
