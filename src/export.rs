//! Spans written for other programs. Takes what is to be written as data; needs no terminal and no source.

pub mod agno;
pub mod csv;
pub mod jsonl;
pub mod markdown;
mod otlp;
pub mod record;
pub mod redact;

pub use record::{SpanRecord, TraceRecord, UsageRecord};
pub use redact::Redactor;

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use chrono::NaiveDateTime;

use crate::model::{Payload, Status};
use crate::semconv::remove_pending_marker;
use crate::store::{RowIx, Store, TraceIx};

/// Characters of a trace's name that go into a file's name.
const NAME_LENGTH: usize = 40;

/// One span with everything that is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Exported {
    /// What its row says.
    pub record: SpanRecord,
    /// As the sender set it.
    pub status: Status,
    /// How many spans of the trace it hangs under.
    pub depth: usize,
    /// The rest. [`Payload::notes`] are the source's words about the span, not the span's own, and are not written.
    pub payload: Payload,
}

/// What an export is written as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// One OTLP/JSON request.
    #[default]
    Otlp,
    /// The same in protobuf.
    OtlpProto,
    /// A trace a line: the dictionaries of Agno's own `Trace` and `Span`.
    Agno,
    /// A span a line, with stable fields.
    Jsonl,
    /// A span a row, without its attributes.
    Csv,
    /// A report for people.
    Markdown,
}

impl Format {
    /// Every format, the default first.
    pub const ALL: [Self; 6] = [Self::Otlp, Self::OtlpProto, Self::Agno, Self::Jsonl, Self::Csv, Self::Markdown];

    /// Its name on the command line and in the dialog.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Otlp => "otlp",
            Self::OtlpProto => "otlp-proto",
            Self::Agno => "agno",
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Markdown => "markdown",
        }
    }

    /// The extension of its files.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Otlp => "json",
            Self::OtlpProto => "pb",
            Self::Agno | Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Markdown => "md",
        }
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|format| format.name() == name).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|format| format.name()).collect();
            format!("there is no format {name:?}; there are {}", names.join(", "))
        })
    }
}

/// How an export is written.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// As what.
    pub format: Format,
    /// Hides secrets in every text.
    pub redactor: Option<Redactor>,
    /// The most characters of a report in Markdown.
    pub max_chars: Option<usize>,
}

/// Writes traces in one format. [`Exporter`] calls [`trace`](Self::trace) once for each trace, then [`span`](Self::span) for each of its
/// spans, parents before children, and [`finish`](Self::finish) at the end.
///
/// ```
/// use std::io::{self, Write};
///
/// use agno_top::export::{Exported, Exporter, SpanRecord, SpanWriter, TraceRecord};
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
///     fn span(&mut self, span: Exported, out: &mut W) -> io::Result<()> {
///         writeln!(out, "{}{}", "  ".repeat(span.depth), span.record.name)
///     }
///
///     fn finish(&mut self, _: &mut W) -> io::Result<()> {
///         Ok(())
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let trace = TraceId::parse(b"0af7651916cd43dd8448eb211c80319c").ok_or("no trace id")?;
/// let span = SpanId::parse(b"b7ad6b7169203331").ok_or("no span id")?;
/// let record = SpanRecord::new(trace, span, "Clerk.run", 0, Some(1_000_000));
/// let mut exporter = Exporter::with_writer(Outline, None, Vec::new());
/// exporter.span(Exported { record, status: Status::Ok, depth: 1, payload: Payload::default() })?;
/// assert_eq!(exporter.finish()?, b"  Clerk.run\n");
/// # Ok(())
/// # }
/// ```
pub trait SpanWriter<W: Write> {
    /// Begins a trace.
    fn trace(&mut self, trace: &TraceRecord, out: &mut W) -> io::Result<()>;

    /// Writes a span of the trace.
    fn span(&mut self, span: Exported, out: &mut W) -> io::Result<()>;

