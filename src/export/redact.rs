//! Redacts secrets in everything that is exported, before a format writes it.

mod keys;
mod personal;
mod places;

use std::borrow::Cow;
use std::sync::Arc;

use regex::{Captures, Regex, RegexBuilder};

use places::{Check, PLACES};

use super::record::{ApprovalRecord, ScoreRecord};
use super::{ExportedSpan, SpanRecord, TraceRecord};
use crate::model::{Attribute, Event, Link, LogContent, LogGroup, Payload, Value};
use crate::semconv::{ERROR_PREVIEW, beginning};

/// Replaces a secret.
pub const MASK: &str = "[redacted]";

/// The most bytes of a compiled pattern.
const SIZE_LIMIT: usize = 4 << 20;

/// What an export hides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Redaction {
    /// Nothing.
    #[default]
    Off,
    /// Secrets: keys, tokens, passwords, e-mail addresses, and matches of the user's patterns.
    Secrets,
    /// Also card and account numbers, phone numbers, IP addresses and e-mail addresses of any script.
    Personal,
}

impl Redaction {
    /// All, from the least to the most.
    pub const ALL: [Self; 3] = [Self::Off, Self::Secrets, Self::Personal];

    /// Returns what the options `--redact` and `--redact-personal` ask for.
    #[must_use]
    pub fn of_options(secrets: bool, personal: bool) -> Self {
        match (personal, secrets) {
            (true, _) => Self::Personal,
            (false, true) => Self::Secrets,
            (false, false) => Self::Off,
        }
    }

    /// Returns its redactor, which also redacts matches of these regular expressions; `None` if nothing is hidden.
    ///
    /// # Errors
    ///
    /// As [`Redactor::new`].
    pub fn redactor(self, patterns: &[String]) -> Result<Option<Redactor>, String> {
        match self {
            Self::Off => Ok(None),
            Self::Secrets => Redactor::new(patterns).map(Some),
            Self::Personal => Redactor::with_personal(patterns).map(Some),
        }
    }
}

/// Redacts API keys, tokens, passwords, e-mail addresses and matches of the user's patterns. Takes time linear in the text.
///
/// ```
/// # fn main() -> Result<(), String> {
/// let redactor = agno_top::export::Redactor::new(&["ORD-[0-9]+".to_owned()])?;
/// assert_eq!(redactor.text("order ORD-17 of ann@example.org"), "order [redacted] of [redacted]");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Redactor(Arc<Patterns>);

#[derive(Debug)]
struct Patterns {
    /// The user's.
    own: Vec<Regex>,
    rules: Vec<Rule>,
    names: Regex,
    is_personal: bool,
    /// The end of a text that was cut within a word that is long enough for a secret.
    cut: Regex,
}

/// A pattern with the groups before, secret and after.
#[derive(Debug)]
struct Rule {
    regex: Regex,
    check: Check,
}

impl Redactor {
    /// Returns a redactor that also redacts matches of these regular expressions.
    ///
    /// # Errors
    ///
    /// If one is not a regular expression; the message names it.
    pub fn new(patterns: &[String]) -> Result<Self, String> {
        let place = |pattern: &str| {
            let pattern = pattern.replace("NAMED", places::NAMED).replace("NAME", places::NAME).replace("VALUE", places::VALUE);
            pattern.replace("ESCAPE", places::ESCAPE)
        };
        let places = PLACES.iter().map(|(pattern, check)| (place(pattern), *check, true));
        let short = place(&format!(r"(ESCAPE|_|(?-u:\b))((?-u:{}))()", keys::SHORT_KEYS));
        let whole = |pattern: &&str, check| (format!("()({pattern})()"), check, false);
        let keys = keys::KEYS.iter().map(|pattern| whole(pattern, Check::Key));
        let blocks = keys::BLOCKS.iter().map(|pattern| whole(pattern, Check::None));
        let rules = blocks.chain(places).chain([(short, Check::Key, true)]).chain(keys);
        let rule = |(pattern, check, unicode): (String, Check, bool)| Ok(Rule { regex: compile(&pattern, unicode)?, check });
        Ok(Self(Arc::new(Patterns {
            own: patterns.iter().map(|pattern| compile(pattern, true)).collect::<Result<_, _>>()?,
            rules: rules.map(rule).collect::<Result<_, String>>()?,
            names: compile(places::NAMES, true)?,
            cut: compile("[!-~]{8,}…", true)?,
            is_personal: false,
        })))
    }

