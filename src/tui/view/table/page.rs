//! The page below a table: details of the line under the cursor.

use std::collections::BTreeMap;

use crate::export::MissSum;
use crate::format;
use crate::model::review::{Approval, RunMetrics};
use crate::model::{Nanos, TraceId};
use crate::store::{By, Group, RowIx, Store, Totals, is_delegation};
use crate::tui::app::{Aggregates, GroupKey, PayloadState, Table, View};
use crate::tui::display::{self, Shares, cost, review, tokens_in_out};
use crate::tui::widget::text::{Document, TextRole};

/// The largest number of listed turns or failures; older ones are left out.
const MAX_LISTED: usize = 500;

/// The most hours that are listed.
const MAX_HOURS: usize = 24;

/// The characters of a date and a time without seconds.
const DATE_AND_MINUTE: usize = 16;

/// Cells before the values.
const LABEL_WIDTH: usize = 15;

/// Returns the page of the line under the cursor; an empty one if there is no line. `payload` is that of the last turn of a session.
pub(in crate::tui::view) fn page(table: &Table, store: &Store, aggregates: &Aggregates, payload: &PayloadState, now: Nanos) -> Document {
    let mut page = Page(Document::new());
    let Some(line) = table.line(store, aggregates) else { return page.0 };
    let stored = if let PayloadState::Ready(payload) = payload { payload.session_metrics.as_ref() } else { None };
    match (&line.key, table.view) {
        (GroupKey::Name(_), View::Sessions) => page.session(store, table, aggregates, stored, now),
        (GroupKey::Approval(_, trace), _) => {
            if let Some(approval) = table.approval(store) {
                page.approval(store, approval, *trace, now);
            }
        }
        (GroupKey::Error(..), _) => page.failures(store, table, now),
        (GroupKey::Name(name), _) => {
            if let Some((by, group)) = table.group(store, aggregates) {
                page.group(by, name, group, table.missed(store, aggregates), table.missed_hours(store, aggregates));
            }
        }
    }
    page.0
}

struct Page(Document);

impl Page {
    fn fact(&mut self, name: &str, value: &str) {
        self.0.begin_line(0, LABEL_WIDTH);
        self.0.push(&format::pad_right(name, LABEL_WIDTH), TextRole::Label);
        self.0.push(value, TextRole::Plain);
    }

    fn group(&mut self, by: By, name: &str, group: &Group, missed: Option<(MissSum, bool)>, hours: Option<&BTreeMap<Nanos, MissSum>>) {
        let what = match by {
            By::Agent => "runs",
            By::Model | By::Tool => "calls",
        };
        let (calls, errors) = (u64::from(group.calls), u64::from(group.failed));
        self.fact(what, &format!("{}, {} failed ({})", format::count(calls), format::count(errors), format::percent(errors, calls.max(1))));
        if by == By::Tool && group.times.count() == 0 && is_delegation(name) {
            self.fact("time", "–, it waits for the run of a member, whose time counts for the member");
        } else {
            self.times(group);
        }
        if let Some(first) = group.first_tokens.quantile(500) {
            let p95 = group.first_tokens.quantile(950).map_or_else(String::new, |p95| format!("  p95 {}", format::duration(p95)));
            self.fact(
                "first token",
                &format!("p50 {}{p95}, of {} with one", format::duration(first), format::plural(group.first_tokens.count(), "call")),
            );
        }
        if let Some(rate) = group.tokens_per_second() {
            let quantiles = [(500, "p50"), (950, "p95")].map(|(at, name)| group.speed(at).map(|speed| format!("  {name} {speed:.0}")));
            self.fact(
                "speed",
                &format!(
                    "{} per second{}",
                    format::with_noun(&format!("{rate:.0}"), "output token"),
                    quantiles.into_iter().flatten().collect::<String>()
                ),
            );
        }
        self.usage(&group.usage);
        if by != By::Tool {
            self.misses(&group.usage, missed);
            self.hours(hours);
        }
        if by == By::Agent && group.usage.refused > 0 {
            self.fact("guardrails", &format!("refused {}", format::plural(u64::from(group.usage.refused), "time")));
        }
        if by == By::Agent {
            self.fact("includes", "the spans below its runs, except those of nested agents");
        } else if by == By::Tool && group.usage.tokens().is_some() {
            self.fact("includes", "the spans below its calls, except those of nested tools");
        }
    }

    /// States the percentiles of the time.
    fn times(&mut self, group: &Group) {
        let time = |thousandths| group.times.quantile(thousandths).map_or_else(|| "–".to_owned(), format::duration);
        let max = group.times.max().map_or_else(|| "–".to_owned(), format::duration);
        self.fact("time", &format!("p50 {}  p95 {}  p99 {}  max {max}", time(500), time(950), time(990)));
    }

    /// States what caches missed, or how to find out.
    fn misses(&mut self, usage: &Totals, missed: Option<(MissSum, bool)>) {
        let text = match missed {
            Some((sum, is_bound)) if sum.count > 0 => {
                let bound = if is_bound { "≥" } else { "" };
                let count = format::plural(sum.count, "miss");
                let cost = sum
                    .cost()
                    .map(|cost| format!(", which cost {}", format::money_at_least(Some(cost), is_bound || sum.is_cost_incomplete())));
                let reused =
                    if usage.cache_read > 0 { format!("reused {}, ", format::tokens(Some(usage.cache_read))) } else { String::new() };
                format!("{reused}rebuilt {bound}{} by {count}{}", format::tokens(Some(sum.rebuilt)), cost.unwrap_or_default())
            }
            _ if usage.cache_read == 0 => return,
            Some((_, true)) => "misses are being searched for".to_owned(),
            Some((_, false)) => format!("reused {}, no misses", format::tokens(Some(usage.cache_read))),
            None if usage.calls < 2 => return,
            None => format!("reused {}; the filter miss:yes searches for misses", format::tokens(Some(usage.cache_read))),
        };
        self.fact("cache", &text);
    }

