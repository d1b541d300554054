//! `agno-top export`: traces in formats for other programs.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;

use eyre::{Context, Report, bail};

use super::contexts::Contexts;
use super::show_file::show_file;
use super::snapshot::Snapshot;
use super::{Outcome, UsageError, ignore_broken_pipe, json, open, print_message, spans};
use crate::cli::{ExportArgs, OtlpFormat};
use crate::config::{self, Config};
use crate::export::{Exporter, Format, NewFile, Options, Palette, Redaction, TraceRecord, WhyRecord, file_stem};
use crate::format;
use crate::store::TraceIx;
use crate::tui::theme::{Background, ColorSupport, Themes};

/// Exports the selected traces.
pub(super) fn run(args: &ExportArgs, config: &Config) -> Result<Outcome, Report> {
    if args.max_chars.is_some() && args.format() != Format::Markdown {
        return Err(Report::new(UsageError("--max-chars is for --format markdown".to_owned())));
    }
    if args.open && !matches!(args.format(), Format::Html | Format::Svg) {
        return Err(Report::new(UsageError("--open is for --format html and svg".to_owned())));
    }
    if args.open && args.names_stdout() {
        return Err(Report::new(UsageError("--open shows a file: name one with -o, or leave -o out for a new one".to_owned())));
    }
    let redaction = Redaction::of_options(args.redact, args.redact_personal);
    let redactor = redaction.redactor(&config.redact_patterns).map_err(Report::msg)?;
    let options = Options { format: args.format(), redactor, max_chars: args.max_chars, palette: palette(config) };
    let is_terminal = args.file().is_none() && io::stdout().is_terminal();
    if is_terminal && args.format() == Format::OtlpProto {
        bail!("otlp-proto is binary and standard output is a terminal; write it to a file with -o FILE");
    }
    refuse_to_overwrite_sources(args, config)?;
    args.selection.refuse_unknown_words().map_err(|message| Report::new(UsageError(message)))?;
    let Some((mut snapshot, mut traces)) = Snapshot::select(&args.selection.with_ids(), config, false)? else {
        return Ok(Outcome::Missing);
    };
    // Oldest first, as they arrived.
    traces.reverse();
    if args.file().is_none() && args.open {
        let records: Vec<_> = traces.iter().map(|&trace| TraceRecord::from_trace(&snapshot.store, trace, "")).collect();
        let stem = file_stem(&records, chrono::Local::now().naive_local());
        let path = std::env::temp_dir().join(format!("{stem}.{}", args.format().extension()));
        let cannot = || format!("can't write {}", path.display());
        let mut file = NewFile::create_removed_by_signals(&path).wrap_err_with(cannot)?;
        write(&mut snapshot, &traces, &options, file.writer()).wrap_err_with(cannot)?;
        let path = file.keep().wrap_err_with(cannot)?;
        print_message(&format!("wrote {}", path.display()));
        return show_file(&path).map(|()| Outcome::Done);
    }
    let Some(path) = args.file() else {
        let out = BufWriter::new(EscapingStdout { out: io::stdout().lock(), is_terminal });
        return ignore_broken_pipe(write(&mut snapshot, &traces, &options, out).map(drop), Outcome::Done);
    };
    let spans = write_file(path, &mut snapshot, &traces, &options).wrap_err_with(|| format!("can't write {}", path.display()))?;
    let (spans, traces) = (format::plural(spans, "span"), format::plural(traces.len() as u64, "trace"));
    print_message(&format!("wrote {spans} of {traces} as {} to {}", options.format.name(), path.display()));
    if args.open {
        show_file(path)?;
    }
    Ok(Outcome::Done)
}

/// Returns the colours of the screen.
fn palette(config: &Config) -> Palette {
    let mut themes = Themes::load(&config.theme, config::theme_directory().as_deref(), ColorSupport::True).0;
    if let Some(background) = Background::detect(|name| std::env::var(name).ok()) {
        themes.set_background(background);
    }
    themes.current().palette()
}

