//! The file of an archive: lines of JSON, compressed with zstd.
//!
//! The first line names the columns, the last one counts what stands between: a file without it is not complete. Each other line is a
//! trace, `{"trace": {…}, "spans": [{…}]}`, with the columns of Agno's tables; `more` are its other rows in the table of traces. Numbers and texts are JSON's; a value that JSON does not
//! have is an object: `{"blob": "base64"}`, `{"text": "base64"}` for a text that is not UTF-8, `{"real": "inf"}`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value as Json, json};

use super::Error;
use super::row::{Columns, TraceRows, Value};
use crate::regular_file;

/// The key of the first line.
pub(crate) const HEADER: &str = "agno_top_archive";
/// The key of the last line.
pub(crate) const END: &str = "agno_top_archive_end";
/// The version of the format.
const VERSION: u64 = 1;
/// The level of compression: a level up makes the file 5 % smaller and takes twice as long.
const LEVEL: i32 = 3;
/// The longest line, in bytes: a trace is in memory at once.
const MAX_LINE: u64 = 1 << 30;

/// Writes an archive.
pub struct Writer<W: Write> {
    out: zstd::Encoder<'static, W>,
    columns: Columns,
    traces: u64,
    spans: u64,
}

impl<W: Write> Writer<W> {
    /// Begins an archive of rows with these columns. `source` names the database, without a password.
    pub fn new(out: W, source: &str, columns: Columns) -> io::Result<Self> {
        let mut out = zstd::Encoder::new(out, LEVEL)?;
        out.include_checksum(true)?;
        let header = json!({HEADER: VERSION, "source": source, "columns": {"traces": columns.traces, "spans": columns.spans}});
        writeln!(out, "{header}")?;
        Ok(Self { out, columns, traces: 0, spans: 0 })
    }

    /// Writes a trace.
    pub fn write(&mut self, trace: &TraceRows) -> io::Result<()> {
        let spans: Vec<Json> = trace.spans.iter().map(|row| to_json(&self.columns.spans, row)).collect();
        let mut line = json!({"trace": trace.trace.as_ref().map(|row| to_json(&self.columns.traces, row)), "spans": spans});
        if !trace.more.is_empty() {
            line["more"] = trace.more.iter().map(|row| to_json(&self.columns.traces, row)).collect();
        }
        writeln!(self.out, "{line}")?;
        self.traces += 1;
        self.spans += trace.spans.len() as u64;
        Ok(())
    }

    /// Ends the archive. Returns the numbers of traces and spans.
    pub fn finish(mut self) -> io::Result<(u64, u64)> {
        writeln!(self.out, "{}", json!({END: {"traces": self.traces, "spans": self.spans}}))?;
        self.out.finish()?.flush()?;
        Ok((self.traces, self.spans))
    }
}

/// Reads an archive, one trace at a time.
pub struct Reader {
    lines: BufReader<zstd::Decoder<'static, BufReader<File>>>,
    columns: Columns,
    traces: u64,
    spans: u64,
    has_ended: bool,
}

