//! Redacts secrets in everything that is exported, before a format writes it.

use std::borrow::Cow;
use std::sync::Arc;

use regex::{Captures, Regex, RegexBuilder};

use super::{ExportedSpan, SpanRecord, TraceRecord};
use crate::model::{Attribute, Event, Link, Payload, Value};
use crate::semconv::{ERROR_PREVIEW, beginning};

/// Replaces a secret.
pub const MASK: &str = "[redacted]";

/// The most bytes of a compiled pattern.
const SIZE_LIMIT: usize = 4 << 20;

/// Patterns of secrets that are replaced whole. They match ASCII only, and each contains literals, so that the search is fast.
///
/// A word boundary is required only before a prefix that words end in, too, such as "sk-" in "risk-".
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
    // Private keys, up to their end, or to the end of the text if they are truncated.
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?su:.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|\z)",
    // E-mail addresses.
    r"[A-Za-z0-9_.%+-]+@[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.[A-Za-z]{2,}",
];

/// Patterns of secrets between two groups that are kept. `ESCAPE` is an escape of JSON, whose last letter would otherwise be the first one of
/// the secret; `NAMED` is the name of a secret up to its value.
const BETWEEN: &[&str] = &[
    r"(ESCAPE)[A-Za-z0-9_.%+-]*@[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.[A-Za-z]{2,}()",
    r"((?i-u:(?:\b|ESCAPE)(?:bearer|basic)[ \t]+))[A-Za-z0-9._~+/=-]{8,}()",
    r#"((?i-u:authorization)\\*["']?[ \t]*[:=][ \t]*\\*["']?)[^"'\\\r\n,}]+()"#,
    // In quotes, up to the closing quote: plain, inside JSON text, and deeper, where escapes are not followed.
    r#"(NAMED")(?s:\\.|[^"\\])+()"#,
    r#"(NAMED')(?s:\\.|[^"'\\])+()"#,
    r#"(NAMED\\")(?s:\\\\(?:\\.|[^"\\])|[^"\\])+()"#,
    r#"(NAMED(?:\\'|\\{2,}["']))[^"'\\]+()"#,
    r#"((?i-u:api[_-]?key|password|passwd|passphrase|client[_-]?secret|secret[_-]?key|(?:access|auth|refresh|id|session|bearer|api)[_-]?token|access[_-]?key|private[_-]?key)\\*["']?(?:[ \t]+is)?[ \t]*[:=][ \t]*)[^\s"'\\,;&}\])]+()"#,
    r#"((?i-u:\bmy[ \t]+(?:api[ _-]?key|password|passwd|passphrase)[ \t]+is[ \t]+)\\*["']?)[^\s"'\\,;&}\])\[:=][^\s"'\\,;&}\])]*()"#,
    // Command-line options.
    r#"((?i-u:--(?:api-?key|password|passwd|passphrase)[ \t]+))[^\s"'\\,;&}\])-][^\s"'\\,;&}\])]*()"#,
    // A token, but not a count of tokens, which is a number, nor prose, which has words after a colon.
    r#"((?i-u:token)[ \t]*=[ \t]*)[0-9.]*[^\s"'\\,;&}\])0-9.][^\s"'\\,;&}\])]*()"#,
    r#"((?i-u:token)[ \t]*:[ \t]*)(?:[A-Za-z_.~+/=-]+[0-9]|[0-9]+[A-Za-z_~+/=-])[^\s"'\\,;&}\])]{4,}()"#,
    // Cookies, up to the end of the line or the closing quote.
    r#"((?i-u:cookie)[ \t]*:[ \t]*)[A-Za-z0-9_.%-]+=[^"'\\\r\n]+()"#,
    // A password in a URL.
    r#"(://[^/\s:@]*:)[^/\s@"]+(@)"#,
    // Keys at the beginning of a word, after an escape or an underscore.
    r"(ESCAPE|_)(?:[srp]k-[A-Za-z0-9_-]{16,}|(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,}|xapp-[A-Za-z0-9-]{10,}|(?:gsk_|hf_|xai-|pplx-|tvly-|npm_|nvapi-)[A-Za-z0-9_-]{20,})()",
];

const ESCAPE: &str = r"(?-u:\\(?:[bfnrt]|u[0-9A-Fa-f]{4}))";

