//! The parts of a call's context: which one is chosen, and the texts of the one that is open.

use super::{Detail, PayloadState};
use crate::context::{Content, PartKind, PartText};

/// A part of a context with its texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedPart {
    /// The part.
    pub kind: PartKind,
    /// Its texts.
    pub texts: Vec<PartText>,
    /// How many more there are.
    pub more: usize,
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
            let (texts, more) = Content::read(payload).texts(kind);
            Some(OpenedPart { kind, texts, more })
        };
        self.is_outdated = true;
        true
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