impl Reader {
    /// Opens an archive. The error says why the file is none.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let failed = |reason: String| Error(format!("{}: {reason}", path.display()));
        let file = regular_file::open(path, u64::MAX - 1).map_err(|error| failed(error.to_string()))?;
        let decoder = zstd::Decoder::new(file).map_err(|error| failed(error.to_string()))?;
        let mut reader = Self { lines: BufReader::new(decoder), columns: Columns::default(), traces: 0, spans: 0, has_ended: false };
        let not_archive = || failed("not an archive of agno-top".to_owned());
        let header = match reader.line() {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(failed("it is cut, so that not even its first line can be read".to_owned()));
            }
            line => line.map_err(|_| not_archive())?.ok_or_else(not_archive)?,
        };
        match header.get(HEADER).and_then(Json::as_u64) {
            None => return Err(not_archive()),
            Some(VERSION) => {}
            Some(other) => return Err(failed(format!("its format has version {other}, which a later agno-top reads"))),
        }
        let names = |table: &str| -> Option<Vec<String>> {
            header["columns"][table].as_array()?.iter().map(|name| name.as_str().map(str::to_owned)).collect()
        };
        let columns = names("traces").zip(names("spans")).ok_or_else(not_archive)?;
        reader.columns = Columns { traces: columns.0, spans: columns.1 };
        if ["trace_id", "span_id"].iter().any(|name| reader.columns.of_span(name).is_none()) {
            return Err(failed("its spans have no ids".to_owned()));
        }
        Ok(reader)
    }

    /// Returns the columns of the rows.
    #[must_use]
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// Returns the next trace; `None` after the last one. The error says what is wrong with the file.
    pub fn read(&mut self) -> Result<Option<TraceRows>, Error> {
        if self.has_ended {
            return Ok(None);
        }
        let at = self.traces;
        let line = self.line().map_err(|error| damaged_at(at, &error.to_string()))?;
        let line = line.ok_or_else(|| damaged_at(at, "its end is missing"))?;
        if let Some(end) = line.get(END) {
            if end["traces"].as_u64() != Some(self.traces) || end["spans"].as_u64() != Some(self.spans) {
                return Err(damaged_at(at, "it holds fewer or more than its last line says"));
            }
            self.has_ended = true;
            return Ok(None);
        }
        let trace = self.trace(&line).ok_or_else(|| damaged_at(at, "a row does not fit its columns"))?;
        self.traces += 1;
        self.spans += trace.spans.len() as u64;
        Ok(Some(trace))
    }

    fn trace(&self, line: &Json) -> Option<TraceRows> {
        let Columns { traces, spans } = &self.columns;
        let trace = match &line["trace"] {
            Json::Null => None,
            row => Some(from_json(traces, row)?),
        };
        let spans = line["spans"].as_array()?.iter().map(|row| from_json(spans, row)).collect::<Option<Vec<_>>>()?;
        let more = line["more"].as_array().map_or(&[][..], Vec::as_slice);
        let more = more.iter().map(|row| from_json(traces, row)).collect::<Option<Vec<_>>>()?;
        let in_trace = trace.as_ref().and_then(|row| row.get(self.columns.of_trace("trace_id")?));
        let in_span = || spans.first().and_then(|row| row.get(self.columns.of_span("trace_id")?));
        let id = in_trace.or_else(in_span)?.text()?.to_owned();
        Some(TraceRows { id, trace, more, spans })
    }

    fn line(&mut self) -> io::Result<Option<Json>> {
        let mut line = Vec::new();
        self.lines.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(None);
        }
        if line.last() != Some(&b'\n') {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a line is cut"));
        }
        Ok(Some(serde_json::from_slice(&line)?))
    }
}

fn damaged_at(traces: u64, reason: &str) -> Error {
    Error(format!("the archive is damaged after {traces} of its traces: {reason}"))
}

fn to_json(columns: &[String], row: &[Value]) -> Json {
    let value = |value: &Value| match value {
        Value::Null => Json::Null,
        Value::Integer(number) => json!(number),
        Value::Real(number) if number.is_finite() => json!(number),
        Value::Real(number) => json!({"real": number.to_string()}),
        Value::Text(text) => json!(text),
        Value::BrokenText(bytes) => json!({"text": BASE64.encode(bytes)}),
        Value::Blob(bytes) => json!({"blob": BASE64.encode(bytes)}),
    };
    Json::Object(columns.iter().cloned().zip(row.iter().map(value)).collect::<Map<_, _>>())
}

fn from_json(columns: &[String], row: &Json) -> Option<Vec<Value>> {
    let row = row.as_object()?;
    let bytes = |object: &Map<String, Json>, key: &str| BASE64.decode(object.get(key)?.as_str()?).ok();
    let value = |column: &String| match row.get(column)? {
        Json::Null => Some(Value::Null),
        Json::Number(number) => number.as_i64().map(Value::Integer).or_else(|| number.as_f64().map(Value::Real)),
        Json::String(text) => Some(Value::Text(text.clone())),
        Json::Object(object) => (bytes(object, "blob").map(Value::Blob))
            .or_else(|| bytes(object, "text").map(Value::BrokenText))
            .or_else(|| object.get("real")?.as_str()?.parse().ok().map(Value::Real)),
        _ => None,
    };
    (row.len() == columns.len()).then(|| columns.iter().map(value).collect())?
}
