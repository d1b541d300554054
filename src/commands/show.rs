//! `agno-top show`: one trace.

mod text;

use std::io::{self, BufWriter, Write};

use eyre::Report;
use serde::Serialize;

use super::compact::{Shape, compact};
use super::contexts::{ContextRecord, Contexts};
use super::first::First;
use super::output::Output;
use super::snapshot::Snapshot;
use super::spans::{SLICE, report_missing};
use super::{Outcome, UsageError, export, ignore_broken_pipe, json};
use crate::cli::{Selection, ShowArgs, ShowFormat};
use crate::config::Config;
use crate::export::jsonl::EventRecord;
use crate::export::record::{ApprovalRecord, ScoreRecord, SpanRecord, StoredRunRecord, TraceRecord};
use crate::export::{Format, Options};
use crate::model::attributes::AttributeMap;
use crate::model::{Attribute, Dropped, Payload};
use crate::semconv::parameters;
use crate::store::{RowIx, TraceIx};

/// A span with its depth in the tree.
#[derive(Serialize)]
struct SpanInTree<'a> {
    depth: usize,
    leaked: bool,
    #[serde(flatten)]
    span: SpanRecord,
    parameters: Option<AttributeMap<'a>>,
    approvals: Vec<ApprovalRecord>,
    scores: Vec<ScoreRecord>,
    /// What the record of the run states that the span is.
    stored_run: Option<StoredRunRecord>,
    /// What the record of its session states.
    stored_session: Option<StoredRunRecord>,
    context: Option<&'a ContextRecord>,
    #[serde(flatten)]
    payload: Option<PayloadRecord<'a>>,
    /// What the sender dropped because of its limits; `None` if nothing.
    dropped: Option<DroppedRecord>,
}

/// How many attributes, events and links the sender dropped.
#[derive(Serialize)]
struct DroppedRecord {
    attributes: u32,
    events: u32,
    links: u32,
}

impl DroppedRecord {
    fn new(Dropped { attributes, events, links }: Dropped) -> Option<Self> {
        (attributes > 0 || events > 0 || links > 0).then_some(Self { attributes, events, links })
    }
}

/// The fields that `--payload` adds to a span; null if the payload is no longer available.
#[derive(Serialize)]
struct PayloadRecord<'a> {
    attributes: Option<AttributeMap<'a>>,
    events: Option<Vec<EventRecord<'a>>>,
}

impl<'a> PayloadRecord<'a> {
    fn new(payload: Option<&'a Payload>) -> Self {
        let attributes = payload.map(|payload| AttributeMap(&payload.attributes));
        Self { attributes, events: payload.map(|payload| payload.events.iter().map(EventRecord::new).collect()) }
    }
}

/// Shows a trace.
pub(super) fn run(args: &ShowArgs, config: &Config) -> Result<Outcome, Report> {
    let (id, sources) = args.split().map_err(|message| Report::new(UsageError(message)))?;
    let format = args.format().map_err(|message| Report::new(UsageError(message)))?;
    let selection = Selection { sources, ids: vec![id.clone()], ..Selection::default() };
    let mut snapshot = match Snapshot::read_excerpt(&selection, First::All, config, false)? {
        Some(part) => part,
        None => Snapshot::read_readable(&selection.sources, None, config, false)?,
    };
    let Some(trace) = snapshot.find(&id)? else { return Ok(Outcome::Missing) };
    if format == ShowFormat::Json {
        snapshot.read_sessions(&[trace])?;
    }
    let rows: Vec<_> = snapshot.store.walk(trace).collect();
    let mut out = BufWriter::new(io::stdout().lock());
    let result = match format {
        ShowFormat::Json => write_json(&mut out, &mut snapshot, trace, &rows, args.payload),
        ShowFormat::Markdown => {
            let options = Options { format: Format::Markdown, ..Options::default() };
            export::write(&mut snapshot, &[trace], &options, &mut out).map(drop)
        }
        ShowFormat::Compact => {
            let text = compact(&snapshot.store, trace, snapshot.now, Shape::default()).text;
            out.write_all(text.as_bytes()).map_err(Report::new)
        }
        ShowFormat::Text => {
            let rows = snapshot.store.told_once(rows);
            let facts = PayloadFacts::read(&mut snapshot, &rows)?;
            text::write(&mut out, &snapshot, trace, &rows, &facts, Output::stdout(config.ascii)).map_err(Report::new)
        }
    };
    ignore_broken_pipe(result.and_then(|()| Ok(out.flush()?)), snapshot.outcome())
}

