//! The arguments of `mcp`.

use std::path::PathBuf;

use clap::Args;

/// The arguments of `mcp`.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct McpArgs {
    /// SQLite databases, URLs of PostgreSQL or ClickHouse, files [default: the databases found here, as on the screen]
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<PathBuf>,

    /// Show API keys, tokens, passwords and e-mail addresses as they are; without it they are hidden, as `export --redact` does
    #[arg(long)]
    pub no_redact: bool,
}
