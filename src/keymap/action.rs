//! The actions of the user interface: one table of names, default keys and help lines. The keyboard, the help, the command palette, the
//! configuration and the documentation all read it.

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

/// Defines [`Action`] and [`ENTRIES`] by one line per action.
macro_rules! actions {
    ($($action:ident $name:literal $keys:tt $help:literal)*) => {
        /// Something the user can ask for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Action {
            $(#[doc = $help] $action,)*
        }

        /// All actions, in the order of the help.
        pub const ENTRIES: &[Entry] = &[$(Entry { action: Action::$action, name: $name, keys: &$keys, help: $help }),*];
    };
}

actions! {
    Down "down" ["j", "Down"] "move down"
    Up "up" ["k", "Up"] "move up"
    PageDown "page-down" ["PageDown", "Ctrl-f"] "page down"
    PageUp "page-up" ["PageUp", "Ctrl-b"] "page up"
    HalfPageDown "half-page-down" ["Ctrl-d"] "half a page down"
    HalfPageUp "half-page-up" ["Ctrl-u"] "half a page up"
    Top "top" ["g", "Home"] "go to the top"
    Bottom "bottom" ["G", "End"] "go to the bottom"
    NextTrace "next-trace" ["J", "}"] "go to the next trace"
    PreviousTrace "previous-trace" ["K", "{"] "go to the previous trace"
    Fold "fold" ["h", "Left"] "fold, or go to the parent"
    Unfold "unfold" ["l", "Right"] "unfold, or go to the first child"
    FoldBelow "fold-below" ["z"] "fold or unfold the subtree"
    FoldAll "fold-all" ["Z"] "fold or unfold all traces"
    Detail "detail" ["Enter"] "open the detail; again: full screen"
    NextPane "next-pane" ["Tab"] "switch panes"
    NextTab "next-tab" ["]"] "next tab of the detail (also →)"
    PreviousTab "previous-tab" ["["] "previous tab of the detail (also ←)"
    Wrap "wrap" ["w"] "toggle line wrap in the detail"
    Filter "filter" ["/"] "filter as you type"
    NextMatch "next-match" ["n"] "go to the next match"
    PreviousMatch "previous-match" ["N"] "go to the previous match"
    NextError "next-error" ["e"] "go to the next error"
    PreviousError "previous-error" ["E"] "go to the previous error"
    Slowest "slowest" ["v"] "go to the slowest step, then the next"
    ErrorsOnly "errors-only" ["!"] "show only traces with errors"
    PickAgents "pick-agents" ["a"] "filter by agents from a list"
    PickStatuses "pick-statuses" ["S"] "filter by statuses from a list"
    PickModels "pick-models" ["o"] "filter by models from a list"
    PickTools "pick-tools" ["t"] "filter by tools from a list"
    PickSessions "pick-sessions" ["i"] "filter by sessions from a list"
    Sort "sort" ["s"] "sort by the next key or column"
    SortBy "sort-by" ["O"] "choose the sort key"
    Reverse "reverse" ["I"] "reverse the order"
    Measure "measure" ["b"] "bars: time, own time, tokens, cost"
    Ordinary "ordinary" ["A"] "show ordinary traces, internal spans"
    CriticalPath "critical-path" ["c"] "highlight the critical path"
    ZoomIn "zoom-in" ["+", "="] "zoom in on the span"
    ZoomOut "zoom-out" ["-"] "zoom out"
    ZoomReset "zoom-reset" ["0"] "show the whole trace"
    Earlier "earlier" ["<"] "pan left in time"
    Later "later" [">"] "pan right in time"
    ViewTraces "view-traces" ["1"] "traces"
    ViewSessions "view-sessions" ["2"] "sessions: conversations, turn by turn"
    ViewAgents "view-agents" ["3"] "agents: runs, times, tokens, cost"
    ViewModels "view-models" ["4"] "models: calls, times, tokens, cost"
    ViewTools "view-tools" ["5"] "tools: calls, times, errors"
    ViewErrors "view-errors" ["6"] "errors, grouped by message"
    ViewLogs "view-logs" ["7"] "logs: records, live, by span"
    ViewMetrics "view-metrics" ["8"] "metrics: values, rates, the last hour"
    ViewApprovals "view-approvals" ["W"] "approvals: what waits for you"
    ViewOutput "view-output" ["9"] "output of the program that runs"
    Scope "scope" ["p"] "totals: all shown, or this trace"
    Mark "mark" ["m"] "mark or unmark the trace"
    ClearMarks "clear-marks" ["M"] "unmark all traces"
    Export "export" ["x"] "export marked traces, or this one"
    Compare "compare" ["d"] "compare this trace with a marked one"
    Copy "copy" ["y"] "copy the value, or the trace's id"
    CopySpan "copy-span" ["Y"] "copy the span as JSON"
    Pause "pause" ["Space"] "pause the view; receiving continues"
    Follow "follow" ["F"] "follow the newest trace, or stop"
    Theme "theme" ["T"] "next theme"
    Sources "sources" ["L"] "show the sources and their counts"
    Replay "replay" ["r"] "play the demo again"
    Palette "palette" [":"] "find an action by any name"
    Help "help" ["?"] "show the keys"
    Back "back" ["Esc"] "go back: overlay, detail, filter"
    Suspend "suspend" ["Ctrl-z"] "suspend; fg in the shell resumes"
    Quit "quit" ["q", "Ctrl-c"] "quit"
}

impl Action {
    /// Whether the action acts on the tree of traces alone, so that it does nothing in the other views.
    #[must_use]
    pub fn needs_tree(self) -> bool {
        matches!(
            self,
            Self::Mark
                | Self::NextTrace
                | Self::PreviousTrace
                | Self::CopySpan
                | Self::Fold
                | Self::Unfold
                | Self::FoldBelow
                | Self::FoldAll
                | Self::NextTab
                | Self::PreviousTab
                | Self::ZoomIn
                | Self::ZoomOut
                | Self::ZoomReset
                | Self::Earlier
                | Self::Later
                | Self::Measure
                | Self::Ordinary
                | Self::CriticalPath
        )
    }

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
