//! The overview page: the facts and totals of a span.

use super::preview::{self, Preview};
use crate::format;
use crate::model::usage::RareTokens;
use crate::model::{self, Dropped, Ending, Nanos, Payload, SpanType, Status};
use crate::semconv::{self, inconsistent_total, parameters};
use crate::store::{self, Phase, RowIx, RunStatus, Store, Symbol, Totals};
use crate::tui::app::PayloadState;
use crate::tui::display::{self, Shares, cost, tokens_in_out};
use crate::tui::widget::text::{Document, TextRole};
use crate::tui::widget::{Glyphs, sparkline};

/// The largest width, in cells, of the sparkline of context sizes.
const SPARKLINE_WIDTH: usize = 40;

/// Cells before the values.
const LABEL_WIDTH: usize = 15;

pub(super) fn page(store: &Store, row: RowIx, payload: &PayloadState, now: Nanos) -> Document {
    let mut page = Page(Document::new());
    page.status(store, row, payload, now);
    page.times(store, row, now);
    page.skew(store, row);
    page.totals(store, row, payload);
    page.speed(store, row);
    page.anomalies(store, row, now);
    match payload {
        PayloadState::Ready(payload) => page.previews(payload),
        PayloadState::Failed(reason) => page.fact("payload", reason, TextRole::Error),
        PayloadState::Missing | PayloadState::Loading => {}
    }
    page.title(store, row);
    page.context(store, row);
    if let PayloadState::Ready(payload) = payload {
        page.parameters(store, row, payload);
        let (scope, version) = &payload.scope;
        if !scope.is_empty() {
            page.fact("scope", &format!("{scope} {version}"), TextRole::Plain);
        }
        if let Some(host) = semconv::host(&payload.resource) {
            page.fact("host", host, TextRole::Plain);
        }
        page.payload_fields(payload);
        page.notes(store, row, &payload.notes);
    }
    page.0
}

struct Page(Document);

impl Page {
    fn fact(&mut self, name: &str, value: &str, role: TextRole) {
        self.0.begin_line(0, LABEL_WIDTH);
        self.0.push(&format::pad_right(&format::fit(name, LABEL_WIDTH - 1), LABEL_WIDTH), TextRole::Label);
        self.0.push(value, role);
    }

    /// Writes the parameters of a model call.
    fn parameters(&mut self, store: &Store, row: RowIx, payload: &Payload) {
        let parameters = if store.row(row).span_type.calls_model() { parameters(&payload.attributes) } else { Vec::new() };
        if !parameters.is_empty() {
            self.fact("parameters", &display::parameters(&parameters), TextRole::Plain);
        }
    }

    /// Writes the payload's fields other than attributes and events: kind, trace state, links and dropped counts.
    fn payload_fields(&mut self, payload: &Payload) {
        if !matches!(payload.span_kind, model::SpanKind::Unspecified | model::SpanKind::Internal) {
            self.fact("span kind", &payload.span_kind.name().to_lowercase(), TextRole::Faint);
        }
        if !payload.trace_state.is_empty() {
            self.fact("trace state", &payload.trace_state, TextRole::Faint);
        }
        for link in &payload.links {
            self.fact("link to", &format!("span {} of trace {}", link.span, link.trace), TextRole::Faint);
        }
        let Dropped { attributes, events, links } = payload.dropped;
        for (count, noun) in [(attributes, "attributes"), (events, "events"), (links, "links")] {
            if count > 0 {
                self.fact("dropped", &format!("{count} {noun}, by the sender"), TextRole::Faint);
            }
        }
    }

    /// Writes the beginnings of the input and the output.
    fn previews(&mut self, payload: &Payload) {
        let previews = preview::of(payload);
        for Preview { label, text, left_out } in previews {
            self.fact(&label, &text, TextRole::Plain);
            if left_out > 0 {
                self.fact("", &format!("… {} more in the tabs", format::bytes(left_out as u64)), TextRole::Faint);
            }
        }
        self.0.begin_line(0, 0);
    }

    fn title(&mut self, store: &Store, row: RowIx) {
        let data = store.row(row);
        let (label, name) = (store.text(data.label), store.text(data.name));
        let title = match (label.is_empty(), data.placeholder) {
            (false, _) => label,
            (true, true) => "its name comes when it ends",
            (true, false) => name,
        };
        self.fact(data.span_type.noun(), title, if data.placeholder && label.is_empty() { TextRole::Faint } else { TextRole::Key });
        if data.placeholder {
            self.fact("", "its type is a guess from the steps in it", TextRole::Faint);
        }
        if !label.is_empty() && label != name {
            self.fact("span", name, TextRole::Plain);
        }
    }

