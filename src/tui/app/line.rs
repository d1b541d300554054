//! The line editor: a filter with completions and history, or a text to find in the detail pane.

mod completions;
mod values;

use crossterm::event::{KeyCode, KeyEvent};
use tui_input::Input;

use super::{App, Effect, Help, Overlay, text_input};
use crate::query::Query;
use crate::store::Store;
use crate::tui::slices::Slice;
pub use completions::{Completion, Completions};

/// Lines of history to keep at most.
const KEPT: usize = 200;

/// Earlier filter lines, the latest last.
#[derive(Clone, Debug, Default)]
pub struct History(Vec<String>);

impl History {
    /// Returns a history of these lines, the latest last.
    #[must_use]
    pub fn new(lines: Vec<String>) -> Self {
        let mut history = Self::default();
        for line in lines {
            history.add(line);
        }
        history
    }

    /// Adds a line at the end; removes an earlier duplicate.
    pub fn add(&mut self, line: String) {
        self.0.retain(|known| *known != line);
        self.0.push(line);
        if self.0.len() > KEPT {
            self.0.remove(0);
        }
    }
}

/// The open line editor.
#[derive(Debug, Default)]
pub struct LineEditor {
    /// The line and its cursor.
    pub input: Input,
    /// Whether the line is a text to find in the detail pane instead of a filter.
    pub is_search: bool,
    /// Completions at the cursor.
    pub completions: Completions,
    /// The filter line to restore on Esc.
    original: String,
    /// The position in the history, counted from its end; 0 is the draft.
    history_offset: usize,
    /// The line before the user went to the history.
    draft: String,
}

impl LineEditor {
    /// Opens the editor. Esc restores `filter`.
    pub(super) fn new(line: String, is_search: bool, filter: &str) -> Self {
        Self { input: line.into(), is_search, original: filter.to_owned(), ..Self::default() }
    }

    /// Whether an error at this position is only an incomplete word that a completion can finish.
    #[must_use]
    pub fn is_completable(&self, position: usize) -> bool {
        let has_completions = !self.completions.list.is_empty() || self.completions.is_searching();
        has_completions && (self.completions.start..=self.input.cursor()).contains(&position)
    }

    /// Goes back in the history, or forward if `by` is negative. Returns whether the line has changed.
    fn recall(&mut self, history: &History, by: isize) -> bool {
        let offset = self.history_offset.saturating_add_signed(by).min(history.0.len());
        if offset == self.history_offset {
            return false;
        }
        if self.history_offset == 0 {
            self.input.value().clone_into(&mut self.draft);
        }
        self.history_offset = offset;
        let line = if offset == 0 { &self.draft } else { &history.0[history.0.len() - offset] };
        self.input = Input::new(line.clone());
        true
    }
}

impl App {
    /// Inserts pasted text into the open line, if any.
    pub fn paste(&mut self, text: &str) {
        if let Some(program) = self.focused_program() {
            return program.paste(text);
        }
        let cut = match (&mut self.overlay, &mut self.editor) {
            (Some(Overlay::Export(dialog)), _) => dialog.paste(text),
            (Some(Overlay::Palette(palette)), _) => palette.paste(text),
            (Some(Overlay::Help(Help { search: Some(input), .. })), _) => text_input::paste(input, text),
            (_, Some(editor)) => {
                let cut = text_input::paste(&mut editor.input, text);
                self.parse_line();
                cut
            }
            _ => None,
        };
        if let Some(message) = cut {
            self.show_message(message, true, self.now);
        }
    }

