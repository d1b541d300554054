//! Reads answers for the fuzz target in `fuzz/`.

use super::answer::Rows;
use super::error::Error;
use super::rows::{self, Content, Head};
use super::table::{Shape, Table};
use crate::model::{Batch, Origin, SourceId};
use crate::sources::http::Answer;

/// Reads an answer as rows of both tables, and as an error.
///
/// # Panics
///
/// If two rows of one span become two spans, or a failure has no reason.
pub fn clickhouse(bytes: &[u8]) {
    let answer = Answer { status: 500, body: bytes.to_vec(), ..Answer::default() };
    assert!(!format!("{:?}", Error::of_answer(&answer)).is_empty());
    let Ok(rows) = Rows::parse(bytes.to_vec()) else { return };
    for shape in [Shape::Agno, Shape::Collector] {
        let table = Table::of_shape(shape);
        let mut batch = Batch::new(SourceId(0), Origin::History);
        rows::read(&rows, &table, &mut batch, |_| true);
        assert!((batch.spans.len() + batch.skipped.len()) as u64 <= rows.count);
        assert!(batch.skipped.iter().all(|skipped| !skipped.reason.is_empty()));
        rows.for_each(|cells| {
            let head = Head::read(cells);
            if let Some(content) = Content::read(cells, &head, shape) {
                let _ = content.payload();
            }
        });
    }
}
