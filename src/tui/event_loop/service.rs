//! Questions of other programs about what the screen holds, answered between two frames.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;

use super::{Loop, Session};
use crate::model::{Nanos, Payload};
use crate::sources::Hub;
use crate::store::{Store, TraceIx};
use crate::tui::app::App;

/// What questions are answered from.
#[derive(Debug)]
pub struct Held<'a> {
    /// The state of the screen.
    pub app: &'a App,
    /// The spans in memory.
    pub store: &'a mut Store,
    /// The sources, which read payloads.
    pub sources: &'a mut Hub,
    /// The time.
    pub now: Nanos,
}

/// Answers other programs.
pub trait Service: Debug {
    /// Returns whether it waits for traces to change.
    fn is_waiting(&self) -> bool;

    /// Waits until there is a question, or an answer is due. Cancel safe.
    fn ready<'a>(&'a mut self) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

    /// Answers what there is. It should take no longer than a frame.
    fn answer(&mut self, held: Held<'_>);

    /// Takes the traces that changed, while it waits for such.
    fn changed(&mut self, held: Held<'_>, traces: &[TraceIx]);

    /// Takes payloads that were asked for with this ticket, perhaps by others.
    fn payloads(&mut self, ticket: u64, payloads: Vec<Result<Payload, String>>);
}

/// Waits until the service has something to do; forever if there is none. Cancel safe.
pub(super) async fn ready(service: &mut Option<Box<dyn Service>>) {
    match service {
        Some(service) => service.ready().await,
        None => std::future::pending().await,
    }
}

impl Loop<'_> {
    /// Answers a question, and takes updates of the sources: neither may keep the other waiting. Returns whether there were updates.
    pub(super) fn answer_question(&mut self) -> bool {
        let now = self.read_clock();
        let Session { app, store, sources, service, .. } = &mut *self.session;
        if let Some(service) = service {
            service.answer(Held { app, store, sources, now });
            app.notes_changes = service.is_waiting();
        }
        if self.is_behind() {
            self.catch_up();
            return true;
        }
        let update = self.session.sources.try_recv();
        update.map(|update| self.handle_updates(update)).is_some()
    }

    /// Tells the service which traces have changed, if it waits for such.
    pub(super) fn tell_service(&mut self) {
        let Session { app, store, sources, service, .. } = &mut *self.session;
        let changed = app.take_changed();
        if let Some(service) = service.as_mut().filter(|_| !changed.is_empty()) {
            let now = app.now;
            service.changed(Held { app, store, sources, now }, &changed);
            app.notes_changes = service.is_waiting();
        }
    }
}
