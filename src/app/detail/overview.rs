//! A span's facts and sums, a line each.

use super::Loaded;
use crate::format;
use crate::model::{self, Dropped, Kind, Nanos, Payload, Status};
use crate::store::{Phase, RowIx, Standing, Store, Symbol, Totals};
use crate::widget::text::{Document, Role};

/// Cells before the values.
const COLUMN: usize = 15;

pub(super) fn document(store: &Store, row: RowIx, loaded: &Loaded, now: Nanos) -> Document {
    let mut page = Page(Document::new());
    page.who(store, row);
    page.status(store, row, loaded);
    page.times(store, row, now);
    page.sums(store, row);
    page.context(store, row);
    if let Loaded::Ready(payload) = loaded {
        let (scope, version) = &payload.scope;
        if !scope.is_empty() {
            page.fact("scope", &format!("{scope} {version}"), Role::Plain);
        }
        page.beside(payload);
        page.notes(store, row, &payload.notes);
    }
    if let Loaded::Failed(why) = loaded {
        page.fact("payload", why, Role::Error);
    }
    page.0
}

struct Page(Document);

impl Page {
    fn fact(&mut self, name: &str, value: &str, role: Role) {
        self.0.line(0, COLUMN);
        self.0.push(&format::pad_right(&format::fit(name, COLUMN - 1), COLUMN), Role::Label);
        self.0.push(value, role);
    }

    /// What a span has beside its attributes: links, and what its sender left out.
    fn beside(&mut self, payload: &Payload) {
        if !matches!(payload.role, model::Role::Unspecified | model::Role::Internal) {
            self.fact("span kind", &payload.role.name().to_lowercase(), Role::Faint);
        }
        if !payload.trace_state.is_empty() {
            self.fact("trace state", &payload.trace_state, Role::Faint);
        }
        for link in &payload.links {
            self.fact("link to", &format!("span {} of trace {}", link.span, link.trace), Role::Faint);
        }
        let Dropped { attributes, events, links } = payload.dropped;
        for (count, what) in [(attributes, "attributes"), (events, "events"), (links, "links")] {
            if count > 0 {
                self.fact("dropped", &format!("{count} {what}, by the sender"), Role::Faint);
            }
        }
    }

    fn who(&mut self, store: &Store, row: RowIx) {
        let data = store.row(row);
        let (label, name) = (store.text(data.label), store.text(data.name));
        let who = match (label.is_empty(), data.placeholder) {
            (false, _) => label,
            (true, true) => "not ended, so its name is not known yet",
            (true, false) => name,
        };
        self.fact(kind(data.kind), who, Role::Key);
        if !label.is_empty() && label != name {
            self.fact("span", name, Role::Plain);
        }
        if data.placeholder {
            self.fact("", "kind guessed from the spans that ran under it", Role::Faint);
        }
    }

    fn status(&mut self, store: &Store, row: RowIx, loaded: &Loaded) {
        let data = store.row(row);
        let whole = if let Loaded::Ready(payload) = loaded { payload.status_message.as_str() } else { "" };
        let message = if whole.is_empty() { store.text(data.error) } else { whole };
        let (text, role) = match data.standing() {
            Standing::Error => (if message.is_empty() { "error" } else { message }, Role::Error),
            Standing::Running => ("running: spans under it have come, it has not", Role::Keyword),
            Standing::Lost => ("lost: nothing was heard of its trace for a while", Role::Faint),
            Standing::Ok => (if data.status == Status::Ok { "ok" } else { "ended, no status set" }, Role::Plain),
        };
        self.fact("status", text, role);
        let below = store.below(row).errors;
        if let Some(first) = store.first_failure(row) {
            self.fact("", &format!("{below} failed below: {}", store.text(store.row(first).error)), Role::Error);
        }
    }

    /// What the database says beside the span. Its word on the trace's status is the last batch's, so it is told where it is wrong.
    fn notes(&mut self, store: &Store, row: RowIx, notes: &[(String, String)]) {
        let failed = store.trace(store.row(row).trace()).totals().errors;
        for (name, value) in notes {
            match name.as_str() {
                "stored status" if value == "OK" && failed > 0 => {
                    self.fact(
                        name,
                        &format!("{value}, though {failed} {} failed", if failed == 1 { "span" } else { "spans" }),
                        Role::Error,
                    );
                }
                // The row's own facts say these better.
                "stored status" | "stored name" | "stored time" | "session" | "user" => {}
                _ => self.fact(name, value, Role::Faint),
            }
        }
    }

