//! `agno-top logs`: log records, the oldest first.

use std::borrow::Cow;
use std::io::{self, BufWriter, Write};

use eyre::Report;
use serde::Serialize;

use super::export::otlp_output;
use super::output::{Output, Style, StyledText};
use super::snapshot::Snapshot;
use super::table::{Table, text};
use super::{Outcome, ignore_broken_pipe, json, print_message};
use crate::cli::LogsArgs;
use crate::config::Config;
use crate::export::{Format, Redaction, redacted_log, write_logs};
use crate::format;
use crate::logs::LogNumber;
use crate::model::attributes::AttributeMap;
use crate::model::sort;
use crate::model::{LogRecord, Value};
use crate::sources::log_content;
use crate::store::RunStatus;
use crate::tui::app::{FilteredLog, LogLine};
use crate::tui::display::log;

/// The most records of a request that is written.
const REQUEST: usize = 1024;

/// Prints the records of the sources.
pub(super) fn run(args: &LogsArgs, config: &Config) -> Result<Outcome, Report> {
    let redaction = Redaction::of_options(args.redact, args.redact_personal);
    let redactor = redaction.redactor(&config.redact_patterns).map_err(Report::msg)?;
    let snapshot = Snapshot::read(&args.sources, None, config, true)?;
    let logs = &snapshot.logs;
    let is_shown =
        |record: &LogRecord| args.filter.as_ref().is_none_or(|query| query.matches_record(&FilteredLog::new(record), snapshot.now));
    let held = (logs.first()..logs.end()).filter_map(|number| Some((number, logs.get(number)?)));
    let mut shown: Vec<(LogNumber, &LogRecord)> = held.filter(|(_, record)| is_shown(record)).collect();
    sort::by_key(&mut shown, |(_, record)| record.time);
    let left_out = shown.len().saturating_sub(args.limit.map_or(usize::MAX, |limit| limit as usize));
    shown.drain(..left_out);
    if logs.first() > 0 {
        print_message(&format!("{} left out; raise --max-memory to hold more", format::plural(logs.first(), "older log record")));
    }
    if args.filter.as_ref().is_some_and(crate::query::Query::asks_of_other_than_logs) {
        print_message("part of the filter is about spans only and is left aside");
    }
    if shown.is_empty() {
        let what = if logs.is_empty() { "no logs" } else { "no matching log records" };
        print_message(&format!("{what} in {}", snapshot.names()));
        return Ok(Outcome::Missing);
    }
    let source = |number: LogNumber| logs.source(number).map_or("", |source| snapshot.source_name(source));
    let mut shown = shown.into_iter().map(|(number, record)| match &redactor {
        Some(redactor) => Ok((redactor.text(source(number)), Cow::Owned(redacted_log(record, redactor)?))),
        None => Ok((Cow::Borrowed(source(number)), Cow::Borrowed(record))),
    });
    if let Some(format) = args.format {
        let mut out = otlp_output(format)?;
        let result = write_otlp(&mut shown.map(|record| Ok(record?.1.into_owned())), format.into(), &mut out);
        return ignore_broken_pipe(result.and_then(|()| out.flush()), Outcome::Done);
    }
    let mut out = BufWriter::new(io::stdout().lock());
    let result = if args.json {
        shown.try_for_each(|record| record.and_then(|(source, record)| print_json(&mut out, &source, &record)))
    } else {
        let table = table(&mut shown.map(|record| Ok(record?.1)), &snapshot);
        table.and_then(|table| table.write(&mut out, Output::stdout(config.ascii)))
    };
    ignore_broken_pipe(result.and_then(|()| out.flush()), Outcome::Done)
}

/// Writes the records in requests of at most [`REQUEST`] of them.
fn write_otlp(shown: &mut dyn Iterator<Item = io::Result<LogRecord>>, format: Format, out: &mut impl Write) -> io::Result<()> {
    loop {
        let request = shown.take(REQUEST).collect::<io::Result<Vec<LogRecord>>>()?;
        if request.is_empty() {
            return Ok(());
        }
        write_logs(&request, format, out)?;
    }
}

fn table(shown: &mut dyn Iterator<Item = io::Result<Cow<'_, LogRecord>>>, snapshot: &Snapshot) -> io::Result<Table> {
    let mut table = Table::new(vec![text("TIME"), text("LEVEL"), text("SERVICE").optional(), text("EVENT"), text("RECORD")]);
    for record in shown {
        let record = record?;
        let line = LogLine::new(&record);
        let level = if record.severity >= log::ERROR { Style::Status(RunStatus::Error) } else { Style::Dim };
        let moment = if record.time > 0 { format::moment(record.time, snapshot.now) } else { format::UNKNOWN.to_owned() };
        let cells = [
            StyledText::new(&moment, Style::Dim),
            StyledText::new(&line.level, level),
            StyledText::new(&line.service, Style::Dim),
            StyledText::new(&line.event, Style::Strong),
            StyledText::from(line.text),
        ];
        table.push(cells.into_iter().map(|cell| vec![cell]).collect());
    }
    Ok(table)
}

/// A log record as JSON.
#[derive(Serialize)]
struct Record<'a> {
    source: &'a str,
    time: Option<String>,
    severity: Option<u8>,
    level: Option<&'a str>,
    service: Option<&'a str>,
    logger: Option<&'a str>,
    event: Option<&'a str>,
    body: &'a Value,
    attributes: AttributeMap<'a>,
    resource: AttributeMap<'a>,
    trace_id: Option<String>,
    span_id: Option<String>,
}

fn print_json(out: &mut impl Write, source: &str, record: &LogRecord) -> io::Result<()> {
    fn stated(text: &str) -> Option<&str> {
        (!text.is_empty()).then_some(text)
    }
    let (content, event) = (log_content(record), record.event());
    let line = Record {
        source,
        time: (record.time > 0).then(|| format::rfc3339(record.time)),
        severity: (record.severity > 0).then_some(record.severity),
        level: stated(record.level()),
        service: stated(&record.group.service),
        logger: stated(&record.group.scope),
        event: stated(&event),
        body: &content.body,
        attributes: AttributeMap(&content.attributes),
        resource: AttributeMap(&record.group.resource),
        trace_id: record.trace.map(|id| id.to_string()),
        span_id: record.span.map(|id| id.to_string()),
    };
    json::line(out, &line)
}
