//! The views beside the traces: sessions, agents, models, tools and errors, a line each, over what the filter lets through.

mod groups;
mod index;
mod page;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::{Action, Aggregates, TraceTree};
use crate::model::usage::NanoUsd;
use crate::model::{Nanos, SpanType};
use crate::query::{KINDS, with_values};
use crate::store::{By, Store, TraceIx};
use crate::tui::widget::pager::Pager;
use crate::tui::widget::text::Document;
use index::Index;

/// What the screen lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// The traces.
    #[default]
    Traces,
    /// Conversations.
    Sessions,
    /// Agents, teams and workflows.
    Agents,
    /// Models.
    Models,
    /// Tools.
    Tools,
    /// Failures, by kind, place and message.
    Errors,
}

impl View {
    /// Every view, in the order of their keys, with its title.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Traces, "Traces"),
        (Self::Sessions, "Sessions"),
        (Self::Agents, "Agents"),
        (Self::Models, "Models"),
        (Self::Tools, "Tools"),
        (Self::Errors, "Errors"),
    ];

    /// Its title.
    #[must_use]
    pub fn title(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

/// What a line is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// A session's, an agent's, a model's or a tool's name.
    Name(String),
    /// A failure's kind, the agent, model or tool that failed, and its message with what varies left out.
    Error(SpanType, String, String),
}

/// A value in a line. What is not known sorts last and shows as "–".
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Text.
    Text(String),
    /// A number of things.
    Count(u64),
    /// Tokens.
    Tokens(Option<u64>),
    /// A duration.
    Time(Option<Nanos>),
    /// Money.
    Money(Option<NanoUsd>),
    /// So many of so many.
    Part(u64, u64),
    /// A moment.
    Moment(Nanos),
    /// So many in a second.
    Rate(Option<f64>),
}

impl Cell {
    /// What lines are sorted by: A first, or the largest; what is not known last.
    fn rank(&self) -> Rank {
        let number = match *self {
            Self::Text(ref text) => return Rank::Text(text.to_lowercase()),
            Self::Count(count) => Some(count as f64),
            Self::Tokens(tokens) => tokens.map(|tokens| tokens as f64),
            Self::Time(time) => time.map(|time| time as f64),
            Self::Money(money) => money.map(|money| money as f64),
            Self::Part(part, whole) => (whole > 0).then(|| part as f64 / whole as f64),
            Self::Moment(moment) => Some(moment as f64),
            Self::Rate(rate) => rate,
        };
        // Of numbers that are not negative the bits are in their order.
        Rank::Number(number.map_or(u64::MAX, |number| u64::MAX - 1 - number.max(0.0).to_bits()))
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Text(String),
    Number(u64),
}

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heading {
    /// Its title.
    pub title: &'static str,
    /// Cells on the screen; 0: as many as are left.
    pub width: u16,
}

const fn heading(title: &'static str, width: u16) -> Heading {
    Heading { title, width }
}

/// A line: what it is about, and a cell for each column.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What it is about.
    pub key: Key,
    /// Its cells.
    pub cells: Vec<Cell>,
}

impl Line {
    /// The name of what it is about.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.key {
            Key::Name(name) | Key::Error(_, _, name) => name,
        }
    }
}

/// What is made faster than this is made anew whenever anything changed.
pub(super) const QUICK: Duration = Duration::from_millis(3);

/// Anything else rests for so many times what it took.
pub(super) const REST: u32 = 20;

/// A view that is not the traces: its lines in order, and where one is.
#[derive(Debug)]
pub struct Table {
    /// What it lists.
    pub view: View,
    /// The lines.
    pub lines: Vec<Line>,
    /// The column that the lines are sorted by.
    pub sorted: usize,
    /// Whether the other end is on top.
    pub reversed: bool,
    /// The line that the cursor is on.
    pub cursor: usize,
    /// The first line on the screen.
    pub top: usize,
    /// What there is to say of the line under the cursor.
    pub reader: Pager,
    index: Index,
    height: usize,
    /// When it was made, and how long that took.
    made: Option<(Instant, Duration)>,
    stale: bool,
}

