//! The entry point of the fuzz target `otlp`: requests of all signals and encodings, and connections with any bytes.

mod frames;

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use tokio::io::{AsyncWriteExt, copy, duplex, sink, split};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::sync::{Semaphore, watch};

use super::body_reader::MemoryBudget;
use super::ingest::{ExportRequest, Ingest};
use super::options::Options;
use super::search;
use super::server::Server;
use super::service::Service;
use super::types::{Encoding, Signal};
use crate::model::payload_query::Condition;
use crate::model::{Pattern, PayloadQuery, PayloadRef, SourceId, SpanId};
use crate::sources::{Update, UpdateSender};

/// The query of the search.
static QUERY: LazyLock<PayloadQuery> =
    LazyLock::new(|| PayloadQuery::new(Pattern::substring(&["er".to_owned()]).map(|pattern| (false, Condition::Text(vec![pattern])))));

/// The size limit of a request in bytes.
const MAX_BODY: usize = 1 << 20;

/// How often the server may work before the client closes its side: on one thread, a request takes a few turns.
const TURNS: usize = 64;

/// Takes a request, or the bytes of a whole connection. The first byte selects which (its two lowest bits: a message, a message over HTTP,
/// over gRPC, a connection), then the encoding, the signal and the compression.
///
/// # Panics
///
/// If the search in the encoded body and in the decoded payloads disagree, if a payload changes while others are released, or if memory
/// stays in use after the release.
pub fn otlp(bytes: &[u8]) {
    let Some((selector, body)) = bytes.split_first() else { return };
    match selector & 3 {
        0 => ingest(signal(*selector), encoding(*selector), body),
        3 => drop(serve(body)),
        _ => drop(serve(&connection(*selector, body))),
    }
}

/// Returns the bytes of a connection that sends one message.
pub(crate) fn connection(selector: u8, body: &[u8]) -> Vec<u8> {
    let coding = ["identity", "gzip", "deflate", "zstd"][usize::from(selector >> 6)];
    match selector & 3 {
        1 => frames::http(signal(selector), encoding(selector), coding, body),
        _ => frames::grpc(signal(selector), coding, body),
    }
}

fn encoding(selector: u8) -> Encoding {
    if selector & 4 == 0 { Encoding::Protobuf } else { Encoding::Json }
}

fn signal(selector: u8) -> Signal {
    Signal::ALL[usize::from(selector >> 3 & 7) % 3]
}

fn runtime() -> Option<Runtime> {
    Builder::new_current_thread().enable_time().build().ok()
}

fn ingest_and_inbox() -> (Ingest, Receiver<Update>) {
    let (updates, inbox) = channel(4);
    (Ingest::new(UpdateSender::new(SourceId(0), updates), None, Vec::new(), super::MAX_EVENT_BYTES), inbox)
}

/// Ingests a request, then reads, searches and releases its payloads.
fn ingest(signal: Signal, encoding: Encoding, body: &[u8]) {
    let (ingest, mut inbox) = ingest_and_inbox();
    let request = ExportRequest::uncompressed(signal, encoding, Bytes::copy_from_slice(body));
    let Some(runtime) = runtime() else { return };
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

/// Serves a connection on which these bytes arrive, then its end. Returns the number of spans that were accepted.
pub(super) fn serve(bytes: &[u8]) -> u64 {
    let (ingest, mut inbox) = ingest_and_inbox();
    let ingest = Arc::new(ingest);
    let options = Options { max_body: MAX_BODY, ..Options::default() };
    let service = Service { ingest: ingest.clone(), budget: MemoryBudget::new(MAX_BODY, options.limits.body_timeout), options };
    let (_shutdown, shutdown) = watch::channel(false);
    let (_suspended, suspended) = watch::channel(false);
    let (service, permits) = (Arc::new(service), Arc::new(Semaphore::new(1)));
    let server = Server { service, permits, connections: Arc::default(), shutdown, suspended };
    let Some(runtime) = runtime() else { return 0 };
    runtime.block_on(async {
        let (client, stream) = duplex(1 << 16);
        let (mut answers, mut requests) = split(client);
        let write = async {
            // The server may have closed the connection.
            let _ = requests.write_all(bytes).await;
            // A half-closed connection gets no answer, so the server works first.
            for _ in 0..TURNS {
                tokio::task::yield_now().await;
            }
            let _ = requests.shutdown().await;
        };
        let read = async {
            let _ = copy(&mut answers, &mut sink()).await;
        };
        let connection = Arc::new(server.connections.open());
        let connected = async { tokio::join!(server.serve(stream, &connection, true), write, read) };
        let drained = async { while inbox.recv().await.is_some() {} };
        tokio::select! {
            _ = connected => {}
            () = drained => {}
        }
    });
    ingest.traffic().spans
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_arrive_over_both_protocols() {
        let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","startTimeUnixNano":"1"}]}]}]}"#;
        assert_eq!(serve(&connection(5, body)), 1);
        let body = crate::otlp::json::encode_traces(body).unwrap().body;
        assert_eq!((serve(&connection(1, &body)), serve(&connection(2, &body))), (1, 1));
    }
}
