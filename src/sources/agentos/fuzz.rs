//! Reads answers of AgentOS for the fuzz target in `fuzz/`.

use super::answer::{Page, Trace};
use super::rows;
use crate::model::{Batch, Origin, PayloadRef, SourceId};

/// Reads any bytes as a page of traces, and as a trace: every span has a row and a payload.
///
/// # Panics
///
/// If a refusal has no reason, or a row is not of its trace.
pub fn agentos(bytes: &[u8]) {
    let page = Page::read(bytes).unwrap_or_default();
    for text in page.traces.into_iter().chain([bytes]) {
        let trace = match Trace::read(text) {
            Ok(trace) => trace,
            Err(reason) => {
                assert!(!reason.is_empty() && reason.len() < 200, "{reason}");
                continue;
            }
        };
        let _ = (trace.unclear_roots(), trace.is_request_for_traces(), trace.gap(), rows::summary_payload(&trace));
        let mut batch = Batch::new(SourceId(0), Origin::History);
        let row = rows::summary(&trace, None, PayloadRef(0), &mut batch);
        assert_eq!((row.trace, row.parent), (trace.id, None));
        for node in &trace.nodes {
            let row = rows::span(&trace, node, PayloadRef(0), &mut batch);
            assert_eq!((row.trace, row.id, row.end), (trace.id, node.id, node.end));
            let _ = rows::payload(&trace, node);
        }
    }
}
