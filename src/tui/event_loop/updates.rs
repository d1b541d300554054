//! Updates of the sources, and the prices.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Finished, Loop, Pending, Session};
use crate::model::Payload;
use crate::model::price::Prices;
use crate::model::time::now;
use crate::sources::{State, Update};
use crate::tui::app::ContextSlice;
use crate::tui::view;

/// The longest time to handle updates before keys are read again.
const TIME_SLICE: Duration = Duration::from_millis(6);

impl Loop<'_> {
    /// Handles an update and those that wait behind it, for a bounded time.
    pub(super) fn handle_updates(&mut self, first: Update) {
        let end = Instant::now() + TIME_SLICE;
        let mut next = Some(first);
        while let Some(update) = next {
            self.handle_update(update, &mut || Instant::now() < end);
            if Instant::now() >= end {
                break;
            }
            next = self.session.sources.try_recv();
        }
    }

    /// Returns whether batches are not yet applied. The updates behind them wait.
    pub(super) fn is_behind(&self) -> bool {
        self.session.app.is_behind(&self.session.store)
    }

    /// Applies batches that have arrived, for a bounded time.
    pub(super) fn catch_up(&mut self) {
        let end = Instant::now() + TIME_SLICE;
        let now = self.read_clock();
        let Session { app, store, .. } = &mut *self.session;
        app.catch_up(store, now, &mut || Instant::now() < end);
    }

    /// Handles an update. Of the spans of a batch, those that follow wait once `goes_on` returns false.
    pub(super) fn handle_update(&mut self, update: Update, goes_on: &mut dyn FnMut() -> bool) {
        let now = self.read_clock();
        let Session { app, store, sources, .. } = &mut *self.session;
        match update {
            Update::Batch(batch) => {
                for skipped in &batch.skipped {
                    let name = sources.name(batch.source);
                    tracing::warn!(source = name, place = skipped.place, reason = skipped.reason, "skipped");
                }
                app.receive_in_part(store, batch, now, goes_on);
            }
            Update::Logs(batch) => app.receive_logs(batch),
            Update::Metrics(batch) => app.receive_metrics(batch),
            Update::State(source, state) => {
                tracing::info!(source = source.0, ?state, "source state");
                if let State::Loading { total, .. } = state {
                    store.reserve(total);
                }
                app.source_state(usize::from(source.0), state);
            }
            Update::Payloads { ticket, payloads } => self.handle_payloads(ticket, payloads),
            Update::SearchHits(hits) => app.search_hits(store, hits),
            Update::PayloadChanged(source, spans) => app.detail.request_again(source, &spans),
            Update::Traffic(source, traffic) => {
                tracing::debug!(source = source.0, ?traffic, "source traffic");
                app.source_traffic(store, usize::from(source.0), traffic);
            }
            // The screen follows whole sources.
            Update::Read { .. } => {}
        }
    }

    fn handle_payloads(&mut self, ticket: u64, payloads: Vec<Result<Payload, String>>) {
        let Some(pending) = self.pending.remove(&ticket) else {
            if let Some(service) = &mut self.session.service {
                service.payloads(ticket, payloads);
            }
            return;
        };
        if let Pending::Export(export) = pending {
            return self.write_export(*export, payloads);
        }
        if let Pending::Contexts(slice) = pending {
            return self.read_contexts(*slice, payloads);
        }
        if let Pending::Parameters(spans) = pending {
            let parameters = |payload: Result<Payload, String>| payload.ok().map(|payload| view::parameters(&payload));
            let Session { app, store, .. } = &mut *self.session;
            return app.load_parameters(store, spans.into_iter().zip(payloads.into_iter().map(parameters)));
        }
        let Some(payload) = payloads.into_iter().next() else { return };
        let Session { app, store, .. } = &mut *self.session;
        match (pending, payload) {
            (Pending::Detail, payload) => app.load_detail(payload),
            (Pending::Question(span), Ok(payload)) => app.detail.load_question(span, payload),
            (Pending::Compare { side, span }, Ok(payload)) => app.load_compared(store, side, span, view::exchange_texts(&payload)),
            (Pending::Copy(span), payload) => self.copy_exported(*span, payload),
            // The comparison and the conversation show the beginnings that the rows hold.
            (Pending::Compare { .. } | Pending::Question(_) | Pending::Parameters(_) | Pending::Contexts(_) | Pending::Export(_), _) => {}
        }
    }

    /// Reads the contexts of calls on another thread.
    fn read_contexts(&self, slice: ContextSlice, payloads: Vec<Result<Payload, String>>) {
        let finished = self.finished.clone();
        tokio::task::spawn_blocking(move || {
            // Without a receiver the program is ending.
            let _ = finished.send(Finished::Contexts(Box::new(slice.read(payloads))));
        });
    }

    pub(super) fn set_prices(&mut self, prices: Prices, warning: Option<String>) {
        let Session { app, store, .. } = &mut *self.session;
        app.set_prices(store, Arc::new(prices));
        if let Some(warning) = warning {
            tracing::warn!(warning, "prices");
            app.show_message(warning, true, now());
        }
    }
}
