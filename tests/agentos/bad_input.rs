//! Answers that are wrong, late, cut, refused or of another program.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use agno_top::sources::{ReadLimits, State, Wanted, agentos};
use assert_cmd::Command;
use serde_json::{Value, json};

use super::Source;
use super::server::{Server, Told, answer, trace};

/// Returns the first failure of a source that gets this answer to every question, without its URL.
fn failure(told: Told, key: Option<&str>) -> String {
    let server = Server::start(move |_| told.clone());
    let mut source = Source::open(&server.url, key, ReadLimits::of(10));
    let message = source.failure();
    assert!(message.starts_with(&server.url), "{message}");
    message[server.url.len()..].to_owned()
}

#[test]
fn refusals_say_what_is_wrong_and_what_to_do() {
    let login = failure(Told::refuse(401, "Authorization header required"), None);
    assert!(login.starts_with(" asks for a key (401: Authorization header required); put it into AGNO_TOP_AGENTOS_KEY"), "{login}");
    let login = failure(Told::refuse(401, "Token has expired"), Some("s3cret"));
    assert_eq!(login, " refuses the key (401: Token has expired)");
    let forbidden = failure(Told::refuse(403, "Required scope(s): traces:read"), Some("s3cret"));
    assert_eq!(forbidden, " forbids this key to read traces (403: Required scope(s): traces:read)");
    let other = failure(Told::refuse(404, "Not Found"), None);
    assert!(other.starts_with(" has no traces as AgentOS of Agno 2.6 or later has (404)"), "{other}");
    let page = failure(Told::text(200, "text/html", "<html>Sign in</html>"), None);
    assert_eq!(page, " does not answer as AgentOS does: it answers with a web page");
    let page = failure(Told::text(404, "text/html", "<!DOCTYPE html><title>nginx</title>"), None);
    assert!(page.contains("does not answer as AgentOS does") && page.contains("web page"), "{page}");
    let escape = failure(Told::refuse(403, "\u{1b}]0;x\u{7}\u{1b}[2Jno"), None);
    assert!(!escape.contains(char::is_control), "{escape:?}");
    for body in ["", "{}", "[1]", "\u{0}\u{1}", r#"{"data": [{"#] {
        let text = failure(Told::text(200, "application/json", body), None);
        assert!(text.contains("does not answer as AgentOS does"), "{body}: {text}");
    }
    let failed = failure(Told::refuse(500, "Error searching traces"), None);
    assert_eq!(failed, r#": it answered with status 500: {"detail":"Error searching traces"}"#);
}

#[test]
fn an_older_agentos_tells_its_version() {
    let server = Server::start(|asked| {
        if asked.path == "/info" { Told::json(&json!({"agno_version": "2.5.1"})) } else { Told::refuse(405, "Method Not Allowed") }
    });
    let message = Source::all(&server.url).failure();
    assert!(message.ends_with(" is AgentOS of Agno 2.5.1, which answers no questions for traces; Agno 2.6 or later does"), "{message}");
}

#[test]
fn several_databases_are_asked_for_by_name() {
    let answer = |asked: &super::server::Asked| match asked.path.as_str() {
        "/config" => Told::json(&json!({"traces": {"dbs": [{"db_id": "main"}, {"db_id": "other\u{1b}"}, {}]}})),
        path if path.contains("db_id=x") => Told::refuse(404, "No database found with id 'x'"),
        _ => Told::refuse(400, "The db_id query parameter is required when using multiple databases"),
    };
    let server = Server::start(answer);
    let message = Source::all(&server.url).failure();
    assert!(message.ends_with(" has several databases; name one with ?db_id=NAME: main, other"), "{message}");
    let message = Source::all(&format!("{}?db_id=x", server.url)).failure();
    assert!(message.ends_with(": there is no database of that name; there are main, other"), "{message}");
}

#[test]
fn a_key_follows_no_redirect() {
    let other = Server::start(|asked| answer(&[], asked));
    let location = other.url.clone();
    let server = Server::start(move |_| {
        let mut told = Told::refuse(307, "");
        let location = location.replace("//", "//user:s3cret@");
        told.headers.push(("location".to_owned(), format!("{location}/traces/search?key=s3cret")));
        told
    });
    let mut source = Source::open(&server.url, Some("s3cret"), ReadLimits::of(10));
    let message = source.failure();
    let said = format!("it redirects to {}/traces/search (307), which is not followed; name that address", other.url);
    assert!(message.contains(&said), "{message}");
    assert_eq!(other.asked().len(), 0);
}

#[test]
fn what_is_cut_or_down_comes_once_it_is_whole() {
    let traces: Vec<Value> = (0..20).map(|number| trace(number + 1, number)).collect();
    let held = traces.clone();
    let server = Server::start(move |asked| Told { cut: true, ..answer(&held, asked) });
    let mut source = Source::all(&server.url);
    assert!(source.failure().contains("the connection broke before the answer was complete"));
    assert!(source.sent.is_empty());
    let held = Arc::new(Mutex::new(traces));
    let later = held.clone();
    server.set(move |asked| answer(&later.lock().unwrap(), asked));
    source.until_watching();
    assert_eq!(source.sent.len(), 40);
    server.set(|_| Told::refuse(503, "restarting"));
    source.until("it fails", |source| matches!(source.states.last(), Some(State::Failing(_))));
    held.lock().unwrap().push(trace(30, 30));
    server.set(move |asked| answer(&held.lock().unwrap(), asked));
    source.until_watching();
    source.until("what came meanwhile", |source| source.sent.len() == 42);
    assert!(source.sent.values().all(|times| *times == 1));
}

#[test]
fn answers_that_come_too_late_are_told_and_asked_for_again() {
    let traces: Vec<Value> = (0..20).map(|number| trace(number + 1, number)).collect();
    let held = traces.clone();
    let server = Server::start(move |asked| Told { after: Duration::from_secs(6), ..answer(&held, asked) });
    let patience = Duration::from_secs(2);
    let mut source = Source::started(|updates| agentos::start_with(&server.url, None, ReadLimits::of(1_000_000), patience, updates));
    assert!(source.failure().ends_with(": no answer within 2 seconds"), "{:?}", source.states);
    let asked = server.asked().len();
    assert!(asked <= 3, "a server that is slow is asked {asked} times before it fails");
    server.set(move |asked| Told { after: Duration::from_millis(200), ..answer(&traces, asked) });
    source.until_watching();
    assert_eq!(source.sent.len(), 40);
    assert!(source.sent.values().all(|times| *times == 1));
}

#[test]
fn a_trace_that_is_never_answered_hides_no_other() {
    let traces: Vec<Value> = (0..150).map(|number| trace(number + 1, number)).collect();
    let server = Server::start(move |asked| {
        let told = answer(&traces, asked);
        let holds = |id: u64| String::from_utf8_lossy(&told.body).contains(&format!("{id:032x}"));
        if holds(120) { Told::refuse(500, "Error searching traces: maximum recursion depth exceeded") } else { told }
    });
    let mut source = Source::all(&server.url);
    source.until_watching();
    assert_eq!(source.sent.len(), 149 * 2);
    assert!(source.skipped.len() == 1 && source.skipped[0].contains("maximum recursion depth"), "{:?}", source.skipped);
}

#[test]
fn a_part_that_is_not_valid_spoils_no_other() {
    let mut odd = trace(2, 2);
    odd["tree"][0]["spans"][0]["id"] = "xyz".into();
    let server = Server::start(move |asked| answer(&[trace(1, 1), odd.clone()], asked));
    let mut source = Source::all(&server.url);
    source.until_watching();
    assert_eq!(source.sent.len(), 3);
    assert_eq!(source.skipped, [format!("trace {:032x}: the id of a span is not 16 hex digits", 2)]);
}

#[test]
fn a_trace_with_thousands_of_roots_leads_to_a_few_questions() {
    let mut wide = trace(1, 0);
    let root = |id: u64| {
        let mut root = trace(1, 0)["tree"][0].clone();
        (root["id"], root["type"], root["spans"]) = (format!("{id:016x}").into(), "LLM".into(), Value::Null);
        root
    };
    wide["tree"] = (1..=3000).map(root).collect();
    wide["total_spans"] = 3000.into();
    let server = Server::start(move |asked| {
        // A span alone is as large as AgentOS lets it be.
        let large = json!({"id": "0000000000000001", "start_time": "2026-11-30T03:00:00Z", "input": "x".repeat(3 << 20)});
        if asked.path.contains("span_id=") { Told::json(&large) } else { answer(&[wide.clone()], asked) }
    });
    let mut source = Source::all(&server.url);
    source.until_watching();
    assert_eq!(source.spans(), 3000);
    assert!(server.asked().iter().filter(|asked| asked.path.contains("span_id=")).count() <= 16);
    let said = "of its roots have the times of the trace: AgentOS tells their own one by one";
    assert!(source.skipped.len() == 1 && source.skipped[0].ends_with(said), "{:?}", source.skipped);
}

#[test]
fn pages_that_repeat_end_whatever_count_is_stated() {
    let traces: Vec<Value> = (1..=100).map(|number| trace(number, 0)).collect();
    let server = Server::start(move |_| Told::json(&json!({"data": traces, "meta": {"total_count": 1_000_000_000_000_000_u64}})));
    let mut source = Source::all(&server.url);
    source.until_watching();
    source.until("polls", |_| server.asked().len() > 12);
    assert_eq!(source.sent.len(), 200);
    let said = "the list of traces: AgentOS states 1000000000000000 traces, and its pages bring the same ones again and again";
    assert_eq!(source.skipped, [said], "it is said once");
    assert_eq!(source.read(Wanted::Newest(1_000_000)), Some(i64::MIN));
}

#[test]
fn a_clock_that_is_ahead_hides_nothing() {
    let mut ahead = trace(1, 0);
    (ahead["start_time"], ahead["end_time"]) = ("2126-01-01T00:00:00Z".into(), "2126-01-01T00:00:01Z".into());
    let traces = Arc::new(Mutex::new(vec![ahead]));
    let held = traces.clone();
    let server = Server::start(move |asked| {
        let mut told = answer(&held.lock().unwrap(), asked);
        told.headers.push(("date".to_owned(), "Mon, 30 Nov 2026 03:00:20 GMT".to_owned()));
        told
    });
    let mut source = Source::all(&server.url);
    source.until_watching();
    traces.lock().unwrap().push(trace(2, 21));
    source.until("the other trace", |source| source.sent.len() >= 4);
}

#[test]
fn commands_use_the_key_of_the_settings_and_refuse_what_can_not_be_done() {
    let server = Server::start(|asked| {
        let is_known = asked.header("authorization") == Some("Bearer s3cret");
        if is_known { answer(&[trace(1, 0)], asked) } else { Told::refuse(401, "Invalid authentication token") }
    });
    let run = |key: &str, arguments: &[&str]| {
        let mut command = Command::cargo_bin("agno-top").unwrap();
        let home = tempfile::tempdir().unwrap();
        command.env("HOME", home.path()).env_remove("AGNO_TOP_AGENTOS_KEY").args(arguments);
        if !key.is_empty() {
            command.env("AGNO_TOP_AGENTOS_KEY", key);
        }
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    };
    let (code, out, error) = run("s3cret", &["list", "--json", &server.url]);
    let listed: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{code} {out} {error}"));
    assert_eq!((&listed["agent"], &listed["input_tokens"], &listed["cost_usd"]), (&json!("Helper"), &json!(3), &Value::Null));
    let (code, _, error) = run("wrong", &["list", &server.url]);
    assert!(code == 1 && error.contains("refuses the key") && !error.contains("wrong"), "{code} {error}");
    let (code, _, error) = run("s3cret", &["list", &server.url, "http://127.0.0.1:9"]);
    assert!(code == 2 && error.contains("agentos_key is the key of one AgentOS"), "{code} {error}");
    let (code, _, error) = run("s3cret", &["prune", "--yes", "--older-than", "1d", &server.url]);
    assert!(code == 2 && error.contains("an AgentOS is only read"), "{code} {error}");
    let (code, _, error) = run("s3cret", &["list", "http://127.0.0.1:4318/v1/traces"]);
    assert!(code != 0 && error.contains("OTLP is sent to this path"), "{code} {error}");
    let (_, _, error) = run("", &["list", &server.url.replace("//", "//:s3cret@")]);
    assert!(error.contains("AGNO_TOP_AGENTOS_KEY or AGNO_TOP_SOURCES hides it") && !error.contains("s3cret"), "{error}");
}
