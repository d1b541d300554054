//! The arguments of `setup`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// The arguments of `setup`.
#[derive(Clone, Debug, PartialEq, Args)]
#[allow(clippy::struct_excessive_bools, reason = "they are flags")]
pub struct SetupArgs {
    /// The coding agent that sends; mcp makes the one of --agent ask `agno-top mcp` instead
    #[arg(value_enum, value_name = "claude|codex|gemini|qwen|opencode|copilot|mcp", hide_possible_values = true)]
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
