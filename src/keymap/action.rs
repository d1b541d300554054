//! The actions of the user interface: one table of names, default keys and help lines. The keyboard, the help, the command palette, the
//! configuration and the documentation all read it.

/// Something the user can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Move one row down.
    Down,
    /// Move one row up.
    Up,
    /// Move one page down.
    PageDown,
    /// Move one page up.
    PageUp,
    /// Move half a page down.
    HalfPageDown,
    /// Move half a page up.
    HalfPageUp,
    /// Go to the first row.
    Top,
    /// Go to the last row.
    Bottom,
    /// Fold the row, or go to its parent.
    Fold,
    /// Unfold the row, or go to its first child.
    Unfold,
    /// Fold or unfold the subtree.
    FoldBelow,
    /// Fold or unfold all traces.
    FoldAll,
    /// Open the detail pane; if it is open, enlarge it.
    Detail,
    /// Switch to the other pane.
    NextPane,
    /// Open the next tab of the detail.
    NextTab,
    /// Open the previous tab of the detail.
    PreviousTab,
    /// Toggle the wrapping of long lines.
    Wrap,
    /// Edit the filter.
    Filter,
    /// Go to the next match.
    NextMatch,
    /// Go to the previous match.
    PreviousMatch,
    /// Go to the next error.
    NextError,
    /// Go to the previous error.
    PreviousError,
    /// Toggle the filter for errors.
    ErrorsOnly,
    /// Filter by agents from a list.
    PickAgents,
    /// Filter by statuses from a list.
    PickStatuses,
    /// Filter by models from a list.
    PickModels,
    /// Filter by tools from a list.
    PickTools,
    /// Filter by sessions from a list.
    PickSessions,
    /// Sort by the next key or column.
    Sort,
    /// Choose the sort key from a list.
    SortBy,
    /// Reverse the order.
    Reverse,
    /// Show the next measure in the bars.
    Measure,
    /// Toggle the highlight of the critical path.
    CriticalPath,
    /// Halve the visible time range.
    ZoomIn,
    /// Double the visible time range.
    ZoomOut,
    /// Show the whole time range of the trace.
    ZoomReset,
    /// Pan to earlier times.
    Earlier,
    /// Pan to later times.
    Later,
    /// Mark or unmark the trace.
    Mark,
    /// Unmark all traces.
    ClearMarks,
    /// Export the marked traces, or the current one.
    Export,
    /// Compare two traces.
    Compare,
    /// Copy the value under the cursor.
    Copy,
    /// Copy the span as OTLP/JSON.
    CopySpan,
    /// Pause or resume the view.
    Pause,
    /// Toggle following the newest trace.
    Follow,
    /// Switch to the next theme.
    Theme,
    /// Show the sources.
    Sources,
    /// Open the command palette.
    Palette,
    /// Show the traces.
    ViewTraces,
    /// Show the sessions.
    ViewSessions,
    /// Show the agents.
    ViewAgents,
    /// Show the models.
    ViewModels,
    /// Show the tools.
    ViewTools,
    /// Show the errors.
    ViewErrors,
    /// Switch the totals between everything shown and the current trace.
    Scope,
    /// Show the keys.
    Help,
    /// Go one step back.
    Back,
    /// Suspend the program.
    Suspend,
    /// Quit.
    Quit,
}

impl Action {
    /// Returns the rows by which the action moves, down if positive; `None` if it does not move by rows. `page` is the height of a page.
    #[must_use]
    pub fn rows(self, page: isize) -> Option<isize> {
        Some(match self {
            Self::Down => 1,
            Self::Up => -1,
            Self::PageDown => page,
            Self::PageUp => -page,
            Self::HalfPageDown => (page / 2).max(1),
            Self::HalfPageUp => -(page / 2).max(1),
            _ => return None,
        })
    }
}

/// An action with its name, default keys and help line.
#[derive(Debug)]
pub struct Entry {
    /// The action.
    pub action: Action,
    /// The name in the configuration and the palette.
    pub name: &'static str,
    /// The default keys, in order of preference.
    pub keys: &'static [&'static str],
    /// One line that says what the action does.
    pub help: &'static str,
}

