//! The columns of each view, and the values in them.

use super::View;
use crate::model::Nanos;
use crate::model::usage::NanoUsd;
use crate::settings::named_enum;
use crate::store::Totals;

named_enum! {
    /// A column of a table, in the order on the screen.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum TableColumn {
        /// The name of a session, an agent, a model or a tool, or an error message.
        Name = "",
        /// Turns of a session.
        Turns = "TURNS",
        /// Runs of an agent.
        Runs = "RUNS",
        /// Calls of a model or a tool.
        Calls = "CALLS",
        /// Failed spans with the same message.
        Count = "COUNT",
        /// Start time of the first turn or failure.
        First = "FIRST",
        /// Start time of the last turn or failure.
        Last = "LAST",
        /// Failed spans, runs or calls.
        Errors = "ERR",
        /// Share of failed runs or calls.
        ErrorRate = "ERR%",
        /// Refusals by guardrails in runs of an agent.
        Refused = "REFUSED",
        /// Cost.
        Cost = "COST",
        /// Median duration.
        P50 = "P50",
        /// 95th percentile of the durations.
        P95 = "P95",
        /// 99th percentile of the durations.
        P99 = "P99",
        /// Longest duration.
        Max = "MAX",
        /// Median time to the first token.
        FirstToken = "FIRST",
        /// 95th percentile of the time to the first token.
        FirstToken95 = "FIRST95",
        /// Input and output tokens.
        Tokens = "TOK",
        /// Tokens per turn.
        TokensPerTurn = "TOK/TURN",
        /// Output tokens per second.
        TokensPerSecond = "TOK/S",
        /// Median output tokens per second.
        Speed50 = "TOK/S50",
        /// 95th percentile of the output tokens per second.
        Speed95 = "TOK/S95",
        /// Input tokens.
        Input = "TOK IN",
        /// Output tokens.
        Output = "TOK OUT",
        /// Share of input tokens that were read from a cache.
        Cached = "CACHED",
        /// Tokens that were read again because a cache missed them.
        Rebuilt = "REBUILT",
        /// What that cost.
        MissCost = "MISS $",
        /// Share of output tokens that were used for reasoning.
        Reasoning = "REASON",
        /// The answer to an approval.
        Answer = "ANSWER",
        /// When a person was asked.
        Asked = "ASKED",
        /// How long the answer took.
        Waited = "WAITED",
        /// Who answered.
        By = "BY",
        /// User of a session.
        User = "USER",
        /// Agent, model or tool that failed.
        Where = "WHERE",
        /// Type of the failed spans.
        Kind = "KIND",
    }
}

use TableColumn as C;

const SESSIONS: &[C] = &[
    C::Name,
    C::Turns,
    C::Last,
    C::Errors,
    C::Cost,
    C::Tokens,
    C::TokensPerTurn,
    C::Input,
    C::Output,
    C::First,
    C::User,
    C::Rebuilt,
    C::MissCost,
];

const AGENTS: &[C] = &[
    C::Name,
    C::Runs,
    C::Errors,
    C::Cost,
    C::P50,
    C::P95,
    C::Input,
    C::Output,
    C::ErrorRate,
    C::Refused,
    C::P99,
    C::Max,
    C::Cached,
    C::Rebuilt,
    C::MissCost,
];

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
    C::FirstToken,
    C::FirstToken95,
    C::ErrorRate,
    C::P99,
    C::Max,
    C::Speed50,
    C::Speed95,
    C::Reasoning,
    C::Rebuilt,
    C::MissCost,
];

const TOOLS: &[C] = &[C::Name, C::Calls, C::Errors, C::ErrorRate, C::P50, C::P95, C::P99, C::Max, C::Tokens, C::Cost];

const ERRORS: &[C] = &[C::Name, C::Count, C::Last, C::Where, C::Kind, C::First];

const APPROVALS: &[C] = &[C::Name, C::Answer, C::Asked, C::Waited, C::By, C::Where];

/// Returns the columns of a view, the most important ones first.
pub(super) fn of(view: View) -> &'static [TableColumn] {
    match view {
        View::Traces | View::Logs | View::Metrics => &[],
        View::Sessions => SESSIONS,
        View::Agents => AGENTS,
        View::Models => MODELS,
        View::Tools => TOOLS,
        View::Errors => ERRORS,
        View::Approvals => APPROVALS,
    }
}

