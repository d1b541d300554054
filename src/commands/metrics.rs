//! `agno-top metrics`: series of metrics with their values.

use std::borrow::Cow;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use eyre::Report;
use serde::Serialize;

use super::export::otlp_output;
use super::output::{Output, Style, StyledText};
use super::snapshot::Snapshot;
use super::table::{Table, number, text};
use super::{Outcome, ignore_broken_pipe, json, print_message};
use crate::cli::{MetricSort, MetricsArgs, OtlpFormat};
use crate::config::Config;
use crate::export::{Format, Redaction, Redactor, write_metrics};
use crate::format;
use crate::metrics::{Comparison, Series, UsageCounter, Value};
use crate::model::attributes::AttributeMap;
use crate::model::metric::{Exemplar, Number};
use crate::model::{self, Attribute, Metric, MetricBatch, MetricPoint, Nanos};
use crate::query;
use crate::tui::app::{SeriesSort, sort_series};
use crate::tui::display::{counted, metric};
use crate::tui::widget::sparkline;

/// The cells of a chart of an hour.
const CHART: usize = 20;

/// Lists the series of the sources.
pub(super) fn run(args: &MetricsArgs, config: &Config) -> Result<Outcome, Report> {
    if let Some(format) = args.format {
        return export(args, format, config);
    }
    let snapshot = Snapshot::read(&args.sources, None, config, true)?;
    let all = snapshot.metrics.series();
    let is_shown = |series: &Series| args.filter.as_ref().is_none_or(|query| query.matches_record(series, snapshot.now));
    let mut order: Vec<usize> = (0..all.len()).filter(|&at| is_shown(&all[at])).collect();
    let sorted = match args.sort {
        MetricSort::Metric => SeriesSort::Name,
        MetricSort::Value => SeriesSort::Value,
        MetricSort::Rate => SeriesSort::Rate,
        MetricSort::Seen => SeriesSort::Seen,
    };
    sort_series(&mut order, all, sorted);
    order.truncate(args.limit.map_or(usize::MAX, |limit| limit as usize));
    let losses = metric::losses(&snapshot.metrics);
    if !losses.is_empty() {
        print_message(&losses);
    }
    if args.filter.as_ref().is_some_and(crate::query::Query::asks_of_spans) {
        print_message("part of the filter is about spans only and is left aside");
    }
    if order.is_empty() {
        let what = if all.is_empty() { "no metrics" } else { "no matching metrics" };
        print_message(&format!("{what} in {}", snapshot.names()));
        return Ok(Outcome::Missing);
    }
    let redaction = Redaction::of_options(args.redact, args.redact_personal);
    let redactor = redaction.redactor(&config.redact_patterns).map_err(Report::msg)?;
    let shown = order.iter().map(|&at| (&all[at], redacted(&all[at], redactor.as_ref())));
    let compared = counted::compare(&snapshot.metrics, &snapshot.store);
    for (counter, comparisons) in &compared {
        for differing in comparisons.iter().filter(|comparison| !comparison.agrees) {
            let text = format!("{}: {}", counter.metric, counted::comparison(differing));
            print_message(&redactor.as_ref().map_or_else(|| text.clone(), |redactor| redactor.text(&text).into_owned()));
        }
    }
    let mut out = BufWriter::new(io::stdout().lock());
    let result = if args.json {
        shown.into_iter().try_for_each(|(known, series)| {
            let source = snapshot.source_name(series.source);
            let source = redactor.as_ref().map_or_else(|| source.into(), |redactor| redactor.text(source));
            json::line(&mut out, &Record::new(known, &series, &source, &compared))
        })
    } else {
        table(shown, &snapshot, Output::stdout(config.ascii)).write(&mut out, Output::stdout(config.ascii))
    };
    ignore_broken_pipe(result.and_then(|()| out.flush()), Outcome::Done)
}

