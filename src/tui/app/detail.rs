//! The span under the cursor, read as one reads a page: tabs, a place in the text, and the payload, which is asked for when it is wanted.

pub(super) mod content;
mod conversation;
mod overview;

use std::sync::Arc;

use super::Action;
use crate::model::{Nanos, Payload, SourceId, SpanId};
use crate::sources::PayloadRequest;
use crate::store::{Phase, RowIx, Store};
use crate::tui::widget::pager::Pager;
use crate::tui::widget::text::Document;

/// What of a span is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    /// Facts and sums.
    #[default]
    Overview,
    /// The conversation with the model.
    Messages,
    /// What it was given.
    Input,
    /// What it answered.
    Output,
    /// Every attribute.
    Attributes,
    /// What happened meanwhile.
    Events,
}

impl Tab {
    /// Every tab, in order, with its title.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Overview, "Overview"),
        (Self::Messages, "Messages"),
        (Self::Input, "Input"),
        (Self::Output, "Output"),
        (Self::Attributes, "Attributes"),
        (Self::Events, "Events"),
    ];
}

/// How the payload is.
#[derive(Clone, Debug, Default)]
pub enum Loaded {
    /// The row has none: its span has not come.
    #[default]
    Nothing,
    /// Asked for.
    Waiting,
    /// Here.
    Ready(Arc<Payload>),
    /// It can't be had; why.
    Failed(String),
}

/// The row looked at, and what of it would change the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Viewed {
    row: RowIx,
    wanted: Option<PayloadRequest>,
    phase: Phase,
}

/// The page.
#[derive(Debug)]
pub struct Detail {
    /// The tab.
    pub tab: Tab,
    /// The payload.
    pub loaded: Loaded,
    /// The text, and where one is in it.
    pub reader: Pager,
    looked: Option<Viewed>,
    asked: bool,
    /// Whether the page is to be written again.
    outdated: bool,
    height: isize,
}

impl Default for Detail {
    fn default() -> Self {
        let reader = Pager::new(Document::new());
        Self { tab: Tab::default(), loaded: Loaded::default(), reader, looked: None, asked: false, outdated: false, height: 0 }
    }
}

impl Detail {
    /// Looks at a row, anew if it is another one or came to be more than a placeholder.
    pub fn look_at(&mut self, store: &Store, row: Option<RowIx>, now: Nanos) {
        let looked = row.map(|row| {
            let data = store.row(row);
            let wanted =
                (!data.placeholder).then_some(PayloadRequest { source: data.source, payload_ref: data.payload_ref, span: data.id });
            Viewed { row, wanted, phase: data.phase }
        });
        if looked == self.looked {
            return;
        }
        if looked.map(|looked| looked.row) != self.looked.map(|looked| looked.row) {
            self.reader.to_top();
        }
        self.looked = looked;
        self.asked = false;
        self.loaded = if looked.is_some_and(|looked| looked.wanted.is_some()) { Loaded::Waiting } else { Loaded::Nothing };
        self.refresh(store, now);
    }

    /// The payload to ask for, once.
    pub fn wanted(&mut self) -> Option<PayloadRequest> {
        let wanted = self.looked.and_then(|looked| looked.wanted).filter(|_| !self.asked);
        self.asked |= wanted.is_some();
        wanted
    }

    /// Asks for the payload once more if it is that of one of these spans.
    pub fn ask_again(&mut self, source: SourceId, spans: &[SpanId]) {
        if self.looked.and_then(|looked| looked.wanted).is_some_and(|wanted| wanted.source == source && spans.contains(&wanted.span)) {
            self.asked = false;
        }
    }

    /// Takes in the payload that was asked for last.
    pub fn load(&mut self, store: &Store, payload: Result<Payload, String>, now: Nanos) {
        self.loaded = match payload {
            Ok(payload) => Loaded::Ready(Arc::new(payload)),
            Err(why) => Loaded::Failed(why),
        };
        self.refresh(store, now);
    }

