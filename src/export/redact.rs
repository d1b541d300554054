//! Secrets hidden in everything that is exported, before any format sees it.

use std::borrow::Cow;
use std::sync::Arc;

use regex::{Captures, Regex, RegexBuilder};

use super::{Exported, SpanRecord, TraceRecord};
use crate::model::{Attribute, Event, Link, Payload, Value};
use crate::semconv::{ERROR_PREVIEW, beginning};

/// Stands for what was hidden.
pub const MASK: &str = "[redacted]";

/// Bytes that a compiled pattern may take.
const SIZE: usize = 4 << 20;

/// What is hidden whole, wherever it stands. ASCII only; each has letters of its own to be found by, which is what makes it fast.
///
/// A word boundary stands only before what words end in too, as "risk-" does.
const SECRETS: &[&str] = &[
    // OpenAI, Anthropic, OpenRouter, DeepSeek.
    r"\b[srp]k-[A-Za-z0-9_-]{16,}",
    r"[srp]k-(?:proj-|svcacct-|admin-|ant-|or-)[A-Za-z0-9_-]{16,}",
    r"[srp]k-[A-Za-z0-9]{20,}",
    // Stripe.
    r"\b(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,}",
    r"(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{20,}",
    // Google.
    r"AIza[A-Za-z0-9_-]{30,}",
    r"ya29\.[A-Za-z0-9_-]{20,}",
    // GitHub, GitLab.
    r"gh[pousr]_[A-Za-z0-9]{20,}",
    r"github_pat_[A-Za-z0-9_]{20,}",
    r"glpat-[A-Za-z0-9_-]{20,}",
    // AWS.
    r"(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    // Slack.
    r"xox[a-z]-[A-Za-z0-9-]{10,}",
    r"\bxapp-[A-Za-z0-9-]{10,}",
    // Groq, Hugging Face, xAI, Perplexity, Tavily, npm, NVIDIA.
    r"\b(?:gsk_|hf_|xai-|pplx-|tvly-|npm_|nvapi-)[A-Za-z0-9_-]{20,}",
    // SendGrid, LangSmith.
    r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
    r"lsv2_[A-Za-z0-9_]{20,}",
    // JSON web tokens.
    r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    // Private keys, to their end or, cut off, to the text's.
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?su:.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|\z)",
    // E-mail addresses.
    r"[A-Za-z0-9_.%+-]+@[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.[A-Za-z]{2,}",
];

