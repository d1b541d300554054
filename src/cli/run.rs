//! The arguments of `run`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::list::parse_fail_on;
use crate::query::Query;

/// The arguments of `run`.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct RunArgs {
    /// Exit with code 3 if a trace matches this filter: error, 'cost>0.5', 'time>10s', or any other
    #[arg(long, value_name = "EXPR", value_parser = FailOn::parse, allow_hyphen_values = true)]
    pub fail_on: Option<FailOn>,

    /// Write a test case for each trace to this file, in the format of JUnit; secrets are hidden
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,

    /// Show no screen, but the output of the program; without a terminal there is none anyway
    #[arg(long)]
    pub no_screen: bool,

    /// The program and its arguments
    ///
    /// Its exit code is that of agno-top, unless a trace matches --fail-on.
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true)]
    pub command: Vec<OsString>,
}

/// A condition of traces.
#[derive(Clone, Debug, PartialEq)]
pub struct FailOn {
    /// As the user wrote it.
    pub text: String,
    /// The filter that it is.
    pub query: Query,
}

impl FailOn {
    fn parse(line: &str) -> Result<Self, String> {
        parse_fail_on(line).map(|query| Self { text: line.to_owned(), query })
    }
}
