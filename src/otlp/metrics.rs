//! Reads metrics in protobuf: `opentelemetry/proto/metrics/v1/metrics.proto`.

use std::sync::Arc;

use super::request::{self, Group};
use super::signals::{Signal, signal_of};
use super::value::{decode_attribute, decode_text};
use super::wire::{DecodeError, FieldValue, Fields};
use crate::model::attributes::keep_last;
use crate::model::distribution::{ExponentialBuckets, MAX_BUCKETS, Shape};
use crate::model::metric::{Exemplar, Number, PointData, Temporality};
use crate::model::{Attribute, Distribution, Metric, MetricBatch, MetricKind, MetricPoint, Nanos, Payload, SpanId, TraceId};

/// The most exemplars of a point that are read.
const MAX_EXEMPLARS: usize = 32;

/// The most quantiles of a summary that are read.
const MAX_QUANTILES: usize = 64;

/// The flag of a point without a value.
const NO_RECORDED_VALUE: u64 = 1;

/// Appends the points of an `ExportMetricsServiceRequest` to the batch, and counts those that can't be read. Returns the number of points.
/// After an error the points before it are in the batch.
pub(crate) fn read(body: &[u8], batch: &mut MetricBatch) -> Result<u64, DecodeError> {
    read_if(body, batch, |_| Ok(true))
}

/// The same for a message that may also hold spans and log records, which are passed over.
pub(crate) fn read_among_others(body: &[u8], batch: &mut MetricBatch) -> Result<u64, DecodeError> {
    read_if(body, batch, |message| Ok(signal_of(message)? == Signal::Metrics))
}

fn read_if(body: &[u8], batch: &mut MetricBatch, is_metric: impl Fn(&[u8]) -> Result<bool, DecodeError>) -> Result<u64, DecodeError> {
    let (before, invalid) = (batch.points.len(), batch.invalid);
    let mut shared: Option<(Group<'_>, Shared)> = None;
    request::for_each_span(body, |group, message| {
        if !is_metric(message)? {
            return Ok(());
        }
        let is_same = |known: &Group<'_>| std::ptr::eq(known.resource, group.resource) && std::ptr::eq(known.scope, group.scope);
        if shared.as_ref().is_none_or(|(known, _)| !is_same(known)) {
            shared = Some((group, Shared::of(group)?));
        }
        if let Some((_, shared)) = &shared {
            read_metric(message, shared, batch)?;
        }
        Ok(())
    })?;
    Ok((batch.points.len() - before) as u64 + batch.invalid - invalid)
}

/// What the metrics of a group share.
struct Shared {
    resource: Arc<Vec<Attribute>>,
    scope: Arc<(String, String)>,
}

impl Shared {
    fn of(group: Group<'_>) -> Result<Self, DecodeError> {
        let mut payload = Payload::default();
        group.decode_into(&mut payload)?;
        // The order of attributes means nothing.
        payload.resource.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(Self { resource: Arc::new(payload.resource), scope: Arc::new(payload.scope) })
    }
}

fn read_metric(message: &[u8], shared: &Shared, batch: &mut MetricBatch) -> Result<(), DecodeError> {
    let mut metric = Metric { resource: shared.resource.clone(), scope: shared.scope.clone(), ..Metric::default() };
    let mut data = None;
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => metric.name = decode_text(field)?,
            2 => metric.description = decode_text(field)?,
            3 => metric.unit = decode_text(field)?,
            5 | 7 | 9 | 10 | 11 => data = Some((number, field.bytes()?)),
            _ => {}
        }
    }
    let Some((number, data)) = data else { return Ok(()) };
    let (mut temporality, mut is_monotonic) = (Temporality::Unspecified, false);
    let mut fields = Fields(data);
    while let Some(field) = fields.next()? {
        match field {
            (2, FieldValue::Varint(1)) => temporality = Temporality::Delta,
            (2, FieldValue::Varint(2)) => temporality = Temporality::Cumulative,
            (3, FieldValue::Varint(flag)) => is_monotonic = flag != 0,
            _ => {}
        }
    }
    let kind = match number {
        5 => MetricKind::Gauge,
        7 => MetricKind::Sum(temporality, is_monotonic),
        9 => MetricKind::Histogram(temporality),
        10 => MetricKind::ExponentialHistogram(temporality),
        _ => MetricKind::Summary,
    };
    let read: ReadPoint = match number {
        5 | 7 => number_point,
        9 => histogram_point,
        10 => exponential_point,
        _ => summary_point,
    };
    metric.kind = kind;
    let metric = Arc::new(metric);
    let mut fields = Fields(data);
    while let Some(field) = fields.find(1)? {
        match read(field.bytes()?)?.finish(&metric) {
            Some(point) => batch.points.push(point),
            None => batch.invalid += 1,
        }
    }
    Ok(())
}

