//! Questions to an AgentOS, and why one has no answer.
//!
//! AgentOS traces the requests that it answers. Every question says that it is not to be traced (a `traceparent` whose flag is 0).

use std::fmt::Write as _;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant};

use chrono::DateTime;

use super::address::Address;
use super::answer::Object;
use crate::model::json::{self, Scalar, chars};
use crate::model::time::now;
use crate::model::{Nanos, SpanId, TraceId};
use crate::sources::State;
use crate::sources::http::{self, Answer, Ask, Client};

/// The most bytes of an answer.
const MAX_ANSWER: u64 = 64 << 20;
/// The most names of databases that a message lists.
const LISTED: usize = 8;

/// An AgentOS.
#[derive(Debug)]
pub(super) struct Server {
    client: Client,
    address: Address,
    pub(super) name: String,
    has_key: bool,
    /// The time limit of a question.
    patience: Duration,
    /// Makes ids that no other program has.
    random: RandomState,
    asked: u64,
    /// The time of the server when it last stated it, and when that was.
    time: Option<(Nanos, Instant)>,
    /// The questions in a row that it did not answer in time.
    late: u32,
    /// Whether it was said that its pages repeat.
    pub(super) has_circles: bool,
}

/// Why a question has no answer. [`Error::message`] tells the user about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Error {
    /// There is no answer.
    Http(http::Error),
    /// It asks for a key, or refuses this one; what it says about it.
    Login(String),
    /// The key lacks a right; what it says about it.
    Forbidden(String),
    /// It has several databases, of which none is named.
    Databases(Vec<String>),
    /// It has no database of this name.
    NoDatabase(Vec<String>),
    /// It has no such question; the version of Agno if it tells one.
    NoTraces(Option<String>),
    /// What answers is a web page, or something else.
    Foreign(String),
    /// What was asked for does not exist.
    Gone,
    /// It failed to answer, which may depend on the question.
    Failed(String),
    /// Any other refusal.
    Refused(String),
}

impl Error {
    /// Returns the message for the user, without the key.
    pub(super) fn message(&self, server: &Server) -> String {
        let Server { name, has_key, .. } = server;
        let listed = |names: &[String]| {
            let more = if names.len() > LISTED { ", …" } else { "" };
            format!("{}{more}", names.iter().take(LISTED).map(String::as_str).collect::<Vec<_>>().join(", "))
        };
        match self {
            Self::Http(error) => format!("{name}: {error}"),
            Self::Login(reason) if *has_key => format!("{name} refuses the key (401{reason})"),
            Self::Login(reason) => {
                format!("{name} asks for a key (401{reason}); put it into AGNO_TOP_AGENTOS_KEY, agentos_key of the settings or the URL")
            }
            Self::Forbidden(reason) => format!("{name} forbids this key to read traces (403{reason})"),
            Self::Databases(names) => format!("{name} has several databases; name one with ?db_id=NAME: {}", listed(names)),
            Self::NoDatabase(names) if names.is_empty() => format!("{name}: there is no database of that name"),
            Self::NoDatabase(names) => format!("{name}: there is no database of that name; there are {}", listed(names)),
            Self::NoTraces(Some(version)) => {
                format!("{name} is AgentOS of Agno {version}, which answers no questions for traces; Agno 2.6 or later does")
            }
            Self::NoTraces(None) => format!(
                "{name} has no traces as AgentOS of Agno 2.6 or later has (404); is it another program, or a path before it missing?"
            ),
            Self::Foreign(what) => format!("{name} does not answer as AgentOS does: {what}"),
            Self::Gone => format!("{name} no longer has this"),
            Self::Failed(reason) | Self::Refused(reason) => format!("{name}: {reason}"),
        }
    }

    /// Returns the state of the source.
    pub(super) fn state(&self, server: &Server) -> State {
        State::Failing(self.message(server))
    }

    /// Whether a smaller question may have an answer.
    pub(super) fn may_be_the_size(&self) -> bool {
        matches!(self, Self::Http(http::Error::Slow(_) | http::Error::TooLarge(_)) | Self::Failed(_))
    }
}

impl Server {
    /// `key` is for this AgentOS unless the URL holds one.
    pub(super) fn new(address: Address, key: Option<&str>, patience: Duration) -> Result<Self, String> {
        let key = address.key.as_deref().or(key);
        let headers = key.map(|key| ("authorization".to_owned(), format!("Bearer {key}")));
        let client = Client::new(&address.origin, None, headers.into_iter().collect())?;
        let (name, has_key, random) = (address.name(), key.is_some(), RandomState::new());
        Ok(Self { client, name, has_key, patience, address, random, asked: 0, time: None, late: 0, has_circles: false })
    }

    /// Returns the time of the server, as far as it is known.
    pub(super) fn now(&self) -> Nanos {
        self.time.map_or_else(now, |(time, read)| time.saturating_add(i64::try_from(read.elapsed().as_nanos()).unwrap_or(i64::MAX)))
    }

    /// Whether it answered neither of the last two questions in time, of which the second was smaller.
    pub(super) fn is_silent(&self) -> bool {
        self.late > 1
    }

