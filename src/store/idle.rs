//! Idle traces: those without a step of an agent's work, without usage, and without a failure that counts. Where their
//! service also sends such steps or usage, they are *ordinary*: a poll, a query, a health check.

use super::Store;
use super::attribution::MAX_EXAMINED_CHILDREN;
use super::ix::TraceIx;

/// The ordinary traces of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Idle {
    /// The number of the service; [`Store::service_name`] returns its name.
    pub service: u16,
    /// The number of its ordinary traces.
    pub traces: u32,
    /// The number of these in which a span failed, which harms no agent.
    pub failed: u32,
}

impl Store {
    /// Returns the service that a trace is an ordinary one of; `None` if the trace is not ordinary.
    #[must_use]
    pub fn ordinary_service(&self, trace: TraceIx) -> Option<u16> {
        self.trace(trace).idle.map(|(service, _)| service).filter(|&service| self.services.is_working(service))
    }

    /// Returns whether a trace holds no step of an agent's work and no usage though its service sends such: a poll, a query, a health check.
    #[must_use]
    pub fn is_ordinary(&self, trace: TraceIx) -> bool {
        self.ordinary_service(trace).is_some()
    }

    /// Returns the services with ordinary traces. Costs the number of services.
    #[must_use]
    pub fn ordinary(&self) -> Vec<Idle> {
        let count = |service: u16| self.idle_traces.get(usize::from(service)).copied().unwrap_or_default();
        self.services.working().map(|service| Idle { service, ..count(service) }).filter(|idle| idle.traces > 0).collect()
    }

    /// Returns the number of services that sent steps of an agent's work or usage.
    #[must_use]
    pub fn working_services(&self) -> usize {
        self.services.working().count()
    }

    /// Counts a changed trace as idle or no longer so, for the first service that is known of it.
    pub(super) fn count_idle(&mut self, trace: TraceIx) {
        self.forget_idle(trace);
        let data = self.trace(trace);
        if data.work > 0 || data.counts.failed > 0 {
            return;
        }
        let mut rows = data.roots().iter().take(MAX_EXAMINED_CHILDREN).flat_map(|&root| [Some(root), self.children(root).first().copied()]);
        let Some(service) = rows.find_map(|row| self.service_number(row?)) else { return };
        let has_failed = self.totals_of(trace).errors > 0;
        self.traces[trace.0].idle = Some((service, has_failed));
        if self.idle_traces.len() <= usize::from(service) {
            self.idle_traces.resize(usize::from(service) + 1, Idle::default());
        }
        let idle = &mut self.idle_traces[usize::from(service)];
        (idle.traces, idle.failed) = (idle.traces + 1, idle.failed + u32::from(has_failed));
    }

    pub(super) fn forget_idle(&mut self, trace: TraceIx) {
        if let Some((service, has_failed)) = self.traces[trace.0].idle.take() {
            let idle = &mut self.idle_traces[usize::from(service)];
            (idle.traces, idle.failed) = (idle.traces - 1, idle.failed - u32::from(has_failed));
        }
    }
}
