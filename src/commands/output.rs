//! How lines look: with colour or without, how wide, in which characters.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::sync::LazyLock;

use crossterm::style::{ContentStyle, StyledContent};
use ratatui::prelude::IntoCrossterm;

use crate::format;
use crate::model::SpanType;
use crate::store::RunStatus;
use crate::tui::display;
use crate::tui::theme::{AUTO, ColorSupport, Role, Themes};
use crate::tui::widget::Glyphs;

/// How standard output takes lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Output {
    /// Whether colours may be used.
    pub(crate) colour: bool,
    /// The characters that may be used.
    pub(crate) glyphs: Glyphs,
    /// Cells of a line; `None` if nothing needs to be cut.
    pub(crate) width: Option<usize>,
}

/// What a piece of a line is, for its colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Style {
    /// As it comes.
    #[default]
    Plain,
    /// Beside the point.
    Dim,
    /// A heading, a name.
    Strong,
    /// Of a span of this kind.
    Kind(SpanType),
    /// Of a row with this status.
    Standing(RunStatus),
    /// Of a span of this kind, colours exchanged.
    Reversed(SpanType),
}

/// Text that is safe for a terminal, in its tone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StyledText {
    text: String,
    tone: Style,
}

impl StyledText {
    /// A piece of a line; the text is made safe here.
    #[must_use]
    pub(crate) fn new(text: &str, tone: Style) -> Self {
        Self { text: format::safe(text).into_owned(), tone }
    }

    /// Whether `next` looks the same.
    #[must_use]
    pub(crate) fn joins(&self, next: &Self) -> bool {
        self.tone == next.tone
    }

    /// Puts the text of `next` behind.
    pub(crate) fn join(&mut self, next: &Self) {
        self.text.push_str(&next.text);
    }

    /// Cells that it takes.
    #[must_use]
    pub(crate) fn width(&self) -> usize {
        format::width(&self.text)
    }
}

impl From<String> for StyledText {
    fn from(text: String) -> Self {
        Self::new(&text, Style::Plain)
    }
}

impl Output {
    /// The look of standard output: colours on a terminal unless `NO_COLOR` is set, everything uncut where it is none.
    #[must_use]
    pub(crate) fn stdout(ascii: bool) -> Self {
        let glyphs = if ascii { Glyphs::Ascii } else { Glyphs::Unicode };
        if !io::stdout().is_terminal() {
            return Self { colour: false, glyphs, width: None };
        }
        let width = crossterm::terminal::size().ok().map(|(width, _)| usize::from(width)).filter(|&width| width > 0);
        Self { colour: color_support() != ColorSupport::None, glyphs, width }
    }

    /// Writes pieces as one line, cut where it would be too wide.
    pub(crate) fn line(self, out: &mut impl Write, pieces: &[StyledText]) -> io::Result<()> {
        let mut room = self.width.unwrap_or(usize::MAX);
        let end = pieces.iter().rposition(|piece| !piece.text.trim().is_empty()).map_or(0, |last| last + 1);
        for StyledText { text, tone } in &pieces[..end] {
            let fitted = format::fit(text, room);
            room -= format::width(&fitted).min(room);
            let shown = if self.glyphs == Glyphs::Ascii { to_ascii(&fitted) } else { fitted };
            match content_style(*tone).filter(|_| self.colour && !shown.trim().is_empty()) {
                Some(style) => write!(out, "{}", StyledContent::new(style, shown))?,
                None => out.write_all(shown.as_bytes())?,
            }
        }
        out.write_all(b"\n")
    }

    /// The symbol of a kind.
    #[must_use]
    pub(crate) fn kind(kind: SpanType) -> StyledText {
        StyledText::new(display::span_type_symbol(kind), Style::Kind(kind))
    }
}

/// The program's own symbols replaced; what else came from outside stays.
fn to_ascii(text: &str) -> Cow<'static, str> {
    let plain = |c: char| display::ascii_symbol(c.encode_utf8(&mut [0; 4])).map_or_else(|| c.to_string(), str::to_owned);
    text.chars().map(plain).collect::<String>().into()
}

/// The themes of the screen; standard output uses the default one.
static THEMES: LazyLock<Themes> = LazyLock::new(|| Themes::load(AUTO, None, color_support()).0);

fn color_support() -> ColorSupport {
    ColorSupport::detect(|name| std::env::var(name).ok())
}

/// Returns the colours and attributes of a style in the default theme; `None` for text as it is.
fn content_style(style: Style) -> Option<ContentStyle> {
    let theme = |role| THEMES.current().style(role);
    let style = match style {
        Style::Plain => return None,
        Style::Strong => theme(Role::Title),
        Style::Dim => theme(Role::Dim),
        Style::Standing(status) => theme(display::status_role(status)?),
        Style::Kind(span_type) => theme(display::span_type_role(span_type)),
        Style::Reversed(span_type) => theme(display::span_type_role(span_type)).reversed(),
    };
    Some(style.into_crossterm())
}
