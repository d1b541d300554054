//! The entry point of the fuzz target `listener`.

use std::sync::LazyLock;

use bytes::Bytes;
use tokio::runtime::Builder;
use tokio::sync::mpsc::channel;

use super::ingest::{ExportRequest, Ingest};
use super::search;
use super::types::{Encoding, Signal};
use crate::model::payload_query::Condition;
use crate::model::{Pattern, PayloadQuery, PayloadRef, SourceId, SpanId};
use crate::sources::{Update, UpdateSender};

/// The query of the search.
static QUERY: LazyLock<PayloadQuery> =
    LazyLock::new(|| PayloadQuery::new(Pattern::substring(&["er".to_owned()]).map(|pattern| (false, Condition::Text(vec![pattern])))));

/// Ingests a request, then reads, searches and releases its payloads. The first byte selects the signal and the encoding.
///
/// # Panics
///
/// If the search in the encoded body and in the decoded payloads disagree, if a payload changes while others are released, or if memory
/// stays in use after the release.
pub fn request(bytes: &[u8]) {
    let Some((selector, body)) = bytes.split_first() else { return };
    let signal = Signal::ALL[usize::from(selector >> 1) % 3];
    let encoding = if selector & 1 == 0 { Encoding::Protobuf } else { Encoding::Json };
    let (updates, mut inbox) = channel(4);
    let ingest = Ingest::new(UpdateSender::new(SourceId(0), updates), None, Vec::new(), super::MAX_EVENT_BYTES);
    let request = ExportRequest::uncompressed(signal, encoding, Bytes::copy_from_slice(body));
    let Ok(runtime) = Builder::new_current_thread().enable_time().build() else { return };
    let result = runtime.block_on(ingest.ingest(request));
    while let Ok(update) = inbox.try_recv() {
        let Update::Batch(batch) = update else { continue };
        assert!(result.is_ok());
        let places: Vec<(PayloadRef, SpanId)> = batch.spans.iter().map(|span| (span.payload_ref, span.id)).collect();
        let payloads: Vec<_> = places.iter().map(|(address, span)| ingest.payloads.read(*address, *span)).collect();
        let hits = search::check(&places, &QUERY, &ingest.payloads);
        if payloads.iter().all(Result::is_ok) {
            assert_eq!(hits.len(), payloads.iter().flatten().filter(|payload| QUERY.matches(payload)).count());
        }
        // In two steps: the payloads that remain after the first must not change.
        let (first, remaining) = places.split_at(places.len() * 3 / 4);
        ingest.payloads.release(&first.iter().map(|(address, _)| *address).collect::<Vec<_>>());
        for ((address, span), payload) in remaining.iter().zip(&payloads[first.len()..]) {
            assert_eq!(&ingest.payloads.read(*address, *span), payload);
        }
        ingest.payloads.release(&remaining.iter().map(|(address, _)| *address).collect::<Vec<_>>());
        assert_eq!(ingest.traffic().retained_bytes, 0);
    }
}