    /// Lists what caches missed in each hour.
    fn hours(&mut self, hours: Option<&BTreeMap<Nanos, MissSum>>) {
        let Some(hours) = hours else { return };
        let mut label = "by hour";
        let left_out = hours.len().saturating_sub(MAX_HOURS);
        for (&start, sum) in hours.iter().skip(left_out) {
            let cost = sum.cost().map(|cost| format!(", {}", format::money_at_least(Some(cost), sum.is_cost_incomplete())));
            let misses = if sum.count == 1 { "1 miss".to_owned() } else { format!("{} misses", format::count(sum.count)) };
            let rebuilt = format::tokens(Some(sum.rebuilt));
            let at = format::date_time(start);
            self.fact(
                label,
                &format!("{}  rebuilt {rebuilt} by {misses}{}", &at[..at.len().min(DATE_AND_MINUTE)], cost.unwrap_or_default()),
            );
            label = "";
        }
        if left_out > 0 {
            self.fact("", &format!("and {} before", format::plural(left_out as u64, "hour")));
        }
    }

    fn usage(&mut self, usage: &Totals) {
        if usage.tokens().is_some() {
            self.fact("tokens", &tokens_in_out(usage, |count| format::tokens(Some(count)), Shares::All));
            let unpriced = usage.calls.saturating_sub(usage.priced);
            let rest = if unpriced > 0 { format!(" and {} unpriced", format::plural(u64::from(unpriced), "call")) } else { String::new() };
            self.fact("cost", &format!("{}{rest}", cost(usage)));
        }
    }

    fn approval(&mut self, store: &Store, approval: &Approval, trace: Option<TraceId>, now: Nanos) {
        let state = if approval.waits { review::waiting(approval, now) } else { review::approval(approval, now) };
        self.fact("approval", &state);
        if let Some(asked) = approval.asked {
            self.fact("asked", &format::moment(asked, now));
        }
        let agent = store.asking(approval).map_or("", |row| store.text(store.agent(row)));
        if !agent.is_empty() {
            self.fact("agent", agent);
        }
        self.fact("run", &approval.run);
        self.fact("trace", &trace.map_or_else(|| "is not in memory".to_owned(), |trace| trace.to_string()));
    }

    /// Lists the turns of a session in order, with the running cost.
    fn session(&mut self, store: &Store, table: &Table, aggregates: &Aggregates, stored: Option<&RunMetrics>, now: Nanos) {
        let (Some((_, turns, count)), Some(usage)) = (table.last_rows(MAX_LISTED), table.session_totals().copied()) else { return };
        self.usage(&usage);
        self.misses(&usage, table.missed(store, aggregates));
        self.hours(table.missed_hours(store, aggregates));
        if let Some(stored) = stored {
            self.fact("stored session", &review::stored(stored));
            if let Some(difference) = review::difference(stored, &usage) {
                self.fact("", &difference);
            }
        }
        let left_out = count - turns.len();
        if left_out > 0 {
            self.fact("turns", &format!("the last {MAX_LISTED} of {}", format::count(count as u64)));
        }
        let mut running = usage;
        running.subtract(&table.turn_totals(store, &turns));
        self.0.begin_line(0, 0);
        self.0.push("TURN  BEGAN        TIME    TOK       COST     SO FAR  INPUT", TextRole::Faint);
        for (at, &row) in turns.iter().enumerate() {
            let (data, totals) = (store.row(row), table.turn_totals(store, &[row]));
            running.add(&totals);
            let text = format!(
                "{:>4}  {:<9}{:>8}{:>7}{:>11}{:>11}  ",
                left_out + at + 1,
                format::time_of_day(data.start),
                display::elapsed(data, now),
                display::tokens(&totals),
                cost(&totals),
                cost(&running),
            );
            self.0.begin_line(0, text.chars().count());
            self.0.push(&text, TextRole::Plain);
            let failed = totals.fatal > 0;
            self.0.push(store.text(data.input), if failed { TextRole::Error } else { TextRole::Plain });
        }
    }

    fn failures(&mut self, store: &Store, table: &Table, now: Nanos) {
        let Some((first, rows, count)) = table.last_rows(MAX_LISTED) else { return };
        let last = rows.last().copied().unwrap_or(first);
        let moment = |row: RowIx| format::moment(store.row(row).start, now);
        self.fact(
            "seen",
            &match count {
                1 => format!("once, {}", moment(first)),
                count => format!("{} times, first {}, last {}", format::count(count as u64), moment(first), moment(last)),
            },
        );
        self.0.begin_line(0, LABEL_WIDTH);
        self.0.push(&format::pad_right("last message", LABEL_WIDTH), TextRole::Label);
        self.0.push(store.text(store.failure_text(last)), TextRole::Error);
        if count > rows.len() {
            self.fact("listed", &format!("the last {MAX_LISTED}"));
        }
        for &row in rows.iter().rev() {
            let data = store.row(row);
            let agent = store.text(store.agent(row));
            let text = format!("{}  {}  {}", moment(row), store.trace(data.trace()).id, agent);
            self.0.begin_line(2, 4);
            self.0.push(&text, TextRole::Faint);
        }
    }
}
