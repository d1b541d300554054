//! The looks of what Agno's traces hold: colours of the theme, and symbols. Nothing is told by colour alone: every state has a symbol too.

use ratatui::buffer::Buffer;
use ratatui::style::Style;

use crate::model::SpanType;
use crate::store::RunStatus;
use crate::tui::theme::{Role, Theme};
use crate::tui::widget::Glyphs;

/// How things look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Styling<'a> {
    /// The colours.
    pub(super) theme: &'a Theme,
    /// Symbols are plain ASCII.
    pub(super) ascii: bool,
}

#[expect(clippy::unused_self, reason = "a symbol is asked of the theme, as a colour is")]
impl Styling<'_> {
    pub(super) fn kind(self, kind: SpanType) -> Style {
        self.theme.style(match kind {
            SpanType::Agent => Role::Agent,
            SpanType::Team => Role::Team,
            SpanType::Workflow | SpanType::Step => Role::Step,
            SpanType::Model | SpanType::Embedding => Role::Model,
            SpanType::Tool | SpanType::Retriever | SpanType::Reranker => Role::Tool,
            SpanType::Guardrail | SpanType::Evaluator | SpanType::Prompt | SpanType::Other => Role::Other,
        })
    }

    pub(super) fn glyph(self, kind: SpanType) -> &'static str {
        symbol(kind)
    }

    /// The symbol of a row that did not simply end well.
    pub(super) fn standing_glyph(self, standing: RunStatus) -> &'static str {
        match standing {
            RunStatus::Error => "✗",
            RunStatus::Running => "◐",
            RunStatus::Lost => "◌",
            RunStatus::Ok => " ",
        }
    }

    pub(super) fn standing(self, standing: RunStatus) -> Style {
        match standing {
            RunStatus::Error => self.error(),
            RunStatus::Running => self.running(),
            RunStatus::Lost => self.dim(),
            RunStatus::Ok => Style::new(),
        }
    }

    /// Under everything.
    pub(super) fn screen(self) -> Style {
        self.theme.style(Role::Screen)
    }

    /// Running text where something else was painted before.
    pub(super) fn text(self) -> Style {
        Style::new().fg(self.screen().fg.unwrap_or_default())
    }

    pub(super) fn dim(self) -> Style {
        self.theme.style(Role::Dim)
    }

    pub(super) fn frame(self, focused: bool) -> Style {
        self.theme.style(if focused { Role::Focus } else { Role::Frame })
    }

    pub(super) fn title(self) -> Style {
        self.theme.style(Role::Title)
    }

    pub(super) fn error(self) -> Style {
        self.theme.style(Role::Error)
    }

    pub(super) fn running(self) -> Style {
        self.theme.style(Role::Running)
    }

    pub(super) fn good(self) -> Style {
        self.theme.style(Role::Good)
    }

    pub(super) fn key(self) -> Style {
        self.theme.style(Role::Key)
    }

    pub(super) fn cursor(self) -> Style {
        self.theme.style(Role::Cursor)
    }

    pub(super) fn tab(self) -> Style {
        self.theme.style(Role::Tab)
    }

    pub(super) fn lit(self) -> Style {
        self.theme.style(Role::Lit)
    }

    pub(super) fn found(self) -> Style {
        self.theme.style(Role::Found)
    }

    pub(super) fn current(self) -> Style {
        self.theme.style(Role::Current)
    }

    pub(super) fn mark(self) -> Style {
        self.theme.style(Role::Mark)
    }

    pub(super) fn glyphs(self) -> Glyphs {
        if self.ascii { Glyphs::Ascii } else { Glyphs::Unicode }
    }
}

fn symbol(kind: SpanType) -> &'static str {
    match kind {
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

/// The program's own symbols and what stands for them where only ASCII can be trusted.
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

/// The symbol of a kind.
#[must_use]
pub fn glyph(kind: SpanType) -> &'static str {
    symbol(kind)
}

/// What stands for one of the program's own symbols where only ASCII can be trusted; `None` for what is none.
#[must_use]
pub fn ascii(symbol: &str) -> Option<&'static str> {
    ASCII.iter().find(|(own, _)| *own == symbol).map(|(_, ascii)| *ascii)
}

/// Replaces the program's own symbols on a painted screen; what came from outside stays.
pub(super) fn to_ascii(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if let Some(ascii) = ascii(cell.symbol()) {
            cell.set_symbol(ascii);
        }
    }
}
