//! Rows with all of their columns.

use crate::model::sort;

/// A value as the database stores it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Null.
    Null,
    /// SQLite's integer.
    Integer(i64),
    /// SQLite's real number.
    Real(f64),
    /// A text: any value of PostgreSQL, and SQLite's texts in UTF-8.
    Text(String),
    /// SQLite's text in another encoding than its own.
    BrokenText(Vec<u8>),
    /// SQLite's bytes.
    Blob(Vec<u8>),
}

impl Value {
    /// Returns the text, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// Returns the size in bytes.
    fn size(&self) -> u64 {
        match self {
            Self::Null => 0,
            Self::Integer(_) | Self::Real(_) => 8,
            Self::Text(text) => text.len() as u64,
            Self::BrokenText(bytes) | Self::Blob(bytes) => bytes.len() as u64,
        }
    }
}

/// The names of the columns of both tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// The columns of the table of traces; none if there is no such table.
    pub traces: Vec<String>,
    /// The columns of the table of spans.
    pub spans: Vec<String>,
}

impl Columns {
    /// Returns the place of a column of the table of traces.
    pub(super) fn of_trace(&self, name: &str) -> Option<usize> {
        self.traces.iter().position(|column| column == name)
    }

    /// Returns the place of a column of the table of spans.
    pub(super) fn of_span(&self, name: &str) -> Option<usize> {
        self.spans.iter().position(|column| column == name)
    }
}

/// A trace: its rows in both tables.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TraceRows {
    /// The trace id as the tables have it.
    pub id: String,
    /// The row in the table of traces; `None` if there is none.
    pub trace: Option<Vec<Value>>,
    /// Its other rows in the table of traces: ClickHouse has one for each batch of spans.
    pub more: Vec<Vec<Value>>,
    /// The rows in the table of spans, in the order of their span ids.
    pub spans: Vec<Vec<Value>>,
}

impl TraceRows {
    /// Returns the size of all values in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.trace.iter().chain(&self.more).chain(&self.spans).flatten().map(Value::size).sum()
    }

    /// Returns a value of the row in the table of traces.
    #[must_use]
    pub fn trace_value(&self, columns: &Columns, name: &str) -> Option<&Value> {
        self.trace.as_ref()?.get(columns.of_trace(name)?)
    }
}

/// Collects rows, which come in any order, by trace: in the order of `ids`. `trace_ids` and `span_ids` are the places of the columns.
pub(super) fn by_trace(
    ids: &[String],
    (traces, trace_id): (Vec<Vec<Value>>, Option<usize>),
    (mut spans, span_trace_id, span_id): (Vec<Vec<Value>>, usize, usize),
) -> Vec<TraceRows> {
    let text = |row: &[Value], column: usize| row.get(column).and_then(Value::text).unwrap_or_default().to_owned();
    sort::by_key(&mut spans, |row| text(row, span_id));
    let mut found: std::collections::HashMap<String, TraceRows> =
        ids.iter().map(|id| (id.clone(), TraceRows { id: id.clone(), ..TraceRows::default() })).collect();
    for row in traces {
        if let Some(trace) = trace_id.and_then(|column| found.get_mut(&text(&row, column))) {
            match trace.trace {
                Some(_) => trace.more.push(row),
                None => trace.trace = Some(row),
            }
        }
    }
    for row in spans {
        if let Some(trace) = found.get_mut(&text(&row, span_trace_id)) {
            trace.spans.push(row);
        }
    }
    ids.iter().filter_map(|id| found.remove(id)).filter(|trace| trace.trace.is_some() || !trace.spans.is_empty()).collect()
}