/// Writes a file, which replaces an existing one only when it is complete. Returns the number of spans.
fn write_file(path: &Path, snapshot: &mut Snapshot, traces: &[TraceIx], options: &Options) -> Result<u64, Report> {
    // A pipe or a device can't be replaced.
    if path.exists() && !path.is_file() {
        let file = File::options().write(true).open(path)?;
        return write(snapshot, traces, options, BufWriter::new(file));
    }
    let mut file = NewFile::create_removed_by_signals(path)?;
    let spans = write(snapshot, traces, options, file.writer())?;
    file.replace()?;
    Ok(spans)
}

/// Returns an error if the output is one of the sources.
fn refuse_to_overwrite_sources(args: &ExportArgs, config: &Config) -> Result<(), Report> {
    let named = args.selection.with_ids().sources;
    let named = if named.is_empty() { &config.sources } else { &named };
    let file = args.file().filter(|file| file.is_file());
    if let Some(file) = file.filter(|file| open::paths(named, config).iter().any(|source| is_same(source, file))) {
        bail!("{} is one of the sources; export to another file", file.display());
    }
    Ok(())
}

/// Whether both paths name the same file.
fn is_same(one: &Path, other: &Path) -> bool {
    #[cfg(unix)]
    if let (Ok(one), Ok(other)) = (one.metadata(), other.metadata()) {
        use std::os::unix::fs::MetadataExt;
        return (one.dev(), one.ino()) == (other.dev(), other.ino());
    }
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// Writes the traces. Returns the number of spans.
pub(super) fn write(snapshot: &mut Snapshot, traces: &[TraceIx], options: &Options, out: impl Write) -> Result<u64, Report> {
    let mut exporter = Exporter::new(options, out);
    let (mut count, mut missing) = (0, 0);
    if options.format.holds_contexts() {
        snapshot.read_sessions(traces)?;
    }
    for &trace in traces {
        exporter.trace(TraceRecord::for_report(&snapshot.store, trace, snapshot.source(trace), snapshot.now))?;
        if options.format.holds_findings() {
            exporter.findings(WhyRecord::new(&snapshot.store, trace, snapshot.now));
        }
        if options.format.holds_contexts() {
            exporter.context(&Contexts::read(snapshot, &snapshot.store.walk(trace).collect::<Vec<_>>())?.markdown(&snapshot.store));
        }
        missing += spans::for_each(snapshot, trace, options.format, |span| {
            count += 1;
            exporter.span(span)
        })?;
    }
    spans::report_missing(missing);
    let logs = snapshot.logs_of(traces)?;
    if exporter.holds_logs() {
        logs.iter().try_for_each(|record| exporter.log(record))?;
    } else if !logs.is_empty() {
        let records = format::plural(logs.len() as u64, "log record");
        print_message(&format!("{records} left out; --format otlp holds them, and so does agno-top logs"));
    }
    exporter.finish()?;
    Ok(count)
}

/// Returns standard output for requests of this format. The error is a terminal, which is no place for protobuf.
pub(super) fn otlp_output(format: OtlpFormat) -> Result<impl Write, Report> {
    let is_terminal = io::stdout().is_terminal();
    if is_terminal && format == OtlpFormat::OtlpProto {
        return Err(Report::new(UsageError("otlp-proto is binary and standard output is a terminal; redirect it into a file".to_owned())));
    }
    Ok(BufWriter::new(EscapingStdout { out: io::stdout().lock(), is_terminal }))
}

/// Standard output. On a terminal, characters that could control it are written as JSON escapes; only JSON formats contain such characters.
struct EscapingStdout<W> {
    out: W,
    is_terminal: bool,
}

impl<W: Write> Write for EscapingStdout<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.is_terminal {
            return self.out.write(bytes);
        }
        // A character that is cut here is complete in the next write.
        let (text, length) = match std::str::from_utf8(bytes) {
            Ok(text) => (text, bytes.len()),
            Err(error) if error.valid_up_to() > 0 => {
                (std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(), error.valid_up_to())
            }
            Err(_) => ("\u{fffd}", 1),
        };
        json::escape(text, &mut self.out)?;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
