//! The styles of everything on the screen, and the replacement of symbols by ASCII.

use ratatui::buffer::Buffer;
use ratatui::style::Style;

use crate::model::SpanType;
use crate::store::RunStatus;
use crate::tui::display;
use crate::tui::theme::{Role, Theme};
use crate::tui::widget::Glyphs;

/// The current theme, and whether symbols must be ASCII.
#[derive(Clone, Copy, Debug)]
pub(super) struct Styling<'a> {
    pub(super) theme: &'a Theme,
    pub(super) ascii: bool,
}

impl Styling<'_> {
    pub(super) fn span_type(self, span_type: SpanType) -> Style {
        self.theme.style(display::span_type_role(span_type))
    }

    pub(super) fn run_status(self, status: RunStatus) -> Style {
        display::status_role(status).map_or(Style::new(), |role| self.theme.style(role))
    }

    /// The style below everything else.
    pub(super) fn screen(self) -> Style {
        self.theme.style(Role::Screen)
    }

    /// The style of text that replaces drawn cells.
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

/// Replaces the program's symbols on a drawn screen by ASCII; other text stays.
pub(super) fn to_ascii(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if let Some(ascii) = display::ascii_symbol(cell.symbol()) {
            cell.set_symbol(ascii);
        }
    }
}