    /// Returns a redactor that also redacts card numbers, bank accounts, phone numbers, IP addresses and e-mail addresses of any script.
    ///
    /// # Errors
    ///
    /// As [`Redactor::new`].
    pub fn with_personal(patterns: &[String]) -> Result<Self, String> {
        let Self(secrets) = Self::new(patterns)?;
        let mut patterns = Arc::into_inner(secrets).ok_or("the patterns are in use")?;
        patterns.is_personal = true;
        Ok(Self(Arc::new(patterns)))
    }

    /// Checks that a pattern is a regular expression.
    pub fn check(pattern: &str) -> Result<(), String> {
        compile(pattern, true).map(drop)
    }

    /// Returns the text with its secrets replaced.
    #[must_use]
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut masked = Cow::Borrowed(text);
        for Rule { regex, check } in &self.0.rules {
            apply(regex, &mut masked, |captures, rest| {
                let (before, value, after) = (&captures[1], &captures[2], &captures[3]);
                let is_masked = value.trim_end_matches(']').eq_ignore_ascii_case(MASK.trim_end_matches(']'));
                if is_masked || !check.holds(before, value, if after.is_empty() { rest } else { after }) {
                    return captures[0].to_owned();
                }
                let quote = quote(before);
                format!("{before}{quote}{MASK}{quote}{after}")
            });
        }
        for pattern in &self.0.own {
            // A pattern may match the empty text, which is not replaced.
            apply(pattern, &mut masked, |captures, _| if captures[0].is_empty() { String::new() } else { MASK.to_owned() });
        }
        if self.0.is_personal {
            personal::redact(&mut masked);
        }
        // A secret that was cut before is not recognized by its form. Few texts have such a mark, which is found fast.
        if memchr::memmem::find(masked.as_bytes(), "…".as_bytes()).is_none() {
            return masked;
        }
        apply(&self.0.cut, &mut masked, |captures, _| if captures[0].starts_with(MASK) { captures[0].to_owned() } else { "…".to_owned() });
        masked
    }

    // Every field is named below: a new one does not compile until it is decided whether it is a text.

    /// Redacts the texts of a trace.
    pub(super) fn trace(&self, trace: &mut TraceRecord) {
        let TraceRecord {
            source,
            name,
            root,
            label,
            agent,
            session,
            user,
            trace_id: _,
            covers_other_traces: _,
            until: _,
            scope: _,
            status: _,
            start: _,
            end: _,
            duration_ms: _,
            usage: _,
            spans: _,
            errors: _,
            failed_steps: _,
            failed: _,
            other_traces: _,
            approvals,
            scores,
        } = trace;
        self.owned(source);
        self.owned(name);
        self.owned(root);
        self.owned(label);
        for text in [agent, session, user].into_iter().flatten() {
            self.owned(text);
        }
        for approval in approvals {
            let ApprovalRecord { tool, arguments, answered_by, status, span_id: _, waits: _, asked: _, answered: _ } = approval;
            for text in [Some(tool), Some(status), arguments.as_mut(), answered_by.as_mut()].into_iter().flatten() {
                self.owned(text);
            }
        }
        for ScoreRecord { kind, name, span_id: _, score: _, passed: _ } in scores {
            for text in [Some(kind), name.as_mut()].into_iter().flatten() {
                self.owned(text);
            }
        }
    }

    /// Redacts the texts of a span.
    pub fn span(&self, span: &mut ExportedSpan) {
        let ExportedSpan { record, payload, status: _, depth: _ } = span;
        self.payload(payload);
        // The error is the beginning of the status message, and a secret that is cut is not recognized.
        if let (Some(error), false) = (&mut record.error, payload.status_message.is_empty()) {
            *error = beginning(payload.status_message.chars(), ERROR_PREVIEW).collect();
        }
        let SpanRecord {
            name,
            error,
            agent,
            model,
            provider,
            tool,
            session,
            user,
            trace_id: _,
            stated_id: _,
            span_id: _,
            parent_id: _,
            kind: _,
            status: _,
            usage: _,
            failed: _,
            failed_steps: _,
            start: _,
            end: _,
            until: _,
            duration_ms: _,
            self_ms: _,
            duplicate: _,
            answer,
        } = record;
        self.owned(name);
        for text in [error, agent, model, provider, tool, session, user, &mut answer.requested_model].into_iter().flatten() {
            self.owned(text);
        }
    }

    /// Redacts the texts of a log record and of what it shares with others.
    pub(super) fn log(&self, content: &mut LogContent, group: &mut LogGroup) {
        let LogContent { severity_text, body, attributes, event_name, times: _, flags: _, dropped_attributes: _ } = content;
        let LogGroup { service, scope, resource } = group;
        for text in [severity_text, event_name, service, scope] {
            self.owned(text);
        }
        self.value(body);
        self.attributes(attributes);
        self.attributes(resource);
    }

    fn payload(&self, payload: &mut Payload) {
        let Payload {
            attributes,
            resource,
            scope_attributes,
            status_message,
            scope,
            trace_state,
            events,
            links,
            notes,
            dropped: _,
            span_kind: _,
            flags: _,
            run_metrics: _,
            session_metrics: _,
        } = payload;
        for attributes in [attributes, resource, scope_attributes] {
            self.attributes(attributes);
        }
        let (scope_name, scope_version) = scope;
        for text in [status_message, scope_name, scope_version, trace_state] {
            self.owned(text);
        }
        for Event { name, time: _, attributes } in events {
            self.owned(name);
            self.attributes(attributes);
        }
        for Link { trace: _, span: _, trace_state, attributes } in links {
            self.owned(trace_state);
            self.attributes(attributes);
        }
        for (name, value) in notes {
            self.owned(name);
            self.owned(value);
        }
    }

    fn owned(&self, text: &mut String) {
        if let Cow::Owned(masked) = self.text(text) {
            *text = masked;
        }
    }

    /// Hides secrets in the values of attributes.
    pub fn attributes(&self, attributes: &mut [Attribute]) {
        for (name, value) in attributes {
            // A count of tokens is not a token.
            let is_count = || matches!(value, Value::Int(_) | Value::Float(_)) && name.to_ascii_lowercase().ends_with("token");
            if self.0.names.is_match(name) && !is_nothing(value) && !is_count() {
                *value = Value::Text(MASK.to_owned());
            } else {
                self.value(value);
            }
            self.owned(name);
        }
    }

    fn value(&self, value: &mut Value) {
        match value {
            Value::Text(text) => self.owned(text),
            Value::Bytes(bytes) => {
                if let Ok(text) = std::str::from_utf8(bytes)
                    && let Cow::Owned(masked) = self.text(text)
                {
                    *bytes = masked.into_bytes();
                }
            }
            Value::List(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Map(entries) => self.attributes(entries),
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => {}
        }
    }
}

