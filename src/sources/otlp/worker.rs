//! The worker thread of the listener: answers the program and reports state and traffic.

use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

use super::bind::{bind, open_port_warning, port_error, reachable};
use super::ingest::{ExportRequest, Ingest};
use super::packed::Packer;
use super::search::{self, Scan};
use crate::sources::{Closed, Port, PortError, Request, State, TakenSpans, Traffic, Update, UpdateSender};

/// The interval of traffic updates, and of attempts to bind an address that is in use.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// The interval at which segments are packed while there are new ones.
const PACK_INTERVAL: Duration = Duration::from_millis(20);

/// How far the store may be mistaken about the memory of payloads before it is told at once, as a share of all memory.
const MISTAKE_SHARE: u64 = 64;

/// How long connections may take to end before the program is stopped.
const SUSPEND_TIMEOUT: Duration = Duration::from_millis(300);

/// The state of the worker thread.
pub(super) struct Worker<'a> {
    pub(super) ingest: &'a Ingest,
    pub(super) updates: &'a UpdateSender,
    /// The bound addresses.
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) has_token: bool,
    /// The addresses that can't be bound yet.
    pub(super) failed: Vec<(SocketAddr, PortError)>,
    /// Takes listeners to the servers' thread.
    pub(super) listeners: UnboundedSender<TcpListener>,
    /// Tells the servers' thread whether the program is about to be stopped.
    pub(super) suspended: watch::Sender<bool>,
    /// The last report.
    pub(super) reported: Traffic,
    /// The search in progress.
    pub(super) scan: Option<Scan>,
    pub(super) packer: Packer,
    pub(super) packing: Packing,
}

/// Whether segments of payloads are to be packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Packing {
    /// None was since the last report.
    #[default]
    Idle,
    /// None is left, but more may come soon.
    Soon,
    /// More are left.
    Due,
}

