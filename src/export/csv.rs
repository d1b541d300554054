//! A row per span: the fields of its [`SpanRecord`](super::SpanRecord), without attributes.

use std::io::{self, Write};

use serde_json::Value;

use super::{ExportedSpan, SpanWriter};
use crate::format;

/// The names of the fields of a [`SpanRecord`](super::SpanRecord), in their order.
const HEADER: &str = "trace_id,span_id,parent_id,name,kind,status,failed,failed_steps,error,start,end,duration_ms,self_ms,agent,model,provider,tool,session,user,\
    input_tokens,cached_tokens,cache_write_tokens,output_tokens,reasoning_tokens,cost_usd,cache_unstated,cost_incomplete,tokens_incomplete,\
    requested_model,first_token_ms,tokens_per_second,truncated,stalled,duplicate\n";

#[derive(Debug, Default)]
pub(super) struct Csv {
    has_header: bool,
}

impl<W: Write> SpanWriter<W> for Csv {
    fn span(&mut self, span: ExportedSpan, out: &mut W) -> io::Result<()> {
        self.write_header(out)?;
        let record = serde_json::to_value(&span.record)?;
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(record.as_object().into_iter().flat_map(|fields| fields.values().map(cell)))?;
        writer.flush()
    }

    fn finish(&mut self, out: &mut W) -> io::Result<()> {
        self.write_header(out)
    }
}

impl Csv {
    fn write_header(&mut self, out: &mut impl Write) -> io::Result<()> {
        if std::mem::replace(&mut self.has_header, true) { Ok(()) } else { out.write_all(HEADER.as_bytes()) }
    }
}

/// Returns a cell; empty if the value is unknown. Text that a spreadsheet would evaluate as a formula gets a leading quote.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if text.starts_with(['=', '+', '-', '@']) => format!("'{}", format::safe(text)),
        Value::String(text) => format::safe(text).into_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::SpanRecord;
    use super::*;
    use crate::model::{SpanId, TraceId};

    #[test]
    fn rows_have_the_fields_of_a_record_and_no_formulas() {
        let record = |name: &str| SpanRecord::new(TraceId::new([1; 16]).unwrap(), SpanId::new([2; 8]).unwrap(), name, 0, None);
        let Value::Object(fields) = serde_json::to_value(record("")).unwrap() else { panic!() };
        assert_eq!(fields.keys().collect::<Vec<_>>(), HEADER.trim_end().split(',').collect::<Vec<_>>());
        let mut out = Vec::new();
        let mut csv = Csv::default();
        for name in ["=HYPERLINK(\"x\")", "a, \"b\"\nc\u{1b}[2J"] {
            let span = ExportedSpan {
                record: record(name),
                status: crate::model::Status::Ok,
                depth: 0,
                payload: crate::model::Payload::default(),
            };
            csv.span(span, &mut out).unwrap();
        }
        let mut reader = csv::Reader::from_reader(&out[..]);
        let rows: Vec<_> = reader.records().collect::<Result<_, _>>().unwrap();
        assert_eq!(rows.iter().map(|row| &row[3]).collect::<Vec<_>>(), ["'=HYPERLINK(\"x\")", "a, \"b\" c"]);
        assert_eq!((&rows[0][5], &rows[0][9], &rows[0][10], &rows[0][19]), ("running", "1970-01-01T00:00:00Z", "", ""));
    }
}
