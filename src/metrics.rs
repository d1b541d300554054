//! Metrics as time series: values, rates and charts of the last hour, within limits of number and memory.
//!
//! Points that two sources deliver, as a listener and the file that it records into, count once. A series is what one sender states of one
//! metric with the same attributes. What senders state in different ways is made alike here: a counter is its total and what it grew by,
//! whether the sender sends totals or differences, and also after the sender restarts.

mod chart;
mod identity;
mod series;
mod stream;
#[cfg(test)]
mod tests;
mod usage;

use std::hash::RandomState;
use std::sync::Arc;

use hashbrown::HashTable;

use crate::model::attributes::heap_bytes;
use crate::model::sort;
use crate::model::{Attribute, Metric, MetricBatch, MetricPoint, Nanos, is_identity};
pub use chart::HOUR;
use identity::{hash_metric, hash_series, is_same_attributes, is_same_metric};
pub use series::{Sample, Series, Value};
pub use usage::{CallUsage, Comparison, UsageCounter, usage_counters};

/// The most series that are kept.
pub const MAX_SERIES: usize = 100_000;

/// The most attributes of a metric that are known to vary.
const MAX_VARYING: usize = 16;

/// How often series without new points are looked for when there is no room for others.
const SWEEP_INTERVAL: Nanos = 60_000_000_000;

/// The limits of a [`MetricStore`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricLimits {
    /// The most series.
    pub series: usize,
    /// The most memory in bytes.
    pub bytes: u64,
}

impl Default for MetricLimits {
    fn default() -> Self {
        Self { series: MAX_SERIES, bytes: 64 << 20 }
    }
}

/// What of the points is not in the series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MetricLosses {
    /// Points that could not be read, or whose values make no sense.
    pub invalid: u64,
    /// Points of series for which there was no room.
    pub refused: u64,
    /// Points that were sent again.
    pub duplicates: u64,
    /// Points of totals that are older than one that is known.
    pub late: u64,
    /// Minutes of charts that were dropped before they were an hour old, for lack of memory.
    pub shortened: u64,
    /// Series that were dropped for others, after an hour without a point.
    pub evicted: u64,
}

/// A metric, of which there is one copy.
#[derive(Debug)]
struct KnownMetric {
    metric: Arc<Metric>,
    /// The attributes of its first series.
    first: Vec<Attribute>,
    /// The names of attributes that its series have in different values.
    varying: Vec<String>,
}

impl KnownMetric {
    /// Notes the attributes of another series.
    fn note(&mut self, attributes: &[Attribute]) {
        let Self { first, varying, .. } = self;
        let differs = |name: &str| {
            let [one, other] = [&*first, attributes].map(|attributes| attributes.iter().find(|(known, _)| known == name));
            !is_same_attributes(one.map_or(&[], std::slice::from_ref), other.map_or(&[], std::slice::from_ref))
        };
        for (name, _) in attributes.iter().chain(first.iter()) {
            if varying.len() < MAX_VARYING && !varying.contains(name) && differs(name) {
                varying.push(name.clone());
            }
        }
    }

    fn memory(&self) -> usize {
        size_of::<Self>() + self.metric.memory() + heap_bytes(&self.first)
    }
}

/// All series.
#[derive(Debug, Default)]
pub struct MetricStore {
    series: Vec<Series>,
    /// Indexes into `series`.
    index: HashTable<usize>,
    metrics: HashTable<KnownMetric>,
    hasher: RandomState,
    limits: MetricLimits,
    bytes: u64,
    points: u64,
    losses: MetricLosses,
    newest: Nanos,
    last_id: u64,
    version: u64,
    swept: Nanos,
}

