//! Runs a source and collects its updates.

#![allow(dead_code, reason = "the tests of each source use what they need")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use agno_top::model::review::Reviews;
use agno_top::model::{Origin, Payload, PayloadRef, Skipped, SourceId, SpanId, SpanType, TraceId};
use agno_top::query::Query;
use agno_top::sources::sqlite::{Tables, start};
use agno_top::sources::{Handle, Request, Search, SearchHits, State, Update, UpdateSender};
use tokio::sync::mpsc::{Receiver, channel};

/// The time after which a test fails.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A span, as it was last sent.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) trace: TraceId,
    pub(crate) name: String,
    pub(crate) input: String,
    pub(crate) error: String,
    pub(crate) kind: SpanType,
    pub(crate) address: PayloadRef,
    pub(crate) origin: Origin,
    pub(crate) times: u32,
}

/// A running source.
pub(crate) struct Watch {
    pub(crate) spans: BTreeMap<SpanId, Seen>,
    pub(crate) batches: Vec<Vec<SpanId>>,
    pub(crate) skipped: Vec<Skipped>,
    pub(crate) states: Vec<State>,
    pub(crate) reviews: Vec<(Origin, Arc<Reviews>)>,
    /// The hits of searches.
    pub(crate) found: Vec<SearchHits>,
    answers: BTreeMap<u64, Vec<Result<Payload, String>>>,
    handle: Handle,
    inbox: Receiver<Update>,
}

impl Watch {
    pub(crate) fn new(path: &Path) -> Self {
        Self::limited(path, u64::MAX)
    }

    pub(crate) fn limited(path: &Path, limit: u64) -> Self {
        Self::of(path, Tables::default(), limit)
    }

    pub(crate) fn of(path: &Path, tables: Tables, limit: u64) -> Self {
        Self::start(|updates| start(path.to_owned(), tables, limit, updates))
    }

    /// Collects the updates of a source.
    pub(crate) fn start(start: impl FnOnce(UpdateSender) -> std::io::Result<Handle>) -> Self {
        let (updates, inbox) = channel(8);
        let handle = start(UpdateSender::new(SourceId(0), updates)).unwrap();
        let (spans, answers) = (BTreeMap::new(), BTreeMap::new());
        Self {
            spans,
            batches: Vec::new(),
            skipped: Vec::new(),
            states: Vec::new(),
            reviews: Vec::new(),
            found: Vec::new(),
            answers,
            handle,
            inbox,
        }
    }

    /// Reads an update. Returns `false` if there is none now.
    fn step(&mut self) -> bool {
        match self.inbox.try_recv() {
            Ok(Update::Batch(batch)) => {
                for span in &batch.spans {
                    let times = self.spans.get(&span.id).map_or(0, |seen| seen.times) + 1;
                    let [name, input, error] = [span.name, span.facts.input, span.error].map(|text| batch.text(text).to_owned());
                    let (trace, kind, address, origin) = (span.trace, span.facts.span_type, span.payload_ref, batch.origin);
                    let seen = Seen { trace, name, input, error, kind, address, origin, times };
                    self.spans.insert(span.id, seen);
                }
                self.batches.push(batch.spans.iter().map(|span| span.id).collect());
                self.reviews.extend(batch.reviews.map(|reviews| (batch.origin, reviews)));
                self.skipped.extend(batch.skipped);
            }
            Ok(Update::State(_, state)) => self.states.push(state),
            Ok(Update::Payloads { ticket, payloads }) => drop(self.answers.insert(ticket, payloads)),
            Ok(Update::SearchHits(found)) => self.found.push(found),
            Ok(Update::Traffic(..) | Update::PayloadChanged(..) | Update::Logs(_) | Update::Metrics(_) | Update::Read { .. }) => {}
            Err(_) => return false,
        }
        true
    }

