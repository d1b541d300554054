//! Everything a person can do, with its name, its keys and a line of help: one table for the keyboard, the help, the palette, the
//! configuration and the documentation.

/// Something a person asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// One row down.
    Down,
    /// One row up.
    Up,
    /// A page down.
    PageDown,
    /// A page up.
    PageUp,
    /// Half a page down.
    HalfPageDown,
    /// Half a page up.
    HalfPageUp,
    /// To the first row.
    Top,
    /// To the last row.
    Bottom,
    /// Fold, or go to the parent.
    Fold,
    /// Unfold, or go to the first child.
    Unfold,
    /// Fold or unfold all below.
    FoldBelow,
    /// Fold or unfold every trace.
    FoldAll,
    /// Into the detail pane.
    Detail,
    /// To the other pane.
    NextPane,
    /// The detail's next tab.
    NextTab,
    /// The detail's previous tab.
    PreviousTab,
    /// Wrap long lines or not.
    Wrap,
    /// Edit the filter.
    Filter,
    /// To the next match.
    NextMatch,
    /// To the previous match.
    PreviousMatch,
    /// To the next error.
    NextError,
    /// To the previous error.
    PreviousError,
    /// Errors only, or everything again.
    ErrorsOnly,
    /// Choose agents.
    PickAgents,
    /// Choose statuses.
    PickStatuses,
    /// Choose models.
    PickModels,
    /// Choose tools.
    PickTools,
    /// Choose sessions.
    PickSessions,
    /// Sort the traces by the next thing.
    Sort,
    /// Choose what to sort by.
    SortBy,
    /// Turn the order of the traces round.
    Reverse,
    /// Let bars measure the next thing.
    Measure,
    /// Light the critical path, or not.
    CriticalPath,
    /// Look at half of the time.
    ZoomIn,
    /// Look at twice the time.
    ZoomOut,
    /// Look at all of the time.
    ZoomReset,
    /// Look at earlier time.
    Earlier,
    /// Look at later time.
    Later,
    /// Mark the trace.
    Mark,
    /// Unmark all traces.
    ClearMarks,
    /// Export the marked traces, or the current one.
    Export,
    /// Compare two traces.
    Compare,
    /// Copy the value that is looked at.
    Copy,
    /// Copy the span as JSON.
    CopySpan,
    /// Freeze the view, or go on.
    Pause,
    /// Follow the newest trace.
    Follow,
    /// To the next theme.
    Theme,
    /// The sources in full.
    Sources,
    /// Choose from every action.
    Palette,
    /// The traces.
    ViewTraces,
    /// Conversations.
    ViewSessions,
    /// Agents.
    ViewAgents,
    /// Models.
    ViewModels,
    /// Tools.
    ViewTools,
    /// Failures.
    ViewErrors,
    /// What the sums beside the traces speak of.
    Scope,
    /// Show the keys.
    Help,
    /// One step back.
    Back,
    /// Give the terminal to the shell.
    Suspend,
    /// Leave.
    Quit,
}

/// An action, its name, its keys and what it does, for a person.
#[derive(Debug)]
pub struct Entry {
    /// The action.
    pub action: Action,
    /// Its name, as the configuration and the palette have it.
    pub name: &'static str,
    /// Its keys unless the configuration says otherwise, the first before others.
    pub keys: &'static [&'static str],
    /// What it does.
    pub help: &'static str,
}