/// Whether a value can't be a secret, whatever its name is.
fn is_nothing(value: &Value) -> bool {
    matches!(value, Value::Null | Value::Bool(_)) || matches!(value, Value::Text(text) if text.is_empty())
}

fn compile(pattern: &str, unicode: bool) -> Result<Regex, String> {
    let mut builder = RegexBuilder::new(pattern);
    builder.size_limit(SIZE_LIMIT).unicode(unicode);
    builder.build().map_err(|error| {
        let error = error.to_string();
        let reason = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
        format!("{pattern:?} is not a regular expression: {reason}")
    })
}

/// Returns the quotes of the name before a value without quotes, such as a number in JSON. The replacement is text and needs them.
fn quote(before: &str) -> &str {
    let name = before.trim_end().strip_suffix([':', '=']).unwrap_or_default().trim_end();
    let quote = &name[name.trim_end_matches(['\\', '"', '\'']).len()..];
    if quote.ends_with(['"', '\'']) { quote } else { "" }
}

/// Replaces matches. `with` also gets the text after the match.
fn apply(pattern: &Regex, text: &mut Cow<'_, str>, with: impl Fn(&Captures<'_>, &str) -> String) {
    let all: &str = text;
    let rest = |captures: &Captures<'_>| captures.get(0).map_or("", |found| &all[found.end()..]);
    if let Cow::Owned(changed) = pattern.replace_all(all, |captures: &Captures<'_>| with(captures, rest(captures))) {
        *text = Cow::Owned(changed);
    }
}

#[cfg(test)]
mod tests;
