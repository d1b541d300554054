//! The screen before the first span: the sources, and how to write traces to them.

use std::fmt::Write;
use std::net::SocketAddr;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::put;
use super::styling::Styling;
use crate::format;
use crate::metrics::{MetricStore, Series};
use crate::setup;
use crate::sources::{Port, State};
use crate::tui::app::{Action, App, SourceView};

/// The series that are looked at for the names of their services, and the names that are shown.
const MAX_SERIES: usize = 2000;
const MAX_SENDERS: usize = 5;

pub(super) fn draw(buffer: &mut Buffer, area: Rect, app: &App, styling: Styling) {
    let (plain, dim, key) = (Style::new(), styling.dim(), styling.key());
    let mut lines = vec![("No traces yet.".to_owned(), styling.title()), (String::new(), plain)];
    lines.extend(app.sources.iter().flat_map(|source| source_lines(source, usize::from(area.width), styling)));
    lines.extend(app.sources.iter().filter_map(without_traces).map(|text| (text, styling.running())));
    if let Some(program) = &app.program {
        // How to send is set already.
        lines.truncate(2);
        match &program.end {
            None => lines.push(("A step of the program is here as soon as it starts.".to_owned(), plain)),
            Some(end) => {
                let end = end.split(" · ").next().unwrap_or_default();
                lines.push((format!("The program has ended ({end}) and sent none."), plain));
                // A command has a line of its own, as short as it can be.
                lines.extend(program.why_nothing.iter().flat_map(|why| why.split("; ")).map(|part| (part.to_owned(), dim)));
            }
        }
        return draw_lines(buffer, area, &lines);
    }
    let senders = senders(&app.metrics);
    lines.extend(senders.iter().map(|text| (text.clone(), styling.running())));
    if !senders.is_empty() {
        lines.push((format!("{} shows the metrics.", app.keymap.hint(Action::ViewMetrics)), dim));
    }
    let advised = app.sources.iter().find_map(database).filter(|_| senders.is_empty());
    if let Some([import, database]) = advised {
        lines.push((String::new(), plain));
        lines.push(("To write traces to it, run this in Python before you create the agent:".to_owned(), dim));
        lines.push((String::new(), plain));
        lines.push((import, key));
        lines.push(("from agno.tracing import setup_tracing".to_owned(), key));
        lines.push((format!("setup_tracing(db={database})"), key));
    }
    if let Some((source, port)) = best_port(app) {
        lines.push((String::new(), plain));
        lines.push(("Any other program that sends OpenTelemetry traces is started with:".to_owned(), dim));
        lines.push((String::new(), plain));
        lines.extend(settings(source, port).into_iter().map(|line| (line, key)));
    }
    lines.push((String::new(), plain));
    lines.push(("Steps are written when they end. Still nothing? agno-top doctor says why.".to_owned(), dim));
    lines.push(("No agent at hand? agno-top demo plays a recorded run.".to_owned(), dim));
    draw_lines(buffer, area, &lines);
}

/// Draws lines in the middle of an area.
fn draw_lines(buffer: &mut Buffer, area: Rect, lines: &[(String, Style)]) {
    let top = area.y + area.height.saturating_sub(lines.len() as u16) / 3;
    let width = lines.iter().map(|(text, _)| format::width(text)).max().unwrap_or_default() as u16;
    let left = area.x + area.width.saturating_sub(width) / 2;
    for (y, (text, style)) in (top..area.bottom()).zip(lines) {
        put(buffer, left, y, area.right().saturating_sub(left), text, *style);
    }
}

/// Names the services that send metrics, and what makes them send spans.
fn senders(metrics: &MetricStore) -> Vec<String> {
    let mut services: Vec<&str> = metrics.series().iter().take(MAX_SERIES).map(Series::service).filter(|name| !name.is_empty()).collect();
    services.sort_unstable();
    services.dedup();
    services.truncate(MAX_SENDERS);
    services.into_iter().map(|service| format!("{service} sends metrics, but no spans: {}", setup::spans_advice(service))).collect()
}

/// Returns the ports that a listener has.
fn open_ports(source: &SourceView) -> impl Iterator<Item = &Port> {
    source.traffic.ports.iter().filter(|port| port.error.is_none())
}

