//! One series: its value, its rate, its last points and its chart.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::Arc;

use super::MetricLosses;
use super::chart::{Chart, HOUR};
use super::stream::{Growth, Streams};
use crate::model::attributes::heap_bytes;
use crate::model::metric::{Exemplar, Number, PointData, Temporality};
use crate::model::{self, Attribute, Distribution, Metric, MetricKind, MetricPoint, Nanos, SourceId};

/// The most points of a series that are kept one by one.
const MAX_SAMPLES: usize = 120;

/// The most exemplars of a series.
const MAX_EXEMPLARS: usize = 16;

/// The most points of a minute that are told apart for the rate.
const MAX_RECENT: usize = 64;

const MINUTE: Nanos = 60_000_000_000;

/// The characters of an attribute's value in a label.
const MAX_VALUE: usize = 200;

/// A point as the series keeps it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// When it was taken, else when it came.
    pub time: Nanos,
    /// When what it covers began, if it says so.
    pub start: Option<Nanos>,
    /// The value that it states; of a histogram or a summary the number of values.
    pub value: Number,
}

/// What a series is worth at present.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// The sender says that there is no value, or no point could be read.
    None,
    /// The value of a gauge, or the total of a sum.
    Number(Number),
    /// All values of a histogram.
    Distribution(Distribution),
    /// The number and the sum of the values of a summary, and its quantiles with their values.
    Summary(u64, f64, Vec<(f64, f64)>),
}

/// A metric of one sender with the same attributes.
#[derive(Clone, Debug)]
pub struct Series {
    /// A number that no other series of the program has.
    pub id: u64,
    /// Where its first point came from.
    pub source: SourceId,
    /// What it shares with other series of the metric.
    pub metric: Arc<Metric>,
    /// The attributes that tell it from them, by name.
    pub attributes: Vec<Attribute>,
    /// The attributes as text, `type=input model=x`; long values are cut.
    pub label: Box<str>,
    /// The time of the newest point.
    pub time: Nanos,
    /// The number of its points.
    pub points: u64,
    /// Single measurements with their traces, the oldest first.
    pub exemplars: VecDeque<Exemplar>,
    /// When the last point came.
    pub(super) received: Nanos,
    state: State,
    /// What was counted in the last minute, by the times of the points.
    recent: VecDeque<(Nanos, f64)>,
    /// What was counted per minute, if the last points were further apart.
    slow_rate: Option<f64>,
    samples: VecDeque<Sample>,
    chart: Chart,
    /// The bytes of what does not change.
    fixed_bytes: usize,
}

#[derive(Clone, Debug)]
enum State {
    /// The last value, or the running total of differences.
    Number(Option<Number>),
    Totals(Streams<Number>),
    /// The sum of all differences.
    Distribution(Option<Distribution>),
    Distributions(Streams<Distribution>),
    Summary(u64, f64, Vec<(f64, f64)>),
}

impl Series {
    pub(super) fn new(id: u64, source: SourceId, metric: Arc<Metric>, attributes: Vec<Attribute>) -> Self {
        let state = match metric.kind {
            MetricKind::Sum(Temporality::Cumulative, true) => State::Totals(Streams::default()),
            MetricKind::Gauge | MetricKind::Sum(..) => State::Number(None),
            MetricKind::Histogram(Temporality::Cumulative) | MetricKind::ExponentialHistogram(Temporality::Cumulative) => {
                State::Distributions(Streams::default())
            }
            MetricKind::Histogram(_) | MetricKind::ExponentialHistogram(_) => State::Distribution(None),
            MetricKind::Summary => State::Summary(0, 0.0, Vec::new()),
        };
        let label = label(&attributes);
        let fixed_bytes = size_of::<Self>() + heap_bytes(&attributes) + label.len() + 4 * size_of::<usize>();
        Self {
            id,
            source,
            metric,
            attributes,
            label,
            time: Nanos::MIN,
            points: 0,
            exemplars: VecDeque::new(),
            received: 0,
            state,
            recent: VecDeque::new(),
            slow_rate: None,
            samples: VecDeque::new(),
            chart: Chart::default(),
            fixed_bytes,
        }
    }

    /// Whether the series counts: its chart shows what was added in each minute, not the last value.
    #[must_use]
    pub fn is_counting(&self) -> bool {
        match self.metric.kind {
            MetricKind::Gauge => false,
            MetricKind::Sum(temporality, is_monotonic) => is_monotonic && temporality != Temporality::Unspecified,
            MetricKind::Histogram(temporality) | MetricKind::ExponentialHistogram(temporality) => temporality != Temporality::Unspecified,
            MetricKind::Summary => true,
        }
    }

