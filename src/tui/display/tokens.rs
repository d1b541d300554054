//! The words for token counts.

use crate::format;
use crate::store::Totals;

/// The shares that [`tokens_in_out`] names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shares {
    /// Cache reads, cache writes and reasoning.
    All,
    /// Cache reads.
    CacheReads,
    /// None.
    None,
}

/// Formats input plus output tokens; with `≥` if they are a lower bound.
#[must_use]
pub fn tokens(totals: &Totals) -> String {
    at_least(totals, totals.tokens())
}

/// Formats input tokens; with `≥` if they are a lower bound.
#[must_use]
pub fn input(totals: &Totals) -> String {
    at_least(totals, (totals.inputs > 0).then_some(totals.input))
}

/// Formats output tokens; with `≥` if they are a lower bound.
#[must_use]
pub fn output(totals: &Totals) -> String {
    at_least(totals, (totals.outputs > 0).then_some(totals.output))
}

fn at_least(totals: &Totals, count: Option<u64>) -> String {
    format::tokens_at_least(count, totals.are_tokens_incomplete())
}

/// Formats tokens in and out with their shares: `1,831 in (15% cached), 764 out (9% reasoning)`. `number` formats the counts; a count that
/// no call states is [`format::UNKNOWN`].
#[must_use]
pub fn tokens_in_out(totals: &Totals, number: fn(u64) -> String, shares: Shares) -> String {
    let bound = if totals.are_tokens_incomplete() { "≥" } else { "" };
    let known = |count: u64, calls: u32| if calls > 0 { format!("{bound}{}", number(count)) } else { format::UNKNOWN.to_owned() };
    let share = |enabled: bool, part: u64, whole: u64, noun: &str| {
        (enabled && part > 0).then(|| format!("{} {noun}", format::percent(part, whole)))
    };
    let list = |shares: &[Option<String>]| {
        let shares: Vec<&str> = shares.iter().flatten().map(String::as_str).collect();
        if shares.is_empty() { String::new() } else { format!(" ({})", shares.join(", ")) }
    };
    let input = list(&[
        share(shares != Shares::None, totals.cache_read, totals.input, "cached"),
        share(shares == Shares::All, totals.cache_write, totals.input, "written to cache"),
    ]);
    let output = list(&[share(shares == Shares::All, totals.reasoning, totals.output, "reasoning")]);
    format!("{} in{input}, {} out{output}", known(totals.input, totals.inputs), known(totals.output, totals.outputs))
}

/// Formats the cost in at most [`MONEY_WIDTH`](format::MONEY_WIDTH) cells; with `≥` if it is a lower bound, since the cost of a call is unknown or lacks some of its tokens.
#[must_use]
pub fn cost(totals: &Totals) -> String {
    format::money_at_least(totals.cost(), totals.is_cost_incomplete())
}

/// Returns the cells of a column of costs with the blank before it; 0 if no cost is known.
#[must_use]
pub fn cost_width(totals: &Totals) -> usize {
    if totals.cost().is_none() { 0 } else { format::MONEY_WIDTH + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_without_cached_tokens_or_without_a_call_is_a_lower_bound() {
        let totals = Totals { cost: 1_240_000_000, calls: 1, priced: 1, ..Totals::default() };
        assert_eq!((cost(&totals).as_str(), cost_width(&totals)), ("$1.24", 10));
        for totals in [Totals { underpriced: 1, ..totals }, Totals { calls: 2, ..totals }] {
            assert_eq!((cost(&totals).as_str(), cost_width(&totals)), ("≥$1.24", 10));
        }
        let stated = Totals { cache_unstated: 1, ..totals };
        assert_eq!(cost(&stated), "$1.24", "a stated cost needs no cached tokens");
        let unknown = Totals { calls: 2, cache_unstated: 1, ..Totals::default() };
        assert_eq!((cost(&unknown).as_str(), cost_width(&unknown)), ("–", 0));
    }

    #[test]
    fn shares_are_named_and_unknown_counts_are_not_zero() {
        let totals = Totals { input: 2_000, inputs: 2, cache_read: 300, cache_write: 100, ..Totals::default() };
        let text = |shares| tokens_in_out(&totals, format::count, shares);
        assert_eq!(text(Shares::All), "2,000 in (15% cached, 5% written to cache), – out");
        assert_eq!(text(Shares::CacheReads), "2,000 in (15% cached), – out");
        assert_eq!(text(Shares::None), "2,000 in, – out");
        let least = Totals { output: 50, outputs: 2, least: 1, ..totals };
        assert_eq!(tokens_in_out(&least, format::count, Shares::None), "≥2,000 in, ≥50 out");
        assert_eq!([tokens(&least), input(&least), output(&least)], ["≥2.1k", "≥2.0k", "≥50"]);
        assert_eq!([tokens(&totals), output(&totals), tokens(&Totals { least: 1, ..Totals::default() })], ["2.0k", "–", "–"]);
    }
}
