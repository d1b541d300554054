//! The columns of each view, and the values in them.

use super::View;
use crate::model::Nanos;
use crate::model::usage::NanoUsd;

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableColumn {
    /// The name of a session, an agent, a model or a tool, or an error message.
    Name,
    /// Turns of a session.
    Turns,
    /// Runs of an agent.
    Runs,
    /// Calls of a model or a tool.
    Calls,
    /// Failed spans with the same message.
    Count,
    /// Start time of the first turn or failure.
    First,
    /// Start time of the last turn or failure.
    Last,
    /// Failed spans, runs or calls.
    Errors,
    /// Share of failed runs or calls.
    ErrorRate,
    /// Cost.
    Cost,
    /// Median duration.
    P50,
    /// 95th percentile of the durations.
    P95,
    /// 99th percentile of the durations.
    P99,
    /// Longest duration.
    Max,
    /// Median time to the first token.
    FirstToken,
    /// Input and output tokens.
    Tokens,
    /// Tokens per turn.
    TokensPerTurn,
    /// Output tokens per second.
    TokensPerSecond,
    /// Input tokens.
    Input,
    /// Output tokens.
    Output,
    /// Share of input tokens that were read from a cache.
    Cached,
    /// Share of output tokens that were used for reasoning.
    Reasoning,
    /// User of a session.
    User,
    /// Agent, model or tool that failed.
    Where,
    /// Type of the failed spans.
    Kind,
}

use TableColumn as C;

const SESSIONS: &[C] =
    &[C::Name, C::Turns, C::Last, C::Errors, C::Cost, C::Tokens, C::TokensPerTurn, C::Input, C::Output, C::First, C::User];

const AGENTS: &[C] = &[C::Name, C::Runs, C::Errors, C::Cost, C::P50, C::P95, C::Input, C::Output, C::ErrorRate, C::P99, C::Max, C::Cached];

const MODELS: &[C] = &[
    C::Name,
    C::Calls,
    C::Errors,
    C::Cost,
    C::P50,
    C::P95,
    C::Input,
    C::Output,
    C::TokensPerSecond,
    C::Cached,
    C::ErrorRate,
    C::P99,
    C::Max,
    C::FirstToken,
    C::Reasoning,
];

const TOOLS: &[C] = &[C::Name, C::Calls, C::Errors, C::ErrorRate, C::P50, C::P95, C::P99, C::Max, C::Tokens, C::Cost];

const ERRORS: &[C] = &[C::Name, C::Count, C::Last, C::Where, C::Kind, C::First];

/// Returns the columns of a view, the most important ones first.
pub(super) fn of(view: View) -> &'static [TableColumn] {
    match view {
        View::Traces => &[],
        View::Sessions => SESSIONS,
        View::Agents => AGENTS,
        View::Models => MODELS,
        View::Tools => TOOLS,
        View::Errors => ERRORS,
    }
}

/// Returns the index of the column that a view is sorted by at first.
pub(super) fn default_sort(view: View) -> usize {
    let column = match view {
        View::Sessions => C::Last,
        View::Agents | View::Models => C::Cost,
        View::Tools => C::Calls,
        View::Errors => C::Count,
        View::Traces => C::Name,
    };
    of(view).iter().position(|&other| other == column).unwrap_or_default()
}

impl TableColumn {
    /// Returns the title in a view.
    #[must_use]
    pub fn title(self, view: View) -> &'static str {
        match self {
            Self::Name => match view {
                View::Sessions => "SESSION",
                View::Agents => "AGENT",
                View::Models => "MODEL",
                View::Tools => "TOOL",
                View::Errors => "MESSAGE",
                View::Traces => "",
            },
            Self::Turns => "TURNS",
            Self::Runs => "RUNS",
            Self::Calls => "CALLS",
            Self::Count => "COUNT",
            Self::First | Self::FirstToken => "FIRST",
            Self::Last => "LAST",
            Self::Errors => "ERR",
            Self::ErrorRate => "ERR%",
            Self::Cost => "COST",
            Self::P50 => "P50",
            Self::P95 => "P95",
            Self::P99 => "P99",
            Self::Max => "MAX",
            Self::Tokens => "TOK",
            Self::TokensPerTurn => "TOK/TURN",
            Self::TokensPerSecond => "TOK/S",
            Self::Input if view == View::Sessions => "IN",
            Self::Output if view == View::Sessions => "OUT",
            Self::Input => "TOK IN",
            Self::Output => "TOK OUT",
            Self::Cached => "CACHED",
            Self::Reasoning => "REASON",
            Self::User => "USER",
            Self::Where => "WHERE",
            Self::Kind => "KIND",
        }
    }
}

/// A value in a line. Unknown values sort last and show as "–".
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Text.
    Text(String),
    /// A number of things.
    Count(u64),
    /// Tokens.
    Tokens(Option<u64>),
    /// A duration.
    Time(Option<Nanos>),
    /// Cost.
    Money(Option<NanoUsd>),
    /// A part of a whole; unknown if the whole is 0.
    Part(u64, u64),
    /// A point in time.
    Moment(Nanos),
    /// A number per second.
    Rate(Option<f64>),
}

impl Cell {
    /// Returns the sort key: texts from A to Z, numbers from the largest, unknown values last.
    pub(super) fn sort_key(&self) -> SortKey {
        let number = match *self {
            Self::Text(ref text) => return SortKey::Text(text.to_lowercase()),
            Self::Count(count) => Some(count as f64),
            Self::Tokens(tokens) => tokens.map(|tokens| tokens as f64),
            Self::Time(time) => time.map(|time| time as f64),
            Self::Money(money) => money.map(|money| money as f64),
            Self::Part(part, whole) => (whole > 0).then(|| part as f64 / whole as f64),
            Self::Moment(moment) => Some(moment as f64),
            Self::Rate(rate) => rate,
        };
        // The bits of floats that are not negative are in the order of the floats.
        SortKey::Number(number.map_or(u64::MAX, |number| u64::MAX - 1 - number.max(0.0).to_bits()))
    }
}

/// How a cell sorts.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SortKey {
    Text(String),
    Number(u64),
}
