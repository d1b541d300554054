//! Writes spans in formats that other programs read.

pub mod agno;
mod context;
pub mod csv;
mod html;
pub mod jsonl;
pub mod markdown;
mod metrics;
mod misses;
mod new_file;
mod otlp;
pub mod record;
pub mod redact;
mod repeats;
mod run_contexts;
mod svg;

pub use context::{CallContextRecord, RunContextRecord, call_facts};
pub use metrics::write_metrics;
pub use misses::{Miss, MissSum, cost_of_misses, may_have_missed, misses_of};
pub use new_file::NewFile;
pub use otlp::{redacted_log, write_logs};
pub use record::{AnswerRecord, FindingRecord, SpanRecord, TraceRecord, UsageRecord, WhyRecord};
pub use redact::{Redaction, Redactor};
pub use run_contexts::{ContextPlan, context_markdown, run_title};
pub use svg::Palette;

use std::collections::{BTreeSet, HashSet};
use std::io::{self, Write};
use std::str::FromStr;

use chrono::NaiveDateTime;

use crate::logs::{LogNumber, LogStore};
use crate::model::{LogRecord, Nanos, Payload, Status, TraceId};
use crate::semconv::{is_open_span, mark_cut, remove_pending_marker};
use crate::store::{RowIx, RunStatus, Store, TraceIx};

/// The most characters of a trace's name in a file name.
const NAME_LENGTH: usize = 40;

/// A span with everything that is known about it.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportedSpan {
    /// The facts of its row.
    pub record: SpanRecord,
    /// The status that the sender set.
    pub status: Status,
    /// The number of its ancestors.
    pub depth: usize,
    /// Attributes, events and everything else. [`Payload::notes`] come from the source and are not written.
    pub payload: Payload,
}

/// The format of an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// A trace export request of OTLP in JSON.
    #[default]
    Otlp,
    /// A trace export request of OTLP in protobuf.
    OtlpProto,
    /// A JSON object per trace and line: the dictionaries of Agno's `Trace` and `Span`.
    Agno,
    /// A JSON object per span and line, with stable fields.
    Jsonl,
    /// A row per span, without attributes.
    Csv,
    /// A report to read.
    Markdown,
    /// A page for a browser.
    Html,
    /// The tree as a picture.
    Svg,
}

impl Format {
    /// Every format, the default first.
    pub const ALL: [Self; 8] = [Self::Otlp, Self::OtlpProto, Self::Agno, Self::Jsonl, Self::Csv, Self::Markdown, Self::Html, Self::Svg];

    /// Returns the name on the command line and in the export dialog.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.name_and_extension().0
    }

    /// Returns the extension of its files.
    #[must_use]
    pub fn extension(self) -> &'static str {
        self.name_and_extension().1
    }

    /// Returns whether the format says what fills the contexts of model calls.
    #[must_use]
    pub fn holds_contexts(self) -> bool {
        matches!(self, Self::Markdown | Self::Html)
    }

    /// Returns whether the format says what stands out in a trace.
    #[must_use]
    pub fn holds_findings(self) -> bool {
        matches!(self, Self::Markdown | Self::Html)
    }

    /// Returns whether the format lists steps for people, as the screen does, and not every span for programs.
    #[must_use]
    pub fn lists_steps(self) -> bool {
        matches!(self, Self::Markdown | Self::Html | Self::Svg)
    }

    fn name_and_extension(self) -> (&'static str, &'static str) {
        match self {
            Self::Otlp => ("otlp", "json"),
            Self::OtlpProto => ("otlp-proto", "pb"),
            Self::Agno => ("agno", "jsonl"),
            Self::Jsonl => ("jsonl", "jsonl"),
            Self::Csv => ("csv", "csv"),
            Self::Markdown => ("markdown", "md"),
            Self::Html => ("html", "html"),
            Self::Svg => ("svg", "svg"),
        }
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let name = if name == "md" { Self::Markdown.name() } else { name };
        Self::ALL.into_iter().find(|format| format.name() == name).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|format| format.name()).collect();
            let hint = if name == "json" { "; in JSON are otlp (one object), jsonl (one per span) and agno (one per trace)" } else { "" };
            format!("unknown format {name:?}; use one of {}{hint}", names.join(", "))
        })
    }
}

/// Options of an export.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The format.
    pub format: Format,
    /// Redacts secrets in all texts; `None` redacts nothing.
    pub redactor: Option<Redactor>,
    /// The most characters of a Markdown report; `None` is no limit.
    pub max_chars: Option<usize>,
    /// The colours of a picture.
    pub palette: Palette,
}

