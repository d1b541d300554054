//! `agno-top send`: traces sent to an OTLP endpoint.

use std::io::{self, Write};

use eyre::{Report, bail};
use indicatif::ProgressBar;

use super::progress::progress_bar;
use super::snapshot::Snapshot;
use super::{Outcome, UsageError, ignore_broken_pipe, print_message, spans};
use crate::cli::SendArgs;
use crate::config::values::resolve_secret;
use crate::config::{Config, Header};
use crate::export::{ExportedSpan, Format};
use crate::format;
use crate::model::LogRecord;
use crate::send::Sender;
use crate::store::TraceIx;

/// Spans that were not sent.
#[derive(Default)]
struct Unsent {
    /// Sent without attributes, which could not be read.
    without_payload: u64,
    running: u64,
}

/// Sends the selected traces.
pub(super) fn run(args: &SendArgs, config: &Config) -> Result<Outcome, Report> {
    let headers = args.header.iter().map(Header::resolve).collect::<Result<Vec<_>, _>>().map_err(UsageError)?;
    let headers: Vec<_> = headers.into_iter().map(|header| (header.name, header.value)).collect();
    let url = resolve_secret(&args.to).map_err(UsageError)?;
    let mut sender = Sender::new(&url, &headers).map_err(|error| UsageError(error.to_string()))?;
    args.selection.refuse_unknown_words().map_err(|message| Report::new(UsageError(message)))?;
    let Some((mut snapshot, mut traces)) = Snapshot::select(&args.selection.with_ids(), config, false)? else {
        return Ok(Outcome::Missing);
    };
    // Oldest first, as they arrived.
    traces.reverse();
    let total = traces.iter().map(|&trace| u64::from(snapshot.store.trace(trace).counts().spans)).sum();
    let progress = progress_bar(total, "spans", "sent");
    let mut unsent = Unsent::default();
    let result = send(&mut sender, &mut snapshot, &traces, &progress, &mut unsent);
    progress.finish_and_clear();
    spans::report_missing(unsent.without_payload);
    if unsent.running > 0 {
        print_message(&format!("{} left out, still running", format::plural(unsent.running, "span")));
    }
    let sent = sender.sent();
    let (accepted, spans) = (format::count(sent.accepted), format::plural(total - unsent.running, "span"));
    if let Err(reason) = result {
        bail!("{reason}; it accepted {accepted} of {spans}");
    }
    let line = format!("{} accepted {accepted} of {spans}\n", sender.name());
    let outcome = ignore_broken_pipe(io::stdout().write_all(line.as_bytes()), Outcome::Done)?;
    if sent.rejected > 0 {
        print_message(&format!("{} rejected: {}", format::plural(sent.rejected, "span"), sent.reason));
    }
    send_logs(&mut sender, &snapshot.logs_of(&traces)?);
    if sender.sent().rejected > 0 {
        bail!("not every span was accepted");
    }
    Ok(outcome)
}

/// Sends log records, and says how that went: an endpoint for traces may take none.
fn send_logs(sender: &mut Sender, records: &[LogRecord]) {
    if records.is_empty() {
        return;
    }
    let (name, count) = (sender.name().to_owned(), format::plural(records.len() as u64, "log record"));
    match sender.send_logs(records, |reason| print_message(&format!("retrying: {}", format::safe(reason)))) {
        Ok(accepted) => print_message(&format!("{name} accepted {} of {count}", format::count(accepted))),
        Err(error) => print_message(&format!("{count} not sent: {name}: {}", format::safe(&error.to_string()))),
    }
}

/// Sends every span that has ended.
fn send(
    sender: &mut Sender,
    snapshot: &mut Snapshot,
    traces: &[TraceIx],
    progress: &ProgressBar,
    unsent: &mut Unsent,
) -> Result<(), Report> {
    let name = sender.name().to_owned();
    let failed = |error: io::Error| Report::msg(format!("{name}: {}", format::safe(&error.to_string())));
    let report = |error: &str| progress.set_message(format::safe(error).into_owned());
    for &trace in traces {
        let push = |span: ExportedSpan| {
            progress.inc(1);
            if span.record.end.is_none() {
                unsent.running += 1;
                return Ok(());
            }
            sender.push(span, report).map_err(failed)
        };
        unsent.without_payload += spans::for_each(snapshot, trace, Format::OtlpProto, push)?;
    }
    sender.finish(report).map_err(failed)
}