impl Worker<'_> {
    /// Runs until the program drops its end of a channel.
    pub(super) fn run(&mut self, requests: &Receiver<Request>) -> Result<(), Closed> {
        self.report_state()?;
        let mut next_report = Instant::now() + REPORT_INTERVAL;
        loop {
            let until_report = next_report.saturating_duration_since(Instant::now());
            let timeout = match (&self.scan, self.packing) {
                (Some(_), _) | (_, Packing::Due) => Duration::ZERO,
                (None, Packing::Soon) => until_report.min(PACK_INTERVAL),
                (None, Packing::Idle) => until_report,
            };
            match requests.recv_timeout(timeout) {
                Ok(request) => self.answer(request)?,
                Err(RecvTimeoutError::Timeout) if Instant::now() < next_report => {
                    self.continue_search()?;
                    self.pack()?;
                }
                Err(RecvTimeoutError::Timeout) => {
                    next_report = Instant::now() + REPORT_INTERVAL;
                    self.ingest.payloads.unpacked().clear();
                    self.packing = Packing::Idle;
                    self.pack()?;
                    self.report_traffic()?;
                    self.retry_bind()?;
                }
                Err(RecvTimeoutError::Disconnected) => return Err(Closed),
            }
        }
    }

    fn answer(&mut self, request: Request) -> Result<(), Closed> {
        let store = &self.ingest.payloads;
        match request {
            Request::Payloads { ticket, addresses } => {
                let payloads = addresses.into_iter().map(|(address, span)| store.read(address, span)).collect();
                return self.updates.send(Update::Payloads { ticket, payloads });
            }
            Request::Check { ticket, query, addresses } => {
                return self.updates.send_hits(ticket, search::check(&addresses, &query, store), None, None);
            }
            Request::Release(addresses) => {
                store.release(&addresses);
                return self.report_mistake();
            }
            Request::Search(search) => self.scan = Some(Scan::new(search, store.bodies().parts())),
            Request::StopSearch => self.scan = None,
            Request::Read { ticket, .. } | Request::Logs { ticket } => return self.updates.send(Update::Read { ticket, from: None }),
            Request::Take(spans, done) => {
                // The other end may have stopped waiting.
                let _ = done.send(self.take(spans));
            }
            Request::Suspend(done) => self.suspend(&done),
            Request::Resume => return self.resume(),
        }
        Ok(())
    }

    fn take(&self, spans: Vec<TakenSpans>) -> Result<(), String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(|error| error.to_string())?;
        let mut result = Ok(());
        for spans in spans {
            // One that can't be read must not keep the others.
            let taken = runtime.block_on(self.ingest.ingest(ExportRequest::taken(spans)));
            result = result.and(taken.map(drop).map_err(|rejection| rejection.to_string()));
        }
        result
    }

    /// Searches a few more bodies.
    fn continue_search(&mut self) -> Result<(), Closed> {
        let Some(mut scan) = self.scan.take() else { return Ok(()) };
        let hits = scan.slice(&self.ingest.payloads);
        let progress = scan.progress();
        self.updates.send_hits(scan.search.ticket, hits, Some(progress), None)?;
        self.scan = (progress.done < progress.total).then_some(scan);
        Ok(())
    }

    /// Packs a segment, if one is due.
    fn pack(&mut self) -> Result<(), Closed> {
        if self.ingest.payloads.pack(&mut self.packer) {
            self.packing = Packing::Due;
            return self.report_mistake();
        }
        if self.packing == Packing::Due {
            self.packing = Packing::Soon;
        }
        Ok(())
    }

    /// Reports the traffic at once if the store is mistaken about the memory that the payloads take.
    fn report_mistake(&mut self) -> Result<(), Closed> {
        let memory = self.ingest.payloads.bodies().memory();
        let estimate = self.reported.memory.estimate(memory.counted);
        if estimate.abs_diff(memory.taken) > memory.taken / MISTAKE_SHARE { self.report_traffic() } else { Ok(()) }
    }

    /// Closes the listeners, and the connections after their current requests: the system would let senders wait.
    fn suspend(&mut self, done: &Sender<()>) {
        self.suspended.send_replace(true);
        let begun = Instant::now();
        // One receiver belongs to the servers' thread itself.
        while self.suspended.receiver_count() > 1 && begun.elapsed() < SUSPEND_TIMEOUT {
            std::thread::sleep(Duration::from_millis(1));
        }
        // The other end may have stopped waiting.
        let _ = done.send(());
    }

    /// Listens again.
    fn resume(&mut self) -> Result<(), Closed> {
        self.suspended.send_replace(false);
        for address in std::mem::take(&mut self.addresses) {
            match bind(address) {
                Ok(listener) => {
                    // Without a receiver the program ends.
                    let _ = self.listeners.send(listener);
                    self.addresses.push(address);
                }
                Err(error) => self.failed.push((address, port_error(address, &error, "--http"))),
            }
        }
        self.report_state()
    }

    fn report_state(&self) -> Result<(), Closed> {
        let state = if self.failed.is_empty() {
            State::Watching { left_out: 0 }
        } else {
            State::Failing(self.failed.iter().map(|(_, error)| error.message.as_str()).collect::<Vec<_>>().join("; "))
        };
        self.updates.send(Update::State(self.updates.id, state))
    }

    fn report_traffic(&mut self) -> Result<(), Closed> {
        let bound = |&address: &SocketAddr| Port {
            address,
            reachable: reachable(address),
            warning: open_port_warning(address, self.has_token),
            error: None,
        };
        let failed = |(address, error): &(SocketAddr, PortError)| Port {
            address: *address,
            reachable: None,
            warning: None,
            error: Some(error.clone()),
        };
        let ports = self.addresses.iter().map(bound).chain(self.failed.iter().map(failed)).collect();
        let traffic = Traffic { ports, has_token: self.has_token, ..self.ingest.traffic() };
        if traffic != self.reported {
            self.reported = traffic.clone();
            self.updates.send(Update::Traffic(self.updates.id, traffic))?;
        }
        Ok(())
    }

    /// Tries to bind the addresses that were in use.
    fn retry_bind(&mut self) -> Result<(), Closed> {
        let before = self.failed.len();
        let (listeners, addresses) = (&self.listeners, &mut self.addresses);
        self.failed.retain(|&(address, _)| {
            let is_sent = bind(address).is_ok_and(|listener| listeners.send(listener).is_ok());
            addresses.extend(is_sent.then_some(address));
            !is_sent
        });
        if self.failed.len() == before { Ok(()) } else { self.report_state() }
    }
}
