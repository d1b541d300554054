//! How lines look: with colour or without, how wide, in which characters.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

use crossterm::style::{Attribute, Color, ContentStyle, StyledContent};

use crate::format;
use crate::model::Kind;
use crate::store::Standing;
use crate::tui::view;
use crate::tui::widget::Glyphs;

/// How standard output takes lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// Whether colours may be used.
    pub(crate) colour: bool,
    /// The characters that may be used.
    pub(crate) glyphs: Glyphs,
    /// Cells of a line; `None` if nothing needs to be cut.
    pub(crate) width: Option<usize>,
}

/// What a piece of a line is, for its colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it comes.
    #[default]
    Plain,
    /// Beside the point.
    Dim,
    /// A heading, a name.
    Strong,
    /// Of a span of this kind.
    Kind(Kind),
    /// Of a row with this status.
    Standing(Standing),
    /// Of a span of this kind, colours exchanged.
    Reversed(Kind),
}

/// Text that is safe for a terminal, in its tone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    text: String,
    tone: Tone,
}

impl Piece {
    /// A piece of a line; the text is made safe here.
    #[must_use]
    pub(crate) fn new(text: &str, tone: Tone) -> Self {
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

impl From<String> for Piece {
    fn from(text: String) -> Self {
        Self::new(&text, Tone::Plain)
    }
}

impl Look {
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
    pub(crate) fn line(self, out: &mut impl Write, pieces: &[Piece]) -> io::Result<()> {
        let mut room = self.width.unwrap_or(usize::MAX);
        let end = pieces.iter().rposition(|piece| !piece.text.trim().is_empty()).map_or(0, |last| last + 1);
        for Piece { text, tone } in &pieces[..end] {
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
    pub(crate) fn kind(kind: Kind) -> Piece {
        Piece::new(view::glyph(kind), Tone::Kind(kind))
    }
}

/// The program's own symbols replaced; what else came from outside stays.
fn to_ascii(text: &str) -> Cow<'static, str> {
    let plain = |c: char| view::ascii(c.encode_utf8(&mut [0; 4])).map_or_else(|| c.to_string(), str::to_owned);
    text.chars().map(plain).collect::<String>().into()
}

/// Colours as the screen has them.
fn style(tone: Tone) -> Option<ContentStyle> {
    let colour = |number| ContentStyle { foreground_color: Some(Color::AnsiValue(number)), ..ContentStyle::default() };
    Some(match tone {
        Tone::Plain | Tone::Standing(Standing::Ok) => return None,
        Tone::Strong => ContentStyle { attributes: Attribute::Bold.into(), ..ContentStyle::default() },
        Tone::Dim | Tone::Standing(Standing::Lost) => colour(243),
        Tone::Standing(Standing::Error) => colour(203),
        Tone::Standing(Standing::Running) => colour(220),
        Tone::Kind(kind) => colour(kind_colour(kind)),
        Tone::Reversed(kind) => ContentStyle { attributes: Attribute::Reverse.into(), ..colour(kind_colour(kind)) },
    })
}

fn kind_colour(kind: Kind) -> u8 {
    match kind {
        Kind::Agent => 75,
        Kind::Team => 141,
        Kind::Workflow | Kind::Step => 109,
        Kind::Model | Kind::Embedding => 79,
        Kind::Tool | Kind::Retriever | Kind::Reranker => 179,
        Kind::Guardrail | Kind::Evaluator | Kind::Prompt | Kind::Other => 246,
    }
}
