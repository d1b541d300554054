//! What few rows state: the directory that they worked in, the exit status of their command, which attempt they were, and when the user was
//! asked to permit them.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use super::interner::Symbol;
use super::ix::{RowIx, TraceIx};
use super::memory::TREE;
use super::{Phase, Row, Store};
use crate::model::{Batch, Nanos, SpanFacts, SpanId, SpanType};

/// The most children of a tool call that are examined for a wait.
const MAX_EXAMINED: usize = 8;

/// Words in the name of a span that waits for the user to permit what is above it.
const PERMISSION: [&str; 4] = ["blocked_on_user", "permission", "approval", "confirmation"];

/// The shortest wait of a run that counts: until then, a decision that needs no user may be on its way.
const MIN_WAIT: Nanos = 1_000_000_000;

/// How a row's command ended, which attempt the row was, and when the user was asked to permit it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ran {
    /// An exit status other than 0.
    exit_status: Option<i32>,
    /// The number of the attempt, from 2 on.
    attempt: Option<u32>,
    asked: Option<Nanos>,
}

/// What rows state of their surroundings, for those that state anything.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    ran: HashMap<RowIx, Ran>,
    /// The last parts of directories by trace, in the order of starts.
    projects: BTreeMap<(TraceIx, Nanos, SpanId), Symbol>,
}

impl Surroundings {
    /// Returns the bytes that the tables take.
    pub(super) fn memory(&self) -> usize {
        self.ran.capacity() * size_of::<(RowIx, Ran)>() + self.projects.len() * TREE * size_of::<((TraceIx, Nanos, SpanId), Symbol)>()
    }
}

fn place(data: &Row) -> (TraceIx, Nanos, SpanId) {
    (data.trace(), data.start, data.id)
}

impl Store {
    /// Returns the last part of the directory in which a trace worked: that of its first span that states one. Empty if none does.
    #[must_use]
    pub fn project(&self, trace: TraceIx) -> Symbol {
        let first = self.surroundings.projects.range((trace, Nanos::MIN, SpanId::from_hash(0))..).next();
        first.filter(|((of, ..), _)| *of == trace).map_or(Symbol::EMPTY, |(_, project)| *project)
    }

    /// Returns the exit status of the command that a row ran, if the row states one other than 0.
    #[must_use]
    pub fn exit_status(&self, row: RowIx) -> Option<i32> {
        self.surroundings.ran.get(&row)?.exit_status
    }

    /// Returns whether any row states an exit status, its attempt or when the user was asked.
    #[must_use]
    pub fn has_surroundings(&self) -> bool {
        !self.surroundings.ran.is_empty()
    }

    /// Returns the number of the attempt that a row was, if the row states one from 2 on.
    #[must_use]
    pub fn attempt(&self, row: RowIx) -> Option<u32> {
        self.surroundings.ran.get(&row)?.attempt
    }

    /// Returns how long a tool call waited for the user to permit it, and whether it still waits, if it or a span below it tells; of a run
    /// that waits for the user to permit a tool call, how long it has.
    #[must_use]
    pub fn permission_wait(&self, row: RowIx, now: Nanos) -> Option<(Nanos, bool)> {
        let data = self.row(row);
        let asked = self.surroundings.ran.get(&row).and_then(|ran| ran.asked);
        match (data.span_type, asked) {
            (SpanType::Tool, Some(asked)) => return Some((data.start.saturating_sub(asked).max(0), false)),
            (SpanType::Tool, None) => {}
            (_, Some(asked)) if data.phase == Phase::Running => {
                return Some((now.saturating_sub(asked), true)).filter(|(wait, _)| *wait >= MIN_WAIT);
            }
            _ => return None,
        }
        let is_wait = |data: &&Row| {
            let name = self.text(data.name);
            data.span_type == SpanType::Other && !data.placeholder && PERMISSION.iter().any(|word| name.contains(word))
        };
        let wait = self.children(row).iter().take(MAX_EXAMINED).map(|&child| self.row(child)).find(is_wait)?;
        Some((wait.duration(now), wait.phase == Phase::Running))
    }

    /// Remembers what a row states that was filled.
    pub(super) fn enter_surroundings(&mut self, row: RowIx, batch: &Batch, facts: &SpanFacts) {
        let asked = facts.log_note.asked;
        let ran = Ran { exit_status: facts.exit_status, attempt: facts.attempt, asked };
        if ran != Ran::default() {
            self.surroundings.ran.insert(row, ran);
        }
        let project = batch.text(facts.project);
        if !project.is_empty() {
            let project = self.texts.intern(project);
            if let Some(before) = self.surroundings.projects.insert(place(self.row(row)), project) {
                self.texts.release(before);
            }
        }
    }

    /// Forgets what a row stated.
    pub(super) fn leave_surroundings(&mut self, row: RowIx) {
        if !self.surroundings.ran.is_empty() {
            self.surroundings.ran.remove(&row);
        }
        if !self.surroundings.projects.is_empty()
            && let Some(project) = self.surroundings.projects.remove(&place(self.row(row)))
        {
            self.texts.release(project);
        }
    }
}