    /// Writes one sentence about how the row ended, with the first failure in it.
    fn status(&mut self, store: &Store, row: RowIx, payload: &PayloadState, now: Nanos) {
        let data = store.row(row);
        let full_message = if let PayloadState::Ready(payload) = payload { payload.status_message.as_str() } else { "" };
        // Of a refused run the row knows the reason, and the message does not.
        let is_short = full_message.is_empty() || data.ending() == Ending::Refused;
        let message = if is_short { store.text(data.error) } else { full_message };
        let with_message = |text: &str| if message.is_empty() { text.to_owned() } else { format!("{text}: {message}") };
        let failed_steps = failed_steps(store, row);
        let below = store.below(row);
        let finished = if data.status() == Status::Ok { "finished" } else { "finished, no status set" };
        let (text, role) = match (data.own_status(), &failed_steps) {
            (RunStatus::Error, _) => (with_message("failed"), TextRole::Error),
            (RunStatus::Running, _) => (format!("running for {}", format::clock(data.duration(now))), TextRole::Keyword),
            (RunStatus::Lost, _) => ("lost: its trace received nothing for a while".to_owned(), TextRole::Faint),
            (RunStatus::Paused, _) => ("paused: it waits for a person".to_owned(), TextRole::Keyword),
            (RunStatus::Cut, _) => ("cut: cancelled, timed out, or its reader went away".to_owned(), TextRole::Keyword),
            (RunStatus::Ok, Some(_)) if data.has_failed_harmlessly() => (with_message("failed"), TextRole::Error),
            (RunStatus::Ok, None) if data.has_failed_harmlessly() => (with_message("failed, which harms no agent"), TextRole::Faint),
            (RunStatus::Ok, Some(steps)) => {
                (format!("finished; {steps}"), if store.has_failed(row) { TextRole::Error } else { TextRole::Plain })
            }
            (RunStatus::Ok, None) if store.has_failed(row) => ("finished; a step in it failed".to_owned(), TextRole::Error),
            (RunStatus::Ok, None) if below.running > 0 => ("finished, spans below it are still running".to_owned(), TextRole::Keyword),
            (RunStatus::Ok, None) if below.paused > 0 => ("paused: a step in it waits for a person".to_owned(), TextRole::Keyword),
            (RunStatus::Ok, None) if below.cut > 0 => {
                ("cut: a step in it was cancelled, timed out, or lost its reader".to_owned(), TextRole::Keyword)
            }
            (RunStatus::Ok, None) if data.ending() == Ending::Paused => ("paused, and later continued".to_owned(), TextRole::Plain),
            (RunStatus::Ok, None) => (finished.to_owned(), TextRole::Plain),
        };
        let is_told = text.starts_with("finished;");
        let lacks_trace = matches!(payload, PayloadState::Ready(payload) if payload.events.is_empty());
        self.fact("status", &text, role);
        if let Some(steps) = failed_steps.filter(|_| !is_told) {
            self.fact("", &steps, TextRole::Error);
        }
        if data.own_failure() && !data.span_type.is_agentic() && lacks_trace {
            self.fact("", "no stack trace: Agno's databases hold none, OTLP sends it", TextRole::Faint);
        }
    }

    /// Writes the clock skew that the row proves, or, for the first root of a trace, those of the trace.
    fn skew(&mut self, store: &Store, row: RowIx) {
        let trace = store.row(row).trace();
        let is_head = store.trace(trace).roots().first() == Some(&row);
        let skews = if is_head { store.skews(trace) } else { Vec::from_iter(store.skew(row)) };
        for skew in skews {
            self.fact("clock", &display::skew(store, skew), TextRole::Keyword);
        }
    }

    /// Writes the notes of the database. The stored status of a trace comes from its last batch, so it is shown where it is wrong.
    fn notes(&mut self, store: &Store, row: RowIx, notes: &[(String, String)]) {
        let data = store.row(row);
        let failed = store.trace(data.trace()).counts().failed;
        for (name, value) in notes {
            match name.as_str() {
                "stored status" if value == "OK" && failed > 0 && data.parent().is_none() => {
                    let text = format!("{value} in the database, though {} failed", format::plural(u64::from(failed), "step"));
                    self.fact(name, &text, TextRole::Faint);
                }
                // The row's own facts are better.
                "stored status" | "stored name" | "stored time" | "session" | "user" => {}
                _ => self.fact(name, value, TextRole::Faint),
            }
        }
    }

