//! The progress of reading a table, and the schedule of sweeps.

use std::time::{Duration, Instant};

use hashbrown::HashMap;

use super::rows::RowInfo;
use super::snapshot::{SizeHistory, Snapshot};
use super::table::{TableDefinition, TableState, split};
use crate::model::time::now;
use crate::model::{Nanos, Origin};
use crate::sources::{ReadLimits, State, UpdateSender};

/// The most rows in a page.
const PAGE: usize = 2048;
/// If a page takes longer, the next one is smaller.
const PAGE_TIME: Duration = Duration::from_millis(150);
/// If more sent rows are remembered, a sweep is due, after which they can be forgotten.
const MAX_SENT: usize = 1 << 18;
/// The least time between two sweeps.
const MIN_PAUSE: Duration = Duration::from_secs(2);
/// The least time between two sweeps, as a multiple of the time that the last one took.
const PAUSE_FACTOR: u32 = 20;
/// A sweep is due after this time in any case.
const MAX_PAUSE: Duration = Duration::from_secs(600);

/// The progress of reading a table.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) updates: UpdateSender,
    pub(super) limits: ReadLimits,
    /// The table's `oid`. Another table of the same name has another one.
    pub(super) table: Option<u32>,
    /// The table's definition; `None` before it is read.
    pub(super) definition: Option<TableDefinition>,
    pub(super) load: Option<Load>,
    /// The rows of the next page: fewer if they are large.
    pub(super) page: usize,
    pub(super) left_out: u64,
    /// Whether the table was missing and no row of it was ever read: then all its rows are new. Rows of one that comes back may have been
    /// there before.
    pub(super) was_missing: bool,
    /// Whether rows were read, of this table or an earlier one.
    pub(super) has_had_rows: bool,
    /// The snapshot of the first read: its rows existed at the start.
    pub(super) first: Option<Snapshot>,
    /// The `created_at` of the oldest row read, if older rows were left out.
    pub(super) oldest: Option<String>,
    /// The snapshot of the last read.
    pub(super) last: Option<Snapshot>,
    /// The tables that hold the rows, as they were at the last read.
    pub(super) parts: HashMap<u32, PartProgress>,
    /// When the table was read last, in the time of this machine.
    pub(super) read_at: Nanos,
    /// Until when the table was read before it was rewritten, until a sweep has told old rows from new ones.
    pub(super) rewritten: Option<Nanos>,
    /// All rows of transactions before this one were sent or existed at the start; 0 for a view, of which every row is remembered.
    pub(super) base: u64,
    /// The rows sent that transactions from `base` on wrote.
    pub(super) sent: Sent,
    pub(super) sweep: Option<Sweep>,
    pub(super) look: Look,
    pub(super) sweeps: SweepSchedule,
}

/// The state of loading the rows that existed at the start, newest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Load {
    /// The `created_at` and the place of the last row read.
    pub(super) last: Option<(String, String)>,
    pub(super) done: u64,
    pub(super) total: u64,
    pub(super) origin: Origin,
}

/// What is known of a table that holds rows.
#[derive(Debug, Default)]
pub(super) struct PartProgress {
    /// Its `relfilenode`.
    file: u32,
    /// Its size in blocks.
    pub(super) blocks: u64,
    pub(super) sizes: SizeHistory,
    /// If it was attached with rows, which may be older, the last snapshot before that; until a sweep has read it whole.
    attached: Option<Snapshot>,
}

/// A scan of all blocks for rows that were missed.
#[derive(Clone, Debug)]
pub(super) struct Sweep {
    /// The next block to scan.
    pub(super) next: u64,
    /// The block after the last one.
    pub(super) end: u64,
    /// The oldest transaction that was running when the sweep began: all rows of earlier ones are seen when it ends.
    pub(super) base: u64,
    /// The time it has taken so far.
    duration: Duration,
    /// Of a view, instead of the block: the time and the place of the last row.
    pub(super) after: Option<(String, String)>,
}

/// When the newest rows of a view are looked at.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub(super) is_due: bool,
    pub(super) not_before: Instant,
}

impl Look {
    pub(super) fn must_look(&self) -> bool {
        self.is_due && Instant::now() >= self.not_before
    }
}

