//! The command line: subcommands, their arguments, and the flags of the settings.

mod archive;
mod args;
mod doctor;
mod examples;
mod list;
mod logs;
mod mcp;
mod metrics;
mod options;
mod run;
mod selection;
mod setup;
mod show;
mod stats;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::config::Overrides;
use crate::config::url::has_password;
pub use archive::{ArchiveArgs, OldTraces, PruneArgs, RestoreArgs};
pub use args::{ExportArgs, SendArgs, TailArgs};
pub use doctor::DoctorArgs;
pub use list::{ListArgs, ListSort, SearchArgs};
pub use logs::LogsArgs;
pub use mcp::McpArgs;
pub use metrics::{MetricSort, MetricsArgs, OtlpFormat};
pub use run::RunArgs;
pub use selection::{LAST, Selection, Since, Until};
pub use setup::{Agent, Client, SetupArgs};
pub use show::{CompareArgs, ShowArgs, ShowFormat, WhyArgs};
pub use stats::{GroupBy, SortBy, StatsArgs};

/// htop for AI agents: watch the traces of Agno agents live.
#[derive(Clone, Debug, PartialEq, Parser)]
#[command(version, arg_required_else_help = false)]
pub struct Cli {
    /// The subcommand; `None` shows the screen.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// SQLite databases that Agno writes (PATH.db), PostgreSQL (`postgres://USER@HOST/DATABASE`), ClickHouse (`clickhouse://USER@HOST/DATABASE`), AgentOS (`http://HOST:7777`), files of spans (PATH.json)
    ///
    /// Default: the databases with Agno's tables in the current directory and its tmp, else a PostgreSQL database named by `DATABASE_URL`, else tmp/traces.db. --otlp, --grpc and --http listen beside the databases that are there, and take the place of tmp/traces.db where there are none. A path that does not exist yet is waited for. A URL may have a driver as in SQLAlchemy (`postgresql+psycopg://`); missing parts come from `PGHOST`, `PGUSER`, `~/.pgpass` and so on. Write ./demo for a file with the name of a subcommand.
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<PathBuf>,

    /// The flags of the settings. It names no sources.
    #[command(flatten)]
    pub options: Overrides,
}

/// The subcommands.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum Command {
    /// Play a recorded run of real agents
    Demo {
        /// Print the first frame as text and exit; also without a terminal (its size is then COLUMNS and LINES, or 120 and 36)
        #[arg(long)]
        once: bool,
    },
    /// Run a program and watch it: it sends to agno-top, and Python programs are traced without a change
    Run(RunArgs),
    /// List traces, newest first
    List(ListArgs),
    /// List the traces that contain a text anywhere: in names, inputs, outputs, messages, attributes
    Search(SearchArgs),
    /// Show one trace as a tree with times, tokens, cost and errors
    Show(ShowArgs),
    /// Say what stands out in one trace: failures, loops, retries, slow steps, incomplete numbers
    Why(WhyArgs),
    /// Compare two traces step by step: times, tokens, cost, texts, parameters
    Compare(CompareArgs),
    /// Sum up calls, errors, times, tokens and cost by agent, model, tool, day and more
    Stats(StatsArgs),
    /// Print log records, the oldest first
    Logs(LogsArgs),
    /// List series of metrics: values, rates, percentiles
    Metrics(MetricsArgs),
    /// Print each span when it ends
    Tail(TailArgs),
    /// Write traces as OTLP, Agno's JSON, JSON lines, CSV, Markdown, HTML or SVG
    Export(ExportArgs),
    /// Send traces to an OTLP/HTTP endpoint
    Send(SendArgs),
    /// Answer the questions of an agent about traces, over the Model Context Protocol on standard input and output
    Mcp(McpArgs),
    /// Copy old traces from a database into a compressed file; with --delete, then delete them
    #[command(
        override_usage = "agno-top archive --older-than <AGE> --output <FILE> [OPTIONS] [SOURCE]\n       agno-top archive --older-than <AGE> --dry-run [OPTIONS] [SOURCE]"
    )]
    Archive(ArchiveArgs),
    /// Delete old traces from a database
    Prune(PruneArgs),
    /// Write an archive back into a database
    Restore(RestoreArgs),
    /// Check the terminal, the ports, the sources and the Python packages, and say how to fix each problem; exit code 1 if there is any
    Doctor(DoctorArgs),
    /// Show how to make a coding agent send to agno-top, and wait for its first record
    #[command(override_usage = "agno-top setup [OPTIONS] <AGENT>\n       agno-top setup mcp --agent <AGENT> [OPTIONS] [SOURCE]...")]
    Setup(SetupArgs),
    /// Print a skill file, which tells a coding agent how to ask traces
    Skill,
    /// Print the Python module that sends every span to agno-top when it starts and when it ends, for programs that `run` does not start
    PythonSetup,
    /// Print the settings in force as a configuration file, with the origin of each
    Config {
        /// Write a commented configuration file where agno-top looks for it, or to --config PATH; never over another
        #[arg(long)]
        init: bool,
    },
    /// Print the completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, in troff: agno-top man | man -l -
    Man {
        /// A subcommand, to print its page
        command: Option<String>,
    },
}

/// The help of the words of commands that take ids of traces and sources.
const TRACES_AND_SOURCES: &str = "Beginnings of trace ids, or last for the newest trace [default: all traces], and sources: SQLite databases, \
    PostgreSQL URLs, files [default: the databases found here, as on the screen]";

/// The columns of the help.
const HELP_WIDTH: usize = 80;

