//! The parts of a call's context: which one is chosen, and the texts of the one that is open.

use std::sync::Arc;

use super::{Detail, PayloadState};
use crate::context::{Content, PartKind, PartText};
use crate::model::Payload;
use crate::store::RowIx;

/// A part of a context with its texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedPart {
    /// The part.
    pub kind: PartKind,
    /// Its texts.
    pub texts: Vec<PartText>,
    /// How many more there are.
    pub more: usize,
    /// Whether the texts are still read.
    pub is_reading: bool,
}

/// A part to be read on another thread: a call may hold megabytes.
#[derive(Debug)]
pub struct PartRequest {
    row: RowIx,
    kind: PartKind,
    payload: Arc<Payload>,
}

/// A part that was read.
#[derive(Debug)]
pub struct ReadPart {
    row: RowIx,
    part: OpenedPart,
}

impl PartRequest {
    /// Reads the texts. Costs the size of the payload.
    #[must_use]
    pub fn read(self) -> ReadPart {
        let (texts, more) = Content::read(&self.payload).texts(self.kind);
        ReadPart { row: self.row, part: OpenedPart { kind: self.kind, texts, more, is_reading: false } }
    }
}

impl Detail {
    /// Chooses the next part of a context, or the previous one.
    pub(super) fn choose_part(&mut self, forward: bool) {
        let count = self.parts.len();
        let at = self.parts.iter().position(|(_, kind)| Some(*kind) == self.part);
        let next = match (at, forward) {
            (Some(at), true) => (at + 1) % count,
            (Some(at), false) => (at + count - 1) % count,
            (None, true) => 0,
            (None, false) => count - 1,
        };
        let (line, kind) = self.parts[next];
        self.part = Some(kind);
        self.is_outdated = true;
        self.pager.scroll_to_line(line);
    }

    /// Opens the chosen part of a context, or closes it. Returns whether one is chosen.
    pub(in crate::tui::app) fn toggle_part(&mut self) -> bool {
        let chosen = self.part.filter(|chosen| self.shows_context() && self.parts.iter().any(|(_, kind)| kind == chosen));
        let (Some(kind), PayloadState::Ready(payload)) = (chosen, &self.payload) else { return false };
        self.opened = if self.opened.take_if(|opened| opened.kind == kind).is_some() {
            None
        } else {
            self.wanted = self.shown.map(|shown| PartRequest { row: shown.row, kind, payload: payload.clone() });
            Some(OpenedPart { kind, texts: Vec::new(), more: 0, is_reading: true })
        };
        self.is_outdated = true;
        true
    }

    /// Returns the part to read, once.
    pub fn take_part_request(&mut self) -> Option<PartRequest> {
        self.wanted.take()
    }

    /// Takes a part that was read, if it is still open.
    pub fn load_part(&mut self, read: ReadPart) {
        let is_open = self.row() == Some(read.row) && self.opened.as_ref().is_some_and(|opened| opened.kind == read.part.kind);
        if is_open {
            self.opened = Some(read.part);
            self.is_outdated = true;
        }
    }

    /// Returns the part of a context that is chosen.
    #[must_use]
    pub fn chosen_part(&self) -> Option<PartKind> {
        self.part
    }

    /// Returns the part of a context that is open.
    #[must_use]
    pub fn opened_part(&self) -> Option<&OpenedPart> {
        self.opened.as_ref()
    }
}
