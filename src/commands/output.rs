//! Lines of text on standard output: colours, width, and ASCII.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::sync::LazyLock;

use crossterm::style::{ContentStyle, StyledContent};
use ratatui::prelude::IntoCrossterm;

use crate::export::record::status_name;
use crate::format;
use crate::model::SpanType;
use crate::store::{RowIx, RunStatus, Store, Totals};
use crate::tui::display;
use crate::tui::theme::{AUTO, Background, ColorSupport, Role, Themes};
use crate::tui::widget::Glyphs;

/// What standard output can show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Output {
    /// Whether colours may be used.
    pub(crate) colour: bool,
    /// The characters that may be used.
    pub(crate) glyphs: Glyphs,
    /// The width of a line in cells; `None` if it is unlimited.
    pub(crate) width: Option<usize>,
}

/// The style of text, from which its colour follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Style {
    /// No style.
    #[default]
    Plain,
    /// Secondary information.
    Dim,
    /// Headings and names.
    Strong,
    /// The colour of a span type.
    SpanType(SpanType),
    /// The colour of a status.
    Status(RunStatus),
    /// The colour of a span type, as the background.
    Reversed(SpanType),
}

/// Text that is safe for a terminal, with its style.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StyledText {
    pub(super) text: String,
    pub(super) style: Style,
}

impl StyledText {
    /// Creates styled text; removes what could control a terminal.
    pub(crate) fn new(text: &str, style: Style) -> Self {
        Self { text: format::safe(text).into_owned(), style }
    }

    /// Returns the width in cells.
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
    /// Returns what standard output can show: colours on a terminal unless `NO_COLOR` is set, and unlimited width otherwise.
    pub(crate) fn stdout(ascii: bool) -> Self {
        let glyphs = if ascii { Glyphs::Ascii } else { Glyphs::Unicode };
        if !io::stdout().is_terminal() {
            return Self { colour: false, glyphs, width: None };
        }
        let width = crossterm::terminal::size().ok().map(|(width, _)| usize::from(width)).filter(|&width| width > 0);
        Self { colour: color_support() != ColorSupport::None, glyphs, width }
    }

    /// Writes pieces as one line, cut to the width.
    pub(crate) fn line(self, out: &mut impl Write, pieces: &[StyledText]) -> io::Result<()> {
        let mut room = self.width.unwrap_or(usize::MAX);
        let end = pieces.iter().rposition(|piece| !piece.text.trim().is_empty()).map_or(0, |last| last + 1);
        for StyledText { text, style } in &pieces[..end] {
            let fitted = format::fit(text, room);
            room -= format::width(&fitted).min(room);
            let shown = if self.glyphs == Glyphs::Ascii { to_ascii(&fitted) } else { fitted };
            match content_style(*style).filter(|_| self.colour && !shown.trim().is_empty()) {
                Some(style) => write!(out, "{}", StyledContent::new(style, shown))?,
                None => out.write_all(shown.as_bytes())?,
            }
        }
        out.write_all(b"\n")
    }

    /// Returns the symbol of a span type.
    pub(crate) fn symbol(span_type: SpanType) -> StyledText {
        StyledText::new(display::span_type_symbol(span_type), Style::SpanType(span_type))
    }
}

/// Returns the tokens and the cost of a row, empty for a tool that called no model: it uses none. Any other span without tokens did not
/// report them.
pub(crate) fn usage(span_type: SpanType, totals: &Totals) -> [String; 2] {
    if span_type == SpanType::Tool && totals.tokens().is_none() {
        return [String::new(), String::new()];
    }
    [display::tokens(totals), display::cost(totals)]
}

/// Returns the error of a row, else the tools that it requested, else its input if `shows_input`.
pub(crate) fn description(store: &Store, row: RowIx, shows_input: bool) -> StyledText {
    let (data, status) = (store.row(row), store.run_status(row));
    let own = store.error(row);
    let failure = if status == RunStatus::Error && own.is_empty() { store.failure_text(row) } else { own };
    let [error, tools, input] = [failure, data.requested_tools(), data.input].map(|symbol| store.text(symbol));
    match (status, shows_input) {
        (RunStatus::Error, _) if error.is_empty() => StyledText::new("✗ no message", Style::Status(status)),
        (RunStatus::Error, _) => StyledText::new(&format!("✗ {error}"), Style::Status(status)),
        (RunStatus::Paused | RunStatus::Cut, _) => {
            StyledText::new(&format!("{} {}", display::status_symbol(status), status_name(status)), Style::Status(status))
        }
        _ if data.has_failed_harmlessly() => StyledText::new(&format!("✗ {error}"), Style::Dim),
        _ if !tools.is_empty() => StyledText::new(&format!("→ {tools}"), Style::Dim),
        (_, true) => StyledText::new(input, Style::Dim),
        (_, false) => StyledText::from(String::new()),
    }
}

/// Replaces the program's own symbols; other text stays as it is.
fn to_ascii(text: &str) -> Cow<'static, str> {
    let plain = |c: char| display::ascii_symbol(c.encode_utf8(&mut [0; 4])).map_or_else(|| c.to_string(), str::to_owned);
    text.chars().map(plain).collect::<String>().into()
}

/// The themes of the screen; standard output uses the default one.
static THEMES: LazyLock<Themes> = LazyLock::new(|| {
    let mut themes = Themes::load(AUTO, None, color_support()).0;
    if let Some(background) = Background::detect(variable) {
        themes.set_background(background);
    }
    themes
});

fn color_support() -> ColorSupport {
    ColorSupport::detect(variable)
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Returns the colours and attributes of a style in the default theme; `None` for text as it is.
fn content_style(style: Style) -> Option<ContentStyle> {
    let theme = |role| THEMES.current().style(role);
    let style = match style {
        Style::Plain => return None,
        Style::Strong => theme(Role::Title),
        Style::Dim => theme(Role::Dim),
        Style::Status(status) => theme(display::status_role(status)?),
        Style::SpanType(span_type) => theme(display::span_type_role(span_type)),
        Style::Reversed(span_type) => theme(display::span_type_role(span_type)).reversed(),
    };
    Some(style.into_crossterm())
}