    /// Adds a point. Without memory nothing grows.
    pub(super) fn push(&mut self, point: MetricPoint, received: Nanos, is_full: bool, losses: &mut MetricLosses) {
        self.received = received;
        let MetricPoint { start, time, data, exemplars, .. } = point;
        let stated = time.filter(|&time| time <= received.saturating_add(HOUR));
        let time = stated.unwrap_or(received);
        // A point that covers no time says that its sender does not know when it began.
        let start = start.filter(|&start| start < time);
        let value = match &data {
            PointData::Number(number) => Some(*number),
            PointData::Distribution(values) => Some(count(values.count)),
            PointData::Summary(number, ..) => Some(count(*number)),
            PointData::Missing => None,
        };
        let sample = value.map(|value| Sample { time, start, value });
        if stated.is_some() && self.is_repeated(sample) {
            losses.duplicates += 1;
            return;
        }
        let growth = self.update(start, time, data);
        match growth {
            Growth::Duplicate => {
                losses.duplicates += 1;
                return;
            }
            Growth::Late => {
                losses.late += 1;
                return;
            }
            Growth::By(Some((grown, since))) => {
                let took = time.saturating_sub(since);
                self.note_rate(time, grown, took);
                // What was counted over more than the chart is not what its last minute adds.
                if took <= HOUR {
                    losses.shortened += u64::from(self.chart.push(time, grown, true, is_full));
                }
            }
            Growth::By(None) => {
                let present = if self.is_counting() { None } else { self.number() };
                if let Some(number) = present.filter(|number| number.as_f64().is_finite()) {
                    losses.shortened += u64::from(self.chart.push(time, number.as_f64(), false, is_full));
                }
            }
        }
        self.points += 1;
        self.time = self.time.max(time);
        if let Some(sample) = sample {
            if self.samples.len() == MAX_SAMPLES || (is_full && !self.samples.is_empty()) {
                self.samples.pop_front();
            }
            self.samples.push_back(sample);
        }
        for exemplar in exemplars {
            if self.exemplars.len() == MAX_EXEMPLARS || is_full {
                self.exemplars.pop_front();
            }
            self.exemplars.push_back(exemplar);
        }
    }

    /// Notes what was counted in the time before a point.
    fn note_rate(&mut self, time: Nanos, grown: f64, took: Nanos) {
        if time < self.time {
            return;
        }
        self.slow_rate = (took >= MINUTE).then(|| grown * (MINUTE as f64 / took as f64));
        while self.recent.front().is_some_and(|&(known, _)| known <= time.saturating_sub(MINUTE)) {
            self.recent.pop_front();
        }
        let is_full = self.recent.len() >= MAX_RECENT;
        match self.recent.back_mut().filter(|_| is_full) {
            Some((known, sum)) => (*known, *sum) = (time, *sum + grown),
            None => self.recent.push_back((time, grown)),
        }
    }

    /// Whether the last points have this one, which states the time that it covers. Totals are compared by their senders.
    fn is_repeated(&self, sample: Option<Sample>) -> bool {
        let is_total = matches!(self.state, State::Totals(_) | State::Distributions(_));
        !is_total && sample.is_some_and(|sample| self.samples.iter().rev().any(|known| *known == sample))
    }

    /// Takes the value of a point. Returns what was counted, and since when.
    fn update(&mut self, start: Option<Nanos>, time: Nanos, data: PointData) -> Growth {
        let is_counting = self.is_counting();
        let is_delta = self.metric.kind.temporality() == Some(Temporality::Delta);
        let since = start.or(Some(self.time).filter(|&last| last > Nanos::MIN && last < time));
        let counted = |grown: f64| Growth::By(Some((grown, since.unwrap_or(time))));
        match (&mut self.state, data) {
            (State::Number(last), PointData::Number(number)) if is_delta => {
                *last = Some(last.map_or(number, |last| last.plus(number)));
                if is_counting { counted(number.as_f64()) } else { Growth::By(None) }
            }
            (State::Number(_) | State::Summary(..), _) if time < self.time => Growth::Late,
            (State::Number(last), PointData::Number(number)) => {
                *last = Some(number);
                Growth::By(None)
            }
            (State::Number(last), PointData::Missing) if !is_delta => {
                *last = None;
                Growth::By(None)
            }
            (State::Totals(streams), PointData::Number(number)) => streams.push(start, time, number),
            (State::Distribution(last), PointData::Distribution(values)) if is_delta => {
                let grown = values.count as f64;
                match last {
                    Some(last) => drop(last.add(&values)),
                    None => *last = Some(values),
                }
                counted(grown)
            }
            (State::Distribution(last), PointData::Distribution(values)) => {
                *last = Some(values);
                Growth::By(None)
            }
            (State::Distributions(streams), PointData::Distribution(values)) => streams.push(start, time, values),
            (State::Summary(known, sum, quantiles), PointData::Summary(number, new_sum, new_quantiles)) => {
                let is_first = self.points == 0;
                let grown = number.checked_sub(*known).unwrap_or(number) as f64;
                (*known, *sum, *quantiles) = (number, new_sum, new_quantiles);
                let since = if is_first { start } else { Some(self.time) };
                Growth::By(since.map(|since| (grown, since)))
            }
            // The end of a series takes nothing from what was counted.
            _ => Growth::By(None),
        }
    }

