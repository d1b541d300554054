//! The question what to export as, where to, and whether secrets are hidden.

use crossterm::event::{KeyCode, KeyEvent};
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

use crate::export::Format;
use crate::format;
use crate::store::TraceIx;

/// What is to be written, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// The traces.
    pub traces: Vec<TraceIx>,
    /// As what.
    pub format: Format,
    /// Where to, from the working directory; a file that is there is left alone.
    pub path: String,
    /// Whether secrets are hidden.
    pub redact: bool,
}

/// The part of the dialog that has the keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExportField {
    /// The format.
    #[default]
    Format,
    /// The path.
    Path,
    /// Whether secrets are hidden.
    Redact,
}

impl ExportField {
    /// Every field, from top to bottom.
    pub const ALL: [Self; 3] = [Self::Format, Self::Path, Self::Redact];
}

/// The open dialog.
#[derive(Clone, Debug)]
pub struct ExportDialog {
    /// The part that has the keys.
    pub field: ExportField,
    /// The format chosen.
    pub format: Format,
    /// The path and its cursor.
    pub path: Input,
    /// Whether secrets are hidden.
    pub redact: bool,
    /// The traces.
    pub traces: Vec<TraceIx>,
}

/// What a key makes of the dialog.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Open,
    Left,
    Write(Export),
}

impl ExportDialog {
    /// A dialog that proposes a file of this name in the working directory.
    #[must_use]
    pub fn new(traces: Vec<TraceIx>, stem: &str) -> Self {
        let format = Format::default();
        let path = format!("{stem}.{}", format.extension()).into();
        Self { field: ExportField::Format, format, path, redact: false, traces }
    }

    pub(super) fn key(&mut self, key: KeyEvent) -> Answer {
        match (key.code, self.field) {
            (KeyCode::Esc, _) => return Answer::Left,
            (KeyCode::Enter, _) if !self.path.value().trim().is_empty() => return Answer::Write(self.clone().export()),
            (KeyCode::Tab | KeyCode::Down, _) => self.step(1),
            (KeyCode::BackTab | KeyCode::Up, _) => self.step(ExportField::ALL.len() - 1),
            (KeyCode::Left | KeyCode::Char('h'), ExportField::Format) => self.turn(Format::ALL.len() - 1),
            (KeyCode::Right | KeyCode::Char(' ' | 'l'), ExportField::Format) => self.turn(1),
            (KeyCode::Left | KeyCode::Right | KeyCode::Char(' '), ExportField::Redact) => self.redact = !self.redact,
            (_, ExportField::Path) => {
                self.path.handle_event(&crossterm::event::Event::Key(key));
            }
            _ => {}
        }
        Answer::Open
    }

    /// Text was pasted.
    pub(super) fn paste(&mut self, text: &str) {
        if self.field == ExportField::Path {
            for c in format::safe(text).chars() {
                self.path.handle(tui_input::InputRequest::InsertChar(c));
            }
        }
    }

    /// Leaves out traces that are held no longer, whose places others may take. Whether any is left.
    pub(super) fn forget(&mut self, evicted: &[TraceIx]) -> bool {
        self.traces.retain(|trace| !evicted.contains(trace));
        !self.traces.is_empty()
    }

    fn step(&mut self, by: usize) {
        let fields = ExportField::ALL;
        let at = fields.iter().position(|field| *field == self.field).unwrap_or_default();
        self.field = fields[(at + by) % fields.len()];
    }

    /// Chooses another format; the path's extension goes with it, unless somebody gave it another.
    fn turn(&mut self, by: usize) {
        let formats = Format::ALL;
        let at = formats.iter().position(|format| *format == self.format).unwrap_or_default();
        let next = formats[(at + by) % formats.len()];
        if let Some(stem) = self.path.value().strip_suffix(&format!(".{}", self.format.extension())) {
            self.path = format!("{stem}.{}", next.extension()).into();
        }
        self.format = next;
    }

    fn export(self) -> Export {
        Export { traces: self.traces, format: self.format, path: self.path.value().trim().to_owned(), redact: self.redact }
    }
}

#[cfg(test)]
mod tests {
    use crossterm::event::KeyModifiers;

    use super::*;

    fn press(dialog: &mut ExportDialog, codes: &[KeyCode]) -> Answer {
        codes.iter().map(|&code| dialog.key(KeyEvent::new(code, KeyModifiers::NONE))).last().unwrap_or(Answer::Open)
    }

    #[test]
    fn the_extension_goes_with_the_format_until_somebody_gives_another() {
        let mut dialog = ExportDialog::new(Vec::new(), "a-1");
        press(&mut dialog, &[KeyCode::Left]);
        assert_eq!((dialog.format, dialog.path.value()), (Format::Markdown, "a-1.md"));
        press(&mut dialog, &[KeyCode::Right, KeyCode::Char(' ')]);
        assert_eq!((dialog.format, dialog.path.value()), (Format::OtlpProto, "a-1.pb"));
        press(&mut dialog, &[KeyCode::Tab, KeyCode::Char('x'), KeyCode::BackTab, KeyCode::Right]);
        assert_eq!((dialog.format, dialog.path.value()), (Format::Agno, "a-1.pbx"));
    }

    #[test]
    fn enter_writes_from_every_field_but_not_without_a_path() {
        let mut dialog = ExportDialog::new(Vec::new(), "a");
        press(&mut dialog, &[KeyCode::Up, KeyCode::Char(' ')]);
        let written = Export { traces: Vec::new(), format: Format::Otlp, path: "a.json".to_owned(), redact: true };
        assert_eq!(press(&mut dialog, &[KeyCode::Enter]), Answer::Write(written));
        press(&mut dialog, &[KeyCode::Up]);
        dialog.path = " ".into();
        assert_eq!(press(&mut dialog, &[KeyCode::Enter]), Answer::Open);
        // Letters that are keys elsewhere are letters here.
        press(&mut dialog, &[KeyCode::Char('q'), KeyCode::Char('?')]);
        dialog.paste("\u{1b}[2Jb\n");
        assert_eq!(dialog.path.value(), " q?b ");
    }
}