impl Table {
    /// A view over what is shown.
    #[must_use]
    pub fn new(view: View, forest: &TraceTree) -> Self {
        let index = Index::new(view, forest);
        let reader = Pager::new(Document::new());
        Self { view, lines: Vec::new(), sorted: 0, reversed: false, cursor: 0, top: 0, reader, index, height: 0, made: None, stale: true }
            .by_default()
    }

    fn by_default(mut self) -> Self {
        self.sorted = self
            .columns()
            .iter()
            .position(|column| {
                ["LAST", "COUNT"].contains(&column.title)
                    || (column.title == "COST" && self.view != View::Tools)
                    || (column.title == "CALLS" && self.view == View::Tools)
            })
            .unwrap_or_default();
        self
    }

    /// The columns; the first ones count most where there is little room.
    #[must_use]
    pub fn columns(&self) -> &'static [Heading] {
        groups::columns(self.view)
    }

    /// Begins anew with another filter.
    pub(super) fn restart(&mut self, forest: &TraceTree) {
        self.index = Index::new(self.view, forest);
        (self.stale, self.made) = (true, None);
    }

    /// Traces changed, or came to be shown or not.
    pub(super) fn changed(&mut self, traces: &[TraceIx]) {
        self.index.changed(traces);
        self.stale |= !traces.is_empty();
    }

    /// Traces are gone.
    pub(super) fn forget(&mut self, traces: &[TraceIx]) {
        self.index.forget(traces);
        self.stale |= !traces.is_empty();
    }

    /// Makes the lines anew if anything changed, not too often. Whether more is left to do.
    pub(super) fn refresh(&mut self, store: &Store, forest: &TraceTree, scope: &Aggregates, now: Nanos) -> bool {
        let more = self.index.follow(store, forest);
        let rested = self.made.is_none_or(|(at, took)| took < QUICK || at.elapsed() >= took * REST);
        if self.stale && rested {
            let begun = Instant::now();
            let key = self.lines.get(self.cursor).map(|line| line.key.clone());
            self.lines = groups::lines(self.view, store, scope, &self.index);
            self.sort();
            (self.made, self.stale) = (Some((begun, begun.elapsed())), more);
            self.cursor = key.and_then(|key| self.lines.iter().position(|line| line.key == key)).unwrap_or(self.cursor);
            self.settle();
            self.write_page(store, scope, now);
        }
        more
    }

    fn sort(&mut self) {
        self.lines.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        if self.reversed {
            self.lines.sort_by_cached_key(|line| std::cmp::Reverse(line.cells[self.sorted].rank()));
        } else {
            self.lines.sort_by_cached_key(|line| line.cells[self.sorted].rank());
        }
    }

    fn settle(&mut self) {
        self.cursor = self.cursor.min(self.lines.len().saturating_sub(1));
        self.top = self.top.min(self.cursor).max((self.cursor + 1).saturating_sub(self.height.max(1)));
    }

    fn write_page(&mut self, store: &Store, scope: &Aggregates, now: Nanos) {
        let page = self.lines.get(self.cursor).map(|line| page::document(self, line, store, scope, now));
        self.reader.replace(page.unwrap_or_default());
    }

    /// Tells how many lines there is room for, with the heading, and the size of what is said of one.
    pub(super) fn set_size(&mut self, lines: usize, (width, height): (u16, u16)) {
        self.height = lines.saturating_sub(1);
        self.reader.resize(width, height);
        self.settle();
    }

    /// Goes to a line.
    pub(super) fn go_to(&mut self, store: &Store, scope: &Aggregates, line: usize, now: Nanos) {
        self.cursor = line;
        self.settle();
        self.reader.to_top();
        self.write_page(store, scope, now);
    }

    /// Sorts by a column, and goes to the top.
    pub(super) fn sort_by(&mut self, store: &Store, scope: &Aggregates, column: usize, reversed: bool, now: Nanos) {
        (self.sorted, self.reversed) = (column, reversed);
        self.sort();
        self.go_to(store, scope, 0, now);
    }

    /// Moves or sorts; whether the action was one for it.
    pub(super) fn take(&mut self, store: &Store, scope: &Aggregates, action: Action, now: Nanos) -> bool {
        let page = self.height.saturating_sub(1).max(1) as isize;
        match action {
            Action::Top => self.go_to(store, scope, 0, now),
            Action::Bottom => self.go_to(store, scope, usize::MAX, now),
            Action::Sort => self.sort_by(store, scope, (self.sorted + 1) % self.columns().len(), false, now),
            Action::Reverse => self.sort_by(store, scope, self.sorted, !self.reversed, now),
            _ => match super::scroll(action, page) {
                Some(by) => self.go_to(store, scope, self.cursor.saturating_add_signed(by), now),
                None => return false,
            },
        }
        true
    }

    /// Scrolls what is said of the line under the cursor; whether the action was one for that.
    pub(super) fn read(&mut self, action: Action) -> bool {
        match action {
            Action::Top => self.reader.to_top(),
            Action::Bottom => self.reader.to_end(),
            _ => match super::scroll(action, self.height.max(2) as isize - 1) {
                Some(rows) => self.reader.scroll(rows),
                None => return false,
            },
        }
        true
    }

    /// Whether it is to be made anew.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// The filter line that shows the traces of the line under the cursor.
    #[must_use]
    pub fn narrowed(&self, store: &Store, filter: &str) -> Option<String> {
        let name = |field, name: &String| with_values(filter, field, std::slice::from_ref(name));
        let key = &self.lines.get(self.cursor)?.key;
        Some(match (key, self.view) {
            // No filter asks for what has no name.
            (Key::Name(none), _) if none.is_empty() => return None,
            (Key::Name(session), View::Sessions) => name("session", session),
            (Key::Name(agent), View::Agents) => name("agent", agent),
            (Key::Name(model), View::Models) => name("model", model),
            (Key::Name(tool), View::Tools) => name("tool", tool),
            (Key::Error(kind, place, message), _) => self.failed(store, filter, key, *kind, place, message),
            _ => return None,
        })
    }

    /// The filter line that lets through the failures of this kind, place and message, and no others.
    fn failed(&self, store: &Store, filter: &str, key: &Key, kind: SpanType, place: &String, message: &String) -> String {
        let rows = || self.index.rows(key).into_iter().flatten().map(|&(_, row)| store.row(row));
        // Of what failed before, nothing is asked any more.
        let bare = ["tool", "model", "name"].iter().fold(filter.to_owned(), |line, field| with_values(&line, field, &[]));
        let line = with_values(&bare, "status", &["error".to_owned()]);
        // What an agent calls is its, too, and other spans may be called the same.
        let line = with_values(&line, "kind", &kind_named(kind));
        let field = match By::of(kind) {
            Some(By::Tool) => "tool",
            Some(By::Model) => "model",
            Some(By::Agent) => "agent",
            None => "name",
        };
        let is_labelled = field != "name" && rows().all(|data| !data.label.is_empty());
        let line = if is_labelled {
            with_values(&line, field, std::slice::from_ref(place))
        } else {
            let names: BTreeSet<&str> = rows().map(|data| store.text(data.name)).filter(|name| !name.is_empty()).collect();
            with_values(&line, "name", &names.into_iter().map(str::to_owned).collect::<Vec<_>>())
        };
        with_values(&line, "failure", std::slice::from_ref(message))
    }
}

/// What a filter calls spans of this kind.
fn kind_named(kind: SpanType) -> Vec<String> {
    KINDS.iter().filter(|(_, kinds)| kinds.contains(&kind)).map(|(name, _)| (*name).to_owned()).collect()
}