/// Writes traces in one format. [`Exporter`] calls [`trace`](Self::trace) once for each trace, then [`findings`](Self::findings) if
/// they are wanted and [`span`](Self::span) for each of its spans, parents before children, and [`finish`](Self::finish) at the end.
///
/// ```
/// use std::io::{self, Write};
///
/// use agno_top::export::{ExportedSpan, Exporter, SpanRecord, SpanWriter, TraceRecord};
/// use agno_top::model::{Payload, SpanId, Status, TraceId};
///
/// /// Writes the name of each span, indented by its depth.
/// struct Outline;
///
/// impl<W: Write> SpanWriter<W> for Outline {
///     fn trace(&mut self, trace: &TraceRecord, out: &mut W) -> io::Result<()> {
///         writeln!(out, "trace {}", trace.trace_id)
///     }
///
///     fn span(&mut self, span: ExportedSpan, out: &mut W) -> io::Result<()> {
///         writeln!(out, "{}{}", "  ".repeat(span.depth), span.record.name)
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let trace = TraceId::parse(b"0af7651916cd43dd8448eb211c80319c").ok_or("no trace id")?;
/// let span = SpanId::parse(b"b7ad6b7169203331").ok_or("no span id")?;
/// let record = SpanRecord::new(trace, span, "Clerk.run", 0, Some(1_000_000));
/// let mut exporter = Exporter::with_writer(Outline, None, Vec::new());
/// exporter.span(ExportedSpan { record, status: Status::Ok, depth: 1, payload: Payload::default() })?;
/// assert_eq!(exporter.finish()?, b"  Clerk.run\n");
/// # Ok(())
/// # }
/// ```
pub trait SpanWriter<W: Write> {
    /// Begins a trace. Writes nothing by default.
    fn trace(&mut self, _: &TraceRecord, _: &mut W) -> io::Result<()> {
        Ok(())
    }

    /// Takes what stands out in the trace. Drops it by default.
    fn findings(&mut self, _: WhyRecord) {}

    /// Takes what fills the contexts of the trace's model calls, lines of Markdown. Drops it by default.
    fn context(&mut self, _: String) {}

    /// Writes a span of the trace.
    fn span(&mut self, span: ExportedSpan, out: &mut W) -> io::Result<()>;

    /// Returns whether the format holds log records. It does not by default.
    fn holds_logs(&self) -> bool {
        false
    }

    /// Takes a log record of the traces. Drops it by default.
    fn log(&mut self, _: LogRecord) {}

    /// Ends the export. Writes nothing by default.
    fn finish(&mut self, _: &mut W) -> io::Result<()> {
        Ok(())
    }
}

/// Writes traces one span at a time.
pub struct Exporter<W> {
    writer: Box<dyn SpanWriter<W>>,
    redactor: Option<Redactor>,
    out: W,
}

impl<W: Write> Exporter<W> {
    /// Begins an export.
    pub fn new(options: &Options, out: W) -> Self {
        let writer: Box<dyn SpanWriter<W>> = match options.format {
            Format::Otlp => Box::new(otlp::OtlpJson::default()),
            Format::OtlpProto => Box::new(otlp::OtlpProto::default()),
            Format::Agno => Box::new(agno::Agno::default()),
            Format::Jsonl => Box::new(jsonl::Jsonl),
            Format::Csv => Box::new(csv::Csv::default()),
            Format::Markdown => Box::new(markdown::Markdown::new(options.max_chars)),
            Format::Html => Box::new(html::Html::default()),
            Format::Svg => Box::new(svg::Svg::new(options.palette)),
        };
        Self { writer, redactor: options.redactor.clone(), out }
    }

    /// Begins an export with a custom writer.
    pub fn with_writer(writer: impl SpanWriter<W> + 'static, redactor: Option<Redactor>, out: W) -> Self {
        Self { writer: Box::new(writer), redactor, out }
    }

    /// Begins a trace. Call [`span`](Self::span) for each of its spans next.
    pub fn trace(&mut self, mut trace: TraceRecord) -> io::Result<()> {
        if let Some(redactor) = &self.redactor {
            redactor.trace(&mut trace);
        }
        self.writer.trace(&trace, &mut self.out)
    }

    /// Adds what stands out in the trace, before its spans.
    pub fn findings(&mut self, mut why: WhyRecord) {
        if let Some(redactor) = &self.redactor {
            for finding in &mut why.findings {
                finding.sentence = redactor.text(&finding.sentence).into_owned();
            }
        }
        self.writer.findings(why);
    }

