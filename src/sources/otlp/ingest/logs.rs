//! Ingests log records: all are kept; those that tell of calls become spans, too, and those that are events of a span are shown with it.

use bytes::Bytes;

use super::{Accepted, Encoding, Ingest, Recorded, Rejection, SEND_TIMEOUT, malformed, protobuf};
use crate::model::Origin;
use crate::otlp::{json, rows, signals};
use crate::sources::Update;
use tokio::time::timeout;

impl Ingest {
    pub(super) async fn ingest_logs(&self, encoding: Encoding, body: Bytes) -> Result<Accepted, Rejection> {
        // Reserve first: events count as known once they are read.
        let mut permits = self.reserve(2).await?;
        let body = protobuf(encoding, body, json::encode_logs)?;
        let mut logs = Vec::new();
        let count = signals::span_events(&body, |log| logs.push(log)).map_err(malformed)?;
        if let Some(recorder) = self.recorder.as_ref().filter(|_| count > 0) {
            recorder.write(Recorded::Logs(body.clone())).await.map_err(Rejection::RecordFailed)?;
        }
        let told = self.sender.read_logs(&body).map_err(malformed)?;
        let spans = self.payloads.insert_events(logs);
        self.counts().logs += count;
        // A copy: the body may be a small part of a connection's read buffer, or of spans that go earlier.
        let records = self.sender.log_batch(&Bytes::copy_from_slice(&body)).map_err(malformed)?;
        if let Some(permit) = permits.next().filter(|_| !records.records.is_empty()) {
            permit.send(Update::Logs(records));
        }
        if !spans.is_empty() {
            // If the channel stays full, the messages appear when the span is next read.
            let _ = timeout(SEND_TIMEOUT, self.sender.updates.send(Update::PayloadChanged(self.sender.id, spans))).await;
        }
        let mut batch = self.sender.batch(Origin::Live);
        (batch.rich, batch.withdrawn) = (true, told.withdrawn);
        rows::read(&told.body, Vec::new(), &mut batch).map_err(malformed)?;
        let recorded = self.record_told(&told.body, &batch).await;
        if !batch.spans.is_empty() {
            self.payloads.insert(&told.body, &mut batch)?;
        }
        if let Some(permit) = permits.next().filter(|_| !batch.spans.is_empty() || !batch.withdrawn.is_empty()) {
            permit.send(Update::Batch(batch));
        }
        recorded.map(|()| Accepted::default())
    }
}