/// Returns the port that programs are told to send to: the last one, which is that of HTTP, and of IPv4 if there is one, which every
/// sender knows.
fn best_port(app: &App) -> Option<(&SourceView, &Port)> {
    let ports = || app.sources.iter().flat_map(|source| open_ports(source).map(move |port| (source, port)));
    ports().filter(|(_, port)| port.address.is_ipv4()).last().or_else(|| ports().last())
}

/// Returns the addresses that a listener has, one of each port.
fn addresses(source: &SourceView) -> Vec<SocketAddr> {
    let mut addresses: Vec<SocketAddr> = open_ports(source).map(|port| port.address).collect();
    addresses.dedup_by_key(|address| address.port());
    addresses
}

/// Returns the settings of programs that send to a port.
fn settings(source: &SourceView, port: &Port) -> Vec<String> {
    let host = match port.reachable {
        Some(address) => address.to_string(),
        None if port.address.ip().is_unspecified() => format!("NAME-OF-THIS-MACHINE:{}", port.address.port()),
        None => port.address.to_string(),
    };
    let mut lines = vec![format!("OTEL_EXPORTER_OTLP_ENDPOINT=http://{host}")];
    if source.traffic.has_token {
        lines.push("OTEL_EXPORTER_OTLP_HEADERS=\"authorization=Bearer <the token>\"".to_owned());
    }
    lines
}

/// Returns where a source is and what it does, in two lines if one is too short.
fn source_lines(source: &SourceView, width: usize, styling: Styling) -> Vec<(String, Style)> {
    let addresses: Vec<String> = addresses(source).iter().map(SocketAddr::to_string).collect();
    if !addresses.is_empty() {
        return vec![(format!("listening for OTLP on {}: no traces yet", addresses.join(" and ")), styling.good())];
    }
    let (state, style) = match &source.state {
        State::Waiting(reason) => (source.without_name(reason).to_owned(), styling.running()),
        State::Failing(reason) => (source.without_name(reason).to_owned(), styling.error()),
        State::Loading { .. } => ("loading".to_owned(), styling.running()),
        State::Watching { .. } | State::WatchingNewest { .. } => ("watching; no spans yet".to_owned(), styling.good()),
        State::Ended => ("read; no spans".to_owned(), styling.dim()),
    };
    let line = format!("{}  {state}", source.place);
    if format::width(&line) <= width { vec![(line, style)] } else { vec![(source.place.clone(), style), (format!("  {state}"), style)] }
}

/// Says what a listener received instead of traces, and what the senders must be told; `None` if it received nothing else.
fn without_traces(source: &SourceView) -> Option<String> {
    let traffic = &source.traffic;
    if traffic.spans > 0 {
        return None;
    }
    if traffic.refused > 0 {
        let why = traffic.refusal.as_ref().map_or_else(|| "L says more".to_owned(), Clone::clone);
        return Some(format!("{} refused: {why}", format::plural(traffic.refused, "request")));
    }
    (traffic.logs > 0).then(|| {
        let count = format::count(traffic.logs);
        format!("logs came ({count}), no traces: give the sender OTEL_TRACES_EXPORTER=otlp")
    })
}