    /// The overview's sums and clocks may have changed.
    pub(super) fn outdate_overview(&mut self) {
        self.outdated |= self.tab == Tab::Overview;
    }

    /// Writes the page again before a frame, however often it was outdated since the last.
    pub(super) fn catch_up(&mut self, store: &Store, now: Nanos) {
        if self.outdated {
            self.refresh(store, now);
        }
    }

    fn refresh(&mut self, store: &Store, now: Nanos) {
        self.outdated = false;
        let Some(looked) = self.looked else {
            self.reader.replace(Document::new());
            return;
        };
        let payload = if let Loaded::Ready(payload) = &self.loaded { Some(&**payload) } else { None };
        let (page, rest) = match (self.tab, payload, &self.loaded) {
            (Tab::Overview, ..) => (overview::document(store, looked.row, &self.loaded, now), None),
            (tab, Some(payload), _) => content::document(tab, payload),
            (_, None, Loaded::Failed(why)) => (content::note(why), None),
            (_, None, Loaded::Nothing) => (content::note("This span has not ended; Agno writes it when it does."), None),
            (_, None, _) => (Document::new(), None),
        };
        self.reader.open(page, rest);
    }

    /// Tells how much room there is, in columns and lines.
    pub fn set_size(&mut self, (width, height): (u16, u16)) {
        self.height = height as isize;
        self.reader.resize(width, height);
    }

    /// The text that is looked at, and what it is called; why there is none.
    pub fn copied(&self) -> Result<(String, String), String> {
        let title = Tab::ALL.iter().find(|(tab, _)| *tab == self.tab).map_or(String::new(), |(_, title)| title.to_lowercase());
        let value = match (&self.loaded, self.tab) {
            (_, Tab::Overview) => None,
            (Loaded::Ready(payload), tab) => content::value_at(tab, payload, self.reader.line()),
            (Loaded::Waiting, _) => return Err("it is still being read".to_owned()),
            (Loaded::Failed(why), _) => return Err(format!("nothing to copy: {why}")),
            (Loaded::Nothing, _) => return Err("nothing to copy: the span has not ended".to_owned()),
        };
        match (value, self.tab) {
            (Some((name, text)), _) => Ok((name, text)),
            (None, Tab::Input | Tab::Output | Tab::Attributes) => Err(format!("nothing to copy: the span has no {title}")),
            (None, _) => Ok((title, self.reader.document().to_text())),
        }
    }

    /// To a tab.
    pub fn open(&mut self, store: &Store, tab: Tab, now: Nanos) {
        self.tab = tab;
        self.reader.to_top();
        self.refresh(store, now);
    }

    /// To the next tab, or the one before.
    pub fn turn(&mut self, store: &Store, forward: bool, now: Nanos) {
        let count = Tab::ALL.len();
        let at = Tab::ALL.iter().position(|&(tab, _)| tab == self.tab).unwrap_or_default();
        self.open(store, Tab::ALL[(at + if forward { 1 } else { count - 1 }) % count].0, now);
    }

    /// Scrolls, turns the page or goes to what was found; whether the action was one for it.
    pub fn take(&mut self, store: &Store, action: Action, now: Nanos) -> bool {
        match action {
            Action::Top => self.reader.to_top(),
            Action::Bottom => self.reader.to_end(),
            Action::Fold | Action::Unfold if self.reader.wraps() => self.turn(store, action == Action::Unfold, now),
            Action::Fold => self.reader.shift(-8),
            Action::Unfold => self.reader.shift(8),
            Action::NextMatch if self.reader.found().is_some() => self.reader.next_found(),
            Action::PreviousMatch if self.reader.found().is_some() => self.reader.previous_found(),
            _ => match super::scroll(action, (self.height - 1).max(1)) {
                Some(rows) => self.reader.scroll(rows),
                None => return false,
            },
        }
        true
    }
}
