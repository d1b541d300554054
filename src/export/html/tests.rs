use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;

use super::*;
use crate::export::{Exporter, FindingRecord, Format, Options, Redactor, SpanRecord, UsageRecord};
use crate::model::{Payload, SpanId, Status, TraceId, Value};

const HOSTILE: &str = "</pre><script>alert(1)</script><img src=x onerror='a'>\u{1b}[2J\u{202e}&\"";

fn trace(spans: usize) -> TraceRecord {
    TraceRecord {
        source: String::new(),
        trace_id: TraceId::new([1; 16]).unwrap(),
        name: HOSTILE.to_owned(),
        root: HOSTILE.to_owned(),
        label: String::new(),
        status: RunStatus::Error,
        start: 0,
        end: Some(1_000_000_000),
        duration_ms: Some(1000.0),
        spans: spans as u32,
        errors: 1,
        failed_steps: 1,
        failed: true,
        agent: None,
        session: Some(HOSTILE.to_owned()),
        user: Some("sk-proj-abcdefghijklmnopqrstuvwx1234".to_owned()),
        other_traces: Vec::new(),
        covers_other_traces: false,
        until: 1_000_000_000,
        scope: Vec::new(),
        usage: UsageRecord::default(),
        approvals: Vec::new(),
        scores: Vec::new(),
    }
}

fn page(redactor: Option<Redactor>, spans: usize) -> String {
    let id = TraceId::new([1; 16]).unwrap();
    let mut exporter = Exporter::new(&Options { format: Format::Html, redactor, ..Options::default() }, Vec::new());
    exporter.trace(trace(spans)).unwrap();
    let spans_found = vec![SpanId::new([2; 8]).unwrap()];
    let finding = FindingRecord { cause: "failure", sentence: format!("it broke {HOSTILE}"), spans: spans_found };
    exporter.findings(WhyRecord { trace_id: id, findings: vec![finding], critical_path: Vec::new(), left_out: 3, truncated: false });
    // As a report in Markdown says it.
    exporter.context(&format!("- agent {}: 2 calls\n  - call 1: 10 in\n", crate::export::markdown::plain(HOSTILE)));
    for n in 0..spans {
        let mut record = SpanRecord::new(id, SpanId::new((n as u64 + 1).to_be_bytes()).unwrap(), HOSTILE, 250_000_000, Some(750_000_000));
        (record.kind, record.status) = if n == 1 { (SpanType::Tool, RunStatus::Error) } else { (SpanType::Model, RunStatus::Ok) };
        let message = |role: &str, text: &str| {
            let role = format!("{role}_*");
            let key = |part: &str| format!("llm.input_messages.0.message.{part}");
            vec![(key("role"), Value::Text(role)), (key("content"), Value::Text(text.to_owned()))]
        };
        let mut payload = Payload { attributes: message("user", &format!("the question {HOSTILE}")), ..Payload::default() };
        if n == 1 {
            payload.status_message = format!("no {HOSTILE}");
            payload.attributes = vec![("input.value".to_owned(), Value::Text(HOSTILE.to_owned()))];
        }
        exporter.span(ExportedSpan { record, status: Status::Ok, depth: n * 9, payload }).unwrap();
    }
    String::from_utf8(exporter.finish().unwrap()).unwrap()
}

#[test]
fn the_policy_allows_this_style_and_this_script_alone() {
    let hash = |text: &str| {
        let suite = TLS13_AES_128_GCM_SHA256.tls13().unwrap();
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, suite.common.hash_provider.hash(text.as_bytes()).as_ref())
    };
    assert_eq!((hash(STYLE).as_str(), hash(SCRIPT).as_str()), (STYLE_HASH, SCRIPT_HASH));
    let page = page(None, 1);
    assert!(page.contains(&format!("<style>{STYLE}</style>")) && page.contains(&format!("<script>{SCRIPT}</script>")));
    assert!(page.contains("default-src 'none'; style-src 'sha256-"));
    // Neither an attribute nor a link makes a request or carries style.
    assert!(!STYLE.contains("url(") && !STYLE.contains("@import") && !SCRIPT.contains("fetch"));
    for tag in page.split('<').skip(1).filter_map(|rest| rest.split_once('>')).map(|(tag, _)| tag) {
        for forbidden in [" href=", " src=", " style=", "http:", "https:", " on"] {
            assert!(!tag.contains(forbidden), "{tag}");
        }
    }
}

#[test]
fn a_page_shows_the_tree_with_bars_errors_and_each_message_once() {
    let page = page(None, 3);
    for wanted in [
        "<dt>took</dt><dd>1.00s</dd>",
        "<h2>What stands out</h2>\n<ol>\n<li>it broke ",
        "<span class=\"dim\">span 0202020202020202</span></li>",
        "</ol>\n<p class=\"dim\">3 less important findings left out</p>\n<h2>Context</h2>\n",
        "<ul>\n<li>agent &lt;/pre&gt;&lt;script&gt;",
        ": 2 calls</li>\n<li class=\"d1\">call 1: 10 in</li>\n</ul>\n<h2>Steps</h2>\n<details>",
        "<p class=\"dim\">user_*</p><pre>the question",
        "<rect class=\"model\" x=\"250.0\" width=\"500.0\" height=\"10\"/>",
        "<rect class=\"bad\" x=\"250.0\"",
        "<span class=\"d0\"><span class=\"model\">model</span>",
        "<span class=\"d18\">",
        "<p class=\"bad\">error</p><pre>no ",
        "<p class=\"dim\">1 message of earlier calls of this run</p>",
    ] {
        assert!(page.contains(wanted), "{wanted:?} is not in\n{page}");
    }
    assert_eq!(page.matches("the question").count(), 1);
    assert!(page.ends_with("</html>\n"));
}

#[test]
fn texts_are_no_markup_and_secrets_are_redacted() {
    let page = page(Some(Redactor::new(&[]).unwrap()), 3);
    assert_eq!(page.matches("<script").count(), 1);
    assert!(!page.contains("<img") && !page.contains("</pre><s") && !page.contains(['\u{1b}', '\u{202e}']));
    assert!(page.contains("&lt;/pre&gt;&lt;script&gt;alert(1)&lt;/script&gt;") && !page.contains("sk-proj"));
}

#[test]
fn a_page_is_small_beside_its_texts() {
    let page = page(None, 500);
    let texts = page.matches("&lt;/pre&gt;").count() * escape(HOSTILE).len();
    assert!(page.len() - texts < 300_000, "{} bytes, {texts} of texts", page.len());
}

#[test]
fn what_runs_has_a_bar_up_to_now() {
    let mut exporter = Exporter::new(&Options { format: Format::Html, ..Options::default() }, Vec::new());
    let sentence = "one of 2 traces of the same run".to_owned();
    exporter.trace(TraceRecord { end: None, until: 2_000_000_000, scope: vec![sentence], ..trace(2) }).unwrap();
    for (n, end) in [(1, None), (2, Some(1_000_000_000))] {
        let record = SpanRecord::new(TraceId::new([1; 16]).unwrap(), SpanId::new([n; 8]).unwrap(), "a", 500_000_000, end);
        exporter.span(ExportedSpan { record, status: Status::Ok, depth: 0, payload: Payload::default() }).unwrap();
    }
    let page = String::from_utf8(exporter.finish().unwrap()).unwrap();
    for bar in ["x=\"250.0\" width=\"750.0\"", "x=\"250.0\" width=\"250.0\""] {
        assert!(page.contains(bar), "{bar}: {page}");
    }
    assert!(page.contains("<dt>covers</dt><dd>one of 2 traces of the same run</dd>"), "{page}");
}
