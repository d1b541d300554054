//! The arguments of `show`, `why` and `compare`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::selection::{id_prefix, split_ids};

/// The arguments of `show`.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct ShowArgs {
    /// The trace's id, or the start of it that no other id shares, or last for the newest trace; may also follow the sources
    #[arg(value_name = "TRACE")]
    pub trace: PathBuf,

    /// SQLite databases, URLs of PostgreSQL or ClickHouse, files [default: the databases found here, as on the screen]
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<PathBuf>,

    /// text (a tree), compact (the tree in the fewest characters), json (one object) or markdown (the report of `export --format markdown`)
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = ShowFormat::Text, hide_possible_values = true)]
    pub format: ShowFormat,

    /// The same as --format json
    ///
    /// Fields: those of `list --json`, with the spans in `spans` in tree order. Each span has depth, leaked, `trace_id`, `span_id`, `parent_id`, name, kind, status (ok, error, running, lost, paused, cut), failed, `failed_steps`, error, start, end, `duration_ms`, `self_ms`, agent, model, provider, tool, session, user, the usage that the span itself reports, `requested_model`, `first_token_ms`, `tokens_per_second`, truncated, stalled, duplicate (another span reports the same call), parameters (of a model call, an object), approvals, scores, `stored_run` and `stored_session` (what Agno's records of the run and of its session state), context (of a model call and of a run, an object) and dropped (the attributes, events and links that its sender left out, or null).
    #[arg(long, conflicts_with = "format")]
    pub json: bool,

    /// With --format json, also write each span's attributes (an object) and events (a list of name, time, attributes)
    #[arg(long)]
    pub payload: bool,
}

/// How `show` writes a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ShowFormat {
    /// A tree for users
    #[default]
    Text,
    /// A JSON object for programs
    Json,
    /// The tree in the fewest characters
    Compact,
    /// A report
    #[value(alias = "md")]
    Markdown,
}

impl ShowArgs {
    /// Returns the format, from either flag. The error says that `--payload` needs another one.
    pub fn format(&self) -> Result<ShowFormat, String> {
        let format = if self.json { ShowFormat::Json } else { self.format };
        if self.payload && format != ShowFormat::Json {
            return Err("--payload is for --format json, or --json".to_owned());
        }
        Ok(format)
    }

    /// Returns the beginning of the trace's id, and the sources. The error says that there is no id, or several.
    pub fn split(&self) -> Result<(String, Vec<PathBuf>), String> {
        split(&self.trace, &self.sources)
    }
}

/// The arguments of `why`.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct WhyArgs {
    /// The trace's id, or the start of it that no other id shares, or last for the newest trace; may also follow the sources
    #[arg(value_name = "TRACE")]
    pub trace: PathBuf,

    /// SQLite databases, URLs of PostgreSQL or ClickHouse, files [default: the databases found here, as on the screen]
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<PathBuf>,

    /// Write one JSON object
    ///
    /// Fields: `trace_id`, findings (a list of cause, sentence and spans: ids, the first is the one to look at), `critical_path` (a list of `span_id`, name and ms, the longest first), `left_out` and truncated. Causes: failure, refusal, cut, paused, lost, loop, repeat, retry, slow, time, context, cache, numbers, clock.
    #[arg(long)]
    pub json: bool,
}

impl WhyArgs {
    /// Returns the beginning of the trace's id, and the sources. The error says that there is no id, or several.
    pub fn split(&self) -> Result<(String, Vec<PathBuf>), String> {
        split(&self.trace, &self.sources)
    }
}

/// The arguments of `compare`.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct CompareArgs {
    /// A trace's id, or the start of it that no other id shares, or last for the newest trace; may also follow the sources
    #[arg(value_name = "TRACE")]
    pub trace: PathBuf,

    /// The other trace
    #[arg(value_name = "OTHER")]
    pub other: PathBuf,

    /// SQLite databases, PostgreSQL URLs, files [default: the databases found here, as on the screen]
    #[arg(value_name = "SOURCE")]
    pub sources: Vec<PathBuf>,

    /// Write one JSON object
    ///
    /// Fields: a and b (the earlier and the later trace, with the fields of `list --json`), sentence (how b differs from a), `differing_steps`, `omitted_steps` (of each, beyond the first 2,000) and steps: a list of a and b (each with depth, `span_id`, name, status, `duration_ms` and usage, or null if only the other trace has the step) and differs: step, status, time (by a fifth and 10 ms), tokens, cost, text (the start of the input, or the error), parameters, only in A, only in B.
    #[arg(long)]
    pub json: bool,
}

impl CompareArgs {
    /// Returns the beginnings of the two ids, and the sources. The error says that these are not two.
    pub fn split(&self) -> Result<([String; 2], Vec<PathBuf>), String> {
        let words: Vec<PathBuf> = [&self.trace, &self.other].into_iter().chain(&self.sources).cloned().collect();
        let (ids, sources) = split_ids(&words);
        match <[String; 2]>::try_from(ids) {
            Ok(ids) => Ok((ids, sources)),
            Err(ids) if ids.len() > 2 => Err("two traces at a time: this names more".to_owned()),
            Err(_) => Err("expected the first hex digits of two trace ids, or last; agno-top list shows them".to_owned()),
        }
    }
}

fn split(trace: &Path, sources: &[PathBuf]) -> Result<(String, Vec<PathBuf>), String> {
    let words: Vec<PathBuf> = std::iter::once(trace.to_owned()).chain(sources.iter().cloned()).collect();
    let (mut ids, others) = split_ids(&words);
    let first = trace.to_string_lossy();
    match (ids.pop(), id_prefix(&first)) {
        (Some(id), _) if ids.is_empty() => Ok((id, others)),
        (Some(_), _) => Err("one trace at a time: this names several".to_owned()),
        // A file may be named like an id.
        (None, Some(id)) => Ok((id, sources.to_vec())),
        (None, None) => Err(format!("expected the first hex digits of a trace id, or last, found {first:?}")),
    }
}
