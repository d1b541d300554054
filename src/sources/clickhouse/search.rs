//! Searches the payloads of a whole table, from the newest to the oldest.
//!
//! The server selects the rows that may match, by substrings; the source checks them.

use std::collections::HashSet;

use super::collector;
use super::error::Error;
use super::load::LONGEST;
use super::pager::{Extent, Pager};
use super::payload;
use super::rows::{self, Content, Head};
use super::server::{Condition, Parameter, Server};
use super::table::{Shape, Table};
use crate::model::{PayloadQuery, PayloadRef, SpanId};
use crate::sources::agno_row::{self, Hits};
use crate::sources::{Held, Progress, Search};

/// The most rows that match by substrings in a page.
const PAGE: u64 = 512;
/// The names of parameters: the most conditions that the server checks.
const NAMES: [&str; 8] = ["p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7"];

/// The spellings of the status of a failed span.
const ERROR_STATUS: &str = "(?i)error|^2$";
/// What tells a failure without that status: an exception among the events, or a finish reason.
const FAILURE: &str = r#"(?i)"exception\\*"|finish_?reasons?[^a-z0-9]*error"#;

/// A running search.
#[derive(Clone, Debug)]
pub(super) struct Scan {
    pub(super) search: Search,
    /// What is left, and how much there was; `None` before the first page.
    left: Option<(Pager, u64)>,
}

impl Scan {
    pub(super) fn new(search: Search) -> Self {
        Self { search, left: None }
    }

    /// Searches the next page.
    pub(super) fn slice(&mut self, server: &mut Server, table: &Table) -> Result<(Hits, Progress), Error> {
        let mut hits = Hits::new();
        let (mut pager, total) = if let Some(left) = self.left.take() {
            left
        } else {
            let Some(extent) = Extent::read(server, table, &Condition::default())? else { return Ok((hits, Progress::default())) };
            let from = self.search.since.unwrap_or(extent.first).max(extent.first);
            let to = self.search.until.unwrap_or(extent.last).min(extent.last).saturating_add(1);
            let mut pager = Pager::new(from, to, PAGE, extent);
            pager.at_least(LONGEST / 24);
            let total = pager.left().max(1);
            (pager, total)
        };
        let condition = condition(table, &self.search.query);
        let page = rows::select_page(server, table, &mut pager, &condition)?;
        if let Some((_, rows)) = &page {
            // A batch that was sent twice is there twice, in one page.
            let mut seen = HashSet::new();
            rows.for_each(|cells| {
                let head = Head::read(cells);
                if !seen.insert(head.key()) {
                    return;
                }
                hits.extend(Content::read(cells, &head, table.shape).and_then(|content| hit(&head, &content, &self.search.query)));
            });
        }
        let left = if page.is_some() { pager.left() } else { 0 };
        self.left = Some((pager, total));
        Ok((hits, Progress { done: total.saturating_sub(left), total }))
    }
}

/// Searches the payloads of some spans.
pub(super) fn check(server: &mut Server, table: &Table, addresses: &[(PayloadRef, SpanId)], query: &PayloadQuery) -> Result<Hits, Error> {
    let mut hits = Hits::new();
    payload::read(server, table, addresses, |_, head, content| hits.extend(hit(&head, &content, query)))?;
    Ok(hits)
}

fn hit(head: &Head, content: &Content, query: &PayloadQuery) -> Option<(crate::model::TraceId, SpanId)> {
    let matches = match content {
        Content::Agno(attributes, message) => query.matches_json(attributes.as_bytes(), message.as_bytes()),
        Content::Collector(payload) => query.matches(payload),
    };
    matches.then(|| agno_row::hit(head.trace.as_bytes(), head.span.as_bytes())).flatten()
}

/// Returns the condition on rows that may match.
fn condition(table: &Table, query: &PayloadQuery) -> Condition {
    let required = query.required_substrings();
    let conditions = required.iter().zip(NAMES).map(|(texts, name)| contains(table, name, texts, None));
    conditions.fold(Condition::default(), |all, one| all.and_all(&one))
}

/// Returns the condition on rows that may hold something, with a parameter of this number.
pub(super) fn holding(table: &Table, number: usize, held: &Held) -> Condition {
    match held {
        Held::Texts(texts) => contains(table, NAMES[number % NAMES.len()], texts, Some(table.span_name())),
        Held::Failure => failed(table),
    }
}

/// Returns the condition on rows with the status of a failure, or whose content tells one.
fn failed(table: &Table) -> Condition {
    let searched = match table.shape {
        Shape::Agno => "attributes".to_owned(),
        Shape::Collector => collector::searched(table),
    };
    let sql = format!("(match(toString({}), {{status:String}}) OR match({searched}, {{content:String}}))", table.status());
    Condition::default().and(&sql, [Parameter::text("status", ERROR_STATUS), Parameter::text("content", FAILURE)])
}

/// Returns the condition on rows whose content, or another column, contains one of the texts, which have no characters that are special in
/// patterns.
fn contains(table: &Table, name: &'static str, texts: &[impl AsRef<str>], other: Option<&str>) -> Condition {
    let patterns = Parameter::texts(name, texts.iter().map(|text| format!("%{}%", text.as_ref())));
    let matches = |text: &str| format!("arrayExists(pattern -> {text} ILIKE pattern, {{{name}:Array(String)}})");
    let content = match table.shape {
        Shape::Agno => format!("{} OR {}", matches("attributes"), matches(table.column("status_message", "''"))),
        Shape::Collector => matches(&collector::searched(table)),
    };
    let other = other.map(|column| format!(" OR {}", matches(column))).unwrap_or_default();
    Condition::default().and(&format!("({content}{other})"), [patterns])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tells_a_failure_is_found_in_every_spelling() {
        let finds = |pattern: &str, text: &str| regex::Regex::new(pattern).unwrap().is_match(text);
        for status in ["ERROR", "Error", "STATUS_CODE_ERROR", "StatusCode.ERROR", "2"] {
            assert!(finds(ERROR_STATUS, status), "{status}");
        }
        for status in ["OK", "UNSET", "Unset", "STATUS_CODE_OK", "1", "0", ""] {
            assert!(!finds(ERROR_STATUS, status), "{status}");
        }
        for content in [
            r#"{"agno_top.events": [{"name": "exception", "time": 5}]}"#,
            r#"{"agno_top.events":"[{\"name\":\"exception\"}]"}"#,
            r#"["exception"]"#,
            r#"{"gen_ai.response.finish_reasons":"[\"error\"]"}"#,
            r#"{"gen_ai": {"response": {"finish_reasons": ["error"]}}}"#,
            r#"{"ai.response.finishReason": "error"}"#,
            r#"{"llm.finish_reason":"ERROR"}"#,
            r#"{"gen_ai.output.messages":"[{\"parts\":[],\"finish_reason\":\"error\"}]"}"#,
        ] {
            assert!(finds(FAILURE, content), "{content}");
        }
        for content in [r#"{"input.value": "an exception, no error"}"#, r#"{"gen_ai.response.finish_reasons":["stop"],"error":false}"#] {
            assert!(!finds(FAILURE, content), "{content}");
        }
    }
}
