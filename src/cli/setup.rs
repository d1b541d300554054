//! The arguments of `setup`.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::builder::{EnumValueParser, PossibleValue, StyledStr, TypedValueParser};
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, Args, Command, ValueEnum};

/// The arguments of `setup`.
#[derive(Clone, Debug, PartialEq, Args)]
#[allow(clippy::struct_excessive_bools, reason = "they are flags")]
pub struct SetupArgs {
    /// The coding agent that sends; mcp makes the one of --agent ask `agno-top mcp` instead
    #[arg(value_parser = AgentParser, value_name = "claude|codex|gemini|qwen|opencode|copilot|mcp", hide_possible_values = true)]
    pub agent: Agent,

    /// With mcp: the sources that the server reads [default: the databases found where the agent starts it]
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<PathBuf>,

    /// With mcp: the program that asks
    #[arg(long = "agent", value_enum, value_name = "claude|codex|cursor|gemini|opencode|vscode", hide_possible_values = true)]
    pub client: Option<Client>,

    /// Change the agent's file, after showing the change and asking
    ///
    /// Comments, order and everything else stay, and so do its mode and owner; links are followed. A copy of the file as it was is kept beside it. A file that sends elsewhere is never changed.
    #[arg(long)]
    pub write: bool,

    /// Also send prompts, answers, and what tools read and write
    #[arg(long)]
    pub content: bool,

    /// Change the file without asking
    #[arg(long, requires = "write")]
    pub yes: bool,

    /// Do not wait for the first record
    #[arg(long)]
    pub no_wait: bool,
}

/// A coding agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Agent {
    /// Claude Code
    #[value(alias = "claude-code")]
    Claude,
    /// Codex
    #[value(alias = "codex-cli")]
    Codex,
    /// Gemini CLI
    #[value(alias = "gemini-cli")]
    Gemini,
    /// Qwen Code
    #[value(alias = "qwen-code")]
    Qwen,
    /// opencode
    Opencode,
    /// GitHub's Copilot CLI
    #[value(alias = "copilot-cli")]
    Copilot,
    /// A program that asks
    Mcp,
}

/// Reads the name of a coding agent. The error for another name says what other programs need.
#[derive(Clone)]
struct AgentParser;

impl TypedValueParser for AgentParser {
    type Value = Agent;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<Agent, clap::Error> {
        EnumValueParser::new().parse_ref(command, arg, value).map_err(|mut error| {
            let tip = "other programs send what they trace when OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 is set";
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(tip)]));
            error
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(Agent::value_variants().iter().filter_map(ValueEnum::to_possible_value)))
    }
}

/// A program that takes servers of the Model Context Protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Client {
    /// Claude Code
    Claude,
    /// Codex
    Codex,
    /// Cursor
    Cursor,
    /// Gemini CLI
    Gemini,
    /// opencode
    Opencode,
    /// Visual Studio Code
    Vscode,
}
