//! Readers of files for the programs in `fuzz/`: each reads all that it finds.

use super::format::Content;
use crate::model::{Batch, Origin, PayloadRef, SourceId};

/// Bytes that a file may become.
const LIMIT: usize = 1 << 24;

/// A file whose content tells what it is.
pub fn by_content(bytes: &[u8]) {
    read(Content::read(bytes.to_vec(), LIMIT));
}

/// OTLP/JSON.
pub fn otlp_json(bytes: &[u8]) {
    read(Content::otlp(&text(bytes)));
}

/// OTLP in protobuf.
pub fn otlp_proto(bytes: &[u8]) {
    read(Content::protobuf(bytes.to_vec()));
}

/// Jaeger's download.
pub fn jaeger(bytes: &[u8]) {
    read(Content::jaeger(&text(bytes)));
}

/// Spans of one JSON object each.
pub fn records(bytes: &[u8]) {
    read(Content::records(&text(bytes)));
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn read(content: Result<Content, String>) {
    let content = match content {
        Ok(content) => content,
        Err(message) => return assert!(!message.is_empty()),
    };
    let mut batch = Batch::new(SourceId(0), Origin::History);
    for index in 0..content.len() {
        content.push_row(index, PayloadRef(index as i64), &mut batch);
        let _ = content.payload(index);
    }
    assert!(batch.spans.len() <= content.len());
}
