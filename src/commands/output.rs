//! How lines look: with colour or without, how wide, in which characters.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

use crossterm::style::{Attribute, Color, ContentStyle, StyledContent};

use crate::format;
use crate::model::SpanType;
use crate::store::RunStatus;
use crate::tui::view;
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
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let width = crossterm::terminal::size().ok().map(|(width, _)| usize::from(width)).filter(|&width| width > 0);
        Self { colour: !set("NO_COLOR") && !dumb, glyphs, width }
    }

    /// Writes pieces as one line, cut where it would be too wide.
    pub(crate) fn line(self, out: &mut impl Write, pieces: &[StyledText]) -> io::Result<()> {
        let mut room = self.width.unwrap_or(usize::MAX);
        let end = pieces.iter().rposition(|piece| !piece.text.trim().is_empty()).map_or(0, |last| last + 1);
        for StyledText { text, tone } in &pieces[..end] {
            let fitted = format::fit(text, room);
            room -= format::width(&fitted).min(room);
            let shown = if self.glyphs == Glyphs::Ascii { to_ascii(&fitted) } else { fitted };
            match style(*tone).filter(|_| self.colour && !shown.trim().is_empty()) {
                Some(style) => write!(out, "{}", StyledContent::new(style, shown))?,
                None => out.write_all(shown.as_bytes())?,
            }
        }
        out.write_all(b"\n")
    }

    /// The symbol of a kind.
    #[must_use]
    pub(crate) fn kind(kind: SpanType) -> StyledText {
        StyledText::new(view::glyph(kind), Style::Kind(kind))
    }
}

/// The program's own symbols replaced; what else came from outside stays.
fn to_ascii(text: &str) -> Cow<'static, str> {
    let plain = |c: char| view::ascii(c.encode_utf8(&mut [0; 4])).map_or_else(|| c.to_string(), str::to_owned);
    text.chars().map(plain).collect::<String>().into()
}

/// Colours as the screen has them.
fn style(tone: Style) -> Option<ContentStyle> {
    let colour = |number| ContentStyle { foreground_color: Some(Color::AnsiValue(number)), ..ContentStyle::default() };
    Some(match tone {
        Style::Plain | Style::Standing(RunStatus::Ok) => return None,
        Style::Strong => ContentStyle { attributes: Attribute::Bold.into(), ..ContentStyle::default() },
        Style::Dim | Style::Standing(RunStatus::Lost) => colour(243),
        Style::Standing(RunStatus::Error) => colour(203),
        Style::Standing(RunStatus::Running) => colour(220),
        Style::Kind(kind) => colour(kind_colour(kind)),
        Style::Reversed(kind) => ContentStyle { attributes: Attribute::Reverse.into(), ..colour(kind_colour(kind)) },
    })
}

fn kind_colour(kind: SpanType) -> u8 {
    match kind {
        SpanType::Agent => 75,
        SpanType::Team => 141,
        SpanType::Workflow | SpanType::Step => 109,
        SpanType::Model | SpanType::Embedding => 79,
        SpanType::Tool | SpanType::Retriever | SpanType::Reranker => 179,
        SpanType::Guardrail | SpanType::Evaluator | SpanType::Prompt | SpanType::Other => 246,
    }
}