/// When the table was last swept, and whether it must be again.
#[derive(Clone, Debug)]
pub(super) struct SweepSchedule {
    /// Whether rows may have been missed.
    pub(super) is_due: bool,
    not_before: Instant,
    last: Instant,
    /// The server's counter of rows written, at the last sweep.
    row_count: Option<u64>,
    /// The rows sent since.
    rows_sent: u64,
}

/// The rows sent: the key of each row (see [`rows::key`](super::rows::key)) and the transaction that wrote it.
#[derive(Debug, Default)]
pub(super) struct Sent(HashMap<u64, u64>);

impl Progress {
    pub(super) fn new(updates: UpdateSender, limits: ReadLimits) -> Self {
        let now = Instant::now();
        Self {
            updates,
            limits: ReadLimits { limit: limits.limit.max(1), ..limits },
            table: None,
            definition: None,
            load: Some(Load::default()),
            page: PAGE,
            left_out: 0,
            was_missing: false,
            has_had_rows: false,
            first: None,
            oldest: None,
            last: None,
            parts: HashMap::new(),
            read_at: 0,
            rewritten: None,
            base: 0,
            sent: Sent::default(),
            sweep: None,
            look: Look { is_due: false, not_before: now },
            sweeps: SweepSchedule { is_due: false, not_before: now, last: now, row_count: None, rows_sent: 0 },
        }
    }

    /// Starts over, to read everything again.
    pub(super) fn start_over(&mut self) {
        let Self { was_missing, has_had_rows, .. } = *self;
        *self = Self { was_missing, has_had_rows, ..Self::new(self.updates.clone(), self.limits.again()) };
    }

    /// Starts over because the table is missing.
    pub(super) fn set_missing(&mut self) {
        let has_had_rows = self.has_had_rows;
        *self = Self { was_missing: !has_had_rows, has_had_rows, ..Self::new(self.updates.clone(), self.limits.again()) };
    }

    /// Whether there is more to read now.
    pub(super) fn is_behind(&self) -> bool {
        self.load.is_some() || self.sweep.is_some() || self.must_sweep() || self.look.must_look()
    }

    pub(super) fn state(&self) -> State {
        match &self.load {
            Some(Load { done, total, .. }) => State::Loading { done: *done, total: *total.max(done) },
            None => State::Watching { left_out: self.left_out },
        }
    }

    /// Records the first read of the table.
    pub(super) fn begin(&mut self, state: &TableState) {
        self.base = if state.is_view { 0 } else { state.snapshot.lowest };
        self.first = Some(state.snapshot.clone());
        self.parts = state.parts.iter().map(|part| (part.oid, PartProgress { file: part.file, ..PartProgress::default() })).collect();
        let origin = if std::mem::take(&mut self.was_missing) { Origin::Live } else { Origin::History };
        self.load = Some(Load { total: state.rows.unwrap_or(0).min(self.limits.limit), origin, ..Load::default() });
        self.set_read(state);
    }

    /// Adapts the size of the next page to the time that a full page took.
    pub(super) fn adapt_page(&mut self, time: Duration) {
        self.page = if time > PAGE_TIME { (self.page / 2).max(1) } else { (self.page * 2).min(PAGE) };
    }

    /// Records that all new rows in this state of the table were sent.
    pub(super) fn set_read(&mut self, state: &TableState) {
        for part in &state.parts {
            let known = self.parts.entry(part.oid).or_default();
            known.sizes.add(state.snapshot.next, part.blocks);
            known.blocks = part.blocks;
        }
        self.read_at = now();
        self.last = Some(state.snapshot.clone());
    }

    /// Prepares for tables that were rewritten, attached or detached since the last read.
    pub(super) fn set_parts(&mut self, state: &TableState) {
        self.parts.retain(|oid, _| state.parts.iter().any(|part| part.oid == *oid));
        for part in &state.parts {
            let is_known = self.parts.get(&part.oid).map(|known| known.file == part.file);
            if is_known == Some(true) {
                continue;
            }
            let attached = self.last.clone().filter(|_| is_known.is_none() && part.blocks > 0);
            let sweeps = is_known.is_some() || attached.is_some();
            self.parts.insert(part.oid, PartProgress { file: part.file, attached, ..PartProgress::default() });
            if is_known.is_some() {
                // Every row has another `ctid`, and may seem to be of the transaction that rewrote it.
                self.rewritten.get_or_insert(self.read_at);
            }
            if sweeps {
                self.sweeps.is_due = true;
                self.sweep = None;
            }
        }
    }

