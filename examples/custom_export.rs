//! Writes spans in a format of its own: an outline with the attributes of each span.
//!
//! ```sh
//! cargo run --example custom_export
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example prints")]

use std::error::Error;
use std::io::{self, Write};

use agno_top::export::{ExportedSpan, Exporter, Redactor, SpanRecord, SpanWriter, TraceRecord};
use agno_top::format;
use agno_top::model::{Payload, SpanId, Status, TraceId, Value};

/// Writes a line per span, indented by its depth, and a line per attribute.
struct Outline;

impl<W: Write> SpanWriter<W> for Outline {
    fn trace(&mut self, trace: &TraceRecord, out: &mut W) -> io::Result<()> {
        writeln!(out, "{}", trace.trace_id)
    }

    fn span(&mut self, span: ExportedSpan, out: &mut W) -> io::Result<()> {
        let indent = "  ".repeat(span.depth);
        writeln!(out, "{indent}- {}", format::safe(&span.record.name))?;
        for (key, value) in &span.payload.attributes {
            writeln!(out, "{indent}  {}: {}", format::safe(key), format::safe(&value.to_json()))?;
        }
        Ok(())
    }

    fn finish(&mut self, _: &mut W) -> io::Result<()> {
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let trace = TraceId::parse(b"0af7651916cd43dd8448eb211c80319c").ok_or("no trace id")?;
    let id = SpanId::parse(b"b7ad6b7169203331").ok_or("no span id")?;
    let record = SpanRecord::new(trace, id, "lookup_order", 0, Some(420_000_000));
    let attributes = vec![
        ("tool.name".to_owned(), Value::Text("lookup_order".to_owned())),
        ("input.value".to_owned(), Value::Text(r#"{"order_id": 48213, "api_key": "sk-0123456789abcdefghij"}"#.to_owned())),
    ];
    let payload = Payload { attributes, ..Payload::default() };

    let mut exporter = Exporter::with_writer(Outline, Some(Redactor::new(&[])?), io::stdout().lock());
    exporter.span(ExportedSpan { record, status: Status::Ok, depth: 0, payload })?;
    exporter.finish()?.flush()?;
    Ok(())
}