/// Reads the points of a type.
type ReadPoint = fn(&[u8]) -> Result<Point, DecodeError>;

/// A point of any type, as it is read.
#[derive(Default)]
struct Point {
    attributes: Vec<Attribute>,
    start: u64,
    time: u64,
    flags: u64,
    data: Option<PointData>,
    exemplars: Vec<Exemplar>,
}

impl Point {
    /// Returns the point; `None` if it states nothing that can be read.
    fn finish(mut self, metric: &Arc<Metric>) -> Option<MetricPoint> {
        let data = if self.flags & NO_RECORDED_VALUE == 0 { self.data? } else { PointData::Missing };
        let is_wrong = match (metric.kind, &data) {
            // Added to others it would spoil the sum.
            (MetricKind::Sum(_, is_monotonic), PointData::Number(number)) => {
                let number = number.as_f64();
                !number.is_finite() || (is_monotonic && number < 0.0)
            }
            (_, PointData::Summary(_, sum, _)) => sum.is_nan(),
            _ => false,
        };
        if is_wrong {
            return None;
        }
        let data = match data {
            PointData::Distribution(mut distribution) => {
                if !distribution.is_valid() {
                    return None;
                }
                distribution.drop_wrong_buckets();
                PointData::Distribution(distribution)
            }
            data => data,
        };
        keep_last(&mut self.attributes);
        self.attributes.sort_by(|one, other| one.0.cmp(&other.0));
        let (start, time) = (nanos(self.start), nanos(self.time));
        Some(MetricPoint { metric: metric.clone(), attributes: self.attributes, start, time, data, exemplars: self.exemplars })
    }
}

/// Returns a time; `None` if it is not stated.
fn nanos(time: u64) -> Option<Nanos> {
    (time > 0).then(|| Nanos::try_from(time).unwrap_or(Nanos::MAX))
}

fn double(field: FieldValue<'_>) -> Result<f64, DecodeError> {
    field.fixed64().map(f64::from_bits)
}

/// Returns a signed integer in zigzag encoding.
fn zigzag(field: FieldValue<'_>) -> Result<i32, DecodeError> {
    let number = field.varint()? as u32;
    Ok((number >> 1) as i32 ^ -((number & 1) as i32))
}

/// Appends the numbers of a repeated field of 8 bytes each, packed or not. More than [`MAX_BUCKETS`] and one are not kept.
fn push_fixed64<T>(field: FieldValue<'_>, into: &mut Vec<T>, convert: impl Fn(u64) -> T) -> Result<(), DecodeError> {
    if let FieldValue::Fixed64(number) = field {
        into.push(convert(number));
        return Ok(());
    }
    let (numbers, rest) = field.bytes()?.as_chunks();
    if !rest.is_empty() {
        return Err(DecodeError("a list of numbers ends in the middle of one"));
    }
    into.extend(numbers.iter().map(|bytes| convert(u64::from_le_bytes(*bytes))).take((MAX_BUCKETS + 1).saturating_sub(into.len())));
    Ok(())
}

fn number_point(message: &[u8]) -> Result<Point, DecodeError> {
    let mut point = Point::default();
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            2 => point.start = field.fixed64()?,
            3 => point.time = field.fixed64()?,
            4 => point.data = Some(PointData::Number(Number::Float(double(field)?))),
            5 => push_exemplar(field, &mut point.exemplars)?,
            6 => point.data = Some(PointData::Number(Number::Int(field.fixed64()? as i64))),
            7 => point.attributes.push(decode_attribute(field.bytes()?)?),
            8 => point.flags = field.varint()?,
            _ => {}
        }
    }
    Ok(point)
}

