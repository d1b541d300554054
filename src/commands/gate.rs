//! What `--fail-on` could not judge: a cost or a number of tokens that is not known is neither large nor small.

use std::collections::HashSet;

use eyre::Report;

use super::snapshot::Snapshot;
use crate::format;
use crate::query::Query;
use crate::store::{Store, Totals, TraceIx};

/// Returns a sentence for each amount that the condition asks for and that is unknown, or known in part only, in traces that did not match.
/// Traces that don't match for another reason are left out.
pub(super) fn unjudged(snapshot: &mut Snapshot, traces: &[TraceIx], matched: &[TraceIx], condition: &Query) -> Result<Vec<String>, Report> {
    if !condition.asks_cost() && !condition.asks_tokens() {
        return Ok(Vec::new());
    }
    let matched: HashSet<TraceIx> = matched.iter().copied().collect();
    let mut rest = snapshot.matching(traces, condition.without_amounts())?;
    rest.retain(|trace| !matched.contains(trace));
    let store = &snapshot.store;
    let mut sentences = Vec::new();
    if condition.asks_cost() {
        let hint = rest.iter().find_map(|&trace| unpriced_model(store, trace)).unwrap_or_default();
        sentences.extend(sentence(store, &rest, "cost", &hint, |totals| (totals.cost().is_some(), totals.is_cost_incomplete())));
    }
    if condition.asks_tokens() {
        sentences.extend(sentence(store, &rest, "tokens", "", |totals| (totals.tokens().is_some(), totals.are_tokens_incomplete())));
    }
    Ok(sentences)
}

/// Returns whether traces together match a condition of sums, and what to say of it.
pub(super) fn total(store: &Store, traces: &[TraceIx], condition: &Query) -> (bool, Option<String>) {
    let mut sums = Totals::default();
    for &trace in traces {
        sums.add(&store.totals_of(trace));
    }
    let cost = format!("cost {}", format::money_at_least(sums.cost(), sums.is_cost_incomplete()));
    let tokens = format::with_noun(&format::tokens_at_least(sums.tokens(), sums.are_tokens_incomplete()), "token");
    let together = format!("{} together: {cost}, {tokens}", format::plural(traces.len() as u64, "trace"));
    let is_bound = (condition.asks_cost() && (sums.cost().is_none() || sums.is_cost_incomplete()))
        || (condition.asks_tokens() && (sums.tokens().is_none() || sums.are_tokens_incomplete()));
    match condition.matches_sums(&sums) {
        true => (true, Some(format!("{together}, which matches --fail-on-total"))),
        false if is_bound && sums.calls + sums.silent > 0 => (false, Some(format!("--fail-on-total: not all is known of {together}"))),
        false => (false, None),
    }
}

/// Says how many traces lack an amount. `state` tells whether it is known, and whether it is a lower bound.
fn sentence(store: &Store, traces: &[TraceIx], amount: &str, hint: &str, state: impl Fn(&Totals) -> (bool, bool)) -> Option<String> {
    let (mut unknown, mut bounds) = (0, 0);
    for &trace in traces {
        let totals = store.totals_of(trace);
        match state(&totals) {
            (false, _) if totals.calls + totals.silent > 0 => unknown += 1,
            (true, true) => bounds += 1,
            _ => {}
        }
    }
    let was = |count: u64| if count == 1 { "was" } else { "were" };
    let has = |count: u64| if count == 1 { "has" } else { "have" };
    let mut parts = Vec::new();
    if unknown > 0 {
        let traces = format::plural(unknown, "trace");
        parts.push(format!("{traces} {} no known {amount} and {} not judged", has(unknown), was(unknown)));
    }
    if bounds > 0 {
        let traces = format::plural(bounds, "trace");
        parts.push(format!("{traces} {} judged by a lower bound of the {amount}", was(bounds)));
    }
    (!parts.is_empty()).then(|| format!("--fail-on: {}{hint}", parts.join(", ")))
}

/// Names the model of a trace that no price list knows, and what to do.
fn unpriced_model(store: &Store, trace: TraceIx) -> Option<String> {
    let (model, provider) = store.trace(trace).roots().iter().find_map(|&root| store.unpriced_model(root))?;
    let of = if provider.is_empty() { String::new() } else { format!(" of {provider}") };
    Some(format!(" (no price for {model}{of}: set it under [prices])"))
}