/// Writes the points of the series as OTLP.
fn export(args: &MetricsArgs, format: OtlpFormat, config: &Config) -> Result<Outcome, Report> {
    let mut out = otlp_output(format)?;
    let format = Format::from(format);
    let redaction = Redaction::of_options(args.redact, args.redact_personal);
    let redactor = redaction.redactor(&config.redact_patterns).map_err(Report::msg)?;
    let (mut result, mut written) = (Ok(()), 0_u64);
    let now = model::time::now();
    let snapshot = Snapshot::read_metrics(&args.sources, config, &mut |batch| {
        if result.is_err() {
            return;
        }
        let is_chosen = |point: &&MetricPoint| args.filter.as_ref().is_none_or(|query| query.matches_record(&Chosen(point), now));
        let points: Vec<MetricPoint> = batch.points.iter().filter(is_chosen).cloned().collect();
        written += points.len() as u64;
        if !points.is_empty() {
            result = write_metrics(&MetricBatch { points, ..MetricBatch::default() }, format, redactor.as_ref(), &mut out);
        }
    })?;
    if written == 0 {
        print_message(&format!("no matching metrics in {}", snapshot.names()));
        return Ok(Outcome::Missing);
    }
    ignore_broken_pipe(result.and_then(|()| out.flush()), Outcome::Done)
}

/// A point as a filter sees it.
struct Chosen<'a>(&'a MetricPoint);

impl query::Record for Chosen<'_> {
    fn name(&self) -> &str {
        &self.0.metric.name
    }

    fn service(&self) -> &str {
        self.0.metric.service()
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        let values = self.0.attributes.iter().filter_map(|(_, value)| match value {
            model::Value::Text(text) => Some(text.as_str()),
            _ => None,
        });
        std::iter::once(self.0.metric.unit.as_str()).chain(values)
    }

    fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.0.attributes.iter().chain(self.0.metric.resource.iter())
    }

    fn time(&self) -> Nanos {
        self.0.time.unwrap_or_default()
    }
}

/// Returns a series without the secrets in its texts.
fn redacted<'a>(series: &'a Series, redactor: Option<&Redactor>) -> Cow<'a, Series> {
    let Some(redactor) = redactor else { return Cow::Borrowed(series) };
    let text = |text: &str| redactor.text(text).into_owned();
    let hide = |attributes: &[Attribute]| {
        let mut attributes = attributes.to_vec();
        redactor.attributes(&mut attributes);
        attributes
    };
    let mut series = series.clone();
    series.attributes = hide(&series.attributes);
    series.exemplars.iter_mut().for_each(|exemplar| exemplar.attributes = hide(&exemplar.attributes));
    let known = &series.metric;
    series.metric = Arc::new(Metric {
        name: text(&known.name),
        description: text(&known.description),
        unit: text(&known.unit),
        kind: known.kind,
        resource: Arc::new(hide(&known.resource)),
        scope: Arc::new((text(&known.scope.0), known.scope.1.clone())),
    });
    Cow::Owned(series)
}

fn table<'a>(shown: impl Iterator<Item = (&'a Series, Cow<'a, Series>)>, snapshot: &Snapshot, output: Output) -> Table {
    let columns = vec![
        text("SEEN").optional(),
        number("VALUE"),
        text("UNIT"),
        number("RATE"),
        text(metric::hour_title(&snapshot.metrics, snapshot.now)).optional(),
        text("METRIC"),
        text("ATTRIBUTES"),
    ];
    let mut table = Table::new(columns);
    let end = snapshot.metrics.chart_end(snapshot.now);
    for (known, series) in shown {
        let series = &*series;
        let heights = metric::heights(&series.chart(end, CHART));
        // The hour of old points ended with them.
        let cells = vec![
            StyledText::new(&format::moment(series.time, snapshot.now), Style::Dim),
            StyledText::from(metric::value(series)),
            StyledText::new(&series.metric.unit, Style::Dim),
            StyledText::from(metric::rate(series, end)),
            StyledText::new(&sparkline(&heights, CHART, output.glyphs), Style::Dim),
            StyledText::new(&series.metric.name, Style::Strong),
            StyledText::new(&snapshot.metrics.label_with(known, &series.attributes, series.service()), Style::Dim),
        ];
        table.push(cells.into_iter().map(|cell| vec![cell]).collect());
    }
    table
}

