//! `agno-top show`: one trace.

mod payload;
mod text;

use std::io::{self, BufWriter, Write};

use color_eyre::eyre::{Report, bail};
use serde::Serialize;

use super::output::Output;
use super::snapshot::Snapshot;
use super::spans::{SLICE, report_missing};
use super::{Outcome, ignore_broken_pipe, json, print_message};
use crate::cli::ShowArgs;
use crate::config::Config;
use crate::export::record::{SpanRecord, TraceRecord};
use crate::format;
use crate::store::{RowIx, TraceIx};
use crate::tui::display;
use payload::PayloadRecord;

/// The maximum number of traces to name if an id prefix is ambiguous.
const MAX_NAMED: usize = 8;

/// A span with its depth in the tree.
#[derive(Serialize)]
struct SpanInTree<'a> {
    depth: usize,
    #[serde(flatten)]
    span: SpanRecord,
    #[serde(flatten)]
    payload: Option<PayloadRecord<'a>>,
}

/// Shows a trace.
pub(super) fn run(args: &ShowArgs, config: &Config) -> Result<Outcome, Report> {
    let mut snapshot = Snapshot::read(&args.sources, None, config)?;
    let prefix = &args.trace;
    let trace = match find(&snapshot, prefix).as_slice() {
        [] => {
            print_message(&format!("no trace id in {} starts with {prefix}", snapshot.names()));
            return Ok(Outcome::NothingFound);
        }
        [trace] => *trace,
        several => bail!("{} trace ids start with {prefix}: {}", several.len(), describe(&snapshot, several)),
    };
    let rows: Vec<_> = snapshot.store.walk(trace).collect();
    let mut out = BufWriter::new(io::stdout().lock());
    let result = if args.json {
        write_json(&mut out, &mut snapshot, trace, &rows, args.payload)?
    } else {
        text::write(&mut out, &snapshot, trace, &rows, Output::stdout(config.ascii))
    };
    Ok(ignore_broken_pipe(result.and_then(|()| out.flush()), Outcome::Done)?)
}

/// Returns the traces whose ids start with `prefix`, newest first.
fn find(snapshot: &Snapshot, prefix: &str) -> Vec<TraceIx> {
    let starts = |trace: &TraceIx| snapshot.store.trace(*trace).id.to_string().starts_with(prefix);
    snapshot.store.traces().rev().filter(starts).collect()
}

/// Writes a trace as one object, its spans as they are read: all payloads may exceed the memory.
///
/// The outer error says why payloads can't be requested; the inner one is a failed write.
fn write_json(
    out: &mut impl Write,
    snapshot: &mut Snapshot,
    trace: TraceIx,
    rows: &[(RowIx, usize)],
    with_payload: bool,
) -> Result<io::Result<()>, Report> {
    let mut record = serde_json::to_value(TraceRecord::from_trace(&snapshot.store, trace, snapshot.source(trace)))?;
    // The key of the number of spans holds the spans themselves here.
    record.as_object_mut().and_then(|fields| fields.shift_remove("spans"));
    let mut head = Vec::new();
    json::value(&mut head, &record)?;
    // Reopens the object.
    head.pop();
    head.extend_from_slice(b",\"spans\":[");
    let mut result = out.write_all(&head);
    let mut missing = 0;
    for (slice, first) in rows.chunks(SLICE).zip((0..).step_by(SLICE)) {
        let indexes: Vec<RowIx> = slice.iter().map(|&(row, _)| row).collect();
        let payloads = if with_payload { snapshot.payloads(&indexes)? } else { Vec::new() };
        missing += payloads.iter().filter(|payload| payload.is_err()).count() as u64;
        for (index, &(row, depth)) in slice.iter().enumerate() {
            let payload = with_payload.then(|| PayloadRecord::new(payloads.get(index).and_then(|payload| payload.as_ref().ok())));
            let span = SpanInTree { depth, span: SpanRecord::from_row(&snapshot.store, row), payload };
            let comma: &[u8] = if first + index == 0 { b"" } else { b"," };
            result = result.and_then(|()| out.write_all(comma)).and_then(|()| json::value(out, &span));
        }
        if result.is_err() {
            return Ok(result);
        }
    }
    report_missing(missing);
    Ok(result.and_then(|()| out.write_all(b"]}\n")))
}

/// Describes traces for a message, so that the user can choose one.
fn describe(snapshot: &Snapshot, traces: &[TraceIx]) -> String {
    let describe = |&trace: &TraceIx| {
        let data = snapshot.store.trace(trace);
        let name = data.roots().first().map_or(String::new(), |&root| display::name(&snapshot.store, snapshot.store.row(root)));
        format!("{} ({name}, {})", data.id, format::moment(data.start, snapshot.now))
    };
    let more = if traces.len() > MAX_NAMED { ", …" } else { "" };
    format::safe(&traces.iter().take(MAX_NAMED).map(describe).collect::<Vec<_>>().join(", ")).into_owned() + more
}
