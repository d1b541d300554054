//! The state that the handlers of both protocols share.

use std::sync::Arc;

use super::auth::AccessPolicy;
use super::body_reader::MemoryBudget;
use super::ingest::Ingest;
use super::response::Rejection;

/// Reads, authorizes and ingests requests.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) ingest: Arc<Ingest>,
    pub(super) budget: MemoryBudget,
    pub(super) access: AccessPolicy,
}

impl Service {
    /// Counts and logs a rejection.
    pub(super) fn report(&self, rejection: &Rejection) {
        self.ingest.count_rejection(rejection);
        tracing::warn!(reason = %rejection, "OTLP request refused");
    }
}
