//! The looks of what Agno's traces hold: colours of the theme, and symbols. Nothing is told by colour alone: every state has a symbol too.

use ratatui::buffer::Buffer;
use ratatui::style::Style;

use crate::model::Kind;
use crate::store::Standing;
use crate::tui::theme::{Look, Role};
use crate::tui::widget::Glyphs;

/// How things look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Theme<'a> {
    /// The colours.
    pub(super) look: &'a Look,
    /// Symbols are plain ASCII.
    pub(super) ascii: bool,
}

#[expect(clippy::unused_self, reason = "a symbol is asked of the theme, as a colour is")]
impl Theme<'_> {
    pub(super) fn kind(self, kind: Kind) -> Style {
        self.look.style(match kind {
            Kind::Agent => Role::Agent,
            Kind::Team => Role::Team,
            Kind::Workflow | Kind::Step => Role::Step,
            Kind::Model | Kind::Embedding => Role::Model,
            Kind::Tool | Kind::Retriever | Kind::Reranker => Role::Tool,
            Kind::Guardrail | Kind::Evaluator | Kind::Prompt | Kind::Other => Role::Other,
        })
    }

    pub(super) fn glyph(self, kind: Kind) -> &'static str {
        symbol(kind)
    }

    /// The symbol of a row that did not simply end well.
    pub(super) fn standing_glyph(self, standing: Standing) -> &'static str {
        match standing {
            Standing::Error => "✗",
            Standing::Running => "◐",
            Standing::Lost => "◌",
            Standing::Ok => " ",
        }
    }

    pub(super) fn standing(self, standing: Standing) -> Style {
        match standing {
            Standing::Error => self.error(),
            Standing::Running => self.running(),
            Standing::Lost => self.dim(),
            Standing::Ok => Style::new(),
        }
    }

    /// Under everything.
    pub(super) fn screen(self) -> Style {
        self.look.style(Role::Screen)
    }

    /// Running text where something else was painted before.
    pub(super) fn text(self) -> Style {
        Style::new().fg(self.screen().fg.unwrap_or_default())
    }

    pub(super) fn dim(self) -> Style {
        self.look.style(Role::Dim)
    }

    pub(super) fn frame(self, focused: bool) -> Style {
        self.look.style(if focused { Role::Focus } else { Role::Frame })
    }

    pub(super) fn title(self) -> Style {
        self.look.style(Role::Title)
    }

    pub(super) fn error(self) -> Style {
        self.look.style(Role::Error)
    }

    pub(super) fn running(self) -> Style {
        self.look.style(Role::Running)
    }

    pub(super) fn good(self) -> Style {
        self.look.style(Role::Good)
    }

    pub(super) fn key(self) -> Style {
        self.look.style(Role::Key)
    }

    pub(super) fn cursor(self) -> Style {
        self.look.style(Role::Cursor)
    }

    pub(super) fn tab(self) -> Style {
        self.look.style(Role::Tab)
    }

    pub(super) fn lit(self) -> Style {
        self.look.style(Role::Lit)
    }

    pub(super) fn found(self) -> Style {
        self.look.style(Role::Found)
    }

    pub(super) fn current(self) -> Style {
        self.look.style(Role::Current)
    }

    pub(super) fn mark(self) -> Style {
        self.look.style(Role::Mark)
    }

    pub(super) fn glyphs(self) -> Glyphs {
        if self.ascii { Glyphs::Ascii } else { Glyphs::Unicode }
    }
}

fn symbol(kind: Kind) -> &'static str {
    match kind {
        Kind::Agent => "◆",
        Kind::Team => "◈",
        Kind::Workflow => "▣",
        Kind::Step => "▫",
        Kind::Model | Kind::Embedding => "✦",
        Kind::Tool => "⚙",
        Kind::Retriever | Kind::Reranker => "⌕",
        Kind::Guardrail => "⛨",
        Kind::Evaluator | Kind::Prompt | Kind::Other => "·",
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
pub fn glyph(kind: Kind) -> &'static str {
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
