//! The tokens and the cost of the row, and the speed of a model.

use super::Page;
use crate::format;
use crate::model::usage::RareTokens;
use crate::semconv::inconsistent_total;
use crate::store::{By, RowIx, Store, Totals};
use crate::tui::app::PayloadState;
use crate::tui::display::{Shares, cost, tokens_in_out};
use crate::tui::widget::text::TextRole;

impl Page {
    /// Writes the part of the first root in the sums of a trace into which runs leaked.
    fn without_leaked(&mut self, store: &Store, row: RowIx) {
        let trace = store.row(row).trace();
        let totals = store.totals(row);
        if store.has_leaked(trace) && store.trace(trace).roots().first() == Some(&row) && totals.calls > 0 {
            let cost = totals.cost().map(|_| format!(" · {}", cost(&totals))).unwrap_or_default();
            self.fact("", &format!("this run alone: {}{cost}", tokens(&totals)), TextRole::Faint);
        }
    }

    /// Writes the tokens and the cost, and where the span states others.
    pub(super) fn totals(&mut self, store: &Store, row: RowIx, payload: &PayloadState) {
        let totals = store.shown_totals(row);
        let stated_total = if let PayloadState::Ready(payload) = payload { inconsistent_total(&payload.attributes) } else { None };
        self.duplicates(store, row, &totals, stated_total);
        if totals.calls == 0 {
            return;
        }
        let own = store.usage(row);
        self.fact("tokens", &tokens(&totals), TextRole::Number);
        if totals.cache_unstated > 0 {
            let calls =
                if totals.calls > 1 { format!(" by {} of them", format::count(totals.cache_unstated.into())) } else { String::new() };
            self.fact("", &format!("cache not stated{calls}: input and cost may be higher"), TextRole::Faint);
        }
        if totals.are_tokens_incomplete() {
            self.fact("", least(store, row), TextRole::Faint);
        }
        self.without_leaked(store, row);
        self.rare_tokens(&store.rare_tokens(row));
        let stated = own.filter(|own| store.below(row).calls > 0 && own.input.is_some());
        if let Some(own) = stated {
            let sum = u64::from(own.input.unwrap_or_default()) + u64::from(own.output.unwrap_or_default());
            if totals.tokens() != Some(sum) {
                self.fact("", &format!("states {} itself", format::count(sum)), TextRole::Faint);
            } else if let Some(below) = store.below(row).tokens().filter(|below| *below < sum) {
                self.fact("", &format!("the spans below add up to {}", format::count(below)), TextRole::Faint);
            }
        }
        let own_totals = store.totals(row);
        if let Some(total) = stated_total
            && own_totals.inputs > 0
            && own_totals.outputs > 0
            && own_totals.tokens() != Some(total)
            && own.is_none_or(|own| own.input.zip(own.output).is_none_or(|(input, output)| u64::from(input) + u64::from(output) != total))
        {
            self.total(total);
        }
        let unpriced = u64::from(totals.calls.saturating_sub(totals.priced));
        let rest = if unpriced > 0 { format!(" and {} unpriced", format::plural(unpriced, "call")) } else { String::new() };
        let by = match (store.quote(row), own) {
            (Some(quote), _) => format!(", as {} by the {}", quote.priced_as, quote.list),
            (None, Some(own)) if own.cost.is_some() && own.cost == totals.cost() => {
                let by = if store.stated_cost(row).is_some() { "the span states" } else { "another span of the call states" };
                format!(", as {by}")
            }
            _ => String::new(),
        };
        let reason = store.unpriced_model(row).filter(|_| unpriced > 0).map(|(model, provider)| {
            let of = if provider.is_empty() { String::new() } else { format!(" of {provider}") };
            format!("no price for {model}{of}: set it under [prices]")
        });
        match reason {
            Some(reason) if totals.priced == 0 && totals.cost().is_none() => {
                self.fact("cost", &format!("{}, {reason}", format::UNKNOWN), TextRole::Plain);
            }
            reason => {
                self.fact("cost", &format!("{}{rest}{by}", cost(&totals)), TextRole::Number);
                if let Some(reason) = reason {
                    self.fact("", &reason, TextRole::Faint);
                }
            }
        }
        self.stated_cost(store, row, &totals);
    }

