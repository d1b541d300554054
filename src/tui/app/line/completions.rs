//! Completions: the names of fields, and the values that occur in the store.

use std::collections::HashMap;

use tui_input::Input;

use crate::model::SpanType;
use crate::model::sort;
use crate::query::{CursorContext, DAY_WORDS, FIELDS, KINDS, STATUSES, cursor_context, quote};
use crate::semconv::{PARAMETERS, row_keys};
use crate::store::{By, RowIx, Store, Symbol};

/// A possible completion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The field or the value, not yet safe for a terminal.
    pub name: String,
    /// How often the value occurs.
    pub count: Option<u64>,
    /// A description of the field.
    pub help: &'static str,
    /// The text to insert.
    text: String,
}

/// The completions at the cursor.
#[derive(Debug, Default)]
pub struct Completions {
    /// The completions, the most likely first.
    pub list: Vec<Completion>,
    /// The index of the completion in the line, while the user cycles.
    pub chosen: Option<usize>,
    /// Where completions begin in the line, in characters.
    pub start: usize,
    /// The line and the cursor that `list` was computed for.
    computed_for: Option<(String, usize)>,
    /// Values by field, counted once while the editor is open.
    values: HashMap<String, Vec<Completion>>,
}

impl Completions {
    /// Computes the completions at the cursor. Before the first character of a word there are none unless `is_requested`.
    pub(super) fn refresh(&mut self, store: &Store, input: &Input, is_requested: bool) {
        let line = (input.value().to_owned(), input.cursor());
        if self.chosen.is_some() || (self.computed_for.as_ref() == Some(&line) && !(is_requested && self.list.is_empty())) {
            return;
        }
        let context = cursor_context(input.value(), input.cursor());
        self.start = context.at;
        self.list = match &context.field {
            None if context.typed.is_empty() && !is_requested => Vec::new(),
            None => fields(&context.typed),
            Some(field) => {
                let field = field.to_ascii_lowercase();
                let values = self.values.entry(field).or_insert_with_key(|field| values(store, field));
                fitting(values, &context)
            }
        };
        self.computed_for = Some(line);
    }

    /// Whether the user cycles through the completions.
    pub(super) fn is_cycling(&self) -> bool {
        self.chosen.is_some()
    }

    /// Hides the completions until the line changes.
    pub(super) fn close(&mut self, input: &Input) {
        self.list.clear();
        self.chosen = None;
        self.computed_for = Some((input.value().to_owned(), input.cursor()));
    }

    /// Accepts the completion in the line.
    pub(super) fn accept(&mut self) {
        self.chosen = None;
    }

    /// Puts the next completion into the line, or the previous one. Returns whether the line has changed.
    pub(super) fn cycle(&mut self, input: &mut Input, forward: bool) -> bool {
        let count = self.list.len();
        if count == 0 {
            return false;
        }
        let next = match (self.chosen, forward) {
            (None, true) => 0,
            (None, false) => count - 1,
            (Some(at), true) => (at + 1) % count,
            (Some(at), false) => (at + count - 1) % count,
        };
        let text = &self.list[next].text;
        let before: String = input.value().chars().take(self.start).collect();
        let after: String = input.value().chars().skip(input.cursor()).collect();
        let cursor = self.start + text.chars().count();
        *input = Input::new(format!("{before}{text}{after}")).with_cursor(cursor);
        // After the only completion, the word that follows can be completed.
        self.chosen = (count > 1).then_some(next);
        true
    }
}

/// Returns the fields and attributes whose names begin with `typed`.
fn fields(typed: &str) -> Vec<Completion> {
    let typed = typed.to_ascii_lowercase();
    if let Some(name) = typed.strip_prefix("attr.") {
        let completion = |name: &str| Completion { name: format!("attr.{name}"), count: None, help: "", text: format!("attr.{name}:") };
        return row_keys().filter(|known| known.starts_with(name)).map(completion).collect();
    }
    if let Some(name) = typed.strip_prefix("param.") {
        let names = PARAMETERS.iter().map(|parameter| parameter.name).filter(|known| known.starts_with(name));
        return names
            .map(|name| Completion { name: format!("param.{name}"), count: None, help: "", text: format!("param.{name}:") })
            .collect();
    }
    let completion = |(name, help): &(&str, &'static str)| {
        let colon = if name.ends_with('.') { "" } else { ":" };
        Completion { name: (*name).to_owned(), count: None, help, text: format!("{name}{colon}") }
    };
    FIELDS.iter().filter(|(name, _)| name.starts_with(&typed)).map(completion).collect()
}