    /// Waits until a condition holds.
    pub(crate) fn until(&mut self, what: &str, condition: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !condition(self) {
            if !self.step() {
                std::thread::sleep(Duration::from_millis(1));
            }
            assert!(begun.elapsed() < TIMEOUT, "{what}: {} spans, skipped {:?}, states {:?}", self.spans.len(), self.skipped, self.states);
        }
    }

    /// Waits until all existing rows are read.
    pub(crate) fn until_watching(&mut self) {
        self.until("watching", |watch| matches!(watch.states.last(), Some(State::Watching { .. })));
    }

    /// Waits until there are this many spans.
    pub(crate) fn until_spans(&mut self, count: usize) {
        self.until(&format!("{count} spans"), |watch| watch.spans.len() >= count);
        assert_eq!(self.spans.len(), count);
    }

    /// Waits until the last state is waiting or failing with a message that contains this text.
    pub(crate) fn until_message(&mut self, text: &str) {
        self.until(
            text,
            |watch| matches!(watch.states.last(), Some(State::Waiting(message) | State::Failing(message)) if message.contains(text)),
        );
    }

    /// Waits until the span of this number is there.
    pub(crate) fn until_span(&mut self, number: u64) {
        self.until(&format!("span {number}"), |watch| watch.spans.contains_key(&id(number)));
    }

    /// Requests payloads and waits for them.
    pub(crate) fn payloads(&mut self, asked: &[(PayloadRef, SpanId)]) -> Vec<Result<Payload, String>> {
        let ticket = self.answers.keys().next_back().map_or(1, |last| last + 1);
        self.handle.requests.send(Request::Payloads { ticket, addresses: asked.to_vec() }).unwrap();
        self.until("payloads", |watch| watch.answers.contains_key(&ticket));
        self.answers[&ticket].clone()
    }

    /// Starts a search for the payload conditions of a filter.
    pub(crate) fn start_search(&self, ticket: u64, line: &str) {
        let query: Query = line.parse().unwrap();
        let (since, until) = query.start_bounds(0);
        self.handle.requests.send(Request::Search(Search { ticket, query: Arc::new(query.payload_query()), since, until })).unwrap();
    }

    /// Sends a request.
    pub(crate) fn send(&self, request: Request) {
        self.handle.requests.send(request).unwrap();
    }

    /// Searches, and returns the numbers of the spans in the order of the hits.
    pub(crate) fn search(&mut self, line: &str) -> Vec<u64> {
        let ticket = self.found.iter().map(|found| found.ticket).max().unwrap_or(100) + 1;
        self.start_search(ticket, line);
        let ends = |found: &SearchHits| found.ticket == ticket && found.progress.is_some_and(|progress| progress.done == progress.total);
        self.until("the end of a search", |watch| watch.found.iter().any(ends));
        let answers = self.found.iter().filter(|found| found.ticket == ticket);
        answers.flat_map(|found| &found.spans).map(|(_, span)| u64::from_be_bytes(span.bytes())).collect()
    }

    /// Reads the payload of the span of this number.
    pub(crate) fn payload(&mut self, number: u64) -> Result<Payload, String> {
        let address = self.spans[&id(number)].address;
        self.payloads(&[(address, id(number))]).remove(0)
    }

    /// Stops the source and waits for its thread.
    pub(crate) fn end(mut self) {
        drop(self.handle.requests);
        while self.inbox.blocking_recv().is_some() {}
    }
}

/// Returns the id of `span N`.
pub(crate) fn id(number: u64) -> SpanId {
    SpanId::new(number.to_be_bytes()).unwrap()
}

/// Returns the path of a fixture.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Returns every file in a folder, with its contents and modification time.
pub(crate) fn everything(dir: &Path) -> BTreeMap<PathBuf, (Vec<u8>, std::time::SystemTime)> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| (path.clone(), (std::fs::read(&path).unwrap(), path.metadata().unwrap().modified().unwrap()))).collect()
}

/// Returns the names of the files in a folder.
pub(crate) fn names(dir: &Path) -> Vec<String> {
    everything(dir).into_keys().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
}