    /// Whether it answers anything: it says what it is without reading its database.
    pub(super) fn answers(&mut self) -> bool {
        self.send(&format!("{}/info", self.address.prefix), None, MAX_ANSWER).is_ok()
    }

    /// Asks for a page of traces, each with its tree; `body` is the question as JSON.
    pub(super) fn search(&mut self, body: &str) -> Result<Vec<u8>, Error> {
        self.ask("/traces/search", "", Some(body), MAX_ANSWER)
    }

    /// Asks for a trace with its tree.
    pub(super) fn trace(&mut self, id: TraceId) -> Result<Vec<u8>, Error> {
        self.ask(&format!("/traces/{id}"), "", None, MAX_ANSWER)
    }

    /// Asks for a span alone, for an answer of at most `limit` bytes.
    pub(super) fn span(&mut self, trace: TraceId, span: SpanId, limit: usize) -> Result<Vec<u8>, Error> {
        self.ask(&format!("/traces/{trace}"), &format!("?span_id={span}"), None, limit as u64)
    }

    fn ask(&mut self, path: &str, query: &str, body: Option<&str>, limit: u64) -> Result<Vec<u8>, Error> {
        let answer = self.send(&self.address.path(path, query), body, limit)?;
        if answer.is_success() {
            return if answer.is_page() { Err(Error::Foreign("it answers with a web page".to_owned())) } else { Ok(answer.body) };
        }
        Err(self.explain(&answer))
    }

    fn send(&mut self, path: &str, body: Option<&str>, limit: u64) -> Result<Answer, Error> {
        let parent = self.unsampled_parent();
        let json = ("content-type", "application/json");
        let headers = [("traceparent", parent.as_str()), ("accept", "application/json"), json];
        let headers = if body.is_some() { &headers[..] } else { &headers[..2] };
        let ask = Ask { path, headers, body: body.map(str::as_bytes), timeout: self.patience, limit };
        let answer = self.client.ask(&ask);
        self.late = if matches!(answer, Err(http::Error::Slow(_))) { self.late.saturating_add(1) } else { 0 };
        let answer = answer.map_err(Error::Http)?;
        let date = answer.date.as_deref().and_then(|date| DateTime::parse_from_rfc2822(date).ok()?.timestamp_nanos_opt());
        if let Some(date) = date {
            self.time = Some((date, Instant::now()));
        }
        Ok(answer)
    }

    /// Returns a parent that asks not to be traced.
    fn unsampled_parent(&mut self) -> String {
        self.asked += 1;
        let part = |number: u64| {
            let mut hasher = self.random.build_hasher();
            hasher.write_u64(self.asked);
            hasher.write_u64(number);
            hasher.finish() | 1
        };
        let mut parent = String::from("00-");
        let _ = write!(parent, "{:016x}{:016x}-{:016x}-00", part(0), part(1), part(2));
        parent
    }

    fn explain(&mut self, answer: &Answer) -> Error {
        let detail = if answer.is_page() { None } else { detail(&answer.body) };
        let said = detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
        let about = |word: &str| detail.as_ref().is_some_and(|detail| detail.contains(word));
        match answer.status {
            401 => Error::Login(said),
            403 if !answer.is_page() => Error::Forbidden(said),
            400 if about("db_id") => Error::Databases(self.databases()),
            404 if about("No database found") => Error::NoDatabase(self.databases()),
            404 if about("Trace not found") || about("Span not found") || about("does not belong") => Error::Gone,
            404 | 405 if !answer.is_page() => Error::NoTraces(self.version()),
            500 => Error::Failed(answer.refusal()),
            404 | 405 => Error::Foreign(answer.refusal()),
            _ => Error::Refused(answer.refusal()),
        }
    }

    /// Returns the names of the databases that hold traces, as far as it tells them.
    fn databases(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        let path = format!("{}/config", self.address.prefix);
        if let Ok(answer) = self.send(&path, None, MAX_ANSWER)
            && answer.is_success()
            && let Ok(config) = Object::read(&answer.body)
            && let Some(Scalar::Other(traces)) = config.get("traces")
            && let Ok(traces) = Object::read(traces)
            && let Some(Scalar::Other(databases)) = traces.get("dbs")
        {
            let _ = json::items(databases, |item| names.extend(Object::read(item).ok().map(|database| brief(&database.text("db_id")))));
        }
        names.retain(|name| !name.is_empty());
        names.sort();
        names.dedup();
        names
    }

    /// Returns the version of Agno, if it tells one.
    fn version(&mut self) -> Option<String> {
        let path = format!("{}/info", self.address.prefix);
        let answer = self.send(&path, None, MAX_ANSWER).ok().filter(Answer::is_success)?;
        let version = brief(&Object::read(&answer.body).ok()?.text("agno_version"));
        (!version.is_empty()).then_some(version)
    }
}

/// Returns what a refusal says about its reason.
fn detail(body: &[u8]) -> Option<String> {
    let mut detail = None;
    json::scan(body, |name, value| {
        if name == b"detail" {
            detail = Some(chars(value).collect::<String>());
        }
    })
    .ok()?;
    detail.map(|detail| http::quote(detail.as_bytes())).filter(|detail| !detail.is_empty())
}

/// Returns a name without what a terminal would act on, cut if it is long.
fn brief(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}
