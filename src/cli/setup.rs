//! The arguments of `setup`.

use clap::{Args, ValueEnum};

/// The arguments of `setup`.
#[derive(Clone, Debug, PartialEq, Args)]
#[allow(clippy::struct_excessive_bools, reason = "they are flags")]
pub struct SetupArgs {
    /// The coding agent
    #[arg(value_enum, value_name = "claude|codex|gemini|qwen|opencode|copilot", hide_possible_values = true)]
    pub agent: Agent,

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
    Claude,
    /// Codex
    Codex,
    /// Gemini CLI
    Gemini,
    /// Qwen Code
    Qwen,
    /// opencode
    Opencode,
    /// GitHub's Copilot CLI
    Copilot,
}
