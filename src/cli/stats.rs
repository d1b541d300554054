//! The arguments of `stats`.

use clap::{Args, ValueEnum};

use super::selection::Selection;
use crate::model::NO_MODEL;

/// The arguments of `stats`.
#[derive(Clone, Debug, PartialEq, Args)]
pub struct StatsArgs {
    /// The traces to count.
    #[command(flatten)]
    pub selection: Selection,

    /// What to group by
    ///
    /// Each token is counted in exactly one group, so the groups add up to the total. An agent's usage is what ran under it and under no other agent below it; the same holds for models, tools, sessions and users. Hours, days and months are those of the local time zone, and usage counts when its call began. The group without a key (null) holds what ran under none. By agent, every run counts, a member's too; by session, user, service and time, only outermost runs do. Grouping by error counts failed spans only; messages that differ only in numbers, ids, paths or quoted text form one group.
    #[arg(long, value_enum, default_value_t = GroupBy::Agent)]
    pub by: GroupBy,

    /// Sort by a column: numbers with the largest first, key in its order
    ///
    /// Without it, hours, days and months come in the order of time, other groups by their calls.
    #[arg(long, value_name = "COLUMN", value_enum)]
    pub sort: Option<SortBy>,

    /// Add what missed the cache of the provider
    ///
    /// The calls that missed it, the tokens that the provider processed again, and the extra cost: columns, and the fields `misses`, `rebuilt_tokens`, `misses_cost_usd` and `misses_cost_incomplete`. Reads the contents of the runs whose counts allow a miss. Unknown where no call states cached tokens.
    #[arg(long)]
    pub misses: bool,

    /// Write one JSON object per line
    ///
    /// Fields: by, key, calls, errors (calls that failed themselves), `failed_steps` (failed calls: of runs also those in which a step failed), failed, by agent also refused (by guardrails), by model also `first_token_p50_ms`, `first_token_p95_ms`, `tokens_per_second_p50` and `tokens_per_second_p95` of the calls that state them, `p50_ms`, `p95_ms`, `p99_ms`, `max_ms`, `input_tokens`, `cached_tokens`, `cache_write_tokens`, `output_tokens`, `reasoning_tokens`, `cost_usd`, `cache_unstated`, `cost_incomplete` (the cost is a lower bound), `tokens_incomplete` (the tokens are lower bounds), `cost_usd_per_1k_tokens`; by hour, day and month also start. An unknown value is null.
    #[arg(long)]
    pub json: bool,

    /// Write the total, last: with --json too, where by is total and key null, and of a single line
    #[arg(long)]
    pub total: bool,
}

/// What `stats` groups by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GroupBy {
    /// Runs of agents, teams and workflows
    Agent,
    /// Model calls
    Model,
    /// Tool calls
    Tool,
    /// Runs in a session; a run failed if one of its spans did
    Session,
    /// Failed spans
    Error,
    /// Runs for a user
    User,
    /// Model calls by provider
    Provider,
    /// Runs of a service (`service.name`)
    Service,
    /// Runs that began in an hour
    Hour,
    /// Runs that began on a day
    Day,
    /// Runs that began in a month
    Month,
    /// Model calls by what their input begins with: tools and system prompt
    Prefix,
}

impl GroupBy {
    /// Returns the value of `--by`.
    #[must_use]
    pub fn name(self) -> &'static str {
        ["agent", "model", "tool", "session", "error", "user", "provider", "service", "hour", "day", "month", "prefix"][self as usize]
    }

    /// Returns what a table calls the group without a key.
    #[must_use]
    pub fn rest(self) -> &'static str {
        match self {
            Self::Agent => "(outside agents)",
            Self::Tool => "(outside tools)",
            Self::Error => "(no message)",
            Self::Model => NO_MODEL,
            Self::Session => "(no session)",
            Self::User => "(no user)",
            Self::Provider => "(no provider named)",
            Self::Service => "(no service named)",
            Self::Prefix => "(no messages recorded)",
            Self::Hour | Self::Day | Self::Month => "(time unknown)",
        }
    }
}

/// A column of `stats` to sort by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SortBy {
    /// The name of the group
    #[value(alias = "name")]
    Key,
    /// Calls or runs
    #[value(alias = "runs")]
    Calls,
    /// Failed ones
    #[value(alias = "err")]
    Errors,
    /// The median duration
    P50,
    /// The duration that 95 % did not exceed
    P95,
    /// The duration that 99 % did not exceed
    P99,
    /// The longest duration
    Max,
    /// Input and output tokens
    #[value(alias = "tok")]
    Tokens,
    /// Input tokens
    #[value(alias = "in")]
    Input,
    /// Cached input tokens
    Cached,
    /// Output tokens
    #[value(alias = "out")]
    Output,
    /// Tokens that caches missed; counts misses, too
    Rebuilt,
    /// Cost
    Cost,
    /// Cost per 1,000 tokens
    #[value(alias = "$/1k")]
    Rate,
}
