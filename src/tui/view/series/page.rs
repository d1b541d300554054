//! The page about a series: what it is, its value, buckets, exemplars and last points.

use crate::format;
use crate::metrics::{MetricStore, Series, Value};
use crate::model::distribution::Bucket;
use crate::model::payload_query::value_text;
use crate::model::{Attribute, Distribution, Nanos};
use crate::tui::app::SeriesList;
use crate::tui::display::{counted, metric};
use crate::tui::widget::text::{Document, TextRole};
use crate::tui::widget::{Glyphs, sparkline};

/// Cells before the values.
const LABEL_WIDTH: usize = 15;

/// The most cells of the chart of an hour: one for each minute.
const CHART: usize = 60;

/// The longest bar of a bucket.
const BAR: u64 = 30;

/// The most listed buckets; more are joined to the row of blocks only.
const MAX_BUCKETS: usize = 60;

/// Returns the page about the series under the cursor; empty without one.
pub(in crate::tui::view) fn page(list: &SeriesList, store: &MetricStore, now: Nanos, glyphs: Glyphs) -> Document {
    let cells = list.page_width().saturating_sub(LABEL_WIDTH).clamp(10, CHART);
    let mut page = Page { document: Document::new(), glyphs, cells };
    if let Some(series) = list.current(store) {
        page.identity(series);
        page.value(series, store, now);
        let comparisons: Vec<String> = list.comparisons(series).iter().map(counted::comparison).collect();
        page.fact_if_any("beside calls", &comparisons.join(" · "));
        page.exemplars(series, list.exemplar, now);
        page.attributes("resource", &series.metric.resource);
        page.points(series, now);
    }
    page.document
}

struct Page {
    document: Document,
    glyphs: Glyphs,
    /// The cells of the chart.
    cells: usize,
}

impl Page {
    fn fact(&mut self, name: &str, value: &str) {
        self.document.begin_line(0, LABEL_WIDTH);
        self.document.push(&format::pad_right(name, LABEL_WIDTH), TextRole::Label);
        self.document.push(value, TextRole::Plain);
    }

