//! What could stand where the cursor is: names of fields, and values that were seen.

use std::collections::HashMap;

use tui_input::Input;

use crate::model::SpanType;
use crate::query::{CursorContext, FIELDS, KINDS, STATUSES, cursor_context, quote};
use crate::semconv::row_attributes;
use crate::store::{By, RowIx, Store, Symbol};

/// Something that could be typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// What it is, as it came.
    pub name: String,
    /// How often it was seen.
    pub count: Option<u64>,
    /// What it asks for.
    pub help: &'static str,
    /// How it stands in the line.
    text: String,
}

/// What could stand where the cursor is.
#[derive(Debug, Default)]
pub struct Completions {
    /// The most likely first.
    pub list: Vec<Completion>,
    /// The one that stands in the line.
    pub chosen: Option<usize>,
    /// Where in the line they belong, in characters.
    pub at: usize,
    /// The line and the cursor for which they were looked up.
    looked_up: Option<(String, usize)>,
    /// Values by field: counted once while a line is typed.
    seen: HashMap<String, Vec<Completion>>,
}

impl Completions {
    /// Looks up what could stand at the cursor. Where nothing is typed, only if it is `asked` for.
    pub(super) fn refresh(&mut self, store: &Store, input: &Input, asked: bool) {
        let line = (input.value().to_owned(), input.cursor());
        if self.chosen.is_some() || (self.looked_up.as_ref() == Some(&line) && !(asked && self.list.is_empty())) {
            return;
        }
        let place = cursor_context(input.value(), input.cursor());
        self.at = place.at;
        self.list = match &place.field {
            None if place.typed.is_empty() && !asked => Vec::new(),
            None => fields(&place.typed),
            Some(field) => {
                let field = field.to_ascii_lowercase();
                let seen = self.seen.entry(field).or_insert_with_key(|field| values(store, field));
                fitting(seen, &place)
            }
        };
        self.looked_up = Some(line);
    }

    /// Whether one of them stands in the line and could be exchanged for another.
    pub(super) fn is_choosing(&self) -> bool {
        self.chosen.is_some()
    }

    /// Offers nothing until the line is another.
    pub(super) fn close(&mut self, input: &Input) {
        self.list.clear();
        self.chosen = None;
        self.looked_up = Some((input.value().to_owned(), input.cursor()));
    }

    /// What stands in the line stays.
    pub(super) fn let_go(&mut self) {
        self.chosen = None;
    }

    /// Puts the next one into the line, or the one before. Whether the line is another now.
    pub(super) fn choose(&mut self, input: &mut Input, forward: bool) -> bool {
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
        let before: String = input.value().chars().take(self.at).collect();
        let after: String = input.value().chars().skip(input.cursor()).collect();
        let cursor = self.at + text.chars().count();
        *input = Input::new(format!("{before}{text}{after}")).with_cursor(cursor);
        // The only one leaves nothing to choose: what follows it may be offered.
        self.chosen = (count > 1).then_some(next);
        true
    }
}

/// Fields and attributes whose names begin as what is typed.
fn fields(typed: &str) -> Vec<Completion> {
    let typed = typed.to_ascii_lowercase();
    if let Some(name) = typed.strip_prefix("attr.") {
        let offer = |name: &str| Completion { name: format!("attr.{name}"), count: None, help: "", text: format!("attr.{name}:") };
        return row_attributes().filter(|known| known.starts_with(name)).map(offer).collect();
    }
    let offer = |(name, help): &(&str, &'static str)| {
        let colon = if name.ends_with('.') { "" } else { ":" };
        Completion { name: (*name).to_owned(), count: None, help, text: format!("{name}{colon}") }
    };
    FIELDS.iter().filter(|(name, _)| name.starts_with(&typed)).map(offer).collect()
}

/// The values that hold what is typed; those that begin with it first.
fn fitting(seen: &[Completion], place: &CursorContext) -> Vec<Completion> {
    let typed = place.typed.to_lowercase();
    let rank = |offer: &Completion| {
        let name = offer.name.to_lowercase();
        if name.starts_with(&typed) { Some(0) } else { name.contains(&typed).then_some(1) }
    };
    let mut fitting: Vec<(u8, &Completion)> = seen.iter().filter_map(|offer| rank(offer).map(|rank| (rank, offer))).collect();
    fitting.sort_by_key(|(rank, _)| *rank);
    // What stands there whole needs no offer.
    if let [(_, only)] = fitting.as_slice()
        && only.name.to_lowercase() == typed
    {
        return Vec::new();
    }
    fitting.into_iter().map(|(_, offer)| offer.clone()).collect()
}

/// The values of a field that were seen, the most frequent first. Costs the rows held.
fn values(store: &Store, field: &str) -> Vec<Completion> {
    match field {
        "status" => named(
            STATUSES
                .iter()
                .map(|(name, standing)| (*name, store.rows().filter(|&row| store.row(row).run_status() == *standing).count() as u64)),
        ),
        "kind" => {
            let mut counts: HashMap<SpanType, u64> = HashMap::new();
            store.rows().for_each(|row| *counts.entry(store.row(row).span_type).or_default() += 1);
            named(KINDS.iter().map(|(name, kinds)| (*name, kinds.iter().filter_map(|kind| counts.get(kind)).sum())))
        }
        "agent" => texts(store, |row| store.label(By::Agent, row)),
        "model" => texts(store, |row| store.attributed_model(row)),
        "tool" => texts(store, |row| store.label(By::Tool, row)),
        "name" => texts(store, |row| store.row(row).name),
        "session" => texts(store, |row| store.row(row).session),
        "user" => texts(store, |row| store.row(row).user),
        "error" => texts(store, |row| store.row(row).error),
        "provider" => texts(store, |row| store.provider(row)),
        _ => Vec::new(),
    }
}

fn named<'a>(counts: impl Iterator<Item = (&'a str, u64)>) -> Vec<Completion> {
    sorted(counts.map(|(name, count)| Completion { name: name.to_owned(), count: Some(count), help: "", text: name.to_owned() }).collect())
}

/// Distinct texts of rows.
fn texts(store: &Store, text: impl Fn(RowIx) -> Symbol) -> Vec<Completion> {
    let mut counts = vec![(Symbol::EMPTY, 0_u64); store.texts().len()];
    for symbol in store.rows().map(text) {
        let (known, count) = &mut counts[symbol.index()];
        (*known, *count) = (symbol, *count + 1);
    }
    let offer = |(symbol, count): (Symbol, u64)| {
        let name = store.text(symbol).to_owned();
        Completion { text: quote(&name), name, count: Some(count), help: "" }
    };
    sorted(counts.into_iter().filter(|(symbol, _)| !symbol.is_empty()).map(offer).collect())
}

fn sorted(mut offers: Vec<Completion>) -> Vec<Completion> {
    offers.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| one.name.cmp(&other.name)));
    offers
}
