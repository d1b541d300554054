//! The command line. What is not said here is taken from the environment, then from the configuration file ([`crate::config`]).

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Arg, Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::commands::export::Export;
use crate::commands::list::List;
use crate::commands::send::Send;
use crate::commands::show::Show;
use crate::commands::stats::Stats;
use crate::commands::tail::Tail;

/// htop for AI agents: watch the traces of Agno agents live.
#[derive(Clone, Debug, PartialEq, Parser)]
#[command(version, arg_required_else_help = false)]
pub struct Cli {
    /// What to do other than watching sources.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// What to watch: SQLite databases that Agno writes (PATH.db), PostgreSQL (`postgres://USER@HOST/DATABASE`), files of OTLP/JSON (PATH.json)
    ///
    /// Without any, the databases that hold Agno's tables in the current directory and its tmp, else the one that `DATABASE_URL` names if that is PostgreSQL, else tmp/traces.db. A database that is not there yet is waited for. A URL may have a driver as SQLAlchemy wants it (`postgresql+psycopg://`); what it leaves open is taken from `PGHOST`, `PGUSER`, `~/.pgpass` and so on. A file that is named as a subcommand is given as ./demo.
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<PathBuf>,

    /// How to watch.
    #[command(flatten)]
    pub options: Options,
}

/// Subcommands.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum Command {
    /// Play a recorded run of real agents, without any of your own
    Demo,
    /// List traces, newest first
    List(List),
    /// Show one trace: its tree with times, tokens, cost and errors
    Show(Show),
    /// Count calls, errors, times, tokens and cost by agent, model, tool, session or error
    Stats(Stats),
    /// Write a line for each span as it ends
    Tail(Tail),
    /// Write traces for other programs: OTLP, Agno's own form, lines of JSON, CSV, Markdown
    Export(Export),
    /// Send traces to another program that takes OTLP over HTTP
    Send(Send),
    /// Write the settings as they are in force, as a configuration file, with where each comes from
    Config,
    /// Write the script that completes commands and flags in a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual page, in troff: agno-top man | man -l -
    Man {
        /// A subcommand, which has a page of its own
        command: Option<String>,
    },
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

    /// Memory for spans and for what arrived over OTLP: 512M, 2G; the oldest finished traces go first [default: 1G]
    #[arg(long, value_name = "BYTES", global = true, value_parser = crate::config::parse_bytes)]
    pub max_memory: Option<u64>,

    /// Seconds of silence after which a running span is shown as lost [default: 60]
    #[arg(long, value_name = "SECONDS", global = true, value_parser = clap::value_parser!(u32).range(1..))]
    pub stale: Option<u32>,

    /// Do not move with the newest trace
    #[arg(long, global = true)]
    pub no_follow: bool,

    /// Theme: auto, dark, light, high-contrast, 16-colour, or one of your own [default: auto]
    #[arg(long, value_name = "NAME", global = true)]
    pub theme: Option<String>,

    /// Leave the mouse to the terminal
    #[arg(long, global = true)]
    pub no_mouse: bool,

    /// Draw with ASCII characters only
    #[arg(long, global = true)]
    pub ascii: bool,

    /// US dollars that a trace may cost; one that costs more is flagged, and the bell rings once
    #[arg(long, value_name = "USD", global = true, value_parser = crate::config::parse_dollars)]
    pub budget_cost: Option<i64>,

    /// Tokens that a trace may use, likewise
    #[arg(long, value_name = "N", global = true)]
    pub budget_tokens: Option<u64>,

    /// US dollars that all traces together may cost, likewise
    #[arg(long, value_name = "USD", global = true, value_parser = crate::config::parse_dollars)]
    pub budget_cost_total: Option<i64>,

    /// Tokens that all traces together may use, likewise
    #[arg(long, value_name = "N", global = true)]
    pub budget_tokens_total: Option<u64>,

    /// Price list in the schema of genai-prices, which goes before the built-in one
    #[arg(long, value_name = "FILE", global = true)]
    pub prices: Option<PathBuf>,

    /// What goes into the log file: off, error, warn, info, debug or trace [default: info]
    #[arg(long, value_name = "LEVEL", global = true)]
    pub log_level: Option<crate::config::LogLevel>,

    /// How spans are listened for.
    #[command(flatten)]
    pub otlp: OtlpOptions,
}