    /// Adds what fills the contexts of the trace's model calls, lines of Markdown, before its spans.
    pub fn context(&mut self, context: &str) {
        let context = self.redactor.as_ref().map_or_else(|| context.into(), |redactor| redactor.text(context));
        self.writer.context(context.into_owned());
    }

    /// Writes a span of the trace. Its parent must have been written before. Leaves out one that was only sent because it started, unless its process has
    /// ended.
    pub fn span(&mut self, mut span: ExportedSpan) -> io::Result<()> {
        if span.record.end.is_none() {
            match span.record.status {
                RunStatus::Cut if is_open_span(&span.payload.attributes) => mark_cut(&mut span.payload.attributes, span.record.until),
                _ if is_open_span(&span.payload.attributes) => return Ok(()),
                _ => {}
            }
            remove_pending_marker(&mut span.payload.attributes);
        }
        if let Some(redactor) = &self.redactor {
            redactor.span(&mut span);
        }
        self.writer.span(span, &mut self.out)
    }

    /// Returns whether the format holds log records.
    #[must_use]
    pub fn holds_logs(&self) -> bool {
        self.writer.holds_logs()
    }

    /// Adds a log record of the traces. Only OTLP/JSON holds such: in protobuf, a request holds one signal.
    pub fn log(&mut self, record: &LogRecord) -> io::Result<()> {
        let record = match &self.redactor {
            Some(redactor) => redacted_log(record, redactor)?,
            None => record.clone(),
        };
        self.writer.log(record);
        Ok(())
    }

    /// Ends the export and returns the output.
    pub fn finish(mut self) -> io::Result<W> {
        self.writer.finish(&mut self.out)?;
        self.out.flush()?;
        Ok(self.out)
    }
}

impl<W> std::fmt::Debug for Exporter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exporter").finish_non_exhaustive()
    }
}

/// Returns the rows of a trace that a format holds with their depths, parents before children, without spans that were not received.
#[must_use]
pub fn rows(store: &Store, trace: TraceIx, format: Format) -> Vec<(RowIx, usize)> {
    let walk = store.walk(trace);
    let rows = if format.lists_steps() { store.told_once(walk) } else { walk.collect() };
    rows.into_iter().filter(|&(row, _)| !store.row(row).placeholder).collect()
}

/// Returns the log records of traces in the order in which they came: those that name a trace of them, and those of the session and the time
/// of a trace with a run that name no trace. Costs the records in memory.
#[must_use]
pub fn logs_of(store: &Store, logs: &LogStore, traces: &[TraceIx]) -> Vec<LogRecord> {
    let ids: HashSet<TraceId> = traces.iter().map(|&trace| store.trace(trace).id).collect();
    let all = (logs.first()..logs.end()).filter_map(|number| Some((number, logs.get(number)?)));
    let mut numbers: BTreeSet<LogNumber> =
        all.filter(|(_, record)| record.trace.is_some_and(|id| ids.contains(&id))).map(|(number, _)| number).collect();
    for &trace in traces {
        let (trace, rows) = (store.trace(trace), store.rows_of(trace));
        let end = if trace.counts().running > 0 { Nanos::MAX } else { trace.end };
        let runs = rows.into_iter().filter(|&row| store.row(row).span_type.is_agentic());
        let sessions: BTreeSet<&str> = runs.map(|row| store.text(store.session(row))).collect();
        let of_session = sessions.into_iter().flat_map(|session| logs.of_session(session, trace.start, end));
        numbers.extend(of_session.filter(|&number| logs.get(number).is_some_and(|record| record.trace.is_none())));
    }
    numbers.into_iter().filter_map(|number| logs.get(number).cloned()).collect()
}

/// Returns the span of a row, with an empty payload.
#[must_use]
pub fn span_of_row(store: &Store, row: RowIx, depth: usize) -> ExportedSpan {
    ExportedSpan { record: SpanRecord::from_row(store, row), status: store.row(row).status(), depth, payload: Payload::default() }
}

/// Returns a file name without extension that describes `traces`:
/// `agno-top-report-team-bcc844e1-20261122-070102`, or `agno-top-3-traces-20261122-070102`.
#[must_use]
pub fn file_stem(traces: &[TraceRecord], at: NaiveDateTime) -> String {
    let what = match traces {
        [trace] => {
            let name = trace.name.as_str();
            let name = slug(name.strip_suffix(".run").or_else(|| name.strip_suffix(".arun")).unwrap_or(name), NAME_LENGTH);
            let id = trace.trace_id.to_string();
            format!("{}-{}", if name.is_empty() { "trace" } else { &name }, &id[..8])
        }
        several => format!("{}-traces", several.len()),
    };
    format!("agno-top-{what}-{}", at.format("%Y%m%d-%H%M%S"))
}