/// What is hidden between two groups that stay. `ESCAPE` is an escape of JSON, whose last letter would else count as the secret's first,
/// and `NAMED` is what a secret is called, up to its value.
const BETWEEN: &[&str] = &[
    r"(ESCAPE)[A-Za-z0-9_.%+-]*@[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.[A-Za-z]{2,}()",
    r"((?i-u:(?:\b|ESCAPE)(?:bearer|basic)[ \t]+))[A-Za-z0-9._~+/=-]{8,}()",
    r#"((?i-u:authorization)\\*["']?[ \t]*[:=][ \t]*\\*["']?)[^"'\\\r\n,}]+()"#,
    // In quotes, to the quote that ends it: plain, within a text of JSON, and deeper, where escapes are not followed.
    r#"(NAMED")(?s:\\.|[^"\\])+()"#,
    r#"(NAMED')(?s:\\.|[^"'\\])+()"#,
    r#"(NAMED\\")(?s:\\\\(?:\\.|[^"\\])|[^"\\])+()"#,
    r#"(NAMED(?:\\'|\\{2,}["']))[^"'\\]+()"#,
    r#"((?i-u:api[_-]?key|password|passwd|passphrase|client[_-]?secret|secret[_-]?key|(?:access|auth|refresh|id|session|bearer|api)[_-]?token|access[_-]?key|private[_-]?key)\\*["']?(?:[ \t]+is)?[ \t]*[:=][ \t]*)[^\s"'\\,;&}\])]+()"#,
    r#"((?i-u:\bmy[ \t]+(?:api[ _-]?key|password|passwd|passphrase)[ \t]+is[ \t]+)\\*["']?)[^\s"'\\,;&}\])\[:=][^\s"'\\,;&}\])]*()"#,
    // As programs are told.
    r#"((?i-u:--(?:api-?key|password|passwd|passphrase)[ \t]+))[^\s"'\\,;&}\])-][^\s"'\\,;&}\])]*()"#,
    // A token or a count of them: a number is none, and prose has words behind a colon.
    r#"((?i-u:token)[ \t]*=[ \t]*)[0-9.]*[^\s"'\\,;&}\])0-9.][^\s"'\\,;&}\])]*()"#,
    r#"((?i-u:token)[ \t]*:[ \t]*)(?:[A-Za-z_.~+/=-]+[0-9]|[0-9]+[A-Za-z_~+/=-])[^\s"'\\,;&}\])]{4,}()"#,
    // Cookies, to the end of the line or what quotes them.
    r#"((?i-u:cookie)[ \t]*:[ \t]*)[A-Za-z0-9_.%-]+=[^"'\\\r\n]+()"#,
    // A password in a URL.
    r#"(://[^/\s:@]*:)[^/\s@"]+(@)"#,
    // Keys that are hidden at the beginning of a word.
    r"(ESCAPE|_)(?:[srp]k-[A-Za-z0-9_-]{16,}|(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,}|xapp-[A-Za-z0-9-]{10,}|(?:gsk_|hf_|xai-|pplx-|tvly-|npm_|nvapi-)[A-Za-z0-9_-]{20,})()",
];

const ESCAPE: &str = r"(?-u:\\(?:[bfnrt]|u[0-9A-Fa-f]{4}))";

const NAMED: &str = r#"(?i-u:api[_-]?key|password|passwd|passphrase|secret(?:[_-]?key|(?:[_-][a-z]+)*)|token|cookie|access[_-]?key|private[_-]?key)\\*["']?(?:[ \t]+is)?[ \t]*[:=][ \t]*"#;

/// Names of attributes whose values are hidden whatever they are. The shorter words must be words of the name, set apart by a character or
/// by their capital.
const NAMES: &str = r"(?i)(?:authorization|api[_-]?key|passw(?:or)?d|passphrase|(?:access|secret|private)[_-]?key|client[_-]?secret|set-cookie|(?:^|[._-])(?:secret|token|(?:access|auth|refresh|id|session|bearer|api)[_-]?token|cookie|credentials?)|(?-i:[a-z0-9](?:Secret|Token|Cookie|Credentials?)))$";

/// Hides API keys, tokens, passwords, e-mail addresses and what own patterns find. Takes time in proportion to the text.
#[derive(Clone, Debug)]
pub struct Redactor(Arc<Patterns>);

#[derive(Debug)]
struct Patterns {
    whole: Vec<Regex>,
    between: Vec<Regex>,
    names: Regex,
}

impl Redactor {
    /// A redactor that also hides what these regular expressions match. `Err` says which of them is none.
    pub fn new(own: &[String]) -> Result<Self, String> {
        let compile = |pattern: &str| compile_with(pattern, true);
        let own = own.iter().map(|pattern| compile(pattern)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self(Arc::new(Patterns {
            whole: own.into_iter().map(Ok).chain(SECRETS.iter().map(|pattern| compile_with(pattern, false))).collect::<Result<_, _>>()?,
            between: BETWEEN
                .iter()
                .map(|pattern| compile(&pattern.replace("ESCAPE", ESCAPE).replace("NAMED", NAMED)))
                .collect::<Result<_, _>>()?,
            names: compile(NAMES)?,
        })))
    }

    /// `Err` says why this is no regular expression.
    pub fn check(pattern: &str) -> Result<(), String> {
        compile_with(pattern, true).map(drop)
    }