/// Flags about listening for OpenTelemetry's protocol. `None`, `false` and empty lists mean "not said here".
#[derive(Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Listening for OpenTelemetry (OTLP)")]
pub struct OtlpOptions {
    /// Listen for spans also beside the sources that are named, over gRPC and HTTP
    #[arg(long, global = true, conflicts_with = "no_otlp")]
    pub otlp: bool,

    /// Do not listen for spans
    #[arg(long, global = true)]
    pub no_otlp: bool,

    /// Address to listen on for OTLP over gRPC: ADDRESS:PORT or PORT [default: 127.0.0.1:4317]
    ///
    /// Beside sources that are named, it opens this one alone.
    #[arg(long, value_name = "ADDR", global = true, conflicts_with = "no_otlp", value_parser = crate::config::parse_address)]
    pub grpc: Option<SocketAddr>,

    /// Address to listen on for OTLP over HTTP: ADDRESS:PORT or PORT [default: 127.0.0.1:4318]
    ///
    /// Beside sources that are named, it opens this one alone.
    #[arg(long, value_name = "ADDR", global = true, conflicts_with = "no_otlp", value_parser = crate::config::parse_address)]
    pub http: Option<SocketAddr>,

    /// Token that every request must bear: Authorization: Bearer TOKEN
    ///
    /// Better given by the environment, where other users of the machine can't see it.
    #[arg(long, value_name = "TOKEN", env = "AGNO_TOP_OTLP_TOKEN", hide_env_values = true, global = true, value_parser = token)]
    pub otlp_token: Option<String>,

    /// Origin of web pages that may send, as `http://localhost:3000`; * for all; can be repeated
    #[arg(long, value_name = "ORIGIN", global = true)]
    pub allow_origin: Vec<String>,

    /// Largest request, as it comes and decompressed [default: 16M]
    #[arg(long, value_name = "BYTES", global = true, value_parser = crate::config::parse_bytes)]
    pub max_body: Option<u64>,

    /// Also write what arrives into this SQLite file, as Agno would; it is made if it is not there
    #[arg(long, value_name = "FILE", global = true)]
    pub record: Option<PathBuf>,

    /// Pass every request on to this OTLP/HTTP endpoint; can be repeated
    #[arg(long, value_name = "URL", global = true)]
    pub forward: Vec<String>,

    /// Header for the requests that are passed on, as NAME=VALUE; can be repeated
    #[arg(long, value_name = "NAME=VALUE", global = true, value_parser = crate::config::parse_header)]
    pub forward_header: Vec<(String, String)>,
}

/// Leaves out what may be secret.
impl std::fmt::Debug for OtlpOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OtlpOptions").field("grpc", &self.grpc).field("http", &self.http).finish_non_exhaustive()
    }
}

/// Flags that only the screen heeds.
const SCREEN: [&str; 7] = ["no_follow", "theme", "no_mouse", "budget_cost", "budget_tokens", "budget_cost_total", "budget_tokens_total"];

/// Flags about whose tables are read.
const TABLES: [&str; 3] = ["spans_table", "traces_table", "schema"];

/// The definition of the command line. Flags may stand with every subcommand; its help names those that mean something to it.
#[must_use]
pub fn command() -> clap::Command {
    let (command, flags) = (Cli::command(), flags());
    command.mut_subcommands(|subcommand| {
        let hidden = flags.iter().filter(|flag| !accepts(subcommand.get_name(), flag)).map(|flag| flag.clone().hide(true));
        let hidden: Vec<Arg> = hidden.collect();
        subcommand.args(hidden)
    })
}

/// The same for completions, which would offer what is hidden: each subcommand takes the flags that it heeds and no others.
#[must_use]
pub fn validate_options() -> clap::Command {
    let (command, flags) = (Cli::command(), flags());
    command.mut_args(|flag| flag.global(false)).mut_subcommands(|subcommand| {
        let own = flags.iter().filter(|flag| accepts(subcommand.get_name(), flag)).map(|flag| flag.clone().global(false));
        let own: Vec<Arg> = own.collect();
        subcommand.args(own)
    })
}

