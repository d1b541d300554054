//! How two steps differ, in words.

use std::cmp::Ordering;

use crate::format;
use crate::model::Nanos;
use crate::store::{RowIx, Store};

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
            less if less < 0 => format!("{} cheaper", gap(less.saturating_neg())),
            more => format!("{} more expensive", gap(more)),
        });
    }
    format!("B is {}", parts.join(", "))
}