/// Returns the index of the column that a view is sorted by at first.
pub(super) fn default_sort(view: View) -> usize {
    let column = match view {
        View::Sessions => C::Last,
        View::Agents | View::Models => C::Cost,
        View::Tools => C::Calls,
        View::Errors => C::Count,
        View::Approvals => C::Answer,
        View::Traces | View::Logs | View::Metrics => C::Name,
    };
    of(view).iter().position(|&other| other == column).unwrap_or_default()
}

impl TableColumn {
    /// Whether it holds texts, which are sorted from A to Z.
    #[must_use]
    pub fn is_text(self) -> bool {
        matches!(self, Self::Name | Self::User | Self::Where | Self::Kind)
    }

    /// Returns the title in a view.
    #[must_use]
    pub fn title(self, view: View) -> &'static str {
        match (self, view) {
            (Self::Name, View::Sessions) => "SESSION",
            (Self::Name, View::Agents) | (Self::Where, View::Approvals) => "AGENT",
            (Self::Name, View::Models) => "MODEL",
            (Self::Name, View::Tools) => "TOOL",
            (Self::Name, View::Errors) => "MESSAGE",
            (Self::Name, View::Approvals) => "CALL",
            _ => self.name(),
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
    Tokens(Option<u64>, bool),
    /// A duration.
    Time(Option<Nanos>),
    /// Cost, and whether it is a lower bound.
    Money(Option<NanoUsd>, bool),
    /// A part of a whole; unknown if the whole is 0.
    Part(u64, u64),
    /// A point in time.
    Moment(Nanos),
    /// How long ago a point in time is.
    Since(Nanos),
    /// A number per second.
    Rate(Option<f64>),
    /// The answer to an approval, and whether it is still waited for.
    Answer(String, bool),
}

impl Cell {
    /// Returns the tokens in `totals`.
    #[must_use]
    pub fn tokens(totals: &Totals) -> Self {
        Self::Tokens(totals.tokens(), totals.are_tokens_incomplete())
    }

    /// Returns the input tokens in `totals`.
    #[must_use]
    pub fn input(totals: &Totals) -> Self {
        Self::Tokens((totals.inputs > 0).then_some(totals.input), totals.are_tokens_incomplete())
    }

    /// Returns the output tokens in `totals`.
    #[must_use]
    pub fn output(totals: &Totals) -> Self {
        Self::Tokens((totals.outputs > 0).then_some(totals.output), totals.are_tokens_incomplete())
    }

    /// Returns the cost in `totals`.
    #[must_use]
    pub fn cost(totals: &Totals) -> Self {
        Self::Money(totals.cost(), totals.is_cost_incomplete())
    }

    /// Returns the sort key: texts from A to Z, numbers from the largest, unknown values last. Texts with equal keys are compared in full: they
    /// are the second part, in lower case.
    pub(super) fn sort_key(&self) -> (u64, Option<String>) {
        let number = match *self {
            Self::Text(ref text) => {
                let text = text.to_lowercase();
                let mut start = [0; 8];
                text.bytes().zip(&mut start).for_each(|(byte, place)| *place = byte);
                return (u64::from_be_bytes(start), Some(text));
            }
            // What waits comes first; the rest is in the order of the names, which is that of time.
            Self::Answer(_, waits) => return (u64::from(!waits), Some(String::new())),
            Self::Count(count) => Some(count as f64),
            Self::Tokens(tokens, _) => tokens.map(|tokens| tokens as f64),
            Self::Time(time) => time.map(|time| time as f64),
            Self::Money(money, _) => money.map(|money| money as f64),
            Self::Part(part, whole) => (whole > 0).then(|| part as f64 / whole as f64),
            Self::Moment(moment) => Some(moment as f64),
            // The longest ago first, before any duration that has ended.
            Self::Since(moment) => Some(Nanos::MAX.saturating_sub(moment) as f64),
            Self::Rate(rate) => rate,
        };
        // The bits of floats that are not negative are in the order of the floats.
        (number.map_or(u64::MAX, |number| u64::MAX - 1 - number.max(0.0).to_bits()), None)
    }
}
