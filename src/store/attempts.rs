//! Failed attempts: a request that makes a model call again after it failed, as a gateway does, and gets an answer.
//!
//! An attempt is a failed step and fails no run. It is one in two cases: a model call above it that reports the same call got an answer
//! ([`nesting`](super::nesting)); or the request that made it, which is no step of an agent's work and did not fail, made one other call with
//! the same question that got one afterwards. An agent that calls a model again by itself made two steps, and one failed.

use super::attribution::MAX_EXAMINED_CHILDREN;
use super::ix::{NONE, RowIx};
use super::row::{Phase, RETRIED, Row};
use super::{Changes, Store};
use crate::model::{Ending, SpanType, Status};

impl Store {
    /// Decides again which of the calls that a request made were attempts.
    pub(super) fn mark_attempts(&mut self, request: RowIx, changes: &mut Changes) {
        let below = self.below(request);
        if below.errors + below.failed + below.fatal == 0 {
            return;
        }
        for call in self.nested_calls(request) {
            let was_retried = self.was_answered_later(call);
            if was_retried != self.row(call).was_retried() {
                self.change(call, |store| {
                    let sender = &mut store.rows[call.0].sender;
                    *sender = if was_retried { *sender | RETRIED } else { *sender & !RETRIED };
                });
                changes.rows.push(call);
                self.touch(self.row(call).trace(), changes);
                self.mark_own_reasons(call, changes);
                self.touch_lenders(request);
            }
        }
    }

    /// Returns whether the request that made a failed call made it again and got an answer.
    pub(super) fn was_answered_later(&self, call: RowIx) -> bool {
        let data = self.row(call);
        let Some(parent) = data.parent().filter(|_| data.span_type == SpanType::Model && data.fails()) else { return false };
        let request = self.row(parent);
        let is_request = request.span_type == SpanType::Other && !request.placeholder && request.phase == Phase::Ended;
        let is_answer = |other: &&RowIx| {
            let other = self.row(**other);
            let states_usage = other.usage != NONE && self.usages[other.usage].without_filled().is_known();
            let has_ended_well = other.phase == Phase::Ended && other.ending() == Ending::Plain && other.status() != Status::Error;
            other.span_type == SpanType::Model && states_usage && has_ended_well
        };
        let mut answers = self.children(parent).iter().take(MAX_EXAMINED_CHILDREN).filter(is_answer).map(|&other| self.row(other));
        // The span of a streamed call may be the request's, from before the first attempt.
        let is_later = |answer: &Row| answer.start >= data.end || (answer.start <= data.start && answer.end > data.end);
        let is_again = answers.next().is_some_and(|answer| is_later(answer) && answer.input == data.input) && answers.next().is_none();
        is_request && !request.outcome.has_own_failure() && is_again
    }
}
