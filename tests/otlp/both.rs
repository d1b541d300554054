//! Real Agno beside the listener: it writes into its database and sends OTLP, and continues in a recording.
//!
//! See `peers` for the requirements.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use agno_top::model::{Payload, SourceId, Status};
use agno_top::sources::sqlite::{self, Tables};
use agno_top::sources::{Handle, Request, Update, UpdateSender, otlp};
use agno_top::store::{Limits, RowIx, Store};
use rusqlite::Connection;
use tokio::sync::mpsc::{Receiver, channel};

use crate::FIXTURE;
use crate::listener::{Listener, any_port};
use crate::real::{Process, models, python};
use crate::record::{numbers, recording};

const DATABASE: SourceId = SourceId(0);
const OTLP: SourceId = SourceId(1);

/// Prepares an Agno run on a database, and starts the server of its models.
fn agno(python: &OsStr, database: &Path) -> (Process, Command) {
    let (models, address) = models(python);
    let mut scenario = Command::new(python);
    scenario.arg("tests/agno/scenario.py").arg(database).arg(address);
    (models, scenario)
}

/// Applies updates until `done`, and counts the spans of each source.
fn receive(updates: &mut Receiver<Update>, store: &mut Store, counts: &mut [usize; 2], mut done: impl FnMut(&[usize; 2]) -> bool) {
    let started = Instant::now();
    while !done(counts) {
        assert!(started.elapsed() < Duration::from_secs(120), "{counts:?}");
        let Ok(update) = updates.try_recv() else {
            std::thread::sleep(Duration::from_millis(5));
            continue;
        };
        if let Update::Batch(batch) = update {
            counts[usize::from(batch.source.0)] += batch.spans.len();
            store.apply(&batch, 0);
        }
    }
}

fn payload(handle: &Handle, updates: &mut Receiver<Update>, store: &Store, row: RowIx) -> Payload {
    let data = store.row(row);
    handle.requests.send(Request::Payloads { ticket: 1, addresses: vec![(data.payload_ref, data.id)] }).unwrap();
    loop {
        if let Update::Payloads { payloads, .. } = updates.blocking_recv().unwrap() {
            return payloads.into_iter().next().unwrap().unwrap();
        }
    }
}

#[test]
fn a_span_from_both_sources_is_one_row_with_the_richer_payload() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("traces.db");
    let (sender, mut updates) = channel(64);
    let _tail = sqlite::start(database.clone(), Tables::default(), 1_000_000, UpdateSender::new(DATABASE, sender.clone())).unwrap();
    let listening = otlp::start(any_port(), UpdateSender::new(OTLP, sender)).unwrap();
    let http = *listening.addresses.iter().filter(|address| address.is_ipv4()).nth(1).unwrap();
    let (_model, mut scenario) = agno(&python, &database);
    scenario.arg("--otlp").arg(format!("http://{http}/v1/traces"));
    let mut scenario = Process(scenario.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());

    let (mut store, mut counts) = (Store::new(Limits::default()), [0, 0]);
    let mut ended = None;
    receive(&mut updates, &mut store, &mut counts, |_| {
        ended = scenario.0.try_wait().unwrap();
        ended.is_some()
    });
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}");
    let count = |sql: &str| Connection::open(&database).unwrap().query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap() as usize;
    let stored = count("SELECT count(*) FROM agno_spans");
    assert!(stored > 40, "{stored}");
    receive(&mut updates, &mut store, &mut counts, |counts| *counts == [stored, stored]);

    assert_eq!((store.all().spans as usize, store.rows().count()), (stored, stored), "each span has one row, and no placeholder remains");
    assert_eq!(store.all().errors as usize, count("SELECT count(*) FROM agno_spans WHERE status_code = 'ERROR'"));
    assert!(store.rows().all(|row| store.row(row).source == OTLP), "the payload of every row is the richer one");
    let failed: Vec<RowIx> = store.rows().filter(|row| store.row(*row).status() == Status::Error).collect();
    let payloads: Vec<_> = failed.iter().map(|row| payload(&listening.handle, &mut updates, &store, *row)).collect();
    let stacks = payloads.iter().flat_map(|payload| &payload.events).flat_map(|event| &event.attributes);
    assert!(stacks.filter(|(name, _)| name == "exception.stacktrace").count() >= 1, "{payloads:?}");
    assert!(payloads.iter().all(|payload| payload.resource.iter().any(|(name, _)| name == "service.name")));
}

#[test]
fn agno_continues_in_a_recording() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("recorded.db");
    assert_eq!(Listener::with(recording(&database), 16).post(FIXTURE).status, 200);
    let (_model, mut scenario) = agno(&python, &database);
    let output = scenario.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).to_lowercase();
    assert!(output.status.success(), "{stderr}");
    assert!(!stderr.contains("table") && !stderr.contains("schema") && !stderr.contains("trace(s)"), "{stderr}");
    let (traces, spans, _) = numbers(&database);
    assert!(traces > 11 + 5 && spans > 75 + 40, "{traces} {spans}");
    let read = Command::new(&python).arg("tests/peers/read_traces.py").arg(&database).output().unwrap();
    assert!(String::from_utf8_lossy(&read.stdout).starts_with(&format!("{traces} {spans} {spans} ")), "{read:?}");
}
