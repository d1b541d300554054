//! Symbols, in Unicode and in ASCII. Every type and status has a symbol, so that colour is never the only sign.

use crate::model::SpanType;
use crate::store::RunStatus;

/// Returns the symbol of a span type.
#[must_use]
pub fn span_type_symbol(span_type: SpanType) -> &'static str {
    match span_type {
        SpanType::Agent => "◆",
        SpanType::Team => "◈",
        SpanType::Workflow => "▣",
        SpanType::Step => "▫",
        SpanType::Model | SpanType::Embedding => "✦",
        SpanType::Tool => "⚙",
        SpanType::Retriever | SpanType::Reranker => "⌕",
        SpanType::Guardrail => "⛨",
        SpanType::Evaluator | SpanType::Prompt | SpanType::Other => "·",
    }
}

/// Returns the symbol of a status; a blank for success.
#[must_use]
pub fn status_symbol(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Error => "✗",
        RunStatus::Running => "◐",
        RunStatus::Lost => "◌",
        RunStatus::Ok => " ",
    }
}

/// Returns the ASCII replacement of one of the program's symbols, or `None` for any other text.
#[must_use]
pub fn ascii_symbol(symbol: &str) -> Option<&'static str> {
    ASCII.iter().find(|(unicode, _)| *unicode == symbol).map(|(_, ascii)| *ascii)
}

/// The program's symbols and their ASCII replacements.
const ASCII: &[(&str, &str)] = &[
    ("◆", "A"),
    ("◈", "T"),
    ("▣", "W"),
    ("▫", "s"),
    ("✦", "m"),
    ("⚙", "t"),
    ("⌕", "r"),
    ("⛨", "g"),
    ("·", "."),
    ("✗", "x"),
    ("◐", "~"),
    ("◌", "?"),
    ("●", "*"),
    ("○", "o"),
    ("◔", "~"),
    ("■", "="),
    ("✓", "+"),
    ("✕", "x"),
    ("▎", ">"),
    ("▾", "-"),
    ("▸", "+"),
    ("│", "|"),
    ("─", "-"),
    ("├", "|"),
    ("└", "`"),
    ("┊", ":"),
    ("┣", "#"),
    ("┗", "#"),
    ("×", "x"),
    ("╭", "+"),
    ("╮", "+"),
    ("╰", "+"),
    ("╯", "+"),
    ("“", "\""),
    ("”", "\""),
    ("…", "~"),
    ("–", "-"),
    ("→", ">"),
    ("←", "<"),
    ("⏎", "$"),
    ("↑", "k"),
    ("↓", "j"),
    ("▁", "."),
    ("▂", "."),
    ("▃", ":"),
    ("▄", ":"),
    ("▅", "="),
    ("▆", "="),
    ("▇", "#"),
    ("█", "#"),
    ("×", "x"),
    ("≥", ">"),
];