    fn times(&mut self, store: &Store, row: RowIx, now: Nanos) {
        let data = store.row(row);
        let (start, length) = (format::moment(data.start, now), data.duration(now));
        let text = match data.phase {
            Phase::Ended if data.end < data.start => format!("began {start}, ended earlier: a clock jumped"),
            Phase::Ended if store.children(row).is_empty() => format!("{}, began {start}", format::duration(length)),
            Phase::Ended => {
                let own = format::duration(store.own_time(row, now));
                format!("{} ({own} own time), began {start}", format::duration(length))
            }
            Phase::Running => format!("began {start} or before"),
            Phase::Lost => format!("began {start} or before, last seen {}", format::moment(data.end, now)),
        };
        self.fact("time", &text, TextRole::Plain);
    }

    fn totals(&mut self, store: &Store, row: RowIx, payload: &PayloadState) {
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
        let calls = if unpriced == 1 { "call" } else { "calls" };
        let rest = if unpriced > 0 { format!(" and {} {calls} unpriced", format::count(unpriced)) } else { String::new() };
        let by = match (store.quote(row), own) {
            (Some(quote), _) => format!(", as {} by the {}", quote.priced_as, quote.list),
            (None, Some(own)) if own.cost.is_some() && own.cost == totals.cost() => {
                let by = if store.stated_cost(row).is_some() { "the span states" } else { "another span of the call states" };
                format!(", as {by}")
            }
            _ => String::new(),
        };
        self.fact("cost", &format!("{}{rest}{by}", cost(&totals)), TextRole::Number);
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
            self.fact("cache", &format!("{} tokens written for an hour", count(rare.cache_write_1h)), TextRole::Number);
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
            let calls = if totals.duplicates == 1 {
                "1 call is".to_owned()
            } else {
                format!("{} calls are", format::count(totals.duplicates.into()))
            };
            self.fact("", &format!("{calls} counted with another span that reports the same"), TextRole::Faint);
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
    fn speed(&mut self, store: &Store, row: RowIx) {
        let data = store.row(row);
        if let Some(first) = store.first_token(row) {
            self.fact("first token", &format!("after {}", format::duration(first)), TextRole::Plain);
        }
        let output =
            store.usage(row).and_then(|usage| usage.output).filter(|_| data.span_type == SpanType::Model && data.phase == Phase::Ended);
        if let (Some(output @ 1..), time @ 1..) = (output, data.duration(data.end)) {
            let rate = f64::from(output) * 1e9 / time as f64;
            self.fact("speed", &format!("{rate:.0} output tokens per second since its start"), TextRole::Plain);
        }
    }

    /// Writes the anomalies of the run, and the growth of its context.
    fn anomalies(&mut self, store: &Store, row: RowIx, now: Nanos) {
        let run = store.run_of(row);
        let anomalies = store.anomalies(run);
        let lost = |rows: &[RowIx]| format!("{}, cost {}", format::duration(store.total_duration(rows, now)), cost(&store.sum(rows)));
        let all: Vec<&[RowIx]> =
            if run == row { anomalies.repeated.iter().map(Vec::as_slice).collect() } else { Vec::from_iter(anomalies.repeats(row)) };
        for uses in all {
            let tool = store.text(store.row(uses[0]).label);
            let text = format!("{tool} was called {} times with the same arguments: total {}", uses.len(), lost(uses));
            self.fact("repeated", &text, TextRole::Keyword);
        }
        if run == row && !anomalies.retried.is_empty() {
            let failed: Vec<RowIx> = anomalies.retried.iter().map(|(failed, _)| *failed).collect();
            let calls = if failed.len() == 1 { "model call was" } else { "model calls were" };
            self.fact("retried", &format!("{} {calls} retried after a failure: {} lost", failed.len(), lost(&failed)), TextRole::Keyword);
        } else if anomalies.retried_by(row).is_some() {
            self.fact("retried", &format!("the same model was called again after this failure: {} lost", lost(&[row])), TextRole::Keyword);
        } else if let Some(failed) = anomalies.retry_of(row) {
            self.fact("retry", &format!("of span {}, which failed: {} lost", store.row(failed).id, lost(&[failed])), TextRole::Keyword);
        }
        if anomalies.is_truncated && run == row {
            self.fact(
                "",
                &format!("only the first {} spans of this run were analysed", format::count(store::MAX_ANALYZED_ROWS as u64)),
                TextRole::Faint,
            );
        }
        if run == row && anomalies.growth.len() > 1 {
            self.growth(store, &anomalies.growth);
        }
    }

    /// Writes the input tokens of each model call of a run, in order.
    fn growth(&mut self, store: &Store, calls: &[RowIx]) {
        let tokens = |row: &RowIx| u64::from(store.usage(*row).and_then(|usage| usage.input).unwrap_or_default());
        let sizes: Vec<u64> = calls.iter().map(tokens).collect();
        let (Some(first), Some(last), Some(latest)) = (sizes.first(), sizes.last(), calls.last()) else { return };
        let share = store.context_window(*latest).filter(|&window| window > 0);
        let share =
            share.map_or_else(String::new, |window| format!(", {} of {}", format::percent(*last, window), format::tokens(Some(window))));
        let line = sparkline(&sizes, sizes.len().min(SPARKLINE_WIDTH), Glyphs::Unicode);
        let text = format!(
            "{line}  {} → {} tokens in over {} calls{share}",
            format::count(*first),
            format::count(*last),
            format::count(sizes.len() as u64)
        );
        self.fact("context", &text, TextRole::Number);
    }

    fn context(&mut self, store: &Store, row: RowIx) {
        let data = store.row(row);
        let trace = store.trace(data.trace());
        for (name, symbol) in [
            ("agent", if data.span_type.is_agentic() { Symbol::EMPTY } else { store.agent(row) }),
            ("provider", store.provider(row)),
            ("session", store.session(row)),
            ("user", store.inherited(row, |data| data.user)),
        ] {
            if !symbol.is_empty() {
                self.fact(name, store.text(symbol), TextRole::Plain);
            }
        }
        let service = store.service(row);
        if !service.is_empty() {
            self.fact("service", service, TextRole::Plain);
        }
        self.fact("trace", &format!("{}, {}", trace.id, format::plural(trace.counts().spans.into(), "span")), TextRole::Plain);
        if let Some(note) = display::group_note(store, data.trace()) {
            self.fact("", &note, TextRole::Faint);
        }
        let run = match store.continuations(row) {
            (Some(before), _) => Some(("continues the run that paused in trace", before)),
            (None, after) => after.map(|after| ("the run was continued in trace", after)),
        };
        if let Some((text, other)) = run {
            self.fact("", &format!("{text} {}", store.trace(store.row(other).trace()).id), TextRole::Faint);
        }
        let parent = match (store.stated_parent(row), data.parent()) {
            (Some(stated), _) if store.has_invalid_parent(row) => format!(", states the parent {stated}, which can't be shown"),
            (Some(stated), None) if store.is_leaked(row) => format!(", leaked context: began after its parent {stated} had ended"),
            (Some(stated), Some(parent)) if store.is_moved(row) => format!(", names the parent {stated}, ran in {}", store.row(parent).id),
            (Some(stated), Some(parent)) if store.row(parent).placeholder => format!(", under {stated}, which has not arrived"),
            (Some(stated), _) => format!(", under {stated}"),
            (None, _) => String::new(),
        };
        self.fact("span id", &format!("{}{parent}", data.id), TextRole::Plain);
    }
}

/// Returns how many steps below a row failed, and the first failure; `None` if none did.
fn failed_steps(store: &Store, row: RowIx) -> Option<String> {
    let count = store.below(row).failed;
    // Of a run that failed for a reason of its own, the steps below have another.
    let below = store.children(row).iter().copied().find(|&child| store.totals(child).failed > 0);
    let row = below.filter(|_| store.is_failed_step(row)).unwrap_or(row);
    let place = store.first_failure(row).filter(|&first| first != row).map(|first| format!("{}: ", display::name(store, store.row(first))));
    (count > 0).then(|| {
        format!("{} failed: {}{}", format::plural(count.into(), "step"), place.unwrap_or_default(), store.text(store.failure_text(row)))
    })
}

fn tokens(totals: &Totals) -> String {
    let calls = format::plural(u64::from(totals.calls), "model call");
    format!("{} · {calls}", tokens_in_out(totals, format::count, Shares::All))
}

#[cfg(test)]
mod tests;
