//! Metrics: data points as OTLP states them, on their way from a source to the series.

use std::sync::Arc;

use super::attributes::heap_bytes;
use super::{Attribute, Distribution, Nanos, SourceId, SpanId, TraceId, Value};

/// Data points that travel together.
#[derive(Clone, Debug, Default)]
pub struct MetricBatch {
    /// The source of the points.
    pub source: SourceId,
    /// When the source read them.
    pub received: Nanos,
    /// The points in the order in which they were read.
    pub points: Vec<MetricPoint>,
    /// The number of points that could not be read.
    pub invalid: u64,
}

/// What all points of a metric share. Two equal ones are the same metric.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metric {
    /// The name, such as `gen_ai.client.token.usage`.
    pub name: String,
    /// What it measures.
    pub description: String,
    /// The unit in UCUM's notation, such as `s`, `By` or `{token}`; empty if none is stated.
    pub unit: String,
    /// The type of its points.
    pub kind: MetricKind,
    /// The attributes of the resource that sent it.
    pub resource: Arc<Vec<Attribute>>,
    /// The name and the version of the instrumentation scope.
    pub scope: Arc<(String, String)>,
}

impl Metric {
    /// Returns the name of the service that sent it; empty if it has none.
    #[must_use]
    pub fn service(&self) -> &str {
        let value = self.resource.iter().find(|(name, _)| name == "service.name");
        if let Some((_, Value::Text(name))) = value { name } else { "" }
    }

    /// Returns the bytes of memory that the metric takes, with its resource.
    #[must_use]
    pub fn memory(&self) -> usize {
        let texts = self.name.capacity() + self.description.capacity() + self.unit.capacity();
        size_of::<Self>() + texts + heap_bytes(&self.resource) + self.scope.0.capacity() + self.scope.1.capacity()
    }
}

/// The type of a metric.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MetricKind {
    /// A value that goes up and down: the last one counts.
    #[default]
    Gauge,
    /// A sum; a monotonic one never falls, except when its sender restarts.
    Sum(Temporality, bool),
    /// Counts of values by buckets.
    Histogram(Temporality),
    /// Counts of values by buckets whose bounds are powers of a base.
    ExponentialHistogram(Temporality),
    /// Quantiles that the sender computed.
    Summary,
}

impl MetricKind {
    /// Returns the name, for users and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Sum(_, true) => "counter",
            Self::Sum(_, false) => "up-down counter",
            Self::Histogram(_) => "histogram",
            Self::ExponentialHistogram(_) => "exponential histogram",
            Self::Summary => "summary",
        }
    }

    /// Returns what a point covers; a gauge and a summary state the present.
    #[must_use]
    pub fn temporality(self) -> Option<Temporality> {
        match self {
            Self::Sum(temporality, _) | Self::Histogram(temporality) | Self::ExponentialHistogram(temporality) => Some(temporality),
            Self::Gauge | Self::Summary => None,
        }
    }
}

/// What a point of a sum or a histogram covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Temporality {
    /// The sender does not say, which OTLP forbids: points can't be added.
    #[default]
    Unspecified,
    /// The time since the last point.
    Delta,
    /// The time since the sender began.
    Cumulative,
}

impl Temporality {
    /// Returns the name, for users and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Delta => "delta",
            Self::Cumulative => "cumulative",
        }
    }
}

/// One data point.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricPoint {
    /// The metric; consecutive points share it.
    pub metric: Arc<Metric>,
    /// The attributes that tell its series from others of the metric.
    pub attributes: Vec<Attribute>,
    /// When the time that the point covers began; `None` if that is not stated.
    pub start: Option<Nanos>,
    /// When the point was taken; `None` if that is not stated.
    pub time: Option<Nanos>,
    /// What it states.
    pub data: PointData,
    /// Single measurements with their traces.
    pub exemplars: Vec<Exemplar>,
}

/// What a point states.
#[derive(Clone, Debug, PartialEq)]
pub enum PointData {
    /// The series has ended, or has no value at present.
    Missing,
    /// The value of a gauge or a sum.
    Number(Number),
    /// The values of a histogram.
    Distribution(Distribution),
    /// The number and the sum of the values of a summary, and pairs of a quantile (0 to 1) and its value.
    Summary(u64, f64, Vec<(f64, f64)>),
}

/// A number of a data point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// An integer, exact.
    Int(i64),
    /// Any other number; it may be NaN.
    Float(f64),
}

impl Number {
    /// Returns the number as a float; large integers are rounded.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Int(number) => number as f64,
            Self::Float(number) => number,
        }
    }

    /// Returns the sum, exact while integers suffice.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Int(one), Self::Int(other)) => one.checked_add(other).map_or(Self::Float(one as f64 + other as f64), Self::Int),
            (one, other) => Self::Float(one.as_f64() + other.as_f64()),
        }
    }

    /// Returns the difference, exact while integers suffice.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        match (self, other) {
            (Self::Int(one), Self::Int(other)) => one.checked_sub(other).map_or(Self::Float(one as f64 - other as f64), Self::Int),
            (one, other) => Self::Float(one.as_f64() - other.as_f64()),
        }
    }
}

/// A single measurement, with the span in which it was taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    /// The value.
    pub value: Number,
    /// When it was taken; `None` if that is not stated.
    pub time: Option<Nanos>,
    /// The trace in which it was taken, if stated.
    pub trace: Option<TraceId>,
    /// The span in which it was taken, if stated.
    pub span: Option<SpanId>,
    /// The attributes that the series leaves out.
    pub attributes: Vec<Attribute>,
}
