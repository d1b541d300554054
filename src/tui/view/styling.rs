//! The styles of everything on the screen, and the replacement of symbols by ASCII.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Block, BorderType, Borders, Widget};

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

/// Defines a method per role, named like it, that returns its style.
macro_rules! role_styles {
    ($($method:ident $role:ident),*) => {
        $(pub(super) fn $method(self) -> Style {
            self.theme.style(Role::$role)
        })*
    };
}

impl Styling<'_> {
    role_styles!(screen Screen, dim Dim, title Title, error Error, running Running, good Good, key Key, cursor Cursor, tab Tab);
    role_styles!(lit Lit, found Found, current Current, mark Mark);

    pub(super) fn span_type(self, span_type: SpanType) -> Style {
        self.theme.style(display::span_type_role(span_type))
    }

    pub(super) fn run_status(self, status: RunStatus) -> Style {
        display::status_role(status).map_or(Style::new(), |role| self.theme.style(role))
    }

    /// The style of text that replaces drawn cells.
    pub(super) fn text(self) -> Style {
        Style::new().fg(self.screen().fg.unwrap_or_default())
    }

    pub(super) fn frame(self, focused: bool) -> Style {
        self.theme.style(if focused { Role::Focus } else { Role::Frame })
    }

    /// Draws a rounded frame; returns the area inside.
    pub(super) fn draw_frame(self, buffer: &mut Buffer, area: Rect, block: Block, focused: bool) -> Rect {
        let block = block.borders(Borders::ALL).border_type(BorderType::Rounded).border_style(self.frame(focused));
        let inner = block.inner(area);
        block.render(area, buffer);
        inner
    }

    /// Returns names of keys without symbols that ASCII lacks and that no single character replaces.
    pub(super) fn keys(self, names: &str) -> String {
        if self.ascii { names.replace('⏎', "enter") } else { names.to_owned() }
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
