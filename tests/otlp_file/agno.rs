//! Agno's own classes read an export.

use std::io::Write;
use std::process::{Command, Stdio};

use agno_top::export::{Exporter, Format, Options, TraceRecord};

use super::real::python;
use super::roundtrip::agno_spans;
use super::trace;

const READ: &str = r#"
import json, sys
from agno.tracing.schemas import Span, Trace
count = 0
for line in sys.stdin:
    line = json.loads(line)
    trace = Trace.from_dict(line["trace"])
    assert trace.to_dict() == line["trace"], line["trace"]
    spans = [Span.from_dict(span) for span in line["spans"]]
    assert [span.to_dict() for span in spans] == line["spans"]
    assert all(span.trace_id == trace.trace_id and span.end_time >= span.start_time and span.attributes for span in spans)
    assert len(spans) == trace.total_spans and trace.session_id
    count += len(spans)
print(count)
"#;

#[test]
fn agnos_classes_read_an_export() {
    let Some(python) = python() else { return };
    let mut exporter = Exporter::new(&Options { format: Format::Agno, ..Options::default() }, Vec::new());
    // The trace of the first root, the root first.
    let mut spans = agno_spans();
    spans.sort_by_key(|span| (span.record.parent_id.is_some(), span.record.start));
    let trace_id = spans[0].record.trace_id;
    spans.retain(|span| span.record.trace_id == trace_id);
    let end = spans.iter().filter_map(|span| span.record.end).max();
    let trace = TraceRecord { end, spans: spans.len() as u32, ..trace(&spans[0].record) };
    let count = spans.len();
    exporter.trace(trace).unwrap();
    for span in spans {
        exporter.span(span).unwrap();
    }
    let lines = exporter.finish().unwrap();
    let mut agno = Command::new(python).args(["-c", READ]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    agno.stdin.take().unwrap().write_all(&lines).unwrap();
    let output = agno.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), count.to_string());
}
