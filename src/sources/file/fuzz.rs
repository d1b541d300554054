//! The entry point of the fuzz target `file`.

use super::format::Content;
use crate::model::{Batch, Origin, PayloadRef, SourceId};

/// The most bytes of a decompressed file.
const LIMIT: usize = 1 << 24;

/// Reads any bytes as a file, with every row and payload; then its first half, to which the rest is appended.
///
/// # Panics
///
/// If a file is refused without a reason.
pub fn file(bytes: &[u8]) {
    let content = match Content::read(bytes.to_vec(), LIMIT) {
        Ok(content) => content,
        Err(message) => return assert!(!message.is_empty()),
    };
    read(&content);
    let (first, rest) = bytes.split_at(bytes.len() / 2);
    if let Ok(mut content) = Content::read(first.to_vec(), LIMIT) {
        content.append_lines(rest, false);
        read(&content);
    }
}

fn read(content: &Content) {
    let mut batch = Batch::new(SourceId(0), Origin::History);
    for index in 0..content.spans.len() {
        content.spans.push_row(index, PayloadRef(index as i64), &mut batch);
        let _ = content.payload(index);
    }
    assert!(batch.spans.len() <= content.spans.len());
    assert!(content.skipped.iter().all(|skipped| !skipped.reason.is_empty()));
}