impl Cli {
    /// Returns what the command line sets in the configuration.
    #[must_use]
    pub fn overrides(&self) -> Overrides {
        let mut overrides = Overrides { sources: self.sources.clone(), ..self.options.clone() };
        // A file that is yet to be written is not read.
        overrides.file.take_if(|_| matches!(self.command, Some(Command::Config { init: true })));
        overrides
    }
}

/// Returns the manual page of a command, in troff.
///
/// # Errors
///
/// Those of writing, which memory has none of.
pub fn manual_page(command: clap::Command) -> std::io::Result<String> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    // The examples follow the flags as text without a section of their own.
    Ok(String::from_utf8_lossy(&page).replace(".SH EXTRA\nExamples:\n", ".SH EXAMPLES\n.nf\n"))
}

/// Returns the definition of the command line. Flags may stand before and after the subcommand; its help lists only those that it uses, and
/// [`parse`] refuses others.
#[must_use]
pub fn command() -> clap::Command {
    let flags = flags();
    let command = Cli::command().max_term_width(HELP_WIDTH).after_help(examples::PROGRAM);
    command.mut_subcommands(|subcommand| {
        let (_, unused) = partition(&flags, subcommand.get_name());
        let examples = examples::of(subcommand.get_name());
        // These choose traces by their ids, too.
        let subcommand = if matches!(subcommand.get_name(), "export" | "send") {
            subcommand.mut_arg("sources", |arg| arg.value_name("TRACE|SOURCE").help(TRACES_AND_SOURCES))
        } else {
            subcommand
        };
        let subcommand = subcommand.args(unused.into_iter().map(|flag| flag.hide(true))).max_term_width(HELP_WIDTH);
        if let Some(examples) = examples { subcommand.after_help(examples) } else { subcommand }
    })
}

/// Returns the definition for shell completions, which would offer hidden flags: each subcommand takes only the flags that it uses.
#[must_use]
pub fn command_for_completions() -> clap::Command {
    let flags = flags();
    Cli::command().mut_args(|flag| flag.global(false)).mut_subcommands(|subcommand| {
        let (used, _) = partition(&flags, subcommand.get_name());
        subcommand.args(used.into_iter().map(|flag| flag.global(false)))
    })
}

/// Returns the flags that every subcommand takes.
fn flags() -> Vec<Arg> {
    Cli::command().get_arguments().filter(|flag| flag.is_global_set()).cloned().collect()
}

/// Returns the flags that a subcommand uses, and the others.
fn partition(flags: &[Arg], subcommand: &str) -> (Vec<Arg>, Vec<Arg>) {
    flags.iter().cloned().partition(|flag| options::is_used(subcommand, flag))
}

/// Parses a command line, with the program's name first. The error is a usage error, or the help that the user asked for.
pub fn parse(line: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Cli, clap::Error> {
    let mut matches = command().try_get_matches_from(line).map_err(without_secret)?;
    if let Some((name, given)) = matches.subcommand() {
        let (_, unused) = partition(&flags(), name);
        let is_given = |flag: &&Arg| given.value_source(flag.get_id().as_str()) == Some(ValueSource::CommandLine);
        if let Some(flag) = unused.iter().find(is_given) {
            let message = format!("{name} does not use --{}", flag.get_long().unwrap_or_default());
            return Err(command().error(ErrorKind::UnknownArgument, message));
        }
    }
    Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command()))
}

/// Returns where the password of a source has its place, instead of its URL.
#[must_use]
pub fn password_place(url: &str) -> Option<&'static str> {
    let scheme = url.to_ascii_lowercase();
    let is = |names: &[&str]| names.iter().any(|name| scheme.starts_with(name));
    match () {
        () if is(&["mysql", "mariadb"]) => Some("MYSQL_PWD"),
        () if is(&["clickhouse"]) => Some("CLICKHOUSE_PASSWORD"),
        () if is(&["http"]) => Some("AGNO_TOP_AGENTOS_KEY"),
        () if is(&["postgres"]) => Some("~/.pgpass, PGPASSWORD"),
        () => None,
    }
}

/// Returns a warning if an argument is a URL with a password, which other users of the machine can read.
pub fn exposed_password(arguments: impl IntoIterator<Item = String>) -> Option<String> {
    let mut flag = String::new();
    for argument in arguments {
        let value = match argument.split_once('=') {
            Some((name, value)) if name.starts_with("--") => {
                name.clone_into(&mut flag);
                value
            }
            _ => &argument,
        };
        if has_password(value) {
            let instead = match (flag.as_str(), password_place(value)) {
                ("--to", _) => "--to @FILE or AGNO_TOP_SEND_TO".to_owned(),
                ("--forward", _) => "--forward @FILE or AGNO_TOP_FORWARD".to_owned(),
                (_, Some(place)) => format!("{place} or AGNO_TOP_SOURCES"),
                (_, None) => "AGNO_TOP_SOURCES".to_owned(),
            };
            return Some(format!("other users of this machine can read the password in this argument; {instead} hides it"));
        }
        flag = argument;
    }
    None
}

/// Removes the value from an error about a flag whose value may be secret.
fn without_secret(mut error: clap::Error) -> clap::Error {
    let is_secret = |name: &str| ["--header ", "--forward-header ", "--otlp-token "].iter().any(|flag| name.starts_with(flag));
    if matches!(error.get(ContextKind::InvalidArg), Some(ContextValue::String(name)) if is_secret(name)) {
        error.insert(ContextKind::InvalidValue, ContextValue::String("…".to_owned()));
    }
    error
}