/// The flags that may stand with every subcommand.
fn flags() -> Vec<Arg> {
    Cli::command().get_arguments().filter(|flag| flag.is_global_set()).cloned().collect()
}

fn accepts(subcommand: &str, flag: &Arg) -> bool {
    let id = flag.get_id().as_str();
    let (screen, listens) = (SCREEN.contains(&id), flag.get_help_heading().is_some());
    match subcommand {
        "config" => true,
        "demo" => !TABLES.contains(&id),
        "completions" | "man" => false,
        "tail" => !screen,
        "export" | "send" => !screen && !listens && id != "ascii",
        _ => !screen && !listens,
    }
}

/// Reads a command line, the program's name before all. `Err` is for the person: what is wrong, or the help asked for.
pub fn parse(line: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Cli, clap::Error> {
    let mut matches = command().try_get_matches_from(line)?;
    Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command()))
}

/// An empty token would guard nothing: a variable was not set, mostly.
fn token(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("it is empty".to_owned()) } else { Ok(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        super::parse(std::iter::once("agno-top").chain(line.split_whitespace()))
    }

    #[test]
    fn the_definition_holds_together() {
        command().debug_assert();
        validate_options().debug_assert();
    }

    #[test]
    fn a_subcommands_help_names_the_flags_that_it_heeds() {
        let help = |line: &str| parse(line).unwrap_err().to_string();
        for (line, named, not) in [
            ("list --help", ["--fail-on", "--schema", "--ascii", "--stale"], ["--theme", "--no-mouse", "--grpc", "--budget-cost"]),
            ("tail --help", ["--since", "--schema", "--ascii", "--grpc"], ["--theme", "--no-mouse", "--no-follow", "--budget-cost"]),
            ("send --help", ["--to", "--schema", "--config", "--prices"], ["--theme", "--ascii", "--grpc", "--budget-tokens"]),
            ("demo --help", ["--theme", "--ascii", "--config", "--grpc"], ["--schema", "--spans-table", "--traces-table", "--to"]),
            ("man --help", ["--help", "[COMMAND]", "page", "own"], ["--theme", "--config", "--grpc", "--log-level"]),
            ("--help", ["--theme", "--ascii", "--schema", "--grpc"], ["--fail-on", "--since", "--to", "--json"]),
        ] {
            let text = help(line);
            assert!(named.iter().all(|flag| text.contains(flag)), "{line}: {text}");
            let words: Vec<&str> = text.split([' ', ',', '\n', '=']).collect();
            assert!(not.iter().all(|flag| !words.contains(flag)), "{line}: {text}");
        }
    }

    #[test]
    fn completions_offer_what_the_help_names() {
        let (command, accepted) = (command(), validate_options());
        for told in accepted.get_subcommands() {
            let named = |command: &clap::Command| {
                let shown = command.get_arguments().filter(|flag| !flag.is_hide_set());
                shown.map(|flag| flag.get_id().to_string()).collect::<std::collections::BTreeSet<_>>()
            };
            let mut helped = command.clone();
            helped.build();
            let helped = named(helped.find_subcommand(told.get_name()).unwrap());
            assert_eq!(named(told), helped.into_iter().filter(|flag| flag != "help").collect(), "{}", told.get_name());
        }
    }

    #[test]
    fn a_flag_that_a_subcommand_does_not_heed_is_taken_all_the_same() {
        let cli = parse("--schema a list --theme dark --grpc 1 b.db").unwrap();
        assert_eq!((cli.options.schema.as_deref(), cli.options.theme.as_deref()), (Some("a"), Some("dark")));
        assert_eq!(cli.options.otlp.grpc.map(|address| address.port()), Some(1));
        assert_eq!(parse("--theme dark man").unwrap().options.theme.as_deref(), Some("dark"));
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
            assert_eq!(cli.command.is_some(), line.contains("demo"), "{line}");
        }
    }

    #[test]
    fn a_wrong_flag_or_value_is_a_usage_error() {
        for line in [
            "--nope",
            "--max-spans 0",
            "--max-spans many",
            "--stale -1",
            "--log-level loud",
            "demo a.db",
            "--grpc x",
            "--max-body 0",
            "--otlp --no-otlp",
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
