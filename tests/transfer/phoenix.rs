//! `send` to a real Arize Phoenix, and its download of the same spans.
//!
//! `AGNO_TOP_PHOENIX_PYTHON` names a Python with `tests/phoenix/requirements.txt`. Without it the test is skipped.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use agno_top::export::ExportedSpan;
use agno_top::model::{Attribute, SpanType, Status, Value};

use super::{fixture, program, read};

/// How long Phoenix may take to start, and to store the spans.
const TIMEOUT: Duration = Duration::from_secs(180);

/// A Phoenix process, killed on drop.
struct Phoenix(Child);

impl Drop for Phoenix {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn start(python: &std::ffi::OsStr, directory: &Path) -> (Phoenix, String) {
    let port = free_port();
    let mut phoenix = Command::new(python);
    phoenix.args(["-m", "phoenix.server.main", "serve"]).current_dir(directory).stdout(Stdio::null()).stderr(Stdio::null());
    phoenix.env("PHOENIX_WORKING_DIR", directory).env("PHOENIX_HOST", "127.0.0.1").env("PHOENIX_TELEMETRY_ENABLED", "false");
    phoenix.env("PHOENIX_PORT", port.to_string()).env("PHOENIX_GRPC_PORT", free_port().to_string());
    phoenix.env("PHOENIX_SQL_DATABASE_URL", format!("sqlite:///{}", directory.join("phoenix.db").display()));
    (Phoenix(phoenix.spawn().unwrap()), format!("http://127.0.0.1:{port}"))
}

/// Fetches a JSON document.
fn get(url: &str) -> Option<serde_json::Value> {
    let mut response = ureq::get(url).call().ok()?;
    serde_json::from_reader(response.body_mut().as_reader()).ok()
}

fn wait<T>(what: &str, mut poll: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = poll() {
            return found;
        }
        assert!(started.elapsed() < TIMEOUT, "{what} took too long");
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Downloads all spans of the default project over the REST API: one page per line.
fn download(url: &str, spans: usize) -> String {
    let pages = || {
        let (mut pages, mut count, mut cursor) = (String::new(), 0, String::new());
        loop {
            let page = get(&format!("{url}/v1/projects/default/spans?limit=40{cursor}"))?;
            count += page["data"].as_array()?.len();
            pages.push_str(&page.to_string());
            pages.push('\n');
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return (count == spans).then_some(pages),
            }
        }
    };
    wait("storing", pages)
}

#[test]
fn phoenix_stores_the_sent_spans() {
    let Some(python) = std::env::var_os("AGNO_TOP_PHOENIX_PYTHON").filter(|path| !path.is_empty()) else {
        eprintln!("skipped: AGNO_TOP_PHOENIX_PYTHON does not name a Python with Phoenix (see CONTRIBUTING.md)");
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let (_phoenix, url) = start(&python, directory.path());
    wait("starting", || get(&format!("{url}/v1/projects")));
    let source = fixture("agno-3.1.10.otlp.pb");
    program(&["send", &source, "--to", &url]).assert().success().stdout(format!("{url} accepted 75 of 75 spans\n"));

    let path = directory.path().join("phoenix.jsonl");
    std::fs::write(&path, download(&url, 75)).unwrap();
    let (sent, downloaded) = (read(Path::new(&source)), read(&path));
    assert_eq!(downloaded.len(), 75);
    for (sent, downloaded) in sent.iter().zip(&downloaded) {
        assert_eq!(kept(downloaded), kept(sent), "{}", sent.record.span_id);
        // Phoenix rounds to microseconds.
        let near = |one: i64, other: i64| (one - other).abs() <= 1000;
        let (end, other) = (downloaded.record.end.unwrap(), sent.record.end.unwrap());
        assert!(near(downloaded.record.start, sent.record.start) && near(end, other), "{}", sent.record.span_id);
    }
    assert_eq!(facts(&path), facts(Path::new(&source)));
}

/// Returns the parts of a span that Phoenix keeps: not the resource, the scope and the exact times. JSON texts are normalized.
fn kept(span: &ExportedSpan) -> (String, Option<String>, Status, String, BTreeMap<String, String>, usize) {
    let record = &span.record;
    let attributes = span.payload.attributes.iter().map(normalized).collect();
    (
        record.name.clone(),
        record.parent_id.map(|parent| parent.to_string()),
        span.status,
        span.payload.status_message.clone(),
        attributes,
        span.payload.events.len(),
    )
}

fn normalized((name, value): &Attribute) -> (String, String) {
    let text = match value {
        Value::Text(text) => serde_json::from_str::<serde_json::Value>(text).map_or_else(|_| text.clone(), |json| json.to_string()),
        other => other.to_json(),
    };
    (name.clone(), text)
}

/// Returns span types, tokens and errors of the rows.
fn facts(path: &Path) -> BTreeMap<String, (SpanType, Option<u32>, Option<u32>, String)> {
    use agno_top::model::SourceId;
    use agno_top::sources::{State, Update, UpdateSender, file};
    let (sender, mut updates) = tokio::sync::mpsc::channel(16);
    let _handle = file::start(path.to_owned(), UpdateSender::new(SourceId(0), sender)).unwrap();
    let mut facts = BTreeMap::new();
    loop {
        match updates.blocking_recv().unwrap() {
            Update::Batch(batch) => facts.extend(batch.spans.iter().map(|span| {
                let usage = span.facts.usage.unwrap_or_default();
                (span.id.to_string(), (span.facts.span_type, usage.input, usage.output, batch.text(span.error).to_owned()))
            })),
            Update::State(_, State::Ended | State::Watching { .. }) => return facts,
            _ => {}
        }
    }
}
