//! The state that the handlers of both protocols share.

use std::sync::Arc;

use super::body_reader::MemoryBudget;
use super::ingest::Ingest;
use super::options::Options;

/// Reads, authorizes and ingests requests.
pub(super) struct Service {
    pub(super) ingest: Arc<Ingest>,
    pub(super) budget: MemoryBudget,
    pub(super) options: Options,
}
