//! How two steps differ, in words.

use std::cmp::Ordering;

use crate::format;
use crate::model::Nanos;
use crate::store::{RowIx, Store};

/// The smallest difference of costs that is told, in nano-dollars: [`format::money`] shows no smaller one.
const SMALLEST_GAP: u64 = 5_000;

/// Says how step `b` differs from step `a`: `B is 732ms faster, 8 tokens fewer, same cost`.
#[must_use]
pub fn difference(store: &Store, a: RowIx, b: RowIx, now: Nanos) -> String {
    let [x, y] = [a, b].map(|row| store.shown_totals(row));
    let exact = |row: RowIx| store.shown_time(row, now).filter(|_| !store.is_shown_time_bound(row));
    let mut parts = vec![match (exact(a), exact(b)) {
        (Some(a), Some(b)) if a == b => "as fast".to_owned(),
        (Some(a), Some(b)) if b < a => format!("{} faster", format::duration(a - b)),
        (Some(a), Some(b)) => format!("{} slower", format::duration(b - a)),
        _ => "at an unknown difference of time".to_owned(),
    }];
    if x.are_tokens_incomplete() || y.are_tokens_incomplete() {
        parts.push("an unknown difference of tokens".to_owned());
    } else if let (Some(x), Some(y)) = (x.tokens(), y.tokens()) {
        parts.push(match y.cmp(&x) {
            Ordering::Less => format!("{} fewer", format::plural(x - y, "token")),
            Ordering::Equal => "same tokens".to_owned(),
            Ordering::Greater => format!("{} more", format::plural(y - x, "token")),
        });
    }
    if x.is_cost_incomplete() || y.is_cost_incomplete() {
        parts.push("at an unknown difference of cost".to_owned());
    } else if let (Some(x), Some(y)) = (x.cost(), y.cost()) {
        let gap = |gap: i64| format::money(Some(gap));
        parts.push(match y.saturating_sub(x) {
            0 => "same cost".to_owned(),
            // An amount that no price shows.
            tiny if tiny.unsigned_abs() < SMALLEST_GAP => "nearly the same cost".to_owned(),
            less if less < 0 => format!("{} cheaper", gap(less.saturating_neg())),
            more => format!("{} more expensive", gap(more)),
        });
    }
    format!("B is {}", parts.join(", "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::model::{Batch, Origin, PayloadRef, SourceId, Span, SpanFacts, SpanId, SpanType, Status, Text, TraceId, Usage};
    use crate::store::Limits;

    /// Says how a model call of so many nano-dollars differs from another one.
    fn between(costs: [i64; 2]) -> String {
        let mut batch = Batch::new(SourceId(0), Origin::Live);
        for (id, cost) in (1_u64..).zip(costs) {
            let usage = Usage { input: Some(10), output: Some(1), cost: Some(cost), ..Usage::default() };
            batch.spans.push(Span {
                trace: TraceId::new([id as u8; 16]).unwrap(),
                id: SpanId::new(id.to_be_bytes()).unwrap(),
                parent: None,
                start: id as Nanos,
                end: Some(id as Nanos + 1_000_000_000),
                status: Status::Ok,
                name: Text::default(),
                facts: SpanFacts { span_type: SpanType::Model, usage: Some(usage), ..SpanFacts::default() },
                error: Text::default(),
                payload_ref: PayloadRef(0),
                retained_bytes: 0,
            });
        }
        let mut store = Store::new(Limits::default());
        store.apply(&batch, 0);
        let rows: Vec<RowIx> = store.traces().flat_map(|trace| store.rows_of(trace)).collect();
        difference(&store, rows[0], rows[1], 0)
    }

    #[test]
    fn a_difference_that_no_price_shows_is_told_in_words() {
        assert_eq!(between([70_000, 70_000]), "B is as fast, same tokens, same cost");
        assert_eq!(between([70_000, 72_000]), "B is as fast, same tokens, nearly the same cost");
        assert_eq!(between([72_000, 70_000]), "B is as fast, same tokens, nearly the same cost");
        assert_eq!(between([70_000, 60_000]), "B is as fast, same tokens, $0.00001 cheaper");
        assert_eq!(between([70_000, 90_000]), "B is as fast, same tokens, $0.00002 more expensive");
    }
}
