//! `agno-top why`: what stands out in one trace, and what decided its time.

use std::io::{self, BufWriter, Write};

use eyre::Report;

use super::output::{Output, Style, StyledText};
use super::snapshot::Snapshot;
use super::{Outcome, UsageError, ignore_broken_pipe, json};
use crate::cli::WhyArgs;
use crate::config::Config;
use crate::export::WhyRecord;
use crate::export::record::status_name;
use crate::format;
use crate::model::Nanos;
use crate::store::{MAX_ANALYZED_ROWS, TraceIx};
use crate::tui::display;
use crate::why::{self, Why};

/// The most steps of the critical path that the text names.
const MAX_STEPS: usize = 5;

/// The cells before a sentence.
const INDENT: usize = 4;

/// Says why. Reads the sources whole: what a step usually takes, the other traces tell.
pub(super) fn run(args: &WhyArgs, config: &Config) -> Result<Outcome, Report> {
    let (id, sources) = args.split().map_err(|message| Report::new(UsageError(message)))?;
    let snapshot = Snapshot::read_readable(&sources, None, config, false)?;
    let Some(trace) = snapshot.find(&id)? else { return Ok(Outcome::Missing) };
    let mut out = BufWriter::new(io::stdout().lock());
    let result = if args.json {
        json::line(&mut out, &WhyRecord::new(&snapshot.store, trace, snapshot.now))
    } else {
        write(&mut out, &snapshot, trace, Output::stdout(config.ascii))
    };
    ignore_broken_pipe(result.and_then(|()| out.flush()), snapshot.outcome())
}

fn write(out: &mut impl Write, snapshot: &Snapshot, trace: TraceIx, output: Output) -> io::Result<()> {
    let (store, data) = (&snapshot.store, snapshot.store.trace(trace));
    let Why { findings, times, left_out, is_truncated } = why::why(store, trace, snapshot.now);
    let status = data.run_status();
    let took = format::duration_if_known(store.trace_time(trace, snapshot.now), store.is_time_bound(trace));
    let line = [
        StyledText::new(&data.id.to_string(), Style::Strong),
        StyledText::from(format!("  {}  ", display::lead_name(store, trace))),
        StyledText::new(status_name(status), Style::Status(status)),
        StyledText::from(format!("  {took}")),
    ];
    output.line(out, &line)?;
    for sentence in why::scope(store, trace, snapshot.now) {
        for line in wrap(&sentence, output.width) {
            output.line(out, &[StyledText::new(&line, Style::Dim)])?;
        }
    }
    out.write_all(b"\n")?;
    if findings.is_empty() {
        output.line(out, &["Nothing stands out.".to_owned().into()])?;
    }
    for (finding, number) in findings.iter().zip(1..) {
        let mut lines = wrap(&finding.sentence, output.width.map(|width| width.saturating_sub(INDENT))).into_iter();
        let number = StyledText::new(&format::pad_right(&format!("{number}."), INDENT), Style::Dim);
        output.line(out, &[number, lines.next().unwrap_or_default().into()])?;
        for line in lines {
            output.line(out, &[" ".repeat(INDENT).into(), line.into()])?;
        }
        let more = finding.rows.len() - 1;
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let span = finding.rows.first().map(|&row| store.row(row).id.to_string()).unwrap_or_default();
        output.line(out, &[StyledText::new(&format!("{}span {span}{more}", " ".repeat(INDENT)), Style::Dim)])?;
    }
    if left_out > 0 {
        let more = format!("{} with the causes above left out", format::plural(left_out as u64, "less important finding"));
        output.line(out, &[StyledText::new(&more, Style::Dim)])?;
    }
    if is_truncated {
        let rows = format::count(MAX_ANALYZED_ROWS as u64);
        output.line(
            out,
            &[StyledText::new(&format!("Only the first {rows} spans of the trace, or of a run in it, were analysed."), Style::Dim)],
        )?;
    }
    if times.is_empty() {
        return Ok(());
    }
    out.write_all(b"\n")?;
    output.line(out, &[StyledText::new("What decided the time", Style::Strong)])?;
    let total: Nanos = times.iter().map(|(_, time)| *time).sum();
    for &(row, time) in times.iter().take(MAX_STEPS) {
        let share = format::pad_left(&format::percent(time.unsigned_abs(), total.unsigned_abs()), INDENT);
        let took = format::pad_left(&format::duration(time), 8);
        let line = [
            StyledText::from(format!("{share}{took}  {}", why::name(store, row))),
            StyledText::new(&format!("  span {}", store.row(row).id), Style::Dim),
        ];
        output.line(out, &line)?;
    }
    if times.len() > MAX_STEPS {
        let rest: Nanos = times[MAX_STEPS..].iter().map(|(_, time)| *time).sum();
        let (share, took) = (format::percent(rest.unsigned_abs(), total.unsigned_abs()), format::duration(rest));
        let steps = format::plural((times.len() - MAX_STEPS) as u64, "other step");
        output.line(
            out,
            &[StyledText::new(&format!("{}{}  {steps}", format::pad_left(&share, INDENT), format::pad_left(&took, 8)), Style::Dim)],
        )?;
    }
    Ok(())
}

/// Breaks a text between words into lines of at most `width` cells; a longer word stands alone.
fn wrap(text: &str, width: Option<usize>) -> Vec<String> {
    let text = format::safe(text);
    let Some(width) = width else { return vec![text.into_owned()] };
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else { break };
        if !line.is_empty() && format::width(line) + 1 + format::width(word) > width {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_broken_between_words() {
        assert_eq!(wrap("a bc def", Some(4)), ["a bc", "def"]);
        assert_eq!(wrap("abcdefg h\u{1b}[2Ji", Some(3)), ["abcdefg", "hi"]);
        assert_eq!(wrap("a b", None), ["a b"]);
    }
}
