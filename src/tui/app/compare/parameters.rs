//! The parameters of the model calls in a comparison, which only their payloads state. They are read a few calls at a time.

use std::collections::HashMap;

use super::Compare;
use crate::model::SpanId;
use crate::sources::PayloadRequest;
use crate::store::{RowIx, Store};

/// Calls whose payloads are requested at a time.
const SLICE: usize = 16;

/// What is known of the parameters.
#[derive(Clone, Debug, Default)]
pub(super) struct Parameters {
    /// The parameters of each call in words; `None` if its payload can't be read.
    read: HashMap<RowIx, Option<String>>,
    /// Calls to read, the next one last.
    unread: Vec<RowIx>,
    /// The calls whose payloads are requested.
    requested: Vec<RowIx>,
}

impl Parameters {
    /// Forgets a call that arrived again.
    pub(super) fn forget(&mut self, row: RowIx) {
        self.read.remove(&row);
        self.requested.retain(|&other| other != row);
    }
}

impl Compare {
    /// Queues the calls with a counterpart that are not read yet.
    pub(super) fn queue_parameters(&mut self, store: &Store) {
        let calls_model = |row: &RowIx| !store.row(*row).placeholder && store.row(*row).span_type.calls_model();
        let Parameters { read, unread, requested } = &mut self.parameters;
        let rows = self.pairs.iter().rev().filter_map(|pair| pair.rows[0].zip(pair.rows[1])).flat_map(|(a, b)| [b, a]);
        *unread = rows.filter(|row| calls_model(row) && !read.contains_key(row) && !requested.contains(row)).collect();
    }

    /// Returns whether the parameters of two calls differ; `false` while either is unknown.
    pub(super) fn parameters_differ(&self, a: RowIx, b: RowIx) -> bool {
        let known = |row: RowIx| self.parameters.read.get(&row).and_then(Option::as_ref);
        known(a).zip(known(b)).is_some_and(|(a, b)| a != b)
    }

    /// Whether the parameters of calls are still to be read.
    #[must_use]
    pub fn is_reading(&self) -> bool {
        !self.parameters.unread.is_empty() || !self.parameters.requested.is_empty()
    }

    /// Returns the number of calls whose parameters can't be read.
    #[must_use]
    pub fn unreadable(&self) -> usize {
        self.parameters.read.values().filter(|parameters| parameters.is_none()).count()
    }

    /// Returns the payloads of the next calls to read, once; none while others are awaited.
    pub(super) fn take_parameter_requests(&mut self, store: &Store) -> Vec<PayloadRequest> {
        let Parameters { unread, requested, .. } = &mut self.parameters;
        if !requested.is_empty() {
            return Vec::new();
        }
        *requested = unread.split_off(unread.len().saturating_sub(SLICE));
        let request = |row: &RowIx| {
            let data = store.row(*row);
            PayloadRequest { source: data.source, payload_ref: data.payload_ref, span: data.id }
        };
        requested.iter().map(request).collect()
    }

    /// Reads the parameters of all calls at once. `read` returns those of some calls, in words, or `None` for a payload that can't be read.
    ///
    /// # Errors
    ///
    /// Those of `read`.
    pub fn read_parameters<E>(&mut self, mut read: impl FnMut(&[RowIx]) -> Result<Vec<Option<String>>, E>) -> Result<(), E> {
        for calls in std::mem::take(&mut self.parameters.unread).chunks(SLICE) {
            let parameters = read(calls)?;
            self.parameters.read.extend(calls.iter().copied().zip(parameters));
        }
        Ok(())
    }

    /// Sets the parameters of requested calls: in words, or `None` if a payload can't be read.
    pub(super) fn load_parameters(&mut self, store: &Store, parameters: impl Iterator<Item = (SpanId, Option<String>)>) {
        let Parameters { read, requested, .. } = &mut self.parameters;
        for (id, text) in parameters {
            if let Some(at) = requested.iter().position(|&row| store.row(row).id == id) {
                read.insert(requested.swap_remove(at), text);
            }
        }
        // An answer to an earlier request may lack calls; they are read again.
        if !std::mem::take(requested).is_empty() {
            self.queue_parameters(store);
        }
    }
}