    fn times(&mut self, store: &Store, row: RowIx, now: Nanos) {
        let data = store.row(row);
        let (start, length) = (format::moment(data.start, now), data.duration(now));
        let text = match data.phase {
            Phase::Ended if data.end < data.start => format!("{start}, and ended before that: a clock jumped"),
            Phase::Ended => format!("{start}, took {}", format::duration(length)),
            Phase::Running => format!("{start} or before, for {} now", format::clock(length)),
            Phase::Lost => format!("{start} or before, last heard of {}", format::moment(data.end, now)),
        };
        self.fact("began", &text, Role::Plain);
    }

    fn sums(&mut self, store: &Store, row: RowIx) {
        let trace = store.trace(store.row(row).trace());
        // The first row stands for its trace, as it does among the traces.
        let totals = if trace.tops().first() == Some(&row) { *trace.totals() } else { store.totals(row) };
        if totals.calls == 0 {
            return;
        }
        let own = store.usage(row);
        self.fact("tokens", &tokens(&totals), Role::Number);
        let stated = own.filter(|own| store.below(row).calls > 0 && own.input.is_some());
        if let Some(own) = stated {
            let sum = u64::from(own.input.unwrap_or_default()) + u64::from(own.output.unwrap_or_default());
            if totals.tokens() != Some(sum) {
                self.fact("", &format!("itself states {}", format::count(sum)), Role::Faint);
            }
        }
        if let Some(cost) = totals.cost() {
            let unpriced = totals.calls - totals.priced;
            let rest = if unpriced > 0 { format!(" and {unpriced} calls unpriced") } else { String::new() };
            self.fact("cost", &format!("{}{rest}", format::money(Some(cost))), Role::Number);
        }
    }

    fn context(&mut self, store: &Store, row: RowIx) {
        let data = store.row(row);
        let trace = store.trace(data.trace());
        for (name, symbol) in [
            ("agent", if matches!(data.kind, Kind::Agent | Kind::Team | Kind::Workflow) { Symbol::EMPTY } else { store.agent(row) }),
            ("provider", store.provider(row)),
            ("session", store.inherited(row, |data| data.session)),
            ("user", store.inherited(row, |data| data.user)),
        ] {
            if !symbol.is_empty() {
                self.fact(name, store.text(symbol), Role::Plain);
            }
        }
        self.fact("trace", &format!("{}, {} spans", trace.id, format::count(u64::from(trace.totals().spans))), Role::Plain);
        let parent = match (store.stated_parent(row), data.parent()) {
            (Some(stated), _) if store.has_odd_parent(row) => format!(", names {stated} as its parent, which can't be shown so"),
            (Some(stated), Some(parent)) if store.row(parent).placeholder => format!(", under {stated}, which has not come"),
            (Some(stated), _) => format!(", under {stated}"),
            (None, _) => String::new(),
        };
        self.fact("span id", &format!("{}{parent}", data.id), Role::Plain);
    }
}

fn tokens(totals: &Totals) -> String {
    let part =
        |part: u64, whole: u64, name: &str| if part > 0 { format!(" ({} {name})", format::percent(part, whole)) } else { String::new() };
    format!(
        "{} in{}{}, {} out{} · {} model {}",
        format::count(totals.input),
        part(totals.cache_read, totals.input, "from cache"),
        part(totals.cache_write, totals.input, "into cache"),
        format::count(totals.output),
        part(totals.reasoning, totals.output, "reasoning"),
        format::count(u64::from(totals.calls)),
        if totals.calls == 1 { "call" } else { "calls" },
    )
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Agent => "agent",
        Kind::Team => "team",
        Kind::Workflow => "workflow",
        Kind::Step => "step",
        Kind::Model => "model",
        Kind::Tool => "tool",
        Kind::Retriever => "retriever",
        Kind::Reranker => "reranker",
        Kind::Embedding => "embedding",
        Kind::Guardrail => "guardrail",
        Kind::Evaluator => "evaluator",
        Kind::Prompt => "prompt",
        Kind::Other => "span",
    }
}
