//! `agno-top show`: one trace.

mod text;

use std::io::{self, BufWriter, Write};

use color_eyre::eyre::Report;
use serde::Serialize;

use super::output::Output;
use super::snapshot::Snapshot;
use super::spans::{SLICE, report_missing};
use super::{Outcome, UsageError, find, ignore_broken_pipe, json};
use crate::cli::ShowArgs;
use crate::config::Config;
use crate::export::jsonl::EventRecord;
use crate::export::record::{SpanRecord, TraceRecord};
use crate::model::attributes::AttributeMap;
use crate::model::{Attribute, Payload};
use crate::semconv::parameters;
use crate::store::{RowIx, TraceIx};

/// A span with its depth in the tree.
#[derive(Serialize)]
struct SpanInTree<'a> {
    depth: usize,
    #[serde(flatten)]
    span: SpanRecord,
    parameters: Option<AttributeMap<'a>>,
    #[serde(flatten)]
    payload: Option<PayloadRecord<'a>>,
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
    let mut snapshot = Snapshot::read(&sources, None, config, false)?;
    let Some(trace) = find::trace(&snapshot, &id)? else { return Ok(Outcome::NothingFound) };
    let rows: Vec<_> = snapshot.store.walk(trace).collect();
    let mut out = BufWriter::new(io::stdout().lock());
    let result = if args.json {
        write_json(&mut out, &mut snapshot, trace, &rows, args.payload)
    } else {
        let parameters = call_parameters(&mut snapshot, &rows)?;
        text::write(&mut out, &snapshot, trace, &rows, &parameters, Output::stdout(config.ascii)).map_err(Report::new)
    };
    ignore_broken_pipe(result.and_then(|()| Ok(out.flush()?)), Outcome::Done)
}

/// Returns the parameters of the model calls among rows that state any.
fn call_parameters(snapshot: &mut Snapshot, rows: &[(RowIx, usize)]) -> Result<Vec<(RowIx, Vec<Attribute>)>, Report> {
    let calls: Vec<RowIx> = rows.iter().map(|&(row, _)| row).filter(|&row| snapshot.store.row(row).span_type.calls_model()).collect();
    let mut found = Vec::new();
    for slice in calls.chunks(SLICE) {
        let payloads = snapshot.payloads(slice)?;
        let stated = slice.iter().zip(&payloads).filter_map(|(&row, payload)| Some((row, parameters(&payload.as_ref().ok()?.attributes))));
        found.extend(stated.filter(|(_, parameters)| !parameters.is_empty()));
    }
    Ok(found)
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
    let mut missing = 0;
    for (slice, first) in rows.chunks(SLICE).zip((0..).step_by(SLICE)) {
        let indexes: Vec<RowIx> = slice.iter().map(|&(row, _)| row).collect();
        let payloads = if with_payload { snapshot.payloads(&indexes)? } else { Vec::new() };
        let parameters = call_parameters(snapshot, slice)?;
        let mut parameters = parameters.iter().peekable();
        missing += payloads.iter().filter(|payload| payload.is_err()).count() as u64;
        for (index, &(row, depth)) in slice.iter().enumerate() {
            let payload = with_payload.then(|| PayloadRecord::new(payloads.get(index).and_then(|payload| payload.as_ref().ok())));
            let parameters = parameters.next_if(|(call, _)| *call == row).map(|(_, parameters)| AttributeMap(parameters));
            let span = SpanInTree { depth, span: SpanRecord::from_row(&snapshot.store, row), parameters, payload };
            if first + index > 0 {
                out.write_all(b",")?;
            }
            json::value(out, &span)?;
        }
    }
    report_missing(missing);
    Ok(out.write_all(b"]}\n")?)
}