    /// Writes the tokens of the row that are priced apart and that few calls have.
    fn rare_tokens(&mut self, rare: &RareTokens) {
        let count = |count: u32| format::count(u64::from(count));
        match (rare.audio_input, rare.audio_output) {
            (0, 0) => {}
            (input, output) => self.fact("audio", &format!("{} in, {} out", count(input), count(output)), TextRole::Number),
        }
        if rare.cache_write_1h > 0 {
            self.fact("cache", &format!("{} written for an hour", format::plural(rare.cache_write_1h.into(), "token")), TextRole::Number);
        }
    }

    /// Writes where the tokens of a duplicate are counted, or the number of duplicates below the row.
    fn duplicates(&mut self, store: &Store, row: RowIx, totals: &Totals, stated_total: Option<u64>) {
        if let Some(primary) = store.primary_of(row) {
            let (trace, own) = (store.trace(store.row(primary).trace()).id, store.usage(row).unwrap_or_default());
            let sum = own.input.into_iter().chain(own.output).map(u64::from).reduce(|sum, count| sum + count);
            self.fact("tokens", &format!("{}, counted with another span:", sum.map_or("–".to_owned(), format::count)), TextRole::Number);
            self.fact("", &format!("span {} of trace {trace} reports the same call", store.row(primary).id), TextRole::Faint);
            if let (Some(total), Some(_)) = (stated_total.filter(|total| Some(*total) != sum), own.input.and(own.output)) {
                self.total(total);
            }
        } else if totals.duplicates > 0 {
            let spans = format::plural(totals.duplicates.into(), "span");
            let (repeat, are) = if totals.duplicates == 1 { ("repeats", "is") } else { ("repeat", "are") };
            self.fact("", &format!("{spans} {repeat} a call that another span reports, too, and {are} not counted again"), TextRole::Faint);
        }
    }

    /// Writes a stated total of tokens that differs from the counts.
    fn total(&mut self, total: u64) {
        self.fact("", &format!("states a total of {}", format::count(total)), TextRole::Faint);
    }

    /// Writes the cost that the row states if it differs from the total, or from the sum of the calls below.
    fn stated_cost(&mut self, store: &Store, row: RowIx, totals: &Totals) {
        let Some(stated) = store.stated_cost(row) else { return };
        let below = store.below(row);
        let others = if totals.cost() == Some(stated) { below.cost().filter(|cost| *cost != stated) } else { None };
        if totals.cost() != Some(stated) {
            self.fact("", &format!("states {} itself", format::money(Some(stated))), TextRole::Faint);
        } else if let Some(others) = others {
            self.fact("", &format!("the calls below add up to {}", format::money(Some(others))), TextRole::Faint);
        }
    }

    /// Writes the speed of a model's response.
    pub(super) fn speed(&mut self, store: &Store, row: RowIx) {
        if let Some(first) = store.first_token(row) {
            self.fact("first token", &format!("after {}", format::duration(first)), TextRole::Plain);
        }
        if let Some(rate) = store.output_rate(row) {
            self.fact(
                "speed",
                &format!("{} per second since its start", format::with_noun(&format!("{rate:.0}"), "output token")),
                TextRole::Plain,
            );
        }
        if store.is_truncated(row) {
            self.fact("cut short", "the answer reached the limit of tokens", TextRole::Keyword);
        }
        if store.is_stalled(row) {
            self.fact("stalled", "a token a second or less since the first one", TextRole::Keyword);
        }
        if let Some(asked) = store.requested_model(row) {
            let answered = store.text(store.label(By::Model, row));
            self.fact("asked for", &format!("{}, {answered} answered", store.text(asked)), TextRole::Keyword);
        }
    }
}

/// Says why the tokens are lower bounds.
fn least(store: &Store, row: RowIx) -> &'static str {
    match store.usage(row) {
        Some(usage) if usage.is_least => "at least: the total of the span holds more",
        Some(_) if store.leaves_out_requests(row) => {
            "at least: tools ran within the call, whose requests before the last one state no tokens"
        }
        Some(_) if store.states_half(row) => "at least: the span states only its input or only its output",
        Some(_) if store.states_unexplained_tokens(row) => {
            "at least: what it states beyond the calls below is of earlier runs, or of calls that no span tells"
        }
        _ => "at least: a call below leaves out some of its tokens",
    }
}

fn tokens(totals: &Totals) -> String {
    let calls = format::plural(u64::from(totals.calls), "model call");
    format!("{} · {calls}", tokens_in_out(totals, format::count, Shares::All))
}
