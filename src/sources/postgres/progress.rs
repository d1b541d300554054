//! How far a table has been read.

use std::time::{Duration, Instant};

use hashbrown::HashMap;

use super::snapshot::{SizeHistory, Snapshot};
use super::table::{Shape, TableState};
use crate::model::{Nanos, Origin};
use crate::sources::{State, UpdateSender};

/// Rows of a page, at most.
const PAGE: usize = 2048;
/// How long a page may take before the next one is smaller.
const PAGE_TIME: Duration = Duration::from_millis(150);
/// Live rows remembered, past which the table is swept so that they can be forgotten.
const REMEMBERED: usize = 1 << 18;
/// The least time between two sweeps.
const REST: Duration = Duration::from_secs(2);
/// A sweep is followed by this many times what it took the server without one.
const REST_FACTOR: u32 = 20;
/// After this long with changes and without a sweep, there is one in any case.
const SWEEP_ANYWAY: Duration = Duration::from_secs(600);

/// How far a table has been read.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) outlet: UpdateSender,
    pub(super) limit: u64,
    /// Spans that began before are not wanted.
    pub(super) since: Option<Nanos>,
    /// The table's number on the server, which another table of the same name does not have.
    pub(super) table: Option<u32>,
    /// What the table is made of; `None` when that is to be looked at.
    pub(super) shape: Option<Shape>,
    pub(super) load: Option<Load>,
    /// Rows of the next page: fewer where they are long.
    pub(super) page: usize,
    pub(super) left_out: u64,
    /// The table was seen missing: what appears in it is new.
    pub(super) awaited: bool,
    /// What the first look saw: what was there before.
    pub(super) first: Option<Snapshot>,
    /// `created_at` from which on rows were let in, if any were left out.
    pub(super) oldest: Option<String>,
    /// What the last look saw.
    pub(super) seen: Option<Snapshot>,
    pub(super) file: u32,
    pub(super) blocks: u64,
    pub(super) growth: SizeHistory,
    /// Rows that transactions before this one wrote have all been sent, or belong to what was there before.
    pub(super) base: u64,
    /// Rows that were sent and that later transactions than `base` wrote.
    pub(super) sent: Sent,
    pub(super) sweep: Option<Sweep>,
    pub(super) swept: Swept,
}

/// Reading what was there before, newest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Load {
    /// `created_at` and place of the last row read.
    pub(super) last: Option<(String, String)>,
    pub(super) done: u64,
    pub(super) total: u64,
    pub(super) origin: Origin,
}

/// Looking at every block for rows that were missed.
#[derive(Clone, Debug)]
pub(super) struct Sweep {
    /// The next block.
    pub(super) next: u64,
    pub(super) end: u64,
    /// The lowest transaction that ran when it began: what earlier ones wrote has been seen when it ends.
    pub(super) base: u64,
    /// What it took the server so far.
    took: Duration,
}

/// When the table was last swept, and why it should be again.
#[derive(Clone, Debug)]
pub(super) struct Swept {
    pub(super) wanted: bool,
    rest_until: Instant,
    last: Instant,
    /// Rows that the server had counted, at the last sweep.
    counted: Option<u64>,
    /// Rows that came since.
    came: u64,
}

/// Rows that were sent: what a row's id is hashed to, and the transaction that wrote it.
#[derive(Debug, Default)]
pub(super) struct Sent(HashMap<u64, u64>);

impl Progress {
    pub(super) fn new(outlet: UpdateSender, limit: u64, since: Option<Nanos>) -> Self {
        let now = Instant::now();
        Self {
            outlet,
            limit: limit.max(1),
            since,
            table: None,
            shape: None,
            load: Some(Load::default()),
            page: PAGE,
            left_out: 0,
            awaited: false,
            first: None,
            oldest: None,
            seen: None,
            file: 0,
            blocks: 0,
            growth: SizeHistory::default(),
            base: 0,
            sent: Sent::default(),
            sweep: None,
            swept: Swept { wanted: false, rest_until: now, last: now, counted: None, came: 0 },
        }
    }

    /// Everything is to be read anew.
    pub(super) fn start_over(&mut self) {
        *self = Self { awaited: self.awaited, ..Self::new(self.outlet.clone(), self.limit, self.since) };
    }