    pub(super) fn edit(&mut self, store: &Store, key: KeyEvent) -> Option<Effect> {
        let editor = self.editor.as_mut()?;
        match key.code {
            KeyCode::Enter if self.parse_error.is_none() => {
                let line = editor.input.value().trim().to_owned();
                let is_filter = !editor.is_search && !line.is_empty();
                self.editor = None;
                self.advance_filter(store, Slice::on_key());
                if is_filter {
                    self.history.add(line.clone());
                    return Some(Effect::Remember(line));
                }
            }
            // The error takes the place of the completions.
            KeyCode::Enter => editor.completions.close(&editor.input),
            KeyCode::Esc => {
                let (original, is_search) = (std::mem::take(&mut editor.original), editor.is_search);
                self.editor = None;
                self.parse_error = None;
                self.typed = None;
                if is_search {
                    self.detail.pager.search("");
                } else {
                    self.set_filter(store, original);
                }
            }
            KeyCode::Tab | KeyCode::BackTab | KeyCode::Up | KeyCode::Down if editor.is_search => {}
            KeyCode::Tab | KeyCode::BackTab => {
                // Before a word the first press only lists what there is: the user has not chosen yet.
                let only_lists = editor.completions.awaits_word(&editor.input);
                editor.completions.finish(store, &editor.input);
                if !only_lists && editor.completions.cycle(&mut editor.input, key.code == KeyCode::Tab) {
                    self.parse_line();
                }
            }
            KeyCode::Up | KeyCode::Down => {
                let up = key.code == KeyCode::Up;
                let changed = if editor.completions.is_cycling() {
                    editor.completions.cycle(&mut editor.input, !up)
                } else {
                    editor.recall(&self.history, if up { 1 } else { -1 })
                };
                if changed {
                    self.parse_line();
                }
            }
            _ => {
                editor.completions.accept();
                if text_input::handle_key(&mut editor.input, key) {
                    editor.history_offset = 0;
                    self.parse_line();
                }
            }
        }
        None
    }

    fn parse_line(&mut self) {
        let Some(editor) = &self.editor else { return };
        let line = editor.input.value().to_owned();
        if editor.is_search {
            self.detail.pager.search(&line);
            return;
        }
        match line.parse::<Query>() {
            Ok(_) => {
                self.parse_error = None;
                self.typed = Some(line);
            }
            Err(error) => {
                // A last word that is not yet complete is left aside, so that it does not hide what the others show.
                let complete = line.rsplit_once(char::is_whitespace).map_or("", |(before, _)| before);
                if error.at >= complete.chars().count() && complete.parse::<Query>().is_ok() {
                    self.typed = Some(complete.to_owned());
                }
                self.parse_error = Some(error);
            }
        }
    }

    /// Applies the last typed filter (at most once per frame), or continues an unfinished filter pass. Looks for
    /// completions, sorts the traces, and updates the critical path. Returns whether work is left.
    pub fn advance_filter(&mut self, store: &Store, slice: Slice) -> bool {
        let mut has_more = false;
        if let Some(editor) = self.editor.as_mut().filter(|editor| !editor.is_search) {
            has_more |= editor.completions.refresh(store, &editor.input, false, &mut slice.share());
        }
        if let Some(line) = self.typed.take() {
            self.set_filter(store, line);
        } else if self.tree.is_filtering() {
            self.tree.continue_filtering(store, self.now, slice);
            self.show_detail(store);
        }
        if self.tree.is_ordering() {
            has_more |= self.tree.continue_order(store, self.now, slice.share());
            self.show_detail(store);
        }
        has_more |= self.tree.update_critical_path(store, self.now, slice);
        has_more
    }

    /// Applies a filter line. An invalid line changes nothing.
    pub fn set_filter(&mut self, store: &Store, line: String) {
        let Ok(query) = line.parse::<Query>() else { return };
        if line != self.filter {
            self.filter = line;
            let previous = self.tree.query().cloned();
            self.update_search(&query, previous.as_ref());
            self.tree.set_filter(store, query, self.now);
            self.ask_for_misses(store);
            self.is_refiltered = true;
            if let Some(list) = &mut self.log_list {
                list.set_filter(&self.filter);
            }
            if let Some(list) = &mut self.series_list {
                list.set_filter(&self.filter);
            }
            self.show_detail(store);
        }
    }
}