    /// The text without its secrets.
    #[must_use]
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut masked = Cow::Borrowed(text);
        for pattern in &self.0.between {
            apply(pattern, &mut masked, |captures| {
                let (before, after) = (&captures[1], &captures[2]);
                let quote = quote(before);
                format!("{before}{quote}{MASK}{quote}{after}")
            });
        }
        for pattern in &self.0.whole {
            // A pattern that matches nothing at all hides nothing.
            apply(pattern, &mut masked, |captures| if captures[0].is_empty() { String::new() } else { MASK.to_owned() });
        }
        masked
    }

    /// Redacts the texts of a trace. Every field is named, so that a new field does not compile before it is decided whether it is redacted.
    pub(super) fn trace(&self, trace: &mut TraceRecord) {
        let TraceRecord {
            source,
            trace_id: _,
            name,
            status: _,
            start: _,
            end: _,
            duration_ms: _,
            spans: _,
            errors: _,
            agent,
            session,
            user,
            usage: _,
        } = trace;
        self.owned(source);
        self.owned(name);
        [agent, session, user].into_iter().flatten().for_each(|text| self.owned(text));
    }

    /// Redacts the texts of a span.
    pub(super) fn span(&self, span: &mut Exported) {
        let Exported { record, status: _, depth: _, payload } = span;
        self.payload(payload);
        let SpanRecord {
            trace_id: _,
            span_id: _,
            parent_id: _,
            name,
            kind: _,
            status: _,
            error,
            start: _,
            end: _,
            duration_ms: _,
            self_ms: _,
            agent,
            model,
            provider,
            tool,
            session,
            user,
            usage: _,
        } = record;
        // The error is the beginning of the status message, and a secret that is cut is not recognized.
        if let (Some(error), false) = (&mut *error, payload.status_message.is_empty()) {
            *error = beginning(payload.status_message.chars(), ERROR_PREVIEW).collect();
        }
        self.owned(name);
        [error, agent, model, provider, tool, session, user].into_iter().flatten().for_each(|text| self.owned(text));
    }

    fn payload(&self, payload: &mut Payload) {
        let Payload {
            attributes,
            events,
            links,
            dropped: _,
            status_message,
            resource,
            scope: (scope_name, scope_version),
            scope_attributes,
            span_kind: _,
            trace_state,
            notes,
        } = payload;
        [attributes, resource, scope_attributes].into_iter().for_each(|attributes| self.attributes(attributes));
        [status_message, scope_name, scope_version, trace_state].into_iter().for_each(|text| self.owned(text));
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

    fn attributes(&self, attributes: &mut [Attribute]) {
        for (name, value) in attributes {
            // Tokens are counted, too.
            let is_count = || matches!(value, Value::Int(_) | Value::Float(_)) && name.to_ascii_lowercase().ends_with("token");
            if self.0.names.is_match(name) && !matches!(value, Value::Null | Value::Bool(_)) && !is_count() {
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

fn compile_with(pattern: &str, unicode: bool) -> Result<Regex, String> {
    let mut builder = RegexBuilder::new(pattern);
    builder.size_limit(SIZE).unicode(unicode);
    builder.build().map_err(|error| {
        format!(
            "{pattern:?} is no regular expression: {}",
            error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ")
        )
    })
}

/// What quotes a name before a value that is not quoted, as a number in JSON is not; the mask is text, and needs it.
fn quote(before: &str) -> &str {
    let name = before.trim_end().strip_suffix([':', '=']).unwrap_or_default().trim_end();
    let quote = &name[name.trim_end_matches(['\\', '"', '\'']).len()..];
    if quote.ends_with(['"', '\'']) { quote } else { "" }
}

fn apply(pattern: &Regex, text: &mut Cow<'_, str>, with: impl Fn(&Captures<'_>) -> String) {
    if let Cow::Owned(changed) = pattern.replace_all(text, with) {
        *text = Cow::Owned(changed);
    }
}

#[cfg(test)]
mod tests;
