//! A file of OTLP/JSON: one trace export request, or one a line as the OpenTelemetry collector's file exporter writes.
//!
//! The text is held in memory; spans are decoded from it once for their rows, and again whenever a payload is asked for.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use super::otlp::json::Document;
use super::{Closed, Found, Handle, Outlet, Progress, Request, Search, State, Update};
use crate::model::{Address, Batch, Origin, Payload, Probe, SpanId, TraceId};

/// Spans that travel together.
const BATCH: usize = 2048;

/// The largest file that is opened, in bytes: it is held in memory.
const LARGEST: u64 = 2 << 30;

/// Reads `path` on a thread of its own, sends its spans, oldest first, then [`State::Ended`], and goes on answering requests.
///
/// What can't be read is a message: [`State::Failing`] if that is all of the file, else a [`Skipped`](crate::model::Skipped) piece.
pub fn start(path: PathBuf, outlet: Outlet) -> io::Result<Handle> {
    let name = path.display().to_string();
    super::spawn(name, outlet, move |outlet, inbox| {
        // Closed: nobody listens, so that there is nobody to tell.
        let _ = run(&path, outlet, inbox);
    })
}

fn run(path: &Path, outlet: &Outlet, inbox: &Receiver<Request>) -> Result<(), Closed> {
    let document = match load(path).and_then(|text| Ok((Document::file(&text)?, text))) {
        Ok(document) => Some(document),
        Err(error) => {
            outlet.send(Update::State(outlet.id, State::Failing(format!("{}: {error}", path.display()))))?;
            None
        }
    };
    if let Some((document, text)) = &document {
        send(document, text, outlet)?;
        outlet.send(Update::State(outlet.id, State::Ended))?;
    }
    let mut scan: Option<Scan> = None;
    loop {
        let request = match (&mut scan, &document) {
            (Some(under_way), Some((document, text))) => {
                let found = under_way.slice(document, text, outlet);
                outlet.send(Update::Found(found))?;
                if under_way.left == 0 {
                    scan = None;
                }
                match inbox.try_recv() {
                    Ok(request) => request,
                    Err(TryRecvError::Empty) => continue,
                    Err(TryRecvError::Disconnected) => return Ok(()),
                }
            }
            _ => match inbox.recv() {
                Ok(request) => request,
                Err(_) => return Ok(()),
            },
        };
        match request {
            Request::Payloads { ticket, addresses } => {
                let payloads = addresses.into_iter().map(|(address, _)| payload(document.as_ref(), address)).collect();
                outlet.send(Update::Payloads { ticket, payloads })?;
            }
            Request::Search(search) => scan = Some(Scan { search, left: document.as_ref().map_or(0, |(document, _)| document.len()) }),
            Request::StopSearch => scan = None,
            Request::Check { ticket, probe, addresses } => {
                let spans = document.as_ref().map_or_else(Vec::new, |(document, text)| check(document, text, &addresses, &probe));
                outlet.send(Update::Found(Found { source: outlet.id, ticket, spans, progress: None, trouble: None }))?;
            }
            // The text is held as one piece; it goes with the program.
            Request::Release(_) => {}
        }
    }
}

/// How long a slice of a search may take before requests are answered.
const SLICE: Duration = Duration::from_millis(20);

/// A search under way: the spans below `left` are still to be searched, which is from the newest to the oldest.
struct Scan {
    search: Search,
    left: usize,
}

impl Scan {
    fn slice(&mut self, document: &Document, text: &str, outlet: &Outlet) -> Found {
        let (begun, mut spans) = (Instant::now(), Vec::new());
        while self.left > 0 && begun.elapsed() < SLICE {
            self.left -= 1;
            spans.extend(document.search(text, self.left, &self.search.probe));
        }
        let total = document.len() as u64;
        let progress = Some(Progress { done: total - self.left as u64, total });
        Found { source: outlet.id, ticket: self.search.ticket, spans, progress, trouble: None }
    }
}

fn check(document: &Document, text: &str, addresses: &[(Address, SpanId)], probe: &Probe) -> Vec<(TraceId, SpanId)> {
    let indexes = addresses.iter().filter_map(|(address, _)| usize::try_from(address.0).ok());
    indexes.filter_map(|index| document.search(text, index, probe)).collect()
}

fn load(path: &Path) -> Result<String, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("it is larger than {} GiB; split it", LARGEST >> 30));
    }
    let mut text = String::from_utf8(bytes).map_err(|error| format!("not an OTLP/JSON file: {}", error.utf8_error()))?;
    // Some editors put a byte order mark first, which is no part of JSON.
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}

fn send(document: &Document, text: &str, outlet: &Outlet) -> Result<(), Closed> {
    let total = document.len() as u64;
    let mut batch = empty(outlet);
    batch.skipped.clone_from(&document.skipped);
    for index in 0..document.len() {
        if batch.spans.len() + batch.skipped.len() >= BATCH {
            outlet.send(Update::Batch(std::mem::replace(&mut batch, empty(outlet))))?;
            outlet.send(Update::State(outlet.id, State::Loading { done: index as u64, total }))?;
        }
        document.push(text, index, Address(index as i64), &mut batch);
    }
    if batch.spans.is_empty() && batch.skipped.is_empty() { Ok(()) } else { outlet.send(Update::Batch(batch)) }
}

fn empty(outlet: &Outlet) -> Batch {
    let mut batch = Batch::new(outlet.id, Origin::History);
    batch.rich = true;
    batch
}

fn payload(document: Option<&(Document, String)>, address: Address) -> Result<Payload, String> {
    let (document, text) = document.ok_or("the file could not be read")?;
    let index = usize::try_from(address.0).map_err(|_| "there is no such span".to_owned())?;
    document.payload(text, index).map_err(|skipped| format!("{}: {}", skipped.place, skipped.reason))
}
