//! Ordinary traces: those without agents, models and tools of services that also send such. They are not listed; a line for each service at
//! the foot of the pane counts them, and lists them among the others when the user opens it.

use std::collections::HashSet;

use super::TraceTree;
use crate::model::Nanos;
use crate::model::sort;
use crate::store::{Idle, Store, TraceIx};

/// The most lines at the foot of the pane.
const MAX_LINES: usize = 3;

/// The fewest lines for rows beside those at the foot.
const MIN_ROWS: usize = 5;

/// Which ordinary traces are listed.
#[derive(Debug, Default)]
pub(super) struct Ordinary {
    /// Whether all are.
    pub(super) all: bool,
    /// The services whose are.
    opened: HashSet<u16>,
    /// The number of services that had sent agents, models, tools or usage when traces were hidden last.
    services: usize,
    /// The service of the line under the cursor, if that is at the foot.
    cursor: Option<u16>,
}

impl Ordinary {
    /// Whether a trace is listed, being no ordinary one or one of an opened service.
    pub(super) fn lists(&self, store: &Store, trace: TraceIx) -> bool {
        self.all || store.ordinary_service(trace).is_none_or(|service| self.opened.contains(&service))
    }
}

/// A line at the foot of the pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FootLine {
    /// The service and the number of its ordinary traces.
    pub idle: Idle,
    /// Whether these are listed.
    pub is_open: bool,
    /// Whether the cursor is on the line.
    pub is_cursor: bool,
}

impl TraceTree {
    /// Returns the lines at the foot of a pane with this many lines: those of the services with the most ordinary traces. None if all are
    /// listed, if a filter is in effect, or if there is no room.
    #[must_use]
    pub fn foot(&self, store: &Store, height: usize) -> Vec<FootLine> {
        if self.ordinary.all || self.filter.is_some() || self.filter_pass.is_some() {
            return Vec::new();
        }
        let mut services = store.ordinary();
        sort::by_key(&mut services, |idle| (std::cmp::Reverse(idle.traces), idle.service));
        services.truncate(MAX_LINES.min(height.saturating_sub(MIN_ROWS)));
        let line = |idle: Idle| FootLine {
            idle,
            is_open: self.ordinary.opened.contains(&idle.service),
            is_cursor: self.ordinary.cursor == Some(idle.service),
        };
        services.into_iter().map(line).collect()
    }

    /// Sets the number of lines for rows and for the lines at the foot.
    pub fn set_lines(&mut self, store: &Store, lines: usize) {
        self.lines = lines;
        self.set_height(lines.saturating_sub(self.foot(store, lines).len()));
    }

    /// Returns the number of ordinary traces that are neither listed nor counted at the foot.
    #[must_use]
    pub fn hidden(&self, store: &Store) -> u64 {
        if self.ordinary.all || self.filter.is_some() || self.filter_pass.is_some() {
            return 0;
        }
        let foot = self.foot(store, self.lines);
        let is_told = |service| self.ordinary.opened.contains(&service) || foot.iter().any(|line| line.idle.service == service);
        store.ordinary().iter().filter(|idle| !is_told(idle.service)).map(|idle| u64::from(idle.traces)).sum()
    }

    /// Whether the cursor is on a line at the foot.
    #[must_use]
    pub fn is_at_foot(&self) -> bool {
        self.ordinary.cursor.is_some()
    }

    pub(super) fn leave_foot(&mut self) {
        self.ordinary.cursor = None;
    }

    /// Moves the cursor by one line to, in or out of the foot. Returns whether it did, rather than moving in the rows.
    pub(super) fn step_at_foot(&mut self, store: &Store, down: bool) -> bool {
        let lines = self.foot(store, self.lines);
        let at = lines.iter().position(|line| line.is_cursor);
        let next = match (at, down) {
            (Some(at), true) => Some((at + 1).min(lines.len() - 1)),
            (Some(at), false) => at.checked_sub(1),
            (None, true) => Some(0),
            (None, false) => None,
        };
        self.ordinary.cursor = next.and_then(|next| lines.get(next)).map(|line| line.idle.service);
        at.is_some() || self.is_at_foot()
    }

    /// Lists the ordinary traces of the line under the cursor, or hides them. Returns whether the cursor is on such a line.
    pub fn toggle_foot(&mut self, store: &Store, now: Nanos) -> bool {
        let Some(service) = self.ordinary.cursor else { return false };
        self.toggle_service(store, service, now);
        true
    }

    /// Lists the ordinary traces of a service, or hides them.
    pub fn toggle_service(&mut self, store: &Store, service: u16, now: Nanos) {
        if !self.ordinary.opened.remove(&service) {
            self.ordinary.opened.insert(service);
        }
        self.ordinary.cursor = Some(service);
        self.place_all(store, now);
    }

    /// Hides the traces that have become ordinary since their service has sent its first agent, model or tool.
    pub(super) fn hide_ordinary(&mut self, store: &Store, now: Nanos) {
        if std::mem::replace(&mut self.ordinary.services, store.working_services()) != store.working_services() {
            self.place_all(store, now);
        }
    }

    /// Lists all ordinary traces and shows all internal spans, or hides them.
    pub fn toggle_ordinary(&mut self, store: &Store, now: Nanos) {
        self.ordinary.all = !self.ordinary.all;
        self.fold_internal();
        (self.ordinary.opened, self.ordinary.cursor) = Default::default();
        self.place_all(store, now);
    }
}