/// A series as JSON.
#[derive(Serialize)]
struct Record<'a> {
    source: &'a str,
    service: Option<&'a str>,
    metric: &'a str,
    r#type: &'static str,
    temporality: Option<&'static str>,
    unit: Option<&'a str>,
    description: Option<&'a str>,
    scope: Option<&'a str>,
    attributes: AttributeMap<'a>,
    resource: AttributeMap<'a>,
    value: Option<serde_json::Number>,
    count: Option<u64>,
    sum: Option<f64>,
    mean: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
    p50: Option<f64>,
    p95: Option<f64>,
    buckets: Option<Vec<BucketRecord>>,
    quantiles: Option<Vec<(f64, f64)>>,
    per_minute: Option<f64>,
    points: u64,
    resets: u32,
    compared: Option<Vec<ComparisonRecord>>,
    exemplars: Vec<ExemplarRecord<'a>>,
    time: String,
}

/// A counter of usage with its comparisons.
type Compared = (UsageCounter, Vec<Comparison>);

/// A number of the counter of all series with this name, beside that of the calls of the service.
#[derive(Serialize)]
struct ComparisonRecord {
    what: &'static str,
    counted: f64,
    calls: f64,
    agrees: bool,
}

impl ComparisonRecord {
    fn new(comparison: &Comparison) -> Self {
        let Comparison { what, counted, called, agrees } = *comparison;
        Self { what, counted, calls: called, agrees }
    }
}

/// The lower and the upper bound of a bucket, `None` if it has none, and its count.
type BucketRecord = (Option<f64>, Option<f64>, u64);

#[derive(Serialize)]
struct ExemplarRecord<'a> {
    value: Option<serde_json::Number>,
    time: Option<String>,
    trace_id: Option<String>,
    span_id: Option<String>,
    attributes: AttributeMap<'a>,
}

impl<'a> Record<'a> {
    /// Returns the record of a series whose texts may be redacted; `known` is the series as it came.
    fn new(known: &Series, series: &'a Series, source: &'a str, compared: &[Compared]) -> Self {
        let stated = |text: &'a str| (!text.is_empty()).then_some(text);
        let metric = &series.metric;
        let mut record = Self {
            source,
            service: stated(series.service()),
            metric: &metric.name,
            r#type: metric.kind.name(),
            temporality: metric.kind.temporality().map(crate::model::metric::Temporality::name),
            unit: stated(&metric.unit),
            description: stated(&metric.description),
            scope: stated(&metric.scope.0),
            attributes: AttributeMap(&series.attributes),
            resource: AttributeMap(&metric.resource),
            value: None,
            count: None,
            sum: None,
            mean: None,
            min: None,
            max: None,
            p50: None,
            p95: None,
            buckets: None,
            quantiles: None,
            per_minute: series.per_minute(),
            points: series.points,
            resets: series.resets(),
            compared: compared
                .iter()
                .find(|(counter, _)| counter.includes(known))
                .map(|(_, comparisons)| comparisons.iter().map(ComparisonRecord::new).collect()),
            exemplars: series.exemplars.iter().map(ExemplarRecord::new).collect(),
            time: format::rfc3339(series.time),
        };
        match series.value() {
            Value::None => {}
            Value::Number(number) => record.value = finite(number),
            Value::Distribution(values) => {
                let bound = |bound: f64| Some(bound).filter(|bound| bound.is_finite());
                let buckets = values.buckets();
                (record.count, record.sum, record.mean) = (Some(values.count), values.sum, values.mean());
                (record.min, record.max) = (values.min, values.max);
                (record.p50, record.p95) = (values.quantile(0.5), values.quantile(0.95));
                record.buckets = (!buckets.is_empty())
                    .then(|| buckets.iter().map(|bucket| (bound(bucket.low), bound(bucket.high), bucket.count)).collect());
            }
            Value::Summary(count, sum, quantiles) => {
                (record.count, record.sum) = (Some(count), Some(sum));
                record.quantiles = Some(quantiles);
            }
        }
        record
    }
}

impl<'a> ExemplarRecord<'a> {
    fn new(exemplar: &'a Exemplar) -> Self {
        Self {
            value: finite(exemplar.value),
            time: exemplar.time.map(format::rfc3339),
            trace_id: exemplar.trace.map(|trace| trace.to_string()),
            span_id: exemplar.span.map(|span| span.to_string()),
            attributes: AttributeMap(&exemplar.attributes),
        }
    }
}

/// Returns a number that JSON has.
fn finite(number: Number) -> Option<serde_json::Number> {
    match number {
        Number::Int(number) => Some(number.into()),
        Number::Float(number) => serde_json::Number::from_f64(number),
    }
}
