//! The entry points of the fuzz targets for files. Each reads every row and payload.

use super::format::Content;
use crate::model::{Batch, Origin, PayloadRef, SourceId};

/// The most bytes of a decompressed file.
const LIMIT: usize = 1 << 24;

/// Reads a file of any format.
pub fn by_content(bytes: &[u8]) {
    read(Content::read(bytes.to_vec(), LIMIT));
}

/// Reads OTLP/JSON.
pub fn otlp_json(bytes: &[u8]) {
    read(Content::otlp(&text(bytes)));
}

/// Reads OTLP in protobuf.
pub fn otlp_proto(bytes: &[u8]) {
    read(Content::protobuf(bytes.to_vec()));
}

/// Reads a download of Jaeger's.
pub fn jaeger(bytes: &[u8]) {
    read(Content::jaeger(&text(bytes)));
}

/// Reads spans that are one JSON object each.
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
    for index in 0..content.spans.len() {
        content.spans.push_row(index, PayloadRef(index as i64), &mut batch);
        let _ = content.payload(index);
    }
    assert!(batch.spans.len() <= content.spans.len());
}