    /// The table is not there: what appears in it is new.
    pub(super) fn await_new(&mut self) {
        *self = Self { awaited: true, ..Self::new(self.outlet.clone(), self.limit, self.since) };
    }

    /// Whether there is more to read at once.
    pub(super) fn is_behind(&self) -> bool {
        self.load.is_some() || self.sweep.is_some() || self.wants_sweep()
    }

    pub(super) fn state(&self) -> State {
        match &self.load {
            Some(Load { done, total, .. }) => State::Loading { done: *done, total: *total.max(done) },
            None => State::Watching { left_out: self.left_out },
        }
    }

    /// The table is looked at for the first time.
    pub(super) fn begin(&mut self, look: &TableState) {
        self.base = look.snapshot.lowest;
        self.first = Some(look.snapshot.clone());
        self.file = look.file;
        let origin = if std::mem::take(&mut self.awaited) { Origin::Live } else { Origin::History };
        self.load = Some(Load { total: look.rows.unwrap_or(0).min(self.limit), origin, ..Load::default() });
        self.look_ended(look);
    }

    /// A full page took so long: the next one takes about as long as it should.
    pub(super) fn page_took(&mut self, time: Duration) {
        self.page = if time > PAGE_TIME { (self.page / 2).max(1) } else { (self.page * 2).min(PAGE) };
    }

    /// Everything that the look saw of new rows has been sent.
    pub(super) fn look_ended(&mut self, look: &TableState) {
        self.growth.note(look.snapshot.next, look.blocks);
        self.blocks = look.blocks;
        self.seen = Some(look.snapshot.clone());
    }

    /// A row was written by the transaction and is about to be sent. `false` if it was sent already.
    pub(super) fn is_new(&mut self, key: u64, transaction: u64) -> bool {
        let new = self.sent.0.insert(key, transaction) != Some(transaction);
        self.swept.came += u64::from(new && transaction >= self.base);
        new
    }

    /// Whether the row was sent, as the transaction wrote it.
    pub(super) fn was_sent(&self, key: u64, transaction: u64) -> bool {
        self.sent.0.get(&key) == Some(&transaction)
    }

    fn wants_sweep(&self) -> bool {
        let due = self.swept.wanted || self.sent.0.len() > REMEMBERED;
        self.load.is_none() && due && Instant::now() >= self.swept.rest_until
    }

    /// Begins a sweep if one is due. Then the rows that the server has counted are to be told ([`Progress::count_from`]).
    pub(super) fn sweep_if_due(&mut self, look: &TableState) -> bool {
        let begins = self.sweep.is_none() && self.wants_sweep();
        if begins {
            self.sweep = Some(Sweep { next: 0, end: look.blocks, base: look.snapshot.lowest, took: Duration::ZERO });
            self.swept.wanted = false;
        }
        begins
    }

    /// From here on the rows that come are compared with those that the server counts.
    pub(super) fn count_from(&mut self, rows: Option<u64>) {
        self.swept.counted = rows;
        self.swept.came = 0;
    }

    /// Blocks were swept up to this one, which took the server so long.
    pub(super) fn swept_to(&mut self, block: u64, took: Duration) {
        let Some(sweep) = &mut self.sweep else { return };
        sweep.next = block;
        sweep.took += took;
        if block < sweep.end {
            return;
        }
        let (base, took) = (sweep.base, sweep.took);
        self.sweep = None;
        self.base = base;
        if self.first.as_ref().is_some_and(|first| first.next <= base) {
            // Whatever comes from now on is new.
            (self.first, self.oldest) = (None, None);
        }
        self.sent.0.retain(|_, transaction| *transaction >= base);
        self.swept.last = Instant::now();
        self.swept.rest_until = self.swept.last + REST.max(took * REST_FACTOR);
    }

    /// The server says how many rows were ever written. If more were than came, some may have been missed.
    pub(super) fn counted(&mut self, rows: Option<u64>) {
        if let (Some(rows), Some(before)) = (rows, self.swept.counted) {
            // Fewer than before: the counters were set back.
            self.swept.wanted |= rows < before || rows - before > self.swept.came;
        }
        self.swept.wanted |= self.swept.last.elapsed() > SWEEP_ANYWAY;
    }
}