    fn fact_if_any(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.fact(name, value);
        }
    }

    fn attributes(&mut self, title: &str, attributes: &[Attribute]) {
        for (at, (name, value)) in attributes.iter().enumerate() {
            self.fact(if at == 0 { title } else { "" }, &format!("{name} = {}", value_text(value)));
        }
    }

    fn identity(&mut self, series: &Series) {
        let kind = series.metric.kind;
        let temporality = kind.temporality().map_or_else(String::new, |temporality| format!(", {}", temporality.name()));
        self.fact("type", &format!("{}{temporality}", kind.name()));
        self.fact_if_any("unit", &series.metric.unit);
        self.fact_if_any("about", &series.metric.description);
        self.fact_if_any("scope", [&series.metric.scope.0, &series.metric.scope.1].map(String::as_str).join(" ").trim());
        self.attributes("attributes", &series.attributes);
    }

    fn value(&mut self, series: &Series, store: &MetricStore, now: Nanos) {
        match series.value() {
            Value::None => self.fact("value", "none at present"),
            Value::Number(number) => {
                let name = if series.is_counting() { "total" } else { "value" };
                self.fact(name, format!("{} {}", metric::number(number), series.metric.unit).trim_end());
            }
            Value::Distribution(values) => self.distribution(&values),
            Value::Summary(count, sum, quantiles) => {
                self.fact("values", &format!("{}, sum {}", format::count(count), format::decimal(sum)));
                for (quantile, value) in quantiles {
                    self.fact(&format!("p{}", format::decimal(quantile * 100.0)), &format::decimal(value));
                }
            }
        }
        if series.is_counting() {
            self.fact("rate", &metric::rate_in_unit(series, now));
        }
        if series.resets() > 0 {
            self.fact("", &format!("counted by {}, which are added up", format::plural(u64::from(series.resets()) + 1, "start")));
        }
        let chart = metric::heights(&series.chart(store.chart_end(now), self.cells));
        self.fact(&metric::hour_title(store, now).to_lowercase(), sparkline(&chart, self.cells, self.glyphs).trim_end());
        self.fact("points", &format!("{}, the last {}", format::count(series.points), format::moment(series.time, now)));
    }

    fn distribution(&mut self, values: &Distribution) {
        let known = |name: &str, value: Option<f64>| value.map_or_else(String::new, |value| format!("  {name} {}", format::decimal(value)));
        let rest = known("sum", values.sum) + &known("mean", values.mean()) + &known("min", values.min) + &known("max", values.max);
        self.fact("values", &format!("{}{rest}", format::count(values.count)));
        let buckets = values.buckets();
        if buckets.is_empty() {
            return;
        }
        let quantile = |share: f64| values.quantile(share).map_or_else(|| "–".to_owned(), |value| format!("~{}", metric::short(value)));
        self.fact("estimates", &format!("p50 {}  p95 {}  p99 {}, from the buckets", quantile(0.5), quantile(0.95), quantile(0.99)));
        let counts: Vec<u64> = buckets.iter().map(|bucket| bucket.count).collect();
        self.fact("buckets", &sparkline(&counts, counts.len(), self.glyphs));
        let top = counts.iter().copied().max().unwrap_or_default().max(1);
        let bound = |bucket: &Bucket| match (bucket.low.is_finite(), bucket.high.is_finite()) {
            (_, true) if bucket.low >= bucket.high => format::decimal(bucket.low),
            (false, true) => format!("≤ {}", metric::short(bucket.high)),
            (true, false) => format!("> {}", metric::short(bucket.low)),
            _ => format!("{} – {}", metric::short(bucket.low), metric::short(bucket.high)),
        };
        let block = if self.glyphs == Glyphs::Ascii { "#" } else { "█" };
        for bucket in buckets.iter().take(MAX_BUCKETS) {
            let bar = (u128::from(bucket.count) * u128::from(BAR)).div_ceil(u128::from(top)) as usize;
            self.document.begin_line(2, 4);
            self.document.push(&format::pad_left(&bound(bucket), 20), TextRole::Faint);
            self.document.push(&format!("  {:>9}  ", format::count(bucket.count)), TextRole::Plain);
            self.document.push(&block.repeat(bar), TextRole::String);
        }
        if buckets.len() > MAX_BUCKETS {
            self.fact("", &format!("{} more", format::plural((buckets.len() - MAX_BUCKETS) as u64, "bucket")));
        }
    }

    fn exemplars(&mut self, series: &Series, chosen: usize, now: Nanos) {
        for (at, exemplar) in series.exemplars.iter().rev().enumerate() {
            let time = exemplar.time.map_or_else(|| "–".to_owned(), |time| format::moment(time, now));
            let trace = exemplar.trace.map_or_else(|| "without a trace".to_owned(), |trace| format!("trace {trace}"));
            let attributes: Vec<String> = exemplar.attributes.iter().map(|(name, value)| format!("{name}={}", value_text(value))).collect();
            let mark = if at == chosen { "▸ " } else { "  " };
            let text = format!("{mark}{time}  {}  {trace}  {}", metric::number(exemplar.value), attributes.join(" "));
            self.fact(if at == 0 { "exemplars" } else { "" }, text.trim_end());
        }
        if series.exemplars.iter().any(|exemplar| exemplar.trace.is_some()) {
            self.fact("", "enter in this pane opens the trace of ▸; n and N choose");
        }
    }

    fn points(&mut self, series: &Series, now: Nanos) {
        let samples = series.samples();
        if samples.is_empty() {
            return;
        }
        if series.points > samples.len() as u64 {
            self.fact("listed", &format!("the last {}", format::plural(samples.len() as u64, "point")));
        }
        for (at, sample) in samples.iter().rev().enumerate() {
            let since = sample.start.map_or_else(String::new, |start| format!("  since {}", format::moment(start, now)));
            let text = format!("{}  {}{since}", format::moment(sample.time, now), metric::number(sample.value));
            self.fact(if at == 0 { "stated" } else { "" }, &text);
        }
    }
}
