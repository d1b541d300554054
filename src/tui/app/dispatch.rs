//! Which part of the screen handles a key: the editor, else the window over the panes, else the panes.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind};

use super::{Action, App, Effect, Help, Key, Message, Overlay, Program};
use crate::model::Nanos;
use crate::query::with_values;
use crate::store::Store;

impl App {
    /// Handles a key. Returns what the event loop must do.
    pub fn key(&mut self, store: &mut Store, key: KeyEvent, now: Nanos) -> Option<Effect> {
        if key.kind == KeyEventKind::Release {
            return None;
        }
        if self.message.as_ref().is_some_and(Message::is_sticky) {
            self.message = None;
        }
        if self.focused_program().is_some_and(|program| program.key(key)) {
            return None;
        }
        let action = self.keymap.action(key);
        // These hold also where keys are text.
        if let Some(action @ (Action::Quit | Action::Suspend)) = action
            && !Key::pressed(key).is_input()
        {
            return self.update(store, action, now);
        }
        if self.editor.is_some() {
            self.edit(store, key)
        } else if self.overlay.is_some() {
            self.overlay_key(store, key, action, now)
        } else {
            self.update(store, action?, now)
        }
    }

    /// Closes the window over the panes.
    pub(super) fn close_overlay(&mut self) {
        if let Some(Overlay::Picker(picker)) = self.overlay.take() {
            self.trash.put(picker.into_items());
        }
    }

    /// Returns the program if it gets the keys.
    pub(super) fn focused_program(&mut self) -> Option<&mut Program> {
        let is_covered = self.overlay.is_some() || self.editor.is_some();
        self.program.as_mut().filter(|program| program.is_focused && !is_covered)
    }

    fn overlay_key(&mut self, store: &mut Store, key: KeyEvent, action: Option<Action>, now: Nanos) -> Option<Effect> {
        if let Some(Overlay::Help(help)) = &mut self.overlay
            && help.key(key, action)
        {
            return None;
        }
        match (&mut self.overlay, key.code, action) {
            (Some(Overlay::Palette(palette)), ..) => {
                let action = palette.key(key).break_value()?;
                self.overlay = None;
                return self.update(store, action?, now);
            }
            (Some(Overlay::Export(dialog)), ..) => {
                let export = dialog.key(key).break_value()?;
                self.overlay = None;
                return export.map(Effect::Export);
            }
            (Some(Overlay::Picker(picker)), code, _) => {
                if matches!(code, KeyCode::Enter | KeyCode::Char(' ')) || !picker.takes_text() {
                    // They act on what the whole list holds, and keys move the cursor in a short list at once.
                    picker.finish_gathering(store);
                }
                let (field, values) = (picker.field, picker.key(key, action).break_value()?);
                self.close_overlay();
                self.set_filter(store, with_values(&self.filter, field, &values?));
            }
            (Some(Overlay::Sorter(sorter)), KeyCode::Enter, _) => {
                let sorter = sorter.clone();
                self.overlay = None;
                self.apply_sorter(store, &sorter);
            }
            (_, KeyCode::Esc, _)
            | (_, _, Some(Action::Back | Action::Quit | Action::Help))
            | (Some(Overlay::Sorter(_)), _, Some(Action::SortBy))
            | (Some(Overlay::Sources(_)), _, Some(Action::Sources))
            | (Some(Overlay::Compare(_)), _, Some(Action::Compare)) => self.overlay = None,
            (Some(Overlay::Compare(_)), _, Some(Action::Detail)) => self.leave_compare(store),
            (Some(Overlay::Compare(_)), _, Some(Action::NextMatch | Action::PreviousMatch)) => {
                self.go_to_difference(store, action == Some(Action::PreviousMatch), now);
            }
            (Some(overlay), _, Some(action)) => overlay.step(rows(action)),
            _ => {}
        }
        None
    }
}

impl Overlay {
    /// Moves the cursor, or scrolls by lines.
    pub(super) fn step(&mut self, by: isize) {
        match self {
            Self::Help(Help { scroll: line, .. }) | Self::Sources(line) => *line = line.saturating_add_signed(by),
            Self::Picker(picker) => picker.step(by),
            Self::Sorter(sorter) => sorter.step(by),
            Self::Palette(palette) => palette.step(by),
            Self::Compare(compare) => compare.step(by),
            Self::Export(_) => {}
        }
    }
}

/// Returns the rows by which an action moves in a window.
fn rows(action: Action) -> isize {
    match action {
        Action::Top => isize::MIN,
        Action::Bottom => isize::MAX,
        _ => action.rows(10).unwrap_or_default(),
    }
}