impl MetricStore {
    /// Returns an empty store.
    #[must_use]
    pub fn new(limits: MetricLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Adds points to their series.
    pub fn apply(&mut self, batch: MetricBatch) {
        self.losses.invalid += batch.invalid;
        let mut last: Option<(Arc<Metric>, Arc<Metric>)> = None;
        for point in batch.points {
            let metric = match &last {
                Some((known, metric)) if Arc::ptr_eq(known, &point.metric) => metric.clone(),
                _ => {
                    let metric = self.intern(&point.metric, &point.attributes);
                    last = Some((point.metric.clone(), metric.clone()));
                    metric
                }
            };
            self.push(batch.source, metric, point, batch.received);
        }
    }

    fn push(&mut self, source: crate::model::SourceId, metric: Arc<Metric>, point: MetricPoint, received: Nanos) {
        self.points += 1;
        let Some(at) = self.find_or_insert(source, metric, &point, received) else {
            self.losses.refused += 1;
            return;
        };
        let is_full = self.bytes >= self.limits.bytes;
        let series = &mut self.series[at];
        let before = series.memory();
        series.push(point, received, is_full, &mut self.losses);
        self.newest = self.newest.max(series.time);
        self.bytes = (self.bytes + series.memory() as u64).saturating_sub(before as u64);
        self.version += 1;
    }

    /// Returns the index of the series of a point; `None` if there is no room for a new one.
    fn find_or_insert(
        &mut self,
        source: crate::model::SourceId,
        metric: Arc<Metric>,
        point: &MetricPoint,
        received: Nanos,
    ) -> Option<usize> {
        let hash = hash_series(&self.hasher, &metric, &point.attributes);
        let is_it = |&at: &usize| {
            let series = &self.series[at];
            Arc::ptr_eq(&series.metric, &metric) && is_same_attributes(&series.attributes, &point.attributes)
        };
        if let Some(&at) = self.index.find(hash, is_it) {
            return Some(at);
        }
        let mut series = Series::new(self.last_id + 1, source, metric, point.attributes.clone());
        let has_room = |store: &Self, series: &Series| {
            store.series.len() < store.limits.series && store.bytes + (series.memory() as u64) < store.limits.bytes
        };
        if !has_room(self, &series) {
            self.sweep(received);
            if !has_room(self, &series) {
                return None;
            }
        }
        self.last_id += 1;
        series.received = received;
        let at = self.series.len();
        self.bytes += series.memory() as u64;
        let of_metric = hash_metric(&self.hasher, &series.metric);
        if let Some(known) = self.metrics.find_mut(of_metric, |known| Arc::ptr_eq(&known.metric, &series.metric)) {
            known.note(&series.attributes);
        }
        self.series.push(series);
        let (series, hasher) = (&self.series, &self.hasher);
        self.index.insert_unique(hash, at, |&at| {
            let series = &series[at];
            hash_series(hasher, &series.metric, &series.attributes)
        });
        Some(at)
    }

    /// Returns the one copy of a metric.
    fn intern(&mut self, metric: &Arc<Metric>, first: &[Attribute]) -> Arc<Metric> {
        let hash = hash_metric(&self.hasher, metric);
        if let Some(known) = self.metrics.find(hash, |known| is_same_metric(&known.metric, metric)) {
            return known.metric.clone();
        }
        // Without room for a series the metric would be kept for nothing.
        let known = KnownMetric { metric: metric.clone(), first: first.to_vec(), varying: Vec::new() };
        if self.series.len() < self.limits.series && self.bytes + (known.memory() as u64) < self.limits.bytes {
            self.bytes += known.memory() as u64;
            let hasher = &self.hasher;
            self.metrics.insert_unique(hash, known, |known| hash_metric(hasher, &known.metric));
        }
        metric.clone()
    }

    /// Drops series that had no point for an hour, at most once per minute.
    fn sweep(&mut self, now: Nanos) {
        if now.saturating_sub(self.swept) < SWEEP_INTERVAL {
            return;
        }
        self.swept = now;
        let before = self.series.len();
        self.series.retain(|series| now.saturating_sub(series.received) < HOUR);
        self.losses.evicted += (before - self.series.len()) as u64;
        if self.series.len() == before {
            return;
        }
        self.metrics.retain(|known| Arc::strong_count(&known.metric) > 1);
        let metrics: usize = self.metrics.iter().map(KnownMetric::memory).sum();
        self.bytes = (metrics + self.series.iter().map(Series::memory).sum::<usize>()) as u64;
        self.index.clear();
        let (series, hasher) = (&self.series, &self.hasher);
        let hash = |&at: &usize| hash_series(hasher, &series[at].metric, &series[at].attributes);
        for at in 0..series.len() {
            self.index.insert_unique(hash(&at), at, hash);
        }
        self.version += 1;
    }

    /// Returns the series in the order in which they came.
    #[must_use]
    pub fn series(&self) -> &[Series] {
        &self.series
    }

    /// Returns the attributes of a series as text, those first that tell it from others of its metric, in each part identities last. Its service
    /// follows.
    #[must_use]
    pub fn label(&self, series: &Series) -> String {
        self.label_with(series, &series.attributes, series.service())
    }

    /// Returns the same with other values of the attributes and another name of the service.
    #[must_use]
    pub fn label_with(&self, series: &Series, attributes: &[Attribute], service: &str) -> String {
        let hash = hash_metric(&self.hasher, &series.metric);
        let known = self.metrics.find(hash, |known| Arc::ptr_eq(&known.metric, &series.metric));
        let varying: &[String] = known.map_or(&[], |known| &known.varying);
        let mut attributes: Vec<&Attribute> = attributes.iter().collect();
        sort::by_key(&mut attributes, |(name, _)| (!varying.contains(name), is_identity(name)));
        let attributes = series::label(attributes);
        let parts = [&*attributes, service].into_iter().filter(|text| !text.is_empty());
        parts.collect::<Vec<_>>().join(" · ")
    }

    /// Returns the number of points that were received.
    #[must_use]
    pub fn points(&self) -> u64 {
        self.points
    }

    /// Returns what of the points is not in the series.
    #[must_use]
    pub fn losses(&self) -> MetricLosses {
        self.losses
    }

    /// Returns the most series that are kept.
    #[must_use]
    pub fn max_series(&self) -> usize {
        self.limits.series
    }

    /// Returns the memory in bytes, from the sizes of the tables.
    #[must_use]
    pub fn held_bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns numbers that change when series come or go; the second changes when the indexes of others change.
    #[must_use]
    pub fn membership(&self) -> (u64, u64) {
        (self.last_id, self.losses.evicted)
    }

    /// Returns a number that changes with every point.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Returns the end of the hour that charts show: the present, or of older points the newest.
    #[must_use]
    pub fn chart_end(&self, now: Nanos) -> Nanos {
        if self.newest < now.saturating_sub(HOUR) && self.newest > 0 { self.newest } else { now }
    }
}
