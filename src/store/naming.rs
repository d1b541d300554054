//! Agents without a name: frames around the runs of agents, and sessions that nobody named.
//!
//! The run of an agent without a name is a *frame*, a workflow, if the only runs in it are those of agents below it, and it calls no model
//! and no tool itself. That changes as spans arrive, so [`Store::decide_frames`] decides it again for each frame under which a row was linked
//! or unlinked.

use super::interner::Symbol;
use super::ix::RowIx;
use super::walk::MAX_ANCESTORS;
use super::{Changes, Store};
use crate::model::{Naming, SpanType};

/// The maximum number of rows below an agent that are examined; the agent of a larger subtree without any call stays an agent.
const MAX_EXAMINED: usize = 1024;

/// The length of a UUID as text, and the positions of its hyphens.
const UUID_LENGTH: usize = 36;
const UUID_HYPHENS: [usize; 4] = [8, 13, 18, 23];

impl Store {
    /// Remembers how the name of a row is known.
    pub(super) fn set_naming(&mut self, row: RowIx, naming: Naming) {
        if naming != Naming::Stated {
            self.namings.insert(row, naming);
            self.undecided_frames.push(row);
        }
    }

    /// Remembers that the frame at or above `row`, if there is one, has to be decided again.
    pub(super) fn touch_frame(&mut self, row: Option<RowIx>) {
        if self.namings.is_empty() {
            return;
        }
        let run = row.and_then(|row| self.path(row).find(|&row| self.is_run(row)));
        self.undecided_frames.extend(run.filter(|run| self.namings.contains_key(run)));
    }

    /// Decides which of the touched agents without a name are workflows.
    pub(super) fn decide_frames(&mut self, changes: &mut Changes) {
        let mut undecided = std::mem::take(&mut self.undecided_frames);
        undecided.sort_unstable();
        undecided.dedup();
        for row in undecided {
            if self.namings.get(&row) == Some(&Naming::None) {
                let span_type = if self.is_frame(row) { SpanType::Workflow } else { SpanType::Agent };
                if self.row(row).span_type != span_type {
                    self.rows[row.0].span_type = span_type;
                    changes.rows.push(row);
                }
            }
        }
    }

    /// Returns whether the only runs and calls directly under an agent, if any row lies between, are runs.
    pub(super) fn is_frame(&self, row: RowIx) -> bool {
        let (mut stack, mut has_runs) = (self.children(row).to_vec(), false);
        for _ in 0..MAX_EXAMINED {
            let Some(row) = stack.pop() else { return has_runs };
            let span_type = self.row(row).span_type;
            if self.is_run(row) {
                has_runs = true;
            } else if span_type.calls_model() || span_type.calls_tool() {
                return false;
            } else {
                stack.extend(self.children(row).iter().take(MAX_EXAMINED));
            }
        }
        false
    }

    fn is_run(&self, row: RowIx) -> bool {
        let data = self.row(row);
        data.span_type.is_agentic() && !data.placeholder
    }

    /// Returns the session of the row: the one that it or the nearest row above it names; empty if unknown.
    #[must_use]
    pub fn session(&self, row: RowIx) -> Symbol {
        let mut session = Symbol::EMPTY;
        for row in self.path(row).take(MAX_ANCESTORS).filter(|&row| !self.row(row).session.is_empty()) {
            session = self.row(row).session;
            if !self.has_made_up_session(row) {
                break;
            }
        }
        session
    }

    /// Returns the session that begins at the row: the one that it names, unless its framework made that up in a run that has a session.
    #[must_use]
    pub fn stated_session(&self, row: RowIx) -> Symbol {
        let session = self.row(row).session;
        let is_outer = || self.has_made_up_session(row) && self.session(row) != session;
        if session.is_empty() || is_outer() { Symbol::EMPTY } else { session }
    }

    /// Whether a framework made up the session of an agent without a name: a random id that no other row states.
    pub(super) fn has_made_up_session(&self, row: RowIx) -> bool {
        let session = self.row(row).session;
        !self.namings.is_empty()
            && self.namings.get(&row) == Some(&Naming::GeneratedId)
            && self.texts.uses(session) == 1
            && is_uuid(self.text(session))
    }
}

fn is_uuid(text: &str) -> bool {
    let is_right = |(at, byte): (usize, u8)| if UUID_HYPHENS.contains(&at) { byte == b'-' } else { byte.is_ascii_hexdigit() };
    text.len() == UUID_LENGTH && text.bytes().enumerate().all(is_right)
}

#[cfg(test)]
mod tests;
