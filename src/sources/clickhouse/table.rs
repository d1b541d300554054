//! The table of spans: Agno's, or one of the OpenTelemetry collector's exporter.

use std::collections::{HashMap, HashSet};

use super::config::Config;
use super::error::Error;
use super::server::{Condition, Parameter, Server};
use crate::model::Nanos;
use crate::sources::sqlite::Tables;

/// The collector's usual name of its table.
const COLLECTOR_TABLE: &str = "otel_traces";
/// The columns that Agno's table must have, and those that it may have.
const AGNO: [&str; 8] = ["span_id", "trace_id", "parent_span_id", "name", "status_code", "start_time", "end_time", "attributes"];
const AGNO_OPTIONAL: [&str; 2] = ["status_message", "created_at"];
/// The same of the collector's table.
const COLLECTOR: [&str; 8] = ["SpanId", "TraceId", "ParentSpanId", "SpanName", "StatusCode", "Timestamp", "Duration", "SpanAttributes"];
const COLLECTOR_OPTIONAL: [&str; 15] = [
    "StatusMessage",
    "SpanKind",
    "TraceState",
    "ServiceName",
    "ScopeName",
    "ScopeVersion",
    "ResourceAttributes",
    "Events",
    "Events.Timestamp",
    "Events.Name",
    "Events.Attributes",
    "Links",
    "Links.TraceId",
    "Links.SpanId",
    "Links.Attributes",
];
/// The most tables that are listed.
const LISTED: usize = 9;

/// Who wrote a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sources) enum Shape {
    /// Agno's `ClickhouseDb`.
    Agno,
    /// The collector's exporter.
    Collector,
}

/// A table of spans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sources) struct Table {
    pub(in crate::sources) shape: Shape,
    pub(super) database: String,
    pub(in crate::sources) name: String,
    columns: HashSet<String>,
    /// Identifies the table: another one of the same name has another.
    pub(super) uuid: String,
    /// Whether its rows are in parts that `system.parts` lists.
    pub(super) has_parts: bool,
    /// The quoted name of the collector's table of trace ids, if there is one.
    pub(super) ids: Option<String>,
}

impl Table {
    /// Finds the table of spans.
    pub(in crate::sources) fn find(server: &mut Server, config: &Config, tables: &Tables) -> Result<Self, Error> {
        server.check_completeness()?;
        let database = Parameter::text("database", &config.database);
        let names = AGNO.iter().chain(&AGNO_OPTIONAL).chain(&COLLECTOR).chain(&COLLECTOR_OPTIONAL);
        let sql = "SELECT table, name, type FROM system.columns WHERE database = {database:String} AND name IN {names:Array(String)}";
        let rows = server.query(sql, &[database.clone(), Parameter::texts("names", names)])?;
        let mut found: HashMap<String, HashSet<String>> = HashMap::new();
        for (table, name) in rows.texts(0).into_iter().zip(rows.texts(1)) {
            found.entry(table).or_default().insert(name);
        }
        let Some(table) = choose(&found, config.table.as_deref(), &tables.spans) else { return Err(missing(server, &database)?) };
        let columns = found.remove(&table).unwrap_or_default();
        let shape = shape(&columns)?;
        let parameters = [database.clone(), Parameter::text("table", &table)];
        let sql = "SELECT engine, toString(uuid) FROM system.tables WHERE database = {database:String} AND name = {table:String}";
        let rows = server.query(sql, &parameters)?;
        let (engine, uuid) = (rows.texts(0).concat(), rows.texts(1).concat());
        let ids = format!("{table}_trace_id_ts");
        let sql = "SELECT name FROM system.tables WHERE database = {database:String} AND name = {table:String}";
        let has_ids = server.query(sql, &[database, Parameter::text("table", &ids)])?.count > 0;
        Ok(Self {
            shape,
            columns,
            uuid,
            has_parts: engine.ends_with("MergeTree"),
            ids: has_ids.then(|| quoted(&config.database, &ids)),
            database: config.database.clone(),
            name: table,
        })
    }

