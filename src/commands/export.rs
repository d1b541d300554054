//! `agno-top export`: traces written for other programs.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use color_eyre::eyre::{Context, Report, bail};

use super::load::Snapshot;
use super::select::Selection;
use super::{Outcome, UsageError, json, print_message, sources, spans, written};
use crate::config::Config;
use crate::export::{Exporter, Format, NewFile, Options, Redactor, TraceRecord};
use crate::format;
use crate::store::TraceIx;

/// What `export` is told.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct Export {
    /// The traces.
    #[command(flatten)]
    pub selection: Selection,

    /// The file to write, which replaces one that is there; - for standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    pub output: PathBuf,

    /// otlp (OTLP/JSON), otlp-proto (OTLP in protobuf), agno (a trace a line, as Agno's own Trace and Span have it), jsonl (a span a line), csv (a span a row) or markdown (a report)
    #[arg(long, value_name = "FORMAT", default_value = "otlp")]
    pub format: Format,

    /// Hide API keys, tokens, passwords, e-mail addresses and what `redact_patterns` of the configuration match
    #[arg(long)]
    pub redact: bool,

    /// The most characters of a report in Markdown: long texts are cut first, and it says what was cut
    #[arg(long, value_name = "N")]
    pub max_chars: Option<usize>,
}

impl Export {
    /// Exports.
    pub fn run(&self, config: &Config) -> Result<Outcome, Report> {
        if self.max_chars.is_some() && self.format != Format::Markdown {
            return Err(Report::new(UsageError("--max-chars is for --format markdown".to_owned())));
        }
        let redactor = self.redact.then(|| Redactor::new(&config.redact_patterns)).transpose().map_err(Report::msg)?;
        let options = Options { format: self.format, redactor, max_chars: self.max_chars };
        let to_terminal = self.output == Path::new("-") && io::stdout().is_terminal();
        if to_terminal && self.format == Format::OtlpProto {
            bail!("otlp-proto is not for a terminal; -o FILE writes it to a file");
        }
        self.refuse_sources(config)?;
        let mut loaded = Snapshot::read(&self.selection.sources, self.selection.since.as_ref(), config)?;
        let mut traces = loaded.choose(&self.selection)?;
        if traces.is_empty() {
            return Ok(loaded.nothing(&self.selection));
        }
        // The oldest first, as they would have arrived.
        traces.reverse();
        if self.output == Path::new("-") {
            let out = BufWriter::new(EscapingStdout { out: io::stdout().lock(), on: to_terminal });
            let result = write(&mut loaded, &traces, &options, out)?;
            return Ok(written(result.map(drop), Outcome::Done)?);
        }
        let name = self.output.display();
        let failed = || format!("can't write {name}");
        // What is no plain file, such as a pipe, can't be replaced and is written into.
        let spans = if self.output.exists() && !self.output.is_file() {
            let file = File::options().write(true).open(&self.output).wrap_err_with(failed)?;
            write(&mut loaded, &traces, &options, BufWriter::new(file))?.wrap_err_with(failed)?
        } else {
            let mut file = NewFile::create(&self.output).wrap_err_with(failed)?;
            let spans = write(&mut loaded, &traces, &options, file.writer())?.wrap_err_with(failed)?;
            file.replace().wrap_err_with(failed)?;
            spans
        };
        print_message(&format!("wrote {} of {} to {name}", format::plural(spans, "span"), format::plural(traces.len() as u64, "trace")));
        Ok(Outcome::Done)
    }

    /// `Err` if what is written would take the place of what is read.
    fn refuse_sources(&self, config: &Config) -> Result<(), Report> {
        let named = if self.selection.sources.is_empty() { &config.sources } else { &self.selection.sources };
        let plain = self.output != Path::new("-") && self.output.is_file();
        if plain && sources::paths(named, config).iter().any(|source| is_same(source, &self.output)) {
            bail!("{} is one of the sources; export to another file", self.output.display());
        }
        Ok(())
    }
}

/// Whether both lead to one file, by whatever names.
fn is_same(one: &Path, other: &Path) -> bool {
    #[cfg(unix)]
    if let (Ok(one), Ok(other)) = (one.metadata(), other.metadata()) {
        use std::os::unix::fs::MetadataExt;
        return (one.dev(), one.ino()) == (other.dev(), other.ino());
    }
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// Writes the traces and gives the number of their spans.
fn write(loaded: &mut Snapshot, traces: &[TraceIx], options: &Options, out: impl Write) -> Result<io::Result<u64>, Report> {
    let mut exporter = Exporter::new(options, out);
    let (mut count, mut missing) = (0, 0);
    for &trace in traces {
        let record = TraceRecord::of(&loaded.store, trace, loaded.source(trace));
        let begun = exporter.trace(record);
        let take = |span| {
            count += 1;
            exporter.span(span)
        };
        match begun.map(|()| spans::each(loaded, trace, take)) {
            Ok(Ok(Ok(without))) => missing += without,
            Ok(Err(report)) => return Err(report),
            Ok(Ok(Err(error))) | Err(error) => return Ok(Err(error)),
        }
    }
    if missing > 0 {
        print_message(&format!("{} without attributes, which could not be read", format::plural(missing, "span")));
    }
    Ok(exporter.finish().map(|_| count))
}

/// Standard output. Where it is a terminal, what that might obey is written as JSON's escapes; formats that are no JSON hold none of it.
struct EscapingStdout<W> {
    out: W,
    on: bool,
}

impl<W: Write> Write for EscapingStdout<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.on {
            return self.out.write(bytes);
        }
        // A character that is cut comes whole with the next piece.
        let (text, taken) = match std::str::from_utf8(bytes) {
            Ok(text) => (text, bytes.len()),
            Err(error) if error.valid_up_to() > 0 => {
                (std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(), error.valid_up_to())
            }
            Err(_) => ("\u{fffd}", 1),
        };
        json::escape(text, &mut self.out)?;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