const NAMED: &str = r#"(?i-u:api[_-]?key|password|passwd|passphrase|secret(?:[_-]?key|(?:[_-][a-z]+)*)|token|cookie|access[_-]?key|private[_-]?key)\\*["']?(?:[ \t]+is)?[ \t]*[:=][ \t]*"#;

/// Names of attributes whose values are always redacted. The shorter words must be separated by a character or begin with a capital.
const NAMES: &str = r"(?i)(?:authorization|api[_-]?key|passw(?:or)?d|passphrase|(?:access|secret|private)[_-]?key|client[_-]?secret|set-cookie|(?:^|[._-])(?:secret|token|(?:access|auth|refresh|id|session|bearer|api)[_-]?token|cookie|credentials?)|(?-i:[a-z0-9](?:Secret|Token|Cookie|Credentials?)))$";

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
    whole: Vec<Regex>,
    between: Vec<Regex>,
    names: Regex,
}

impl Redactor {
    /// Returns a redactor that also redacts matches of these regular expressions.
    ///
    /// # Errors
    ///
    /// If one is not a regular expression; the message names it.
    pub fn new(patterns: &[String]) -> Result<Self, String> {
        let between = BETWEEN.iter().map(|pattern| pattern.replace("ESCAPE", ESCAPE).replace("NAMED", NAMED));
        let own = patterns.iter().map(|pattern| compile(pattern, true));
        Ok(Self(Arc::new(Patterns {
            whole: own.chain(SECRETS.iter().map(|pattern| compile(pattern, false))).collect::<Result<_, _>>()?,
            between: between.map(|pattern| compile(&pattern, true)).collect::<Result<_, _>>()?,
            names: compile(NAMES, true)?,
        })))
    }

    /// Checks that a pattern is a regular expression.
    pub fn check(pattern: &str) -> Result<(), String> {
        compile(pattern, true).map(drop)
    }

    /// Returns the text with its secrets replaced.
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
            // A pattern may match the empty text, which is not replaced.
            apply(pattern, &mut masked, |captures| if captures[0].is_empty() { String::new() } else { MASK.to_owned() });
        }
        masked
    }

    /// Redacts the texts of a trace.
    pub(super) fn trace(&self, trace: &mut TraceRecord) {
        self.owned(&mut trace.source);
        self.owned(&mut trace.name);
        self.owned(&mut trace.root);
        for text in [&mut trace.agent, &mut trace.session, &mut trace.user].into_iter().flatten() {
            self.owned(text);
        }
    }

    /// Redacts the texts of a span.
    pub(super) fn span(&self, ExportedSpan { record, payload, .. }: &mut ExportedSpan) {
        self.payload(payload);
        // The error is the beginning of the status message, and a secret that is cut is not recognized.
        if let (Some(error), false) = (&mut record.error, payload.status_message.is_empty()) {
            *error = beginning(payload.status_message.chars(), ERROR_PREVIEW).collect();
        }
        self.owned(&mut record.name);
        let SpanRecord { error, agent, model, provider, tool, session, user, .. } = record;
        for text in [error, agent, model, provider, tool, session, user].into_iter().flatten() {
            self.owned(text);
        }
    }

    fn payload(&self, payload: &mut Payload) {
        for attributes in [&mut payload.attributes, &mut payload.resource, &mut payload.scope_attributes] {
            self.attributes(attributes);
        }
        let (scope_name, scope_version) = &mut payload.scope;
        for text in [&mut payload.status_message, scope_name, scope_version, &mut payload.trace_state] {
            self.owned(text);
        }
        for Event { name, time: _, attributes } in &mut payload.events {
            self.owned(name);
            self.attributes(attributes);
        }
        for Link { trace: _, span: _, trace_state, attributes } in &mut payload.links {
            self.owned(trace_state);
            self.attributes(attributes);
        }
        for (name, value) in &mut payload.notes {
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
            // A count of tokens is not a token.
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

fn apply(pattern: &Regex, text: &mut Cow<'_, str>, with: impl Fn(&Captures<'_>) -> String) {
    if let Cow::Owned(changed) = pattern.replace_all(text, with) {
        *text = Cow::Owned(changed);
    }
}

#[cfg(test)]
mod tests;
