//! Indexes of rows and traces.

/// The index of a row. A span keeps its index from placeholder to end; an index is reused only after its trace was evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowIx(pub(super) u32);

impl RowIx {
    /// Returns the index for tables with one entry per row.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The index of a trace. It is reused only after the trace was evicted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceIx(pub(super) u32);

impl TraceIx {
    /// Returns the index for tables with one entry per trace.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// "No index" in the packed links of a row.
pub(super) const NONE: u32 = u32::MAX;
