//! What counters say about tokens and cost, to be compared with what calls say.
//!
//! The types of a counter overlap: `total` is the sum of others, and cached tokens are a part of the input or not. So they are never added
//! up; where a counter leaves open what its input and output include, either reading may agree with the calls.

use std::collections::BTreeMap;

use super::{MetricStore, Series, Value};
use crate::model::{self, MetricKind};
use crate::semconv::{TokenPart, token_part};

/// The attributes that tell the type of counted tokens.
const TYPES: [&str; 4] = ["gen_ai.token.type", "token.type", "token_type", "type"];

/// What the series of a metric of a service count.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UsageCounter {
    /// The service; empty if unknown.
    pub service: String,
    /// The name of the metric, without the type of tokens if that is its end.
    pub metric: String,
    /// Tokens by type.
    tokens: BTreeMap<u8, f64>,
    /// Dollars.
    pub cost: Option<f64>,
}

/// A counted number beside that of the calls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// What both count: `input`, `output` or `cost`.
    pub what: &'static str,
    /// The number of the counter.
    pub counted: f64,
    /// The number of the calls.
    pub called: f64,
    /// Whether they are the same.
    pub agrees: bool,
}

/// The usage of the calls of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CallUsage {
    /// Input tokens with cached ones, if a call states any.
    pub input: Option<u64>,
    /// Output tokens with reasoning, if a call states any.
    pub output: Option<u64>,
    /// Dollars, if they are known of all calls.
    pub cost: Option<f64>,
}

/// Returns the name of the counter that a series belongs to, and what it counts of the tokens; of money `None`. `None` for other series.
fn counter_of(series: &Series) -> Option<(&str, Option<TokenPart>)> {
    let name = series.metric.name.as_str();
    let is_sum = matches!(series.metric.kind, MetricKind::Sum(_, true));
    if !is_sum && !matches!(series.metric.kind, MetricKind::Histogram(_) | MetricKind::ExponentialHistogram(_)) {
        return None;
    }
    let has_word = |word: &str| name.split(['.', '_']).any(|part| part.trim_end_matches('s') == word);
    if is_sum && has_word("cost") && series.metric.unit.trim_matches(['{', '}']).eq_ignore_ascii_case("usd") {
        return Some((name, None));
    }
    if !has_word("token") {
        return None;
    }
    let stated = series.attributes.iter().find(|(key, _)| TYPES.contains(&key.as_str()));
    if let Some((_, model::Value::Text(word))) = stated {
        return token_part(word).map(|part| (name, Some(part)));
    }
    let (rest, end) = name.rsplit_once('.')?;
    token_part(end).map(|part| (rest, Some(part)))
}

/// Returns the counters of tokens and cost, each with the sum of its series of a service.
#[must_use]
pub fn usage_counters(store: &MetricStore) -> Vec<UsageCounter> {
    let mut counters: BTreeMap<(&str, &str), UsageCounter> = BTreeMap::new();
    for series in store.series() {
        let Some((metric, part)) = counter_of(series) else { continue };
        let counted = match series.value() {
            Value::Number(number) => number.as_f64(),
            Value::Distribution(values) => match values.sum {
                Some(sum) => sum,
                None => continue,
            },
            Value::None | Value::Summary(..) => continue,
        };
        let sums = counters.entry((series.service(), metric)).or_default();
        match part {
            Some(part) => *sums.tokens.entry(part as u8).or_default() += counted,
            None => *sums.cost.get_or_insert_default() += counted,
        }
    }
    let named = |((service, metric), counter): ((&str, &str), UsageCounter)| UsageCounter {
        service: service.to_owned(),
        metric: metric.to_owned(),
        ..counter
    };
    counters.into_iter().map(named).collect()
}

impl UsageCounter {
    /// Whether a series is one of the counter.
    #[must_use]
    pub fn includes(&self, series: &Series) -> bool {
        series.service() == self.service && counter_of(series).is_some_and(|(metric, _)| metric == self.metric)
    }

    fn tokens(&self, part: TokenPart) -> Option<f64> {
        self.tokens.get(&(part as u8)).copied()
    }

    /// Compares the counter with calls, as far as both say something.
    #[must_use]
    pub fn compare(&self, calls: &CallUsage) -> Vec<Comparison> {
        let mut comparisons = Vec::new();
        let mut compare = |what, readings: &[f64], called: f64, margin: f64| {
            let difference = |reading: &f64| (reading - called).abs();
            let nearest = readings.iter().copied().min_by(|one, other| difference(one).total_cmp(&difference(other)));
            comparisons.extend(nearest.map(|counted| Comparison { what, counted, called, agrees: difference(&counted) <= margin }));
        };
        if let Some((input, called)) = self.tokens(TokenPart::Input).zip(calls.input) {
            compare("input", &self.inputs(input), called as f64, 0.5);
        }
        if let Some((output, called)) = self.tokens(TokenPart::Output).zip(calls.output) {
            compare("output", &self.outputs(output), called as f64, 0.5);
        }
        if let Some((cost, called)) = self.cost.zip(calls.cost) {
            // Both are sums of rounded prices.
            compare("cost", &[cost], called, called.abs() * 1e-6);
        }
        comparisons
    }

    /// Returns what the counted input may be with cached tokens.
    fn inputs(&self, input: f64) -> Vec<f64> {
        let cached = self.tokens(TokenPart::CacheRead).unwrap_or_default() + self.tokens(TokenPart::CacheWrite).unwrap_or_default();
        let is_whole =
            self.tokens(TokenPart::Total).zip(self.tokens(TokenPart::Output)).is_some_and(|(total, output)| input + output >= total);
        match (is_whole, cached > input) {
            (true, _) => vec![input],
            (false, true) => vec![input + cached],
            (false, false) => vec![input, input + cached],
        }
    }

    /// Returns what the counted output may be with reasoning.
    fn outputs(&self, output: f64) -> Vec<f64> {
        let reasoning = self.tokens(TokenPart::Reasoning).unwrap_or_default();
        if reasoning > output { vec![output + reasoning] } else { vec![output, output + reasoning] }
    }
}