/// Returns the Python import and the expression of Agno's database for a source; `None` for a source that Agno can't write to.
fn database(source: &SourceView) -> Option<[String; 2]> {
    if matches!(source.state, State::Failing(_) | State::Ended) {
        return None;
    }
    if let Some(rest) = source.name.strip_prefix("postgres://") {
        // SQLAlchemy needs its driver in the URL.
        let url = format!("postgresql+psycopg://{rest}");
        return Some(["from agno.db.postgres import PostgresDb".to_owned(), format!("PostgresDb(db_url={url:?})")]);
    }
    if let Some((scheme, rest)) = source.name.split_once("://").filter(|(scheme, _)| matches!(*scheme, "clickhouse" | "clickhouses")) {
        let (user, place) = rest.rsplit_once('@')?;
        let (host, database) = place.rsplit_once('/')?;
        let is_secure = scheme == "clickhouses";
        let (host, port) =
            host.rsplit_once(':').filter(|(_, port)| !port.contains(']')).unwrap_or((host, if is_secure { "8443" } else { "8123" }));
        let mut value = format!("ClickhouseDb(host={host:?}");
        // What Agno assumes is left out.
        if port != "8123" {
            let _ = write!(value, ", port={port}");
        }
        if user != "default" {
            let _ = write!(value, ", username={user:?}, password=…");
        }
        if database != "agno" {
            let _ = write!(value, ", database={database:?}");
        }
        value.push_str(if is_secure { ", secure=True)" } else { ")" });
        return Some(["from agno.db.clickhouse import ClickhouseDb".to_owned(), value]);
    }
    let is_named_so = [".db", ".sqlite", ".sqlite3"].iter().any(|ending| source.name.ends_with(ending));
    is_named_so.then(|| ["from agno.db.sqlite import SqliteDb".to_owned(), format!("SqliteDb(db_file={:?})", source.place)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::Traffic;

    fn source(name: &str, state: State) -> SourceView {
        SourceView { state, ..SourceView::new(name) }
    }

    #[test]
    fn the_python_code_names_the_watched_database() {
        let value = |source: SourceView| database(&source).map(|[_, value]| value);
        let waiting = || State::Waiting(String::new());
        let file = SourceView { place: "/home/a/tmp/x.db".to_owned(), ..source("tmp/x.db", waiting()) };
        assert_eq!(value(file).as_deref(), Some("SqliteDb(db_file=\"/home/a/tmp/x.db\")"));
        let server = source("postgres://u@h/d", waiting());
        assert_eq!(value(server).as_deref(), Some("PostgresDb(db_url=\"postgresql+psycopg://u@h/d\")"));
        assert_eq!(value(source("x.json", waiting())), None);
        assert_eq!(value(source("postgres://u@h/d", State::Failing(String::new()))), None);
        let server = source("clickhouses://u@h/d", waiting());
        let expected = "ClickhouseDb(host=\"h\", port=8443, username=\"u\", password=…, database=\"d\", secure=True)";
        assert_eq!(value(server).as_deref(), Some(expected));
        assert_eq!(value(source("clickhouse://default@h/agno", waiting())).as_deref(), Some("ClickhouseDb(host=\"h\")"));
    }

    #[test]
    fn a_listener_without_traces_says_what_it_received_instead() {
        let with = |traffic: Traffic| without_traces(&SourceView { traffic, ..source("otlp", State::Watching { left_out: 0 }) });
        assert_eq!(with(Traffic::default()), None);
        assert_eq!(with(Traffic { logs: 2, spans: 1, ..Traffic::default() }), None);
        assert!(
            with(Traffic { logs: 2, metrics: 1, ..Traffic::default() }).is_some_and(|text| text.starts_with("logs came (2), no traces"))
        );
        let refused = Traffic { refused: 1, refusal: Some("use POST".to_owned()), ..Traffic::default() };
        assert_eq!(with(refused).as_deref(), Some("1 request refused: use POST"));
    }

    #[test]
    fn other_programs_get_an_address_that_they_can_reach_and_the_header_of_the_token() {
        let port = |address: &str, reachable: Option<&str>| Port {
            address: address.parse().unwrap(),
            reachable: reachable.map(|address| address.parse().unwrap()),
            warning: None,
            error: None,
        };
        let listener = |has_token| SourceView { traffic: Traffic { has_token, ..Traffic::default() }, ..source("otlp", State::Ended) };
        let endpoint = |port: Port| settings(&listener(false), &port).join(" ");
        assert_eq!(endpoint(port("127.0.0.1:4318", None)), "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318");
        assert_eq!(endpoint(port("0.0.0.0:4318", Some("192.0.2.7:4318"))), "OTEL_EXPORTER_OTLP_ENDPOINT=http://192.0.2.7:4318");
        assert_eq!(endpoint(port("[::]:4318", None)), "OTEL_EXPORTER_OTLP_ENDPOINT=http://NAME-OF-THIS-MACHINE:4318");
        let lines = settings(&listener(true), &port("127.0.0.1:4318", None));
        assert_eq!(lines[1..], ["OTEL_EXPORTER_OTLP_HEADERS=\"authorization=Bearer <the token>\""]);
    }
}
