//! The listener's reading of requests for the program in `fuzz/`.

use std::sync::LazyLock;

use bytes::Bytes;
use tokio::runtime::Builder;
use tokio::sync::mpsc::channel;

use super::compression::ContentEncoding;
use super::ingest::{Ingest, Sent};
use super::search;
use super::types::{Encoding, Signal};
use crate::model::payload_query::Condition;
use crate::model::{Pattern, PayloadQuery, PayloadRef, SourceId, SpanId};
use crate::sources::{Update, UpdateSender};

/// What is searched for.
static PROBE: LazyLock<PayloadQuery> =
    LazyLock::new(|| PayloadQuery::new(Pattern::part(&["er".to_owned()]).map(|pattern| (false, Condition::Text(vec![pattern])))));

/// Takes a request: the first byte says of which signal and in which form. Every payload in it is read, searched and let go.
///
/// # Panics
///
/// If a search finds another number of spans than their payloads hold what is looked for, if a payload changes as others are let go,
/// or if memory is held for spans let go.
pub fn request(bytes: &[u8]) {
    let Some((which, body)) = bytes.split_first() else { return };
    let signal = [Signal::Traces, Signal::Logs, Signal::Metrics][usize::from(which >> 1) % 3];
    let form = if which & 1 == 0 { Encoding::Protobuf } else { Encoding::Json };
    let (updates, mut inbox) = channel(4);
    let intake = Ingest::new(UpdateSender::new(SourceId(0), updates), None, Vec::new());
    let body = Bytes::copy_from_slice(body);
    let sent = Sent { coding: ContentEncoding::Identity, bytes: body.clone() };
    let Ok(runtime) = Builder::new_current_thread().enable_time().build() else { return };
    let taken = runtime.block_on(intake.ingest(signal, form, body, &sent));
    while let Ok(update) = inbox.try_recv() {
        let Update::Batch(batch) = update else { continue };
        assert!(taken.is_ok());
        let places: Vec<(PayloadRef, SpanId)> = batch.spans.iter().map(|span| (span.payload_ref, span.id)).collect();
        let payloads: Vec<_> = places.iter().map(|(address, span)| intake.payload(*address, *span)).collect();
        // What is found in the bytes is what is found in the payloads.
        let hits = search::check(&places, &PROBE, |number, places| intake.places(number, places));
        if payloads.iter().all(Result::is_ok) {
            assert_eq!(hits.len(), payloads.iter().flatten().filter(|payload| PROBE.holds(payload)).count());
        }
        // In two parts: what is left after the first reads as before.
        let (first, rest) = places.split_at(places.len() * 3 / 4);
        intake.release(&first.iter().map(|(address, _)| *address).collect::<Vec<_>>());
        for ((address, span), payload) in rest.iter().zip(&payloads[first.len()..]) {
            assert_eq!(&intake.payload(*address, *span), payload);
        }
        intake.release(&rest.iter().map(|(address, _)| *address).collect::<Vec<_>>());
        assert_eq!(intake.traffic().held, 0);
    }
}