/// Returns the values that contain the typed text; those that begin with it first.
fn fitting(values: &[Completion], context: &CursorContext) -> Vec<Completion> {
    let typed = context.typed.to_lowercase();
    let rank = |value: &Completion| {
        let name = value.name.to_lowercase();
        if name.starts_with(&typed) { Some(0) } else { name.contains(&typed).then_some(1) }
    };
    let mut fitting: Vec<(u8, &Completion)> = values.iter().filter_map(|value| rank(value).map(|rank| (rank, value))).collect();
    sort::by_key(&mut fitting, |(rank, _)| *rank);
    // A complete value needs no completion.
    if let [(_, only)] = fitting.as_slice()
        && only.name.to_lowercase() == typed
    {
        return Vec::new();
    }
    fitting.into_iter().map(|(_, value)| value.clone()).collect()
}

/// Returns the values of a field that occur in the store, the most frequent first. Costs the rows in memory.
fn values(store: &Store, field: &str) -> Vec<Completion> {
    match field {
        "status" => named(
            STATUSES.iter().map(|(name, status)| (*name, store.rows().filter(|&row| store.run_status(row) == *status).count() as u64)),
        ),
        "kind" => {
            let mut counts: HashMap<SpanType, u64> = HashMap::new();
            store.rows().for_each(|row| *counts.entry(store.row(row).span_type).or_default() += 1);
            named(KINDS.iter().map(|(name, kinds)| (*name, kinds.iter().filter_map(|kind| counts.get(kind)).sum())))
        }
        "since" | "until" => {
            DAY_WORDS.iter().map(|word| Completion { name: (*word).to_owned(), count: None, help: "", text: (*word).to_owned() }).collect()
        }
        "agent" => texts(store, |row| store.label(By::Agent, row)),
        "model" => texts(store, |row| store.attributed_model(row)),
        "tool" => texts(store, |row| store.label(By::Tool, row)),
        "name" => texts(store, |row| store.row(row).name),
        "session" => texts(store, |row| store.stated_session(row)),
        "user" => texts(store, |row| store.row(row).user),
        "error" => texts(store, |row| store.error(row)),
        "provider" => texts(store, |row| store.provider(row)),
        "service" => {
            let mut counts: HashMap<&str, u64> = HashMap::new();
            store.rows().for_each(|row| *counts.entry(store.service(row)).or_default() += 1);
            let known = counts.into_iter().filter(|(name, _)| !name.is_empty());
            sorted(
                known.map(|(name, count)| Completion { name: name.to_owned(), count: Some(count), help: "", text: quote(name) }).collect(),
            )
        }
        _ => Vec::new(),
    }
}

fn named<'a>(counts: impl Iterator<Item = (&'a str, u64)>) -> Vec<Completion> {
    sorted(counts.map(|(name, count)| Completion { name: name.to_owned(), count: Some(count), help: "", text: name.to_owned() }).collect())
}

/// Counts the distinct texts of rows.
fn texts(store: &Store, text: impl Fn(RowIx) -> Symbol) -> Vec<Completion> {
    let mut counts = vec![(Symbol::EMPTY, 0_u64); store.texts().end()];
    for symbol in store.rows().map(text) {
        let (known, count) = &mut counts[symbol.index()];
        (*known, *count) = (symbol, *count + 1);
    }
    let completion = |(symbol, count): (Symbol, u64)| {
        let name = store.text(symbol).to_owned();
        Completion { text: quote(&name), name, count: Some(count), help: "" }
    };
    sorted(counts.into_iter().filter(|(symbol, _)| !symbol.is_empty()).map(completion).collect())
}

fn sorted(mut completions: Vec<Completion>) -> Vec<Completion> {
    sort::by(&mut completions, |one, other| other.count.cmp(&one.count).then_with(|| one.name.cmp(&other.name)));
    completions
}