/// What payloads tell of a trace beside the facts of its rows.
struct PayloadFacts {
    /// The model calls that state parameters.
    parameters: Vec<(RowIx, Vec<Attribute>)>,
    /// The spans of which the sender dropped something.
    dropped: Vec<(RowIx, Dropped)>,
}

impl PayloadFacts {
    /// Reads the payloads of the rows, in slices.
    fn read(snapshot: &mut Snapshot, rows: &[(RowIx, usize)]) -> Result<Self, Report> {
        let mut facts = Self { parameters: Vec::new(), dropped: Vec::new() };
        for slice in rows.chunks(SLICE) {
            let indexes: Vec<RowIx> = slice.iter().map(|&(row, _)| row).collect();
            let payloads = snapshot.payloads(&indexes)?;
            for (row, payload) in indexes.into_iter().zip(payloads) {
                let Ok(payload) = payload else { continue };
                if payload.dropped != Dropped::default() {
                    facts.dropped.push((row, payload.dropped));
                }
                let calls_model = snapshot.store.row(row).span_type.calls_model();
                let stated = if calls_model { parameters(&payload.attributes) } else { Vec::new() };
                if !stated.is_empty() {
                    facts.parameters.push((row, stated));
                }
            }
        }
        Ok(facts)
    }
}

/// Writes a trace as one object, its spans as they are read: all payloads may exceed the memory.
fn write_json(
    out: &mut impl Write,
    snapshot: &mut Snapshot,
    trace: TraceIx,
    rows: &[(RowIx, usize)],
    with_payload: bool,
) -> Result<(), Report> {
    let mut record = serde_json::to_value(TraceRecord::from_trace(&snapshot.store, trace, snapshot.source(trace)))?;
    // The key of the number of spans holds the spans themselves here.
    record.as_object_mut().and_then(|fields| fields.shift_remove("spans"));
    let mut head = Vec::new();
    json::value(&mut head, &record)?;
    // Reopens the object.
    head.pop();
    head.extend_from_slice(b",\"spans\":[");
    out.write_all(&head)?;
    let contexts = Contexts::read(snapshot, rows)?.records(&snapshot.store);
    let mut missing = 0;
    for (slice, first) in rows.chunks(SLICE).zip((0..).step_by(SLICE)) {
        let indexes: Vec<RowIx> = slice.iter().map(|&(row, _)| row).collect();
        let payloads = snapshot.payloads(&indexes)?;
        missing += payloads.iter().filter(|payload| with_payload && payload.is_err()).count() as u64;
        for (index, &(row, depth)) in slice.iter().enumerate() {
            let payload = payloads.get(index).and_then(|payload| payload.as_ref().ok());
            let dropped = payload.and_then(|payload| DroppedRecord::new(payload.dropped));
            let stated = payload.filter(|_| snapshot.store.row(row).span_type.calls_model()).map(|payload| parameters(&payload.attributes));
            let parameters = stated.as_deref().filter(|stated| !stated.is_empty()).map(AttributeMap);
            let [stored_run, stored_session] =
                [payload.and_then(|payload| payload.run_metrics), payload.and_then(|payload| payload.session_metrics)];
            let payload = with_payload.then(|| PayloadRecord::new(payload));
            let leaked = snapshot.store.is_leaked(row);
            let (span, context) = (SpanRecord::from_row(&snapshot.store, row), contexts.get(&row));
            let approvals = ApprovalRecord::of(&snapshot.store, row).collect();
            let scores = ScoreRecord::of(&snapshot.store, row).collect();
            let [stored_run, stored_session] = [stored_run, stored_session].map(|metrics| metrics.map(StoredRunRecord::from));
            let span =
                SpanInTree { depth, leaked, span, parameters, approvals, scores, stored_run, stored_session, context, payload, dropped };
            if first + index > 0 {
                out.write_all(b",")?;
            }
            json::value(out, &span)?;
        }
    }
    report_missing(missing);
    Ok(out.write_all(b"]}\n")?)
}