const fn entry(action: Action, name: &'static str, keys: &'static [&'static str], help: &'static str) -> Entry {
    Entry { action, name, keys, help }
}

/// All actions, in the order of the help.
pub const ENTRIES: &[Entry] = &[
    entry(Action::Down, "down", &["j", "Down"], "move down"),
    entry(Action::Up, "up", &["k", "Up"], "move up"),
    entry(Action::PageDown, "page-down", &["PageDown", "Ctrl-f"], "page down"),
    entry(Action::PageUp, "page-up", &["PageUp", "Ctrl-b"], "page up"),
    entry(Action::HalfPageDown, "half-page-down", &["Ctrl-d"], "half a page down"),
    entry(Action::HalfPageUp, "half-page-up", &["Ctrl-u"], "half a page up"),
    entry(Action::Top, "top", &["g", "Home"], "go to the top"),
    entry(Action::Bottom, "bottom", &["G", "End"], "go to the bottom"),
    entry(Action::Fold, "fold", &["h", "Left"], "fold, or go to the parent"),
    entry(Action::Unfold, "unfold", &["l", "Right"], "unfold, or go to the first child"),
    entry(Action::FoldBelow, "fold-below", &["z"], "fold or unfold the subtree"),
    entry(Action::FoldAll, "fold-all", &["Z"], "fold or unfold all traces"),
    entry(Action::Detail, "detail", &["Enter"], "open the detail; again: full screen"),
    entry(Action::NextPane, "next-pane", &["Tab"], "switch panes"),
    entry(Action::NextTab, "next-tab", &["]"], "next tab of the detail (there also →)"),
    entry(Action::PreviousTab, "previous-tab", &["["], "previous tab of the detail (there also ←)"),
    entry(Action::Wrap, "wrap", &["w"], "toggle line wrap in the detail"),
    entry(Action::Filter, "filter", &["/"], "filter as you type"),
    entry(Action::NextMatch, "next-match", &["n"], "go to the next match"),
    entry(Action::PreviousMatch, "previous-match", &["N"], "go to the previous match"),
    entry(Action::NextError, "next-error", &["e"], "go to the next error"),
    entry(Action::PreviousError, "previous-error", &["E"], "go to the previous error"),
    entry(Action::ErrorsOnly, "errors-only", &["!"], "show only traces with errors"),
    entry(Action::PickAgents, "pick-agents", &["a"], "filter by agents from a list"),
    entry(Action::PickStatuses, "pick-statuses", &["S"], "filter by statuses from a list"),
    entry(Action::PickModels, "pick-models", &["o"], "filter by models from a list"),
    entry(Action::PickTools, "pick-tools", &["t"], "filter by tools from a list"),
    entry(Action::PickSessions, "pick-sessions", &["i"], "filter by sessions from a list"),
    entry(Action::Sort, "sort", &["s"], "sort by the next key or column"),
    entry(Action::SortBy, "sort-by", &["O"], "choose the sort key"),
    entry(Action::Reverse, "reverse", &["I"], "reverse the order"),
    entry(Action::Measure, "measure", &["b"], "bars: time, own time, tokens, cost"),
    entry(Action::CriticalPath, "critical-path", &["c"], "highlight the critical path"),
    entry(Action::ZoomIn, "zoom-in", &["+", "="], "zoom in on the span"),
    entry(Action::ZoomOut, "zoom-out", &["-"], "zoom out"),
    entry(Action::ZoomReset, "zoom-reset", &["0"], "show the whole trace"),
    entry(Action::Earlier, "earlier", &["<"], "pan left in time"),
    entry(Action::Later, "later", &[">"], "pan right in time"),
    entry(Action::ViewTraces, "view-traces", &["1"], "traces"),
    entry(Action::ViewSessions, "view-sessions", &["2"], "sessions: conversations, turn by turn"),
    entry(Action::ViewAgents, "view-agents", &["3"], "agents: runs, times, tokens, cost"),
    entry(Action::ViewModels, "view-models", &["4"], "models: calls, times, tokens, cost"),
    entry(Action::ViewTools, "view-tools", &["5"], "tools: calls, times, errors"),
    entry(Action::ViewErrors, "view-errors", &["6"], "errors, grouped by message"),
    entry(Action::Scope, "scope", &["p"], "totals: everything shown, or this trace"),
    entry(Action::Mark, "mark", &["m"], "mark or unmark the trace"),
    entry(Action::ClearMarks, "clear-marks", &["M"], "unmark all traces"),
    entry(Action::Export, "export", &["x"], "export the marked traces, or this one"),
    entry(Action::Compare, "compare", &["d"], "compare two traces, marked or current"),
    entry(Action::Copy, "copy", &["y"], "copy the value; in the traces: the id"),
    entry(Action::CopySpan, "copy-span", &["Y"], "copy the span as JSON"),
    entry(Action::Pause, "pause", &["Space"], "pause the view; receiving continues"),
    entry(Action::Follow, "follow", &["F"], "follow the newest trace, or stop"),
    entry(Action::Theme, "theme", &["T"], "next theme"),
    entry(Action::Sources, "sources", &["L"], "show the sources and their counts"),
    entry(Action::Palette, "palette", &[":"], "find an action by name"),
    entry(Action::Help, "help", &["?"], "show the keys"),
    entry(Action::Back, "back", &["Esc"], "go back: overlay, detail, filter"),
    entry(Action::Suspend, "suspend", &["Ctrl-z"], "suspend; fg in the shell resumes"),
    entry(Action::Quit, "quit", &["q", "Ctrl-c"], "quit"),
];

/// The groups of the help, each with its first action in [`ENTRIES`].
pub const GROUPS: [(&str, Action); 7] = [
    ("Move and fold", Action::Down),
    ("Read", Action::Detail),
    ("Filter and find", Action::Filter),
    ("Sort, bars and time", Action::Sort),
    ("Views", Action::ViewTraces),
    ("Mark, export and copy", Action::Mark),
    ("The program", Action::Pause),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_and_default_keys_are_unique() {
        let mut seen = HashSet::new();
        for entry in ENTRIES {
            assert!(seen.insert(entry.name), "{} is named twice", entry.name);
            for key in entry.keys {
                assert!(seen.insert(key), "{key} is bound twice");
            }
        }
    }
}