fn histogram_point(message: &[u8]) -> Result<Point, DecodeError> {
    let (mut point, mut values) = (Point::default(), Distribution::default());
    let (mut bounds, mut counts) = (Vec::new(), Vec::new());
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            2 => point.start = field.fixed64()?,
            3 => point.time = field.fixed64()?,
            4 => values.count = field.fixed64()?,
            5 => values.sum = Some(double(field)?),
            6 => push_fixed64(field, &mut counts, |count| count)?,
            7 => push_fixed64(field, &mut bounds, f64::from_bits)?,
            8 => push_exemplar(field, &mut point.exemplars)?,
            9 => point.attributes.push(decode_attribute(field.bytes()?)?),
            10 => point.flags = field.varint()?,
            11 => values.min = Some(double(field)?),
            12 => values.max = Some(double(field)?),
            _ => {}
        }
    }
    if bounds.is_empty() && counts.len() == 1 {
        // A single bucket without bounds says no more than the count.
        counts.clear();
    }
    values.shape = Shape::Explicit(bounds, counts);
    point.data = Some(PointData::Distribution(values));
    Ok(point)
}

fn exponential_point(message: &[u8]) -> Result<Point, DecodeError> {
    let (mut point, mut values) = (Point::default(), Distribution::default());
    let (mut scale, mut zeros) = (0, 0);
    let (mut above, mut below) = (ExponentialBuckets::default(), ExponentialBuckets::default());
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => point.attributes.push(decode_attribute(field.bytes()?)?),
            2 => point.start = field.fixed64()?,
            3 => point.time = field.fixed64()?,
            4 => values.count = field.fixed64()?,
            5 => values.sum = Some(double(field)?),
            6 => scale = zigzag(field)?,
            7 => zeros = field.fixed64()?,
            8 => above = exponential_buckets(field.bytes()?)?,
            9 => below = exponential_buckets(field.bytes()?)?,
            10 => point.flags = field.varint()?,
            11 => push_exemplar(field, &mut point.exemplars)?,
            12 => values.min = Some(double(field)?),
            13 => values.max = Some(double(field)?),
            _ => {}
        }
    }
    values.shape = Shape::Exponential { scale, zeros, above, below };
    point.data = Some(PointData::Distribution(values));
    Ok(point)
}

fn exponential_buckets(message: &[u8]) -> Result<ExponentialBuckets, DecodeError> {
    let mut buckets = ExponentialBuckets::default();
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        match (number, field) {
            (1, field) => buckets.offset = zigzag(field)?,
            (2, FieldValue::Varint(count)) => buckets.counts.push(count),
            (2, field) => {
                let mut counts = field.bytes()?;
                while !counts.is_empty() && buckets.counts.len() <= MAX_BUCKETS {
                    let count = prost::encoding::decode_varint(&mut counts);
                    buckets.counts.push(count.map_err(|_| DecodeError("a number does not end"))?);
                }
            }
            _ => {}
        }
    }
    Ok(buckets)
}

fn summary_point(message: &[u8]) -> Result<Point, DecodeError> {
    let mut point = Point::default();
    let (mut count, mut sum, mut quantiles) = (0, 0.0, Vec::new());
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            2 => point.start = field.fixed64()?,
            3 => point.time = field.fixed64()?,
            4 => count = field.fixed64()?,
            5 => sum = double(field)?,
            6 if quantiles.len() < MAX_QUANTILES => {
                let (mut quantile, mut value) = (0.0, 0.0);
                let mut fields = Fields(field.bytes()?);
                while let Some((number, field)) = fields.next()? {
                    match number {
                        1 => quantile = double(field)?,
                        2 => value = double(field)?,
                        _ => {}
                    }
                }
                quantiles.push((quantile, value));
            }
            7 => point.attributes.push(decode_attribute(field.bytes()?)?),
            8 => point.flags = field.varint()?,
            _ => {}
        }
    }
    point.data = Some(PointData::Summary(count, sum, quantiles));
    Ok(point)
}

fn push_exemplar(field: FieldValue<'_>, exemplars: &mut Vec<Exemplar>) -> Result<(), DecodeError> {
    let message = field.bytes()?;
    if exemplars.len() == MAX_EXEMPLARS {
        return Ok(());
    }
    let (mut value, mut time, mut trace, mut span, mut attributes) = (None, 0, None, None, Vec::new());
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            2 => time = field.fixed64()?,
            3 => value = Some(Number::Float(double(field)?)),
            4 => span = field.bytes()?.try_into().ok().and_then(SpanId::new),
            5 => trace = field.bytes()?.try_into().ok().and_then(TraceId::new),
            6 => value = Some(Number::Int(field.fixed64()? as i64)),
            7 => attributes.push(decode_attribute(field.bytes()?)?),
            _ => {}
        }
    }
    if let Some(value) = value {
        exemplars.push(Exemplar { value, time: nanos(time), trace, span, attributes });
    }
    Ok(())
}
