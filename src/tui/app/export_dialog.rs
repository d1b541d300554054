//! The export dialog: format, path and redaction.

use std::ops::ControlFlow;

use crossterm::event::{KeyCode, KeyEvent};
use tui_input::Input;

use super::text_input;
use crate::export::{Format, Redaction};
use crate::store::TraceIx;

/// A confirmed export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// The traces.
    pub traces: Vec<TraceIx>,
    /// The file format.
    pub format: Format,
    /// The path, relative to the working directory. An existing file is not overwritten.
    pub path: String,
    /// What to hide.
    pub redaction: Redaction,
}

/// The field of the dialog that the keys act on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExportField {
    /// The format.
    #[default]
    Format,
    /// The path.
    Path,
    /// What to hide.
    Redaction,
}

impl ExportField {
    /// All fields, from top to bottom.
    pub const ALL: [Self; 3] = [Self::Format, Self::Path, Self::Redaction];
}

/// The open dialog.
#[derive(Clone, Debug)]
pub struct ExportDialog {
    /// The field that the keys act on.
    pub field: ExportField,
    /// The file format.
    pub format: Format,
    /// The path with its cursor.
    pub path: Input,
    /// What to hide.
    pub redaction: Redaction,
    /// The traces to export.
    pub traces: Vec<TraceIx>,
    /// What they are, in words; not yet safe for a terminal.
    pub what: String,
}

impl ExportDialog {
    /// Opens the dialog with a file name without its extension.
    #[must_use]
    pub fn new(traces: Vec<TraceIx>, what: String, stem: &str) -> Self {
        let format = Format::default();
        let path = format!("{stem}.{}", format.extension()).into();
        Self { field: ExportField::Format, format, path, redaction: Redaction::Off, traces, what }
    }

    /// Handles a key. Breaks if the dialog closes, with the export to write unless the user cancels.
    pub(super) fn key(&mut self, key: KeyEvent) -> ControlFlow<Option<Export>> {
        match (key.code, self.field) {
            (KeyCode::Esc, _) => return ControlFlow::Break(None),
            (KeyCode::Enter, _) if !self.path.value().trim().is_empty() => return ControlFlow::Break(Some(self.clone().export())),
            (KeyCode::Tab | KeyCode::Down, _) => self.step(1),
            (KeyCode::BackTab | KeyCode::Up, _) => self.step(-1),
            (KeyCode::Left | KeyCode::Char('h'), ExportField::Format) => self.cycle_format(-1),
            (KeyCode::Right | KeyCode::Char(' ' | 'l'), ExportField::Format) => self.cycle_format(1),
            (KeyCode::Left | KeyCode::Char('h'), ExportField::Redaction) => self.redaction = cycle(&Redaction::ALL, self.redaction, -1),
            (KeyCode::Right | KeyCode::Char(' ' | 'l'), ExportField::Redaction) => {
                self.redaction = cycle(&Redaction::ALL, self.redaction, 1);
            }
            (_, ExportField::Path) => {
                text_input::handle_key(&mut self.path, key);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    /// Inserts pasted text into the path. Returns a message for the user if it is cut.
    pub(super) fn paste(&mut self, text: &str) -> Option<String> {
        (self.field == ExportField::Path).then(|| text_input::paste(&mut self.path, text))?
    }

    /// Removes evicted traces, whose indices the store reuses. Returns whether any are left.
    pub(super) fn forget(&mut self, evicted: &[TraceIx]) -> bool {
        self.traces.retain(|trace| !evicted.contains(trace));
        !self.traces.is_empty()
    }

    fn step(&mut self, by: isize) {
        self.field = cycle(&ExportField::ALL, self.field, by);
    }

    /// Changes the format. The extension of the path changes too, unless the user has edited it.
    fn cycle_format(&mut self, by: isize) {
        let next = cycle(&Format::ALL, self.format, by);
        if let Some(stem) = self.path.value().strip_suffix(&format!(".{}", self.format.extension())) {
            self.path = format!("{stem}.{}", next.extension()).into();
        }
        self.format = next;
    }

    fn export(self) -> Export {
        Export { traces: self.traces, format: self.format, path: self.path.value().trim().to_owned(), redaction: self.redaction }
    }
}

/// Returns the value that is `by` places after another, and the first one after the last.
fn cycle<T: Copy + PartialEq>(all: &[T], value: T, by: isize) -> T {
    let at = all.iter().position(|other| *other == value).unwrap_or_default().cast_signed();
    all[(at + by).rem_euclid(all.len().cast_signed()).cast_unsigned()]
}

#[cfg(test)]
mod tests {
    use crossterm::event::KeyModifiers;

    use super::*;

    fn press(dialog: &mut ExportDialog, codes: &[KeyCode]) -> ControlFlow<Option<Export>> {
        codes.iter().map(|&code| dialog.key(KeyEvent::new(code, KeyModifiers::NONE))).last().unwrap_or(ControlFlow::Continue(()))
    }

    #[test]
    fn the_extension_follows_the_format_until_the_user_edits_it() {
        let mut dialog = ExportDialog::new(Vec::new(), String::new(), "a-1");
        let _ = press(&mut dialog, &[KeyCode::Left]);
        assert_eq!((dialog.format, dialog.path.value()), (Format::Svg, "a-1.svg"));
        let _ = press(&mut dialog, &[KeyCode::Right, KeyCode::Char(' ')]);
        assert_eq!((dialog.format, dialog.path.value()), (Format::OtlpProto, "a-1.pb"));
        let _ = press(&mut dialog, &[KeyCode::Tab, KeyCode::Char('x'), KeyCode::BackTab, KeyCode::Right]);
        assert_eq!((dialog.format, dialog.path.value()), (Format::Agno, "a-1.pbx"));
    }

    #[test]
    fn enter_confirms_in_every_field_but_needs_a_path() {
        let mut dialog = ExportDialog::new(Vec::new(), String::new(), "a");
        let _ = press(&mut dialog, &[KeyCode::Up, KeyCode::Char(' ')]);
        let written = Export { traces: Vec::new(), format: Format::Otlp, path: "a.json".to_owned(), redaction: Redaction::Secrets };
        assert_eq!(press(&mut dialog, &[KeyCode::Enter]), ControlFlow::Break(Some(written)));
        let redaction = |dialog: &mut ExportDialog, code| {
            let _ = press(dialog, &[code]);
            dialog.redaction
        };
        assert_eq!(redaction(&mut dialog, KeyCode::Char('l')), Redaction::Personal);
        assert_eq!(redaction(&mut dialog, KeyCode::Right), Redaction::Off);
        assert_eq!(redaction(&mut dialog, KeyCode::Left), Redaction::Personal);
        let _ = press(&mut dialog, &[KeyCode::Up]);
        dialog.path = " ".into();
        assert_eq!(press(&mut dialog, &[KeyCode::Enter]), ControlFlow::Continue(()));
        // Letters that are keys elsewhere are text here.
        let _ = press(&mut dialog, &[KeyCode::Char('q'), KeyCode::Char('?')]);
        dialog.paste("\u{1b}[2Jb\n");
        assert_eq!(dialog.path.value(), " q?b ");
    }
}