const fn entry(action: Action, name: &'static str, keys: &'static [&'static str], help: &'static str) -> Entry {
    Entry { action, name, keys, help }
}

/// Every action, in the order of the help.
pub const ENTRIES: &[Entry] = &[
    entry(Action::Down, "down", &["j", "Down"], "move down"),
    entry(Action::Up, "up", &["k", "Up"], "move up"),
    entry(Action::PageDown, "page-down", &["PageDown", "Ctrl-f"], "a page down"),
    entry(Action::PageUp, "page-up", &["PageUp", "Ctrl-b"], "a page up"),
    entry(Action::HalfPageDown, "half-page-down", &["Ctrl-d"], "half a page down"),
    entry(Action::HalfPageUp, "half-page-up", &["Ctrl-u"], "half a page up"),
    entry(Action::Top, "top", &["g", "Home"], "to the newest trace"),
    entry(Action::Bottom, "bottom", &["G", "End"], "to the oldest trace"),
    entry(Action::Fold, "fold", &["h", "Left"], "fold, or go to the parent"),
    entry(Action::Unfold, "unfold", &["l", "Right"], "unfold, or go to the first child"),
    entry(Action::FoldBelow, "fold-below", &["z"], "fold or unfold all below"),
    entry(Action::FoldAll, "fold-all", &["Z"], "fold or unfold every trace"),
    entry(Action::Detail, "detail", &["Enter"], "read the detail; again: whole screen"),
    entry(Action::NextPane, "next-pane", &["Tab"], "to the other pane"),
    entry(Action::NextTab, "next-tab", &["]"], "next tab of the detail (there also →)"),
    entry(Action::PreviousTab, "previous-tab", &["["], "previous tab of the detail (there also ←)"),
    entry(Action::Wrap, "wrap", &["w"], "wrap long lines in the detail, or not"),
    entry(Action::Filter, "filter", &["/"], "filter as you type"),
    entry(Action::NextMatch, "next-match", &["n"], "to the next match"),
    entry(Action::PreviousMatch, "previous-match", &["N"], "to the previous match"),
    entry(Action::NextError, "next-error", &["e"], "to the next error"),
    entry(Action::PreviousError, "previous-error", &["E"], "to the previous error"),
    entry(Action::ErrorsOnly, "errors-only", &["!"], "traces with errors only"),
    entry(Action::PickAgents, "pick-agents", &["a"], "choose agents"),
    entry(Action::PickStatuses, "pick-statuses", &["S"], "choose statuses"),
    entry(Action::PickModels, "pick-models", &["o"], "choose models"),
    entry(Action::PickTools, "pick-tools", &["t"], "choose tools"),
    entry(Action::PickSessions, "pick-sessions", &["i"], "choose sessions"),
    entry(Action::Sort, "sort", &["s"], "sort by the next thing, or column"),
    entry(Action::SortBy, "sort-by", &["O"], "choose what to sort by"),
    entry(Action::Reverse, "reverse", &["I"], "turn the order round"),
    entry(Action::Measure, "measure", &["b"], "bars: time, own time, tokens, cost"),
    entry(Action::CriticalPath, "critical-path", &["c"], "light what decided how long the trace took"),
    entry(Action::ZoomIn, "zoom-in", &["+", "="], "look closer at the time of the span"),
    entry(Action::ZoomOut, "zoom-out", &["-"], "look at twice the time"),
    entry(Action::ZoomReset, "zoom-reset", &["0"], "look at all of the trace's time"),
    entry(Action::Earlier, "earlier", &["<"], "move along the time, to the left"),
    entry(Action::Later, "later", &[">"], "move along the time, to the right"),
    entry(Action::ViewTraces, "view-traces", &["1"], "the traces"),
    entry(Action::ViewSessions, "view-sessions", &["2"], "sessions: conversations, turn by turn"),
    entry(Action::ViewAgents, "view-agents", &["3"], "agents: runs, times, tokens, cost"),
    entry(Action::ViewModels, "view-models", &["4"], "models: calls, times, tokens, cost"),
    entry(Action::ViewTools, "view-tools", &["5"], "tools: calls, times, errors"),
    entry(Action::ViewErrors, "view-errors", &["6"], "errors, grouped by message"),
    entry(Action::Scope, "scope", &["p"], "sums of all that is shown, or of this trace"),
    entry(Action::Mark, "mark", &["m"], "mark or unmark the trace"),
    entry(Action::ClearMarks, "clear-marks", &["M"], "unmark all traces"),
    entry(Action::Export, "export", &["x"], "export the marked traces, or this one"),
    entry(Action::Compare, "compare", &["d"], "compare two traces, marked or current"),
    entry(Action::Copy, "copy", &["y"], "copy the value, or in the traces the id"),
    entry(Action::CopySpan, "copy-span", &["Y"], "copy the span as JSON"),
    entry(Action::Pause, "pause", &["Space"], "freeze the view; receiving goes on"),
    entry(Action::Follow, "follow", &["F"], "follow the newest trace, or stop"),
    entry(Action::Theme, "theme", &["T"], "the next theme"),
    entry(Action::Sources, "sources", &["L"], "the sources in full, with their counts"),
    entry(Action::Palette, "palette", &[":"], "every action by name"),
    entry(Action::Help, "help", &["?"], "show the keys"),
    entry(Action::Back, "back", &["Esc"], "one step back: overlay, detail, filter"),
    entry(Action::Suspend, "suspend", &["Ctrl-z"], "suspend; fg in the shell comes back"),
    entry(Action::Quit, "quit", &["q", "Ctrl-c"], "quit"),
];

/// What the help calls actions that belong together, with the first of them in [`ENTRIES`].
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
    fn no_key_and_no_name_stands_twice() {
        let mut seen = HashSet::new();
        for entry in ENTRIES {
            assert!(seen.insert(entry.name), "{} is named twice", entry.name);
            for key in entry.keys {
                assert!(seen.insert(key), "{key} is bound twice");
            }
        }
    }
}
