//! The line that is typed: a filter with what could complete it and the lines before it, or a text to find.

mod completions;

use crossterm::event::{Event, KeyCode, KeyEvent};
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

use super::{App, Effect, Overlay};
use crate::format;
use crate::query::Query;
use crate::store::Store;
pub use completions::{Completion, Completions};

/// Filter lines that are kept.
const KEPT: usize = 200;

/// Filter lines that were used, the last one last.
#[derive(Clone, Debug, Default)]
pub struct History(Vec<String>);

impl History {
    /// The lines, the last one last.
    #[must_use]
    pub fn new(lines: Vec<String>) -> Self {
        let mut history = Self::default();
        for line in lines {
            history.add(line);
        }
        history
    }

    /// Adds a line; one that was there before moves.
    pub fn add(&mut self, line: String) {
        self.0.retain(|known| *known != line);
        self.0.push(line);
        if self.0.len() > KEPT {
            self.0.remove(0);
        }
    }
}

/// The line that is typed.
#[derive(Debug, Default)]
pub struct LineEditor {
    /// The line and its cursor.
    pub input: Input,
    /// Whether it is looked for in the detail; else it filters the traces.
    pub finds: bool,
    /// What could stand where the cursor is.
    pub offers: Completions,
    /// The filter line before this one was begun.
    before: String,
    /// How many lines back in the history this is, and what was typed before one went there.
    back: usize,
    draft: String,
}

impl LineEditor {
    /// A line to be changed; `filter` is what Esc brings back.
    pub(super) fn new(line: String, finds: bool, filter: &str) -> Self {
        Self { input: line.into(), finds, before: filter.to_owned(), ..Self::default() }
    }

    /// Whether a mistake at this place is no more than a word that is still to be completed by one of the offers.
    #[must_use]
    pub fn completes(&self, at: usize) -> bool {
        !self.offers.list.is_empty() && (self.offers.at..=self.input.cursor()).contains(&at)
    }

    /// Goes so many lines back in the history, forward if negative. Whether the line is another now.
    fn recall(&mut self, history: &History, by: isize) -> bool {
        let back = self.back.saturating_add_signed(by).min(history.0.len());
        if back == self.back {
            return false;
        }
        if self.back == 0 {
            self.input.value().clone_into(&mut self.draft);
        }
        self.back = back;
        let line = if back == 0 { &self.draft } else { &history.0[history.0.len() - back] };
        self.input = Input::new(line.clone());
        true
    }
}

impl App {
    /// Text was pasted: into the line that is open, else nowhere.
    pub fn paste(&mut self, text: &str) {
        if let Some(Overlay::Export(dialog)) = &mut self.overlay {
            return dialog.paste(text);
        }
        if let Some(Overlay::Palette(palette)) = &mut self.overlay {
            return palette.paste(&format::safe(text));
        }
        let Some(editing) = &mut self.editing else { return };
        for c in format::safe(text).chars() {
            editing.input.handle(tui_input::InputRequest::InsertChar(c));
        }
        self.try_line();
    }

    pub(super) fn edit(&mut self, store: &Store, key: KeyEvent) -> Option<Effect> {
        let editing = self.editing.as_mut()?;
        match key.code {
            KeyCode::Enter if self.mistake.is_none() => {
                let line = editing.input.value().trim().to_owned();
                let filters = !editing.finds && !line.is_empty();
                self.editing = None;
                self.settle(store);
                if filters {
                    self.history.add(line.clone());
                    return Some(Effect::Remember(line));
                }
            }
            // What is wrong with the line shows where the offers were.
            KeyCode::Enter => editing.offers.close(&editing.input),
            KeyCode::Esc => {
                let (before, finds) = (std::mem::take(&mut editing.before), editing.finds);
                self.editing = None;
                self.mistake = None;
                self.typed = None;
                if finds {
                    self.detail.pager.search("");
                } else {
                    self.set_filter(store, before);
                }
            }
            KeyCode::Tab | KeyCode::BackTab | KeyCode::Up | KeyCode::Down if editing.finds => {}
            KeyCode::Tab | KeyCode::BackTab => {
                editing.offers.refresh(store, &editing.input, true);
                if editing.offers.choose(&mut editing.input, key.code == KeyCode::Tab) {
                    self.try_line();
                }
            }
            KeyCode::Up | KeyCode::Down => {
                let up = key.code == KeyCode::Up;
                let changed = if editing.offers.is_choosing() {
                    editing.offers.choose(&mut editing.input, !up)
                } else {
                    editing.recall(&self.history, if up { 1 } else { -1 })
                };
                if changed {
                    self.try_line();
                }
            }
            _ => {
                editing.offers.let_go();
                let changed = editing.input.handle_event(&Event::Key(key));
                if changed.is_some_and(|changed| changed.value) {
                    editing.back = 0;
                    self.try_line();
                }
            }
        }
        None
    }

    fn try_line(&mut self) {
        let Some(editing) = &self.editing else { return };
        let line = editing.input.value().to_owned();
        if editing.finds {
            self.detail.pager.search(&line);
            return;
        }
        match line.parse::<Query>() {
            Ok(_) => {
                self.mistake = None;
                self.typed = Some(line);
            }
            Err(mistake) => self.mistake = Some(mistake),
        }
    }

    /// Puts the line that was typed last in force; whoever types fast pays for it once. Then a filter goes on where it had come to.
    pub fn settle(&mut self, store: &Store) {
        if let Some(editing) = self.editing.as_mut().filter(|editing| !editing.finds) {
            editing.offers.refresh(store, &editing.input, false);
        }
        if let Some(line) = self.typed.take() {
            self.set_filter(store, line);
        } else if self.tree.is_judging() {
            self.tree.judge_more(store, self.now);
            self.look(store);
        }
        self.tree.find_path(store, self.now);
    }

    /// Puts a filter line in force; one with a mistake changes nothing.
    pub fn set_filter(&mut self, store: &Store, line: String) {
        let Ok(query) = line.parse::<Query>() else { return };
        if line != self.filter {
            self.filter = line;
            let before = self.tree.query().cloned();
            self.search_for(&query, before.as_ref());
            self.tree.set_filter(store, query, self.now);
            self.refiltered = true;
            self.look(store);
        }
    }
}
