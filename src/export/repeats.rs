//! Which messages a report of a trace holds already: a model call is also sent those of earlier calls of its run.

use std::collections::HashSet;

/// The keys of the messages of each open run, the innermost last.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    runs: Vec<(usize, HashSet<String>)>,
    outside: HashSet<String>,
}

impl Repeats {
    /// Follows the tree, depth first, to a span: leaves the runs that do not hold it, and enters it if it is a run itself.
    pub(super) fn enter(&mut self, depth: usize, is_run: bool) {
        while self.runs.pop_if(|(of_run, _)| *of_run >= depth).is_some() {}
        if is_run {
            self.runs.push((depth, HashSet::new()));
        }
    }

    /// Returns the keys of the innermost run that a span at this depth is in, or is.
    pub(super) fn at(&mut self, depth: usize) -> &mut HashSet<String> {
        self.runs.iter_mut().rev().find(|(of_run, _)| *of_run <= depth).map_or(&mut self.outside, |(_, keys)| keys)
    }

    /// Begins with another trace.
    pub(super) fn clear(&mut self) {
        self.runs.clear();
        self.outside.clear();
    }
}