    /// Returns the tables of which every row is to be read.
    pub(super) fn attached(&self) -> Vec<u32> {
        self.parts.iter().filter(|(_, part)| part.attached.is_some()).map(|(oid, _)| *oid).collect()
    }

    /// Whether the row existed at the start, or before its table was attached.
    pub(super) fn is_old(&self, row: &RowInfo<'_>) -> bool {
        let part = split(row.place).0.parse().ok().and_then(|oid: u32| self.parts.get(&oid));
        [self.first.as_ref(), part.and_then(|part| part.attached.as_ref())].into_iter().flatten().any(|before| before.sees(row.transaction))
    }

    /// Records that a row is sent, as the transaction wrote it. Returns `false` if it was sent before.
    pub(super) fn insert_sent(&mut self, key: u64, transaction: u64) -> bool {
        let is_new = self.sent.0.insert(key, transaction) != Some(transaction);
        // What a page or a sweep of a view sends, the server may have counted before.
        let counts = self.base > 0 || self.load.is_none() && self.sweep.is_none();
        self.sweeps.rows_sent += u64::from(is_new && transaction >= self.base && counts);
        is_new
    }

    /// Whether a row was sent as the transaction wrote it.
    pub(super) fn was_sent(&self, key: u64, transaction: u64) -> bool {
        self.sent.0.get(&key) == Some(&transaction)
    }

    fn must_sweep(&self) -> bool {
        let is_due = self.sweeps.is_due || self.base > 0 && self.sent.0.len() > MAX_SENT;
        self.load.is_none() && is_due && Instant::now() >= self.sweeps.not_before
    }

    /// Starts a sweep if one is due, and returns whether it did. Then the caller must call [`Progress::reset_row_count`].
    pub(super) fn sweep_if_due(&mut self, state: &TableState) -> bool {
        let starts = self.sweep.is_none() && self.must_sweep();
        if starts {
            let (end, base) = if state.is_view { (u64::MAX, 0) } else { (state.height(), state.snapshot.lowest) };
            self.sweep = Some(Sweep { next: 0, end, base, duration: Duration::ZERO, after: None });
            self.sweeps.is_due = false;
        }
        starts
    }

    /// Compares the rows sent from now on with the server's counter, which now has this value.
    pub(super) fn reset_row_count(&mut self, rows: Option<u64>) {
        self.sweeps.row_count = rows;
        self.sweeps.rows_sent = 0;
    }

    /// Records that the blocks before this one were swept.
    pub(super) fn set_swept(&mut self, block: u64, took: Duration) {
        let Some(sweep) = &mut self.sweep else { return };
        sweep.next = block;
        sweep.duration += took;
        if block < sweep.end {
            return;
        }
        let (base, took) = (sweep.base, sweep.duration);
        self.sweep = None;
        self.rewritten = None;
        self.parts.values_mut().for_each(|part| part.attached = None);
        self.base = base;
        if self.first.as_ref().is_some_and(|first| first.next <= base) {
            // All rows from now on are new.
            (self.first, self.oldest) = (None, None);
        }
        self.sent.0.retain(|_, transaction| *transaction >= base);
        self.sweeps.last = Instant::now();
        self.sweeps.not_before = self.sweeps.last + MIN_PAUSE.max(took * PAUSE_FACTOR);
    }

    /// Compares the server's counter of rows written with the rows sent. If it is higher, rows may have been missed.
    pub(super) fn set_row_count(&mut self, rows: Option<u64>) {
        if let (Some(rows), Some(before)) = (rows, self.sweeps.row_count) {
            // Fewer than before: the counter was reset.
            self.sweeps.is_due |= rows < before || rows - before > self.sweeps.rows_sent;
        }
        self.sweeps.is_due |= self.sweeps.last.elapsed() > MAX_PAUSE;
    }
}
