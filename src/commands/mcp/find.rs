//! Finds what a client names by the beginning of an id.

use crate::cli::LAST;
use crate::store::{Store, TraceIx};

/// The most traces that an error names for an ambiguous id.
const MAX_NAMED: usize = 8;

/// Finds a trace by the beginning of its id.
pub(super) fn find(store: &Store, id: &str) -> Result<TraceIx, String> {
    let id = id.trim().to_ascii_lowercase();
    if id == LAST {
        let newest = store.traces().rev().find(|&trace| !store.is_ordinary(trace)).or_else(|| store.traces().next_back());
        return newest.ok_or_else(|| "there are no traces".to_owned());
    }
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err("an id is the first hex digits of a trace's id, or last".to_owned());
    }
    let found: Vec<TraceIx> = store.traces().rev().filter(|&trace| begins(&store.trace(trace).id.bytes(), &id)).collect();
    match found.as_slice() {
        [] => Err(format!("no trace id starts with {id}; find_traces lists those that are there")),
        [trace] => Ok(*trace),
        several => {
            let ids: Vec<String> = several.iter().take(MAX_NAMED).map(|&trace| store.trace(trace).id.to_string()).collect();
            Err(format!(
                "{} trace ids start with {id}: {}{}",
                several.len(),
                ids.join(", "),
                if several.len() > MAX_NAMED { ", …" } else { "" }
            ))
        }
    }
}

/// Whether a trace is there that an id may mean; an id that means none is left to [`find`] to tell.
pub(super) fn is_known(store: &Store, id: &str) -> bool {
    let id = id.trim().to_ascii_lowercase();
    let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    match () {
        () if id == LAST => store.trace_count() > 0,
        () if !is_id => true,
        () => store.traces().any(|trace| begins(&store.trace(trace).id.bytes(), &id)),
    }
}

/// Whether an id begins with lower-case hex digits.
pub(super) fn begins(id: &[u8], digits: &str) -> bool {
    let nibble = |at: usize| id.get(at / 2).map(|byte| if at.is_multiple_of(2) { byte >> 4 } else { byte & 15 });
    digits.bytes().enumerate().all(|(at, digit)| nibble(at).is_some_and(|nibble| b"0123456789abcdef"[usize::from(nibble)] == digit))
}

#[cfg(test)]
mod tests {
    use super::begins;

    #[test]
    fn an_id_begins_with_its_digits() {
        let id = [0x0a, 0xbc, 0xde];
        for (digits, is_so) in [("", true), ("0", true), ("0ab", true), ("0abcde", true), ("0abcdef", false), ("1", false), ("0abd", false)]
        {
            assert_eq!(begins(&id, digits), is_so, "{digits}");
        }
    }
}
