//! Colours and symbols. Nothing is told by colour alone: every state has a symbol too.

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};

use crate::model::Kind;
use crate::store::Standing;
use crate::widget::Glyphs;

/// How things look.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Theme {
    /// Symbols are plain ASCII.
    pub(super) ascii: bool,
}

const AGENT: Color = Color::Indexed(75);
const TEAM: Color = Color::Indexed(141);
const STEP: Color = Color::Indexed(109);
const MODEL: Color = Color::Indexed(79);
const TOOL: Color = Color::Indexed(179);
const OTHER: Color = Color::Indexed(246);
const DIM: Color = Color::Indexed(243);
const FRAME: Color = Color::Indexed(239);
const RUNNING: Color = Color::Indexed(220);
const ERROR: Color = Color::Indexed(203);

#[expect(clippy::unused_self, reason = "a look is asked of the theme, also while there is one")]
impl Theme {
    pub(super) fn kind(self, kind: Kind) -> Style {
        Style::new().fg(match kind {
            Kind::Agent => AGENT,
            Kind::Team => TEAM,
            Kind::Workflow | Kind::Step => STEP,
            Kind::Model | Kind::Embedding => MODEL,
            Kind::Tool | Kind::Retriever | Kind::Reranker => TOOL,
            Kind::Guardrail | Kind::Evaluator | Kind::Prompt | Kind::Other => OTHER,
        })
    }

    pub(super) fn glyph(self, kind: Kind) -> &'static str {
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

    pub(super) fn dim(self) -> Style {
        Style::new().fg(DIM)
    }

    pub(super) fn frame(self, focused: bool) -> Style {
        Style::new().fg(if focused { AGENT } else { FRAME })
    }

    pub(super) fn title(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub(super) fn error(self) -> Style {
        Style::new().fg(ERROR)
    }

    pub(super) fn running(self) -> Style {
        Style::new().fg(RUNNING)
    }

    pub(super) fn good(self) -> Style {
        Style::new().fg(MODEL)
    }

    pub(super) fn key(self) -> Style {
        Style::new().fg(AGENT)
    }

    pub(super) fn cursor(self) -> Style {
        Style::new().bg(Color::Indexed(237))
    }

    pub(super) fn lit(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED)
    }

    pub(super) fn found(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    pub(super) fn current(self) -> Style {
        self.running().add_modifier(Modifier::REVERSED | Modifier::BOLD)
    }

    pub(super) fn glyphs(self) -> Glyphs {
        if self.ascii { Glyphs::Ascii } else { Glyphs::Unicode }
    }

    pub(super) fn mark(self) -> Style {
        Style::new().fg(RUNNING).add_modifier(Modifier::BOLD)
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
];

/// The symbol of a kind.
#[must_use]
pub fn glyph(kind: Kind, glyphs: Glyphs) -> &'static str {
    let symbol = Theme::default().glyph(kind);
    let ascii = ASCII.iter().find(|(other, _)| glyphs == Glyphs::Ascii && *other == symbol);
    ascii.map_or(symbol, |(_, ascii)| ascii)
}

/// Replaces the program's own symbols on a painted screen; what came from outside stays.
pub(super) fn to_ascii(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if let Some((_, ascii)) = ASCII.iter().find(|(symbol, _)| *symbol == cell.symbol()) {
            cell.set_symbol(ascii);
        }
    }
}
