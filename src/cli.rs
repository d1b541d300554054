//! The command line. What is not said here is taken from the environment, then from the configuration file ([`crate::config`]).

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// htop for AI agents: watch the traces of Agno agents live.
#[derive(Clone, Debug, PartialEq, Eq, Parser)]
#[command(version, args_conflicts_with_subcommands = true, arg_required_else_help = false)]
pub struct Cli {
    /// What to do other than watching sources.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// What to watch: SQLite databases that Agno writes (PATH.db), PostgreSQL (`postgres://USER@HOST/DATABASE`), files of OTLP/JSON (PATH.json)
    ///
    /// Without any, the databases that hold Agno's tables in the current directory and its tmp, else the one that `DATABASE_URL` names if that is PostgreSQL, else tmp/traces.db. A database that is not there yet is waited for. A URL may have a driver as SQLAlchemy wants it (`postgresql+psycopg://`); what it leaves open is taken from `PGHOST`, `PGUSER`, `~/.pgpass` and so on. A file named demo is given as ./demo.
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<PathBuf>,

    /// How to watch.
    #[command(flatten)]
    pub options: Options,
}

/// Subcommands.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Play a recorded run of real agents, without any of your own
    Demo,
}

/// Flags, which hold for subcommands too. `None` and `false` mean "not said here".
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct Options {
    /// Read this configuration file instead of agno-top/config.toml in the user's configuration directory
    #[arg(long, value_name = "PATH", env = "AGNO_TOP_CONFIG", global = true)]
    pub config: Option<PathBuf>,

    /// Table that holds the spans [default: `agno_spans`]
    #[arg(long, value_name = "NAME", global = true)]
    pub spans_table: Option<String>,

    /// Table that holds the traces [default: `agno_traces`]
    #[arg(long, value_name = "NAME", global = true)]
    pub traces_table: Option<String>,

    /// Schema that holds the tables in a PostgreSQL database [default: ai]
    #[arg(long, value_name = "NAME", global = true)]
    pub schema: Option<String>,

    /// Spans held in memory; the oldest finished traces go first [default: 1000000]
    #[arg(long, value_name = "N", global = true, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_spans: Option<u32>,

    /// Seconds of silence after which a running span is shown as lost [default: 60]
    #[arg(long, value_name = "SECONDS", global = true, value_parser = clap::value_parser!(u32).range(1..))]
    pub stale: Option<u32>,

    /// Do not move with the newest trace
    #[arg(long, global = true)]
    pub no_follow: bool,

    /// Draw with ASCII characters only
    #[arg(long, global = true)]
    pub ascii: bool,

    /// What goes into the log file: off, error, warn, info, debug or trace [default: info]
    #[arg(long, value_name = "LEVEL", global = true)]
    pub log_level: Option<crate::config::LogLevel>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once("agno-top").chain(line.split_whitespace()))
    }

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sources_are_paths_and_demo_is_the_subcommand() {
        let cli = parse("tmp/traces.db other.json").unwrap();
        assert_eq!((cli.command, cli.sources), (None, vec![PathBuf::from("tmp/traces.db"), PathBuf::from("other.json")]));
        assert_eq!(parse("").unwrap().sources, Vec::<PathBuf>::new());
        assert_eq!(parse("demo").unwrap().command, Some(Command::Demo));
        assert_eq!(parse("./demo").unwrap().sources, [PathBuf::from("./demo")]);
    }

    #[test]
    fn flags_stand_anywhere() {
        for line in ["--ascii --max-spans 5 demo", "demo --ascii --max-spans 5", "a.db --ascii --max-spans=5"] {
            let cli = parse(line).unwrap();
            assert_eq!((cli.options.ascii, cli.options.max_spans), (true, Some(5)), "{line}");
        }
    }

    #[test]
    fn a_wrong_flag_or_value_is_a_usage_error() {
        for line in ["--nope", "--max-spans 0", "--max-spans many", "--stale -1", "--log-level loud", "demo a.db"] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