    /// Ends the export.
    fn finish(&mut self, out: &mut W) -> io::Result<()>;
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
        };
        Self { writer, redactor: options.redactor.clone(), out }
    }

    /// Begins an export in a format of the caller's.
    pub fn with_writer(writer: impl SpanWriter<W> + 'static, redactor: Option<Redactor>, out: W) -> Self {
        Self { writer: Box::new(writer), redactor, out }
    }

    /// Begins a trace; its spans follow.
    pub fn trace(&mut self, mut trace: TraceRecord) -> io::Result<()> {
        if let Some(redactor) = &self.redactor {
            redactor.trace(&mut trace);
        }
        self.writer.trace(&trace, &mut self.out)
    }

    /// Writes a span of the trace, after the span that it hangs under.
    pub fn span(&mut self, mut span: Exported) -> io::Result<()> {
        if span.record.end.is_none() {
            remove_pending_marker(&mut span.payload.attributes);
        }
        if let Some(redactor) = &self.redactor {
            redactor.span(&mut span);
        }
        self.writer.span(span, &mut self.out)
    }

    /// Ends the export and gives back where it was written.
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

/// The rows of a trace as an export takes them, in the order of the tree, with how deep each hangs; without spans that have not come.
#[must_use]
pub fn rows(store: &Store, trace: TraceIx) -> Vec<(RowIx, usize)> {
    store.walk(trace).filter(|&(row, _)| !store.row(row).placeholder).collect()
}

/// A row as it is exported, its payload still empty.
#[must_use]
pub fn exported(store: &Store, row: RowIx, depth: usize) -> Exported {
    Exported { record: SpanRecord::of(store, row), status: store.row(row).status, depth, payload: Payload::default() }
}

/// A file name without extension that says what is in `traces`:
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

/// A new file beside `path`, which appears there whole or not at all, and only its owner can read it.
#[derive(Debug)]
pub struct NewFile {
    file: tempfile::NamedTempFile,
    path: PathBuf,
}

impl NewFile {
    /// Makes the file under another name in the same folder, which must be there.
    pub fn create(path: &Path) -> io::Result<Self> {
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = tempfile::Builder::new().prefix(".agno-top-").suffix(".tmp").tempfile_in(dir)?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Where to write.
    pub fn writer(&mut self) -> BufWriter<&mut std::fs::File> {
        BufWriter::with_capacity(1 << 18, self.file.as_file_mut())
    }

    /// Gives the file its name, in place of the file that has it.
    pub fn replace(self) -> io::Result<PathBuf> {
        self.file.as_file().sync_all()?;
        self.file.persist(&self.path).map_err(|error| error.error)?;
        Ok(self.path)
    }

    /// Gives the file its name, or where that is taken `name-2.json`, `name-3.json` and so on: never in place of another file.
    pub fn keep(self) -> io::Result<PathBuf> {
        let Self { mut file, path } = self;
        file.as_file().sync_all()?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let extension = path.extension().map(|extension| format!(".{}", extension.to_string_lossy())).unwrap_or_default();
        for n in 1..1000 {
            let path = if n == 1 { path.clone() } else { path.with_file_name(format!("{stem}-{n}{extension}")) };
            match file.persist_noclobber(&path) {
                Ok(_) => return Ok(path),
                Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => file = error.file,
                Err(error) => return Err(error.error),
            }
        }
        Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("a thousand files are named {stem}")))
    }
}