/// Reduces a text to lower-case letters, digits and single dashes, which are safe in file systems, shells and terminals.
fn slug(text: &str, limit: usize) -> String {
    let mut slug = String::new();
    for c in text.chars().flat_map(char::to_lowercase) {
        match c {
            c if c.is_alphanumeric() => slug.push(c),
            _ if slug.is_empty() || slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    let cut = slug.char_indices().nth(limit).map_or(slug.len(), |(at, _)| at);
    slug[..cut].trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SpanId;
    use crate::store::RunStatus;

    fn trace(id: u8, name: &str) -> TraceRecord {
        TraceRecord {
            source: String::new(),
            trace_id: TraceId::new([id; 16]).unwrap(),
            name: name.to_owned(),
            root: name.to_owned(),
            label: String::new(),
            status: RunStatus::Ok,
            start: 1,
            end: Some(2),
            duration_ms: None,
            spans: 1,
            errors: 0,
            failed_steps: 0,
            failed: false,
            agent: None,
            session: None,
            user: None,
            other_traces: Vec::new(),
            covers_other_traces: false,
            until: 2,
            scope: Vec::new(),
            usage: UsageRecord::default(),
            approvals: Vec::new(),
            scores: Vec::new(),
        }
    }

    fn moment() -> NaiveDateTime {
        "2026-11-22T07:01:02".parse().unwrap()
    }

    #[test]
    fn a_file_name_describes_its_traces() {
        let stem = |name: &str| file_stem(&[trace(0xbc, name)], moment());
        assert_eq!(stem("Report_Team.run"), "agno-top-report-team-bcbcbcbc-20261122-070102");
        assert_eq!(stem("../../\u{1b}[2J\u{202e}"), "agno-top-2j-bcbcbcbc-20261122-070102");
        assert_eq!(stem("研究チーム.arun"), "agno-top-研究チーム-bcbcbcbc-20261122-070102");
        assert_eq!(stem("…"), "agno-top-trace-bcbcbcbc-20261122-070102");
        assert_eq!(file_stem(&[trace(1, "a"), trace(2, "b"), trace(3, "c")], moment()), "agno-top-3-traces-20261122-070102");
        assert_eq!(stem(&"a b".repeat(99)).len(), "agno-top--01010101-20261122-070102".len() + NAME_LENGTH);
    }

    #[test]
    fn an_empty_export_is_valid() {
        for format in Format::ALL {
            let empty = Exporter::new(&Options { format, ..Options::default() }, Vec::new()).finish().unwrap();
            assert_eq!(format.name().parse(), Ok(format));
            match format {
                Format::Otlp => assert_eq!(String::from_utf8(empty).unwrap(), "{\"resourceSpans\":[]}\n"),
                Format::Csv => assert!(
                    empty.starts_with(b"trace_id,span_id,parent_id,name,kind,status,failed,failed_steps,error,start,end,duration_ms,")
                ),
                _ => assert_eq!(empty, b""),
            }
        }
        assert!("xml".parse::<Format>().unwrap_err().contains("otlp-proto"));
        assert_eq!("md".parse(), Ok(Format::Markdown));
    }

    #[test]
    fn every_format_writes_all_spans_and_redacts_secrets() {
        let secret = "sk-proj-abcdefghijklmnopqrstuvwx1234";
        for format in Format::ALL {
            let redactor = Some(Redactor::new(&[]).unwrap());
            let mut exporter = Exporter::new(&Options { format, redactor, ..Options::default() }, Vec::new());
            for id in [1, 2] {
                exporter.trace(trace(id, &format!("with {secret}"))).unwrap();
                for n in 1..=3 {
                    let name = format!("span {n} of {id} with {secret}");
                    let mut record = SpanRecord::new(TraceId::new([id; 16]).unwrap(), SpanId::new([n; 8]).unwrap(), name, 1, Some(2));
                    record.parent_id = SpanId::new([n - 1; 8]);
                    let attributes = vec![("input.value".to_owned(), crate::model::Value::Text(format!("key {secret}")))];
                    let payload = Payload { attributes, status_message: secret.to_owned(), ..Payload::default() };
                    exporter.span(ExportedSpan { record, status: Status::Error, depth: usize::from(n) - 1, payload }).unwrap();
                }
            }
            let written = exporter.finish().unwrap();
            let text = String::from_utf8_lossy(&written);
            assert!(!text.contains(secret), "{format:?}: {text}");
            for id in [1, 2] {
                for n in 1..=3 {
                    assert!(text.contains(&format!("span {n} of {id}")), "{format:?}: {text}");
                }
            }
        }
    }
}
