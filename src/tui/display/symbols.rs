//! The symbols and theme roles of span types and statuses. Each has a symbol, so that colour is never the only sign.

use crate::model::SpanType;
use crate::store::RunStatus;
use crate::tui::theme::Role;

/// Returns the symbol of a span type.
#[must_use]
pub fn span_type_symbol(span_type: SpanType) -> &'static str {
    span_type.symbol()
}

/// Returns the symbol of a status; a blank for success.
#[must_use]
pub fn status_symbol(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Error => "✗",
        RunStatus::Running => "◐",
        RunStatus::Paused => "‖",
        RunStatus::Cut => "⊘",
        RunStatus::Lost => "◌",
        RunStatus::Ok => " ",
    }
}

/// Returns the role that colours spans of this type.
#[must_use]
pub fn span_type_role(span_type: SpanType) -> Role {
    match span_type {
        SpanType::Agent => Role::Agent,
        SpanType::Team => Role::Team,
        SpanType::Workflow | SpanType::Step => Role::Step,
        SpanType::Model | SpanType::Embedding => Role::Model,
        SpanType::Tool | SpanType::Retriever | SpanType::Reranker => Role::Tool,
        SpanType::Guardrail | SpanType::Evaluator | SpanType::Prompt | SpanType::Other => Role::Other,
    }
}

/// Returns the role that colours this status; `None` for success, which needs no colour.
#[must_use]
pub fn status_role(status: RunStatus) -> Option<Role> {
    match status {
        RunStatus::Error | RunStatus::Cut => Some(Role::Error),
        RunStatus::Running | RunStatus::Paused => Some(Role::Running),
        RunStatus::Lost => Some(Role::Dim),
        RunStatus::Ok => None,
    }
}

/// Returns the ASCII replacement of one of the program's symbols, or `None` for any other text.
#[must_use]
pub fn ascii_symbol(symbol: &str) -> Option<&'static str> {
    ASCII.iter().find_map(|pair| pair.strip_prefix(symbol)).filter(|ascii| ascii.len() == 1)
}

/// The program's symbols, each followed by its ASCII replacement.
const ASCII: &[&str] = &[
    "◆A", "◈T", "▣W", "▫s", "✦m", "⚙t", "⌕r", "⛨g", "·.", "✗x", "◐~", "◌?", "‖=", "⊘%", "●*", "○o", "◔~", "■=", "✓+", "✕x", "▎>", "▾-",
    "▸+", "│|", "─-", "├|", "└`", "┊:", "┆:", "┄.", "┣#", "┗#", "×x", "╭+", "╮+", "╰+", "╯+", "“\"", "”\"", "…~", "–-", "→>", "←<", "↑k",
    "↓j", "▁.", "▂.", "▃:", "▄:", "▅=", "▆=", "▇#", "█#", "▓#", "▒=", "░.", "▚%", "▞/", "▌|", "⏎ ", "≥>", "≠!", "µu",
];
