//! `agno-top show`: one trace.

mod payload;
mod text;

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::Args;
use color_eyre::eyre::{Report, bail};
use serde::Serialize;

use super::load::Snapshot;
use super::output::Output;
use super::{Outcome, json, print_message, written};
use crate::config::Config;
use crate::export::record::{SpanRecord, TraceRecord};
use crate::format;
use crate::store::{RowIx, TraceIx};
use crate::tui::display;
use payload::Details;

/// Payloads that are held in memory at a time.
const SLICE: usize = 256;

/// Traces that are named where a prefix fits several, at most.
const NAMED: usize = 8;

/// What `show` is told.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct Show {
    /// The trace's id, or as much of its beginning as no other has
    #[arg(value_name = "TRACE", value_parser = parse_prefix)]
    pub trace: String,

    /// What to read: SQLite databases, PostgreSQL URLs, files; without any, the databases found here, as on the screen
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<PathBuf>,

    /// Write one JSON object
    ///
    /// The fields of `list --json`, with the spans themselves in spans: in the order of the tree, each with depth, `trace_id`, `span_id`, `parent_id`, name, kind, status, error, start, end, `duration_ms`, `self_ms`, agent, model, provider, tool, session, user and the usage that this very span states.
    #[arg(long)]
    pub json: bool,

    /// Also write each span's attributes (an object) and events (a list of name, time, attributes)
    #[arg(long, requires = "json")]
    pub payload: bool,
}

/// A span and its place in the tree.
#[derive(Serialize)]
struct SpanInTree<'a> {
    depth: usize,
    #[serde(flatten)]
    span: SpanRecord,
    #[serde(flatten)]
    payload: Option<Details<'a>>,
}

impl Show {
    /// Shows.
    pub fn run(&self, config: &Config) -> Result<Outcome, Report> {
        let mut loaded = Snapshot::read(&self.sources, None, config)?;
        let trace = match self.find(&loaded).as_slice() {
            [] => {
                print_message(&format!("no trace in {} has an id that begins with {}", loaded.names(), self.trace));
                return Ok(Outcome::Nothing);
            }
            [trace] => *trace,
            several => bail!("{} traces have an id that begins with {}: {}", several.len(), self.trace, names(&loaded, several)),
        };
        let rows: Vec<_> = loaded.store.walk(trace).collect();
        let mut out = BufWriter::new(io::stdout().lock());
        let result = if self.json {
            self.write_json(&mut out, &mut loaded, trace, &rows)?
        } else {
            text::write(&mut out, &loaded, trace, &rows, Output::stdout(config.ascii))
        };
        Ok(written(result.and_then(|()| out.flush()), Outcome::Done)?)
    }

    /// The traces whose ids begin so, newest first.
    fn find(&self, loaded: &Snapshot) -> Vec<TraceIx> {
        let fits = |trace: &TraceIx| loaded.store.trace(*trace).id.to_string().starts_with(&self.trace);
        loaded.store.traces().rev().filter(fits).collect()
    }

    /// Writes one object, spans as they are read: together their payloads may be larger than the memory.
    /// The outer `Err` says why payloads can't be asked for, the inner one how writing failed.
    fn write_json(
        &self,
        out: &mut impl Write,
        loaded: &mut Snapshot,
        trace: TraceIx,
        rows: &[(RowIx, usize)],
    ) -> Result<io::Result<()>, Report> {
        let mut record = serde_json::to_value(TraceRecord::of(&loaded.store, trace, loaded.source(trace)))?;
        // Here the spans themselves stand in the place of their number, which must not come twice.
        record.as_object_mut().and_then(|fields| fields.shift_remove("spans"));
        let mut head = Vec::new();
        json::value(&mut head, &record)?;
        // The object goes on with the spans.
        head.pop();
        head.extend_from_slice(b",\"spans\":[");
        let mut result = out.write_all(&head);
        let mut missing = 0;
        for (slice, first) in rows.chunks(SLICE).zip((0..).step_by(SLICE)) {
            let asked: Vec<RowIx> = slice.iter().map(|&(row, _)| row).collect();
            let payloads = if self.payload { loaded.payloads(&asked)? } else { Vec::new() };
            missing += payloads.iter().filter(|payload| payload.is_err()).count();
            for (at, &(row, depth)) in slice.iter().enumerate() {
                let payload = self.payload.then(|| Details::new(payloads.get(at).and_then(|payload| payload.as_ref().ok())));
                let span = SpanInTree { depth, span: SpanRecord::of(&loaded.store, row), payload };
                let comma: &[u8] = if first + at == 0 { b"" } else { b"," };
                result = result.and_then(|()| out.write_all(comma)).and_then(|()| json::value(out, &span));
            }
            if result.is_err() {
                return Ok(result);
            }
        }
        if missing > 0 {
            print_message(&format!("{} without attributes, which could not be read", format::plural(missing as u64, "span")));
        }
        Ok(result.and_then(|()| out.write_all(b"]}\n")))
    }
}

/// Reads the beginning of an id.
fn parse_prefix(text: &str) -> Result<String, String> {
    let digits = !text.is_empty() && text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if digits { Ok(text.to_ascii_lowercase()) } else { Err("a trace is named by the hex digits that its id begins with".to_owned()) }
}

/// Traces with what tells them apart for a person.
fn names(loaded: &Snapshot, traces: &[TraceIx]) -> String {
    let name = |&trace: &TraceIx| {
        let data = loaded.store.trace(trace);
        let head = data.roots().first().map_or(String::new(), |&top| display::name(&loaded.store, loaded.store.row(top)));
        format!("{} ({head}, {})", data.id, format::moment(data.start, loaded.now))
    };
    let more = if traces.len() > NAMED { ", …" } else { "" };
    format::safe(&traces.iter().take(NAMED).map(name).collect::<Vec<_>>().join(", ")).into_owned() + more
}