/// Lower-case letters, digits and single dashes: what no file system, shell or terminal takes for anything else.
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
    use crate::model::{SpanId, TraceId};
    use crate::store::RunStatus;

    fn trace(id: u8, name: &str) -> TraceRecord {
        TraceRecord {
            source: String::new(),
            trace_id: TraceId::new([id; 16]).unwrap(),
            name: name.to_owned(),
            status: RunStatus::Ok,
            start: 1,
            end: Some(2),
            duration_ms: None,
            spans: 1,
            errors: 0,
            agent: None,
            session: None,
            user: None,
            usage: UsageRecord::default(),
        }
    }

    fn moment() -> NaiveDateTime {
        "2026-11-22T07:01:02".parse().unwrap()
    }

    #[test]
    fn a_file_is_named_after_its_trace() {
        let stem = |name: &str| file_stem(&[trace(0xbc, name)], moment());
        assert_eq!(stem("Report_Team.run"), "agno-top-report-team-bcbcbcbc-20261122-070102");
        assert_eq!(stem("../../\u{1b}[2J\u{202e}"), "agno-top-2j-bcbcbcbc-20261122-070102");
        assert_eq!(stem("研究チーム.arun"), "agno-top-研究チーム-bcbcbcbc-20261122-070102");
        assert_eq!(stem("…"), "agno-top-trace-bcbcbcbc-20261122-070102");
        assert_eq!(file_stem(&[trace(1, "a"), trace(2, "b"), trace(3, "c")], moment()), "agno-top-3-traces-20261122-070102");
        assert_eq!(stem(&"a b".repeat(99)).len(), "agno-top--01010101-20261122-070102".len() + NAME_LENGTH);
    }

    #[test]
    fn an_existing_file_is_left_alone_unless_it_is_to_be_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        std::fs::write(&path, "mine").unwrap();
        let new = |text: &str| {
            let mut file = NewFile::create(&path).unwrap();
            file.writer().write_all(text.as_bytes()).unwrap();
            file
        };
        assert_eq!(new("x").keep().unwrap(), dir.path().join("a-2.json"));
        assert_eq!(new("y").keep().unwrap(), dir.path().join("a-3.json"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
        drop(new("never"));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3, "no temporary file is left");
        assert_eq!(new("theirs").replace().unwrap(), path);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "theirs");
    }

    #[test]
    fn a_directory_that_is_not_there_is_an_error() {
        assert!(NewFile::create(Path::new("no/such/directory/a.json")).is_err());
    }

    #[test]
    fn an_export_of_nothing_is_one_that_can_be_read() {
        for format in Format::ALL {
            let empty = Exporter::new(&Options { format, ..Options::default() }, Vec::new()).finish().unwrap();
            assert_eq!(format.name().parse(), Ok(format));
            match format {
                Format::Otlp => assert_eq!(String::from_utf8(empty).unwrap(), "{\"resourceSpans\":[]}\n"),
                Format::Csv => assert!(empty.starts_with(b"trace_id,span_id,parent_id,name,kind,status,error,start,end,duration_ms,")),
                _ => assert_eq!(empty, b""),
            }
        }
        assert!("xml".parse::<Format>().unwrap_err().contains("otlp-proto"));
    }

    /// Of two traces with three spans, every format writes all, and each hides what is to be hidden.
    #[test]
    fn every_format_writes_all_and_hides_secrets() {
        let secret = "sk-proj-abcdefghijklmnopqrstuvwx1234";
        for format in Format::ALL {
            let redactor = Some(Redactor::new(&[]).unwrap());
            let mut exporter = Exporter::new(&Options { format, redactor, max_chars: None }, Vec::new());
            for id in [1, 2] {
                exporter.trace(trace(id, &format!("with {secret}"))).unwrap();
                for n in 1..=3 {
                    let name = format!("span {n} of {id} with {secret}");
                    let mut record = SpanRecord::new(TraceId::new([id; 16]).unwrap(), SpanId::new([n; 8]).unwrap(), name, 1, Some(2));
                    record.parent_id = SpanId::new([n - 1; 8]);
                    let attributes = vec![("input.value".to_owned(), crate::model::Value::Text(format!("key {secret}")))];
                    let payload = Payload { attributes, status_message: secret.to_owned(), ..Payload::default() };
                    exporter.span(Exported { record, status: Status::Error, depth: usize::from(n) - 1, payload }).unwrap();
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
