//! Reads the calls of a run one after another, and compares each with those before it.

use std::collections::VecDeque;

use super::CallFacts;
use super::cache::Verdict;
use super::content::Content;
use super::diff::{Diff, common, diff, goes_on, is_related};
use super::parts::{Parts, parts};
use super::run::{Before, CallReport, EarlierCall, ReadCall};
use crate::model::Payload;

/// The calls that a call is compared with: those before it, since several conversations may go on side by side.
pub const RECENT: usize = 4;

/// The most bytes of their texts; the last call is kept whatever it holds.
const MAX_BYTES: usize = 64 << 20;

/// Takes the calls of a run in the order of their start, after the last ones before it in its session. It holds the texts of the last few.
#[derive(Debug, Default)]
pub struct Comparer {
    count: usize,
    earlier: usize,
    recent: VecDeque<Recent>,
}

#[derive(Debug)]
struct Recent {
    at: Before,
    model: String,
    content: Content,
}

impl Comparer {
    /// Reads the next call. Costs the size of its content.
    pub fn read(&mut self, facts: CallFacts, content: Content) -> ReadCall {
        let (parts, pieces) = parts(&content, facts.input);
        let is_partial = content.is_partial || !content.has_messages;
        let since = if is_partial { None } else { self.earlier(&facts, &content) };
        let tools = (content.tools > 0).then_some(content.tools);
        let called = content.called.clone();
        let at = self.count;
        self.count += 1;
        if !is_partial {
            self.keep(Recent { at: Before::OfRun(at), model: facts.model.clone(), content });
        }
        ReadCall { report: CallReport { facts, parts, pieces, since, verdict: Verdict::default(), tools, is_partial }, called }
    }

    /// Reads the next call from the payloads of the spans that report it.
    pub fn read_payloads<'p>(&mut self, facts: CallFacts, payloads: impl IntoIterator<Item = &'p Payload>) -> ReadCall {
        match Content::fullest(payloads) {
            Some(content) => self.read(facts, content),
            None => self.skip(facts),
        }
    }

    /// Reads a call of an earlier run of the session from the payloads of the spans that report it.
    pub fn read_earlier<'p>(&mut self, facts: CallFacts, payloads: impl IntoIterator<Item = &'p Payload>) -> EarlierCall {
        let content = Content::fullest(payloads).filter(|content| !content.is_partial && content.has_messages);
        if let Some(content) = content {
            self.keep(Recent { at: Before::OfSession(self.earlier), model: facts.model.clone(), content });
        }
        self.earlier += 1;
        EarlierCall(facts)
    }

    /// Takes a call whose payload can't be read.
    pub fn skip(&mut self, facts: CallFacts) -> ReadCall {
        self.count += 1;
        let parts = Parts::unread(facts.input);
        ReadCall { report: CallReport { facts, parts, is_partial: true, ..CallReport::default() }, called: Vec::new() }
    }

    /// Returns the earlier call to compare with: of the same model if one is related, and there the one with the longest equal beginning.
    fn earlier(&self, facts: &CallFacts, content: &Content) -> Option<(Before, Diff)> {
        let is_earlier = |recent: &&Recent| match recent.at {
            Before::OfRun(_) => is_related(&recent.content, content),
            // The runs of a session may know nothing of one another.
            Before::OfSession(_) => goes_on(&recent.content, content),
        };
        let related = self.recent.iter().filter(is_earlier);
        let best = related.max_by_key(|recent| (recent.model == facts.model, common(&recent.content, content), recent.at))?;
        Some((best.at, diff(&best.content, content)))
    }

    fn keep(&mut self, call: Recent) {
        self.recent.push_back(call);
        let size = |recent: &VecDeque<Recent>| recent.iter().map(|recent| recent.content.size()).sum::<usize>();
        while self.recent.len() > RECENT || (self.recent.len() > 1 && size(&self.recent) > MAX_BYTES) {
            self.recent.pop_front();
        }
    }
}