    fn number(&self) -> Option<Number> {
        if let State::Number(number) = &self.state { *number } else { None }
    }

    /// Returns the present value.
    #[must_use]
    pub fn value(&self) -> Value {
        match &self.state {
            State::Number(number) => number.map_or(Value::None, Value::Number),
            State::Totals(streams) => streams.total().map_or(Value::None, Value::Number),
            State::Distribution(values) => values.clone().map_or(Value::None, Value::Distribution),
            State::Distributions(streams) => streams.total().map_or(Value::None, Value::Distribution),
            State::Summary(count, sum, quantiles) if self.points > 0 => Value::Summary(*count, *sum, quantiles.clone()),
            State::Summary(..) => Value::None,
        }
    }

    /// Returns a number to sort by: the value, the total, or the number of values.
    #[must_use]
    pub fn magnitude(&self) -> Option<f64> {
        match &self.state {
            State::Number(number) => number.map(Number::as_f64),
            State::Totals(streams) => streams.total().map(Number::as_f64),
            State::Distribution(values) => values.as_ref().map(|values| values.count as f64),
            State::Distributions(streams) => {
                let counts = streams.held().map(|values| values.count as f64);
                (self.points > 0).then(|| counts.sum())
            }
            State::Summary(count, ..) => (self.points > 0).then_some(*count as f64),
        }
    }

    /// Returns how much was counted in the minute before the newest point, or per minute if it is further from the one before. `None` if
    /// the series does not count, or if that is unknown.
    #[must_use]
    pub fn per_minute(&self) -> Option<f64> {
        self.slow_rate.or_else(|| (!self.recent.is_empty()).then(|| self.recent.iter().map(|(_, grown)| grown).sum()))
    }

    /// Returns how often the sender restarted, or another sender of the same series came.
    #[must_use]
    pub fn resets(&self) -> u32 {
        match &self.state {
            State::Totals(streams) => streams.resets,
            State::Distributions(streams) => streams.resets,
            _ => 0,
        }
    }

    /// Returns the last points that are kept, the oldest first.
    #[must_use]
    pub fn samples(&self) -> &VecDeque<Sample> {
        &self.samples
    }

    /// Returns the hour that ends at `end` in `cells` parts, the oldest first: what was counted in each, or the last value of it.
    #[must_use]
    pub fn chart(&self, end: Nanos, cells: usize) -> Vec<Option<f64>> {
        self.chart.parts(end, cells, self.is_counting())
    }

    /// Returns the value of an attribute of the point, else of the resource.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&model::Value> {
        let find = |attributes: &Attribute| attributes.0 == name;
        let found = self.attributes.iter().find(|it| find(it)).or_else(|| self.metric.resource.iter().find(|it| find(it)));
        found.map(|(_, value)| value)
    }

    /// Returns the name of the service that sent it; empty if it has none.
    #[must_use]
    pub fn service(&self) -> &str {
        self.metric.service()
    }

    /// Returns the bytes of memory that it takes.
    #[must_use]
    pub fn memory(&self) -> usize {
        let state = match &self.state {
            State::Number(_) => 0,
            State::Totals(streams) => streams.memory(),
            State::Distribution(values) => values.as_ref().map_or(0, Distribution::heap_bytes),
            State::Distributions(streams) => streams.memory() + streams.held().map(Distribution::heap_bytes).sum::<usize>(),
            State::Summary(.., quantiles) => quantiles.capacity() * size_of::<(f64, f64)>(),
        };
        let exemplars = self.exemplars.iter().map(|exemplar| heap_bytes(&exemplar.attributes)).sum::<usize>();
        let lists = self.recent.capacity() * size_of::<(Nanos, f64)>()
            + self.samples.capacity() * size_of::<Sample>()
            + self.exemplars.capacity() * size_of::<Exemplar>();
        self.fixed_bytes + state + exemplars + lists + self.chart.memory()
    }
}

fn count(number: u64) -> Number {
    i64::try_from(number).map_or(Number::Float(number as f64), Number::Int)
}

/// Returns attributes as text.
pub(super) fn label<'a>(attributes: impl IntoIterator<Item = &'a Attribute>) -> Box<str> {
    let mut label = String::new();
    for (name, value) in attributes {
        let separator = if label.is_empty() { "" } else { " " };
        // Writing to a string does not fail.
        let _ = write!(label, "{separator}{}=", cut(name));
        match value {
            model::Value::Text(text) => label.push_str(&cut(text)),
            value => label.push_str(&cut(&value.to_json())),
        }
    }
    label.into_boxed_str()
}

/// Returns the beginning of a text.
fn cut(text: &str) -> std::borrow::Cow<'_, str> {
    match text.char_indices().nth(MAX_VALUE) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}
