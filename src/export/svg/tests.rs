use super::*;
use crate::export::{Exporter, Format, Options, SpanRecord, UsageRecord};
use crate::model::{Payload, SpanId, Status, TraceId};

const HOSTILE: &str = "</text><script>alert(1)</script>\u{1b}[2J\u{202e}\u{fffe}\u{0}&\"'";

fn picture(spans: usize, palette: Palette) -> String {
    let id = TraceId::new([1; 16]).unwrap();
    let mut exporter = Exporter::new(&Options { format: Format::Svg, palette, ..Options::default() }, Vec::new());
    let trace = TraceRecord {
        source: String::new(),
        trace_id: id,
        name: HOSTILE.to_owned(),
        root: String::new(),
        label: String::new(),
        status: RunStatus::Error,
        start: 0,
        end: None,
        duration_ms: None,
        spans: spans as u32,
        errors: 1,
        failed_steps: 1,
        failed: true,
        agent: None,
        session: None,
        user: None,
        other_traces: Vec::new(),
        covers_other_traces: false,
        usage: UsageRecord::default(),
        approvals: Vec::new(),
        scores: Vec::new(),
        until: 1_000_000_000,
        scope: vec!["1 run leaked".to_owned()],
    };
    exporter.trace(trace).unwrap();
    for n in 0..spans {
        let span = SpanId::new((n as u64 + 1).to_be_bytes()).unwrap();
        // The first one runs, and the second took the middle of its time.
        let (start, end) = if n == 0 { (0, None) } else { (250_000_000, Some(750_000_000)) };
        let mut record = SpanRecord::new(id, span, format!("{HOSTILE} {n}"), start, end);
        record.kind = if n == 0 { SpanType::Agent } else { SpanType::Tool };
        if n == 1 {
            (record.status, record.failed, record.error) = (RunStatus::Error, true, Some(format!("no {HOSTILE}")));
        }
        exporter.span(ExportedSpan { record, status: Status::Ok, depth: n.min(40), payload: Payload::default() }).unwrap();
    }
    String::from_utf8(exporter.finish().unwrap()).unwrap()
}

#[test]
fn a_picture_shows_the_tree_with_bars_and_errors() {
    let svg = picture(2, Palette::default());
    for wanted in [
        "<text class=\"agent\" x=\"0\" y=\"94\">◆</text>",
        "<text class=\"tool\" x=\"16\" y=\"114\">⚙</text>",
        "<path d=\"M4 97V109h10\"/>",
        ">✗ no &lt;/text",
        ">1 run leaked</text>",
        // Child time is lighter than own time.
        "<rect class=\"run c\" x=\"880.0\" y=\"83\" width=\"352.0\" height=\"12\"/>",
        "<rect class=\"run\" x=\"880.0\" y=\"83\" width=\"88.0\" height=\"12\"/>",
        "<rect class=\"run\" x=\"1144.0\" y=\"83\" width=\"88.0\" height=\"12\"/>",
        "<rect class=\"bad\" x=\"968.0\" y=\"103\" width=\"176.0\" height=\"12\"/>",
        " · running for 1.00s · 2 spans",
    ] {
        assert!(svg.contains(wanted), "{wanted:?} is not in\n{svg}");
    }
}

#[test]
fn texts_are_no_markup_and_hold_nothing_that_xml_forbids() {
    let svg = picture(50, Palette { error: [1, 2, 3], ..Palette::default() });
    assert!(!svg.contains("<script") && !svg.contains(['\u{1b}', '\u{202e}', '\u{fffe}', '\u{0}']), "{svg}");
    assert!(svg.contains(".bad{fill:#010203}"));
    // Whatever is opened is closed, in order.
    let mut open = Vec::new();
    for tag in svg.split('<').skip(1).filter_map(|rest| rest.split_once('>')).map(|(tag, _)| tag) {
        let name = tag.split([' ', '/']).find(|name| !name.is_empty()).unwrap();
        match (tag.starts_with('/'), tag.ends_with('/')) {
            (true, _) => assert_eq!(open.pop(), Some(name)),
            (false, false) => open.push(name),
            (false, true) => {}
        }
        for forbidden in ["href", " on", "url("] {
            assert!(!tag.contains(forbidden), "{tag}");
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn a_picture_is_bounded_and_says_so() {
    let svg = picture(MAX_ROWS + 7, Palette::default());
    assert!(svg.contains(">7 more spans left out</text>"));
}
