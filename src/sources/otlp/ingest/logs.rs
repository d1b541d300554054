//! Ingests log records: all are kept; those that tell of calls become spans, too, and those that are events of a span are shown with it.

use bytes::Bytes;

use super::super::types::Signal;
use super::{Accepted, Encoding, Ingest, Recorded, Rejection, SEND_TIMEOUT, malformed, protobuf};
use crate::model::{LogBatch, Origin};
use crate::otlp::logs::{self, MAX_RECORDS, Records};
use crate::otlp::{json, rows, signals, turns};
use crate::sources::Update;
use tokio::time::timeout;

impl Ingest {
    pub(super) async fn ingest_logs(&self, encoding: Encoding, body: Bytes, is_recorded: bool) -> Result<Accepted, Rejection> {
        // Reserve first: events count as known once they are read.
        let mut permits = self.reserve(2).await?;
        let body = protobuf(encoding, body, json::encode_logs)?;
        // A copy: the body may be a small part of a connection's read buffer, or of spans that go earlier.
        let copy = Bytes::copy_from_slice(&body);
        let (mut kept, mut events, mut telling) = (Records::new(&copy), Vec::new(), Vec::new());
        let read = logs::for_each(&copy, |record| {
            events.extend(signals::span_log(&record)?);
            telling.extend(turns::may_tell(&record).then_some(record));
            kept.push(&record)
        });
        read.map_err(malformed)?;
        let Records { kept: records, left_out: rejected, .. } = kept;
        if let Some(recorder) = self.recorder.as_ref().filter(|_| is_recorded && !records.is_empty()) {
            recorder.write(Recorded::Logs(body)).await.map_err(Rejection::RecordFailed)?;
        }
        let told = self.sender.read_logs(&telling);
        let spans = self.payloads.insert_events(events);
        self.counts().logs += records.len() as u64;
        if let Some(permit) = permits.next().filter(|_| !records.is_empty()) {
            permit.send(Update::Logs(LogBatch { source: self.sender.id, records }));
        }
        if !spans.is_empty() {
            // If the channel stays full, the messages appear when the span is next read.
            let _ = timeout(SEND_TIMEOUT, self.sender.updates.send(Update::PayloadChanged(self.sender.id, spans))).await;
        }
        let mut batch = self.sender.batch(Origin::Live);
        batch.rich = true;
        rows::read(&told.body, Vec::new(), &mut batch).map_err(malformed)?;
        let recorded = self.record_told(&told, &batch).await;
        batch.withdrawn = told.withdrawn;
        if !batch.spans.is_empty() {
            self.payloads.insert(&told.body, &mut batch)?;
        }
        if let Some(permit) = permits.next().filter(|_| !batch.spans.is_empty() || !batch.withdrawn.is_empty()) {
            permit.send(Update::Batch(batch));
        }
        let reason = if rejected > 0 { format!("a request may hold {MAX_RECORDS} log records") } else { String::new() };
        recorded.map(|()| Accepted { signal: Signal::Logs, rejected, reason })
    }
}