    /// Returns a table without optional columns.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn of_shape(shape: Shape) -> Self {
        let [database, name, uuid] = ["d", "t", ""].map(ToOwned::to_owned);
        Self { shape, database, name, columns: HashSet::new(), uuid, has_parts: false, ids: None }
    }

    /// Returns the quoted name.
    pub(super) fn quoted(&self) -> String {
        quoted(&self.database, &self.name)
    }

    /// Returns the column of the start.
    pub(super) fn start(&self) -> &'static str {
        self.one_of("start_time", "Timestamp")
    }

    /// Returns the column of the trace id.
    pub(super) fn trace(&self) -> &'static str {
        self.one_of("trace_id", "TraceId")
    }

    /// Returns the column of the span id.
    pub(super) fn span(&self) -> &'static str {
        self.one_of("span_id", "SpanId")
    }

    /// Returns the column of the span's name.
    pub(super) fn span_name(&self) -> &'static str {
        self.one_of("name", "SpanName")
    }

    /// Returns the column of the status.
    pub(super) fn status(&self) -> &'static str {
        self.one_of("status_code", "StatusCode")
    }

    /// Returns the expression of the start in nanoseconds, whatever the time zone of the server.
    pub(super) fn start_nanos(&self) -> &'static str {
        self.one_of("toUnixTimestamp64Nano(start_time)", "toUnixTimestamp64Nano(Timestamp)")
    }

    /// Returns the expression of the end in nanoseconds.
    pub(super) fn end_nanos(&self) -> &'static str {
        self.one_of("toUnixTimestamp64Nano(end_time)", "(toUnixTimestamp64Nano(Timestamp) + toInt64(Duration))")
    }

    /// Returns the expression of the time when the row was sent in nanoseconds: of the collector's tables, which do not state it, the end.
    pub(super) fn sent_nanos(&self) -> &'static str {
        if self.shape == Shape::Agno && self.columns.contains("created_at") {
            "toUnixTimestamp64Nano(created_at)"
        } else {
            self.end_nanos()
        }
    }

    fn one_of(&self, agno: &'static str, collector: &'static str) -> &'static str {
        if self.shape == Shape::Agno { agno } else { collector }
    }

    /// Returns the column, or `otherwise` if there is none.
    pub(super) fn column(&self, name: &'static str, otherwise: &'static str) -> &'static str {
        let nested = name.split('.').next().unwrap_or_default();
        if self.columns.contains(name) || (nested != name && self.columns.contains(nested)) { name } else { otherwise }
    }

    /// Returns a condition on the start: from `from`, and before `to`.
    pub(super) fn between(&self, from: Nanos, to: Nanos) -> Condition {
        let start = self.start();
        let sql = format!("{start} >= fromUnixTimestamp64Nano({{from:Int64}}) AND {start} < fromUnixTimestamp64Nano({{to:Int64}})");
        Condition::default().and(&sql, [Parameter::number("from", from), Parameter::number("to", to)])
    }
}

/// Returns the table to read: the named one, else Agno's, else the collector's; else one of any name that has the collector's columns.
fn choose(found: &HashMap<String, HashSet<String>>, named: Option<&str>, spans: &str) -> Option<String> {
    let has = |name: &str| found.contains_key(name).then(|| name.to_owned());
    if let Some(named) = named {
        return has(named);
    }
    if let Some(table) = has(spans) {
        return Some(table);
    }
    if spans != Tables::default().spans {
        return None;
    }
    has(COLLECTOR_TABLE).or_else(|| {
        let mut others = found.iter().filter(|(_, columns)| matches!(shape(columns), Ok(Shape::Collector)));
        let other = others.next()?.0.clone();
        others.next().is_none().then_some(other)
    })
}

fn shape(columns: &HashSet<String>) -> Result<Shape, Error> {
    let lacks = |names: &[&'static str]| names.iter().find(|name| !columns.contains(**name)).copied();
    match (lacks(&AGNO), lacks(&COLLECTOR)) {
        (None, _) => Ok(Shape::Agno),
        (_, None) => Ok(Shape::Collector),
        (Some(_), Some(column)) if columns.contains(COLLECTOR[1]) => Err(Error::NoColumn(column)),
        (Some(column), _) => Err(Error::NoColumn(column)),
    }
}

/// Returns why there is no table.
fn missing(server: &mut Server, database: &Parameter) -> Result<Error, Error> {
    let sql = format!("SELECT name FROM system.tables WHERE database = {{database:String}} ORDER BY name LIMIT {LISTED}");
    let others = server.query(&sql, std::slice::from_ref(database))?.texts(0);
    if others.is_empty() {
        let sql = "SELECT name FROM system.databases WHERE name = {database:String}";
        if server.query(sql, std::slice::from_ref(database))?.count == 0 {
            return Ok(Error::NoDatabase);
        }
    }
    Ok(Error::NoTable(others))
}

/// Returns the quoted name of a table.
pub(in crate::sources) fn quoted(database: &str, table: &str) -> String {
    format!("{}.{}", identifier(database), identifier(table))
}

/// Quotes a name.
pub(in crate::sources) fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(names: &[&str]) -> HashSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_columns_decide_who_wrote_a_table() {
        assert_eq!(shape(&columns(&AGNO)), Ok(Shape::Agno));
        assert_eq!(shape(&columns(&COLLECTOR)), Ok(Shape::Collector));
        assert_eq!(shape(&columns(&AGNO[..7])), Err(Error::NoColumn("attributes")));
        assert_eq!(shape(&columns(&COLLECTOR[..7])), Err(Error::NoColumn("SpanAttributes")));
    }

    #[test]
    fn agno_s_table_comes_before_the_collector_s() {
        let found = |tables: &[(&str, &[&str])]| tables.iter().map(|(name, names)| ((*name).to_owned(), columns(names))).collect();
        let choose = |found, named, spans| choose(&found, named, spans);
        let both = || found(&[("agno_spans", &AGNO), ("otel_traces", &COLLECTOR), ("x", &COLLECTOR)]);
        assert_eq!(choose(both(), None, "agno_spans").as_deref(), Some("agno_spans"));
        assert_eq!(choose(both(), Some("x"), "agno_spans").as_deref(), Some("x"));
        assert_eq!(choose(both(), None, "mine"), None);
        assert_eq!(choose(found(&[("otel_traces", &COLLECTOR), ("x", &COLLECTOR)]), None, "agno_spans").as_deref(), Some("otel_traces"));
        assert_eq!(choose(found(&[("x", &COLLECTOR), ("y", &["TraceId"])]), None, "agno_spans").as_deref(), Some("x"));
        assert_eq!(choose(found(&[("x", &COLLECTOR), ("y", &COLLECTOR)]), None, "agno_spans"), None);
        assert_eq!(quoted("a`b", "c\\"), r"`a\`b`.`c\\`");
    }
}
