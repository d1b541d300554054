//! Spans written to files for other programs. Takes what is to be written as data; needs no terminal and no source.

pub mod otlp;
pub mod record;

pub use record::{SpanRecord, TraceRecord, UsageRecord};

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use chrono::NaiveDateTime;

use crate::model::{Nanos, Payload, SpanId, Status, TraceId};

/// Characters of a trace's name that go into a file's name.
const NAME_LENGTH: usize = 40;

/// One span with everything that is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Exported {
    /// The trace that it belongs to.
    pub trace: TraceId,
    /// Its id.
    pub id: SpanId,
    /// The span that it says it runs under.
    pub parent: Option<SpanId>,
    /// When it began.
    pub start: Nanos,
    /// When it ended; `None` while it runs.
    pub end: Option<Nanos>,
    /// As the sender set it.
    pub status: Status,
    /// Its name, as it came.
    pub name: String,
    /// The rest. [`Payload::notes`] are the source's words about the span, not the span's own, and are not written.
    pub payload: Payload,
}

/// A file name without extension that says what is in `spans`:
/// `agno-top-report-team-bcc844e1-20261122-070102`, or `agno-top-3-traces-20261122-070102`.
#[must_use]
pub fn file_stem(spans: &[Exported], at: NaiveDateTime) -> String {
    let mut traces: Vec<TraceId> = spans.iter().map(|span| span.trace).collect();
    traces.sort_unstable();
    traces.dedup();
    let what = match traces.as_slice() {
        [trace] => {
            let root = spans.iter().find(|span| span.parent.is_none()).or_else(|| spans.iter().min_by_key(|span| span.start));
            let name = root.map_or("", |root| root.name.as_str());
            let name = slug(name.strip_suffix(".run").or_else(|| name.strip_suffix(".arun")).unwrap_or(name), NAME_LENGTH);
            let id = trace.to_string();
            format!("{}-{}", if name.is_empty() { "trace" } else { &name }, &id[..8])
        }
        several => format!("{}-traces", several.len()),
    };
    format!("agno-top-{what}-{}", at.format("%Y%m%d-%H%M%S"))
}

/// Writes `spans` as OTLP/JSON into a new file in `dir`, named `stem`.json, `stem`-2.json and so on: never over another file.
///
/// The file appears whole or not at all, and only its owner can read it.
pub fn write_file(dir: &Path, stem: &str, spans: &[Exported]) -> io::Result<PathBuf> {
    let mut file = tempfile::Builder::new().prefix(".agno-top-").suffix(".tmp").tempfile_in(dir)?;
    let mut out = BufWriter::new(file.as_file_mut());
    otlp::write(spans, &mut out)?;
    out.flush()?;
    drop(out);
    file.as_file().sync_all()?;
    let stem = slug(stem, 200);
    for n in 1..1000 {
        let path = dir.join(if n == 1 { format!("{stem}.json") } else { format!("{stem}-{n}.json") });
        match file.persist_noclobber(&path) {
            Ok(_) => return Ok(path),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => file = error.file,
            Err(error) => return Err(error.error),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{} holds a thousand files named {stem}", dir.display())))
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

    fn span(trace: u8, id: u8, name: &str) -> Exported {
        Exported {
            trace: TraceId::new([trace; 16]).unwrap(),
            id: SpanId::new([id; 8]).unwrap(),
            parent: None,
            start: 1,
            end: Some(2),
            status: Status::Ok,
            name: name.to_owned(),
            payload: Payload::default(),
        }
    }

    fn moment() -> NaiveDateTime {
        "2026-11-22T07:01:02".parse().unwrap()
    }

    #[test]
    fn a_file_is_named_after_its_trace() {
        assert_eq!(file_stem(&[span(0xbc, 1, "Report_Team.run")], moment()), "agno-top-report-team-bcbcbcbc-20261122-070102");
        assert_eq!(file_stem(&[span(0xbc, 1, "../../\u{1b}[2J\u{202e}")], moment()), "agno-top-2j-bcbcbcbc-20261122-070102");
        assert_eq!(file_stem(&[span(0xbc, 1, "研究チーム.arun")], moment()), "agno-top-研究チーム-bcbcbcbc-20261122-070102");
        assert_eq!(file_stem(&[span(0xbc, 1, "…")], moment()), "agno-top-trace-bcbcbcbc-20261122-070102");
        assert_eq!(
            file_stem(&[span(1, 1, "a"), span(2, 2, "b"), span(3, 3, "c"), span(3, 4, "c")], moment()),
            "agno-top-3-traces-20261122-070102"
        );
        assert_eq!(file_stem(&[span(1, 1, &"a b".repeat(99))], moment()).len(), "agno-top--01010101-20261122-070102".len() + NAME_LENGTH);
    }

    #[test]
    fn an_existing_file_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.json"), "mine").unwrap();
        let spans = [span(1, 1, "a")];
        assert_eq!(write_file(dir.path(), "a", &spans).unwrap(), dir.path().join("a-2.json"));
        assert_eq!(write_file(dir.path(), "a", &spans).unwrap(), dir.path().join("a-3.json"));
        assert_eq!(std::fs::read_to_string(dir.path().join("a.json")).unwrap(), "mine");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3, "no temporary file is left");
    }

    #[test]
    fn a_directory_that_is_not_there_is_an_error() {
        assert!(write_file(Path::new("no/such/directory"), "a", &[]).is_err());
    }
}
