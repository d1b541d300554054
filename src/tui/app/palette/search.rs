//! Finds actions by letters of their names, by other words for them, and by their help lines.

use std::cmp::Reverse;

use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;

use super::PaletteMatch;
use crate::keymap::{Action, ENTRIES, Entry};
use crate::model::sort;

/// The actions that an empty palette lists first.
const FIRST: [Action; 18] = [
    Action::Filter,
    Action::NextError,
    Action::ErrorsOnly,
    Action::Slowest,
    Action::Detail,
    Action::Compare,
    Action::Export,
    Action::ViewTraces,
    Action::ViewSessions,
    Action::ViewAgents,
    Action::ViewModels,
    Action::ViewTools,
    Action::ViewErrors,
    Action::SortBy,
    Action::Follow,
    Action::Theme,
    Action::Sources,
    Action::Help,
];

/// Words that users type for actions with other names.
const SYNONYMS: &[(Action, &[&str])] = &[
    (Action::Filter, &["search", "find", "grep", "query", "where"]),
    (Action::NextError, &["failure", "problem"]),
    (Action::ErrorsOnly, &["failed"]),
    (Action::Slowest, &["slow", "longest", "bottleneck", "latency", "time"]),
    (
        Action::Detail,
        &[
            "open",
            "why",
            "prompt",
            "messages",
            "conversation",
            "context",
            "cache",
            "input",
            "output",
            "attributes",
            "events",
            "show",
            "enter",
        ],
    ),
    (Action::Compare, &["diff", "versus"]),
    (Action::Export, &["save", "download", "write", "share", "csv", "markdown"]),
    (Action::SortBy, &["order", "slow", "expensive", "longest"]),
    (Action::Fold, &["collapse", "close"]),
    (Action::Unfold, &["expand"]),
    (Action::FoldAll, &["collapse-all", "expand-all"]),
    (Action::Measure, &["cost", "tokens", "price", "chart"]),
    (Action::CriticalPath, &["bottleneck"]),
    (Action::ZoomReset, &["fit"]),
    (Action::ViewSessions, &["conversations", "chats", "users"]),
    (Action::ViewAgents, &["latency", "percentiles", "statistics"]),
    (Action::ViewModels, &["cached", "cache", "percentiles"]),
    (Action::ViewTools, &["percentiles"]),
    (Action::Ordinary, &["hide", "hidden", "requests"]),
    (Action::Mark, &["select", "tag"]),
    (Action::Copy, &["clipboard", "yank"]),
    (Action::CopySpan, &["json", "raw"]),
    (Action::Pause, &["stop", "freeze", "hold"]),
    (Action::Follow, &["live", "newest", "latest", "tail"]),
    (Action::Theme, &["color", "colour", "dark", "light"]),
    (Action::Sources, &["database", "server", "ports", "connections"]),
    (Action::Help, &["keys", "shortcuts", "legend", "symbols", "manual"]),
    (Action::Quit, &["exit", "leave"]),
];

/// Returns the words that users type for an action with another name.
#[must_use]
pub fn synonyms(action: Action) -> &'static [&'static str] {
    SYNONYMS.iter().find(|(known, _)| *known == action).map_or(&[], |(_, words)| words)
}

/// Words that ask for what no action does.
const DELETION: [&str; 4] = ["delete", "remove", "clean", "erase"];

/// Subcommands that no action stands for, and what to type in a shell.
const COMMANDS: [(&str, &str); 8] = [
    ("archive", "in the shell: agno-top archive"),
    ("prune", "in the shell: agno-top prune"),
    ("restore", "in the shell: agno-top restore"),
    ("stats", "in the shell: agno-top stats"),
    ("send", "in the shell: agno-top send"),
    ("doctor", "in the shell: agno-top doctor"),
    ("setup", "in the shell: agno-top setup"),
    ("mcp", "in the shell: agno-top mcp"),
];

/// Whether the typed text asks to delete traces.
fn asks_to_delete(typed: &str) -> bool {
    typed.len() > 2 && DELETION.iter().any(|word| word.starts_with(typed))
}

/// Returns why no action matches.
pub(super) fn reason_for_nothing(typed: &str) -> &'static str {
    let typed = typed.to_lowercase();
    if let Some((_, hint)) = COMMANDS.iter().find(|(name, _)| *name == typed) {
        return hint;
    }
    if asks_to_delete(&typed) {
        // The screen only reads.
        "in the shell: agno-top prune; or agno-top archive --delete, which keeps a copy"
    } else {
        "no such action"
    }
}

/// Returns all actions, those of the demo only in it.
fn offered(is_demo: bool) -> impl Iterator<Item = &'static Entry> {
    ENTRIES.iter().filter(move |entry| is_demo || entry.action != Action::Replay)
}

/// Returns all actions, the first ones in the order of [`FIRST`].
fn all(is_demo: bool) -> Vec<PaletteMatch> {
    let mut entries: Vec<&Entry> = offered(is_demo).collect();
    sort::by_key(&mut entries, |entry| FIRST.iter().position(|first| *first == entry.action).unwrap_or(FIRST.len()));
    entries.into_iter().map(|entry| PaletteMatch { entry, matched: Vec::new(), synonym: None }).collect()
}

/// Returns the actions whose names or synonyms begin with the typed text, then those whose names contain its letters in order, then those
/// whose help lines do.
pub(super) fn find(typed: &str, is_demo: bool) -> Vec<PaletteMatch> {
    if typed.is_empty() {
        return all(is_demo);
    }
    let fuzzy = SkimMatcherV2::default().ignore_case();
    let typed = typed.replace(' ', "-");
    let prefix = typed.to_lowercase();
    let is_deletion = asks_to_delete(&prefix);
    let synonym_of = |action| synonyms(action).iter().copied().find(|word| prefix.len() > 1 && word.starts_with(&prefix));
    let rate = |entry: &'static Entry| {
        let begins_name = entry.name.starts_with(&prefix);
        let synonym = synonym_of(entry.action).filter(|_| !begins_name);
        let tier = if synonym.is_some() || begins_name { 2 } else { 1 };
        if let Some((score, matched)) = fuzzy.fuzzy_indices(entry.name, &typed).filter(|_| !is_deletion) {
            return Some(((tier, score, Reverse(entry.name.len())), PaletteMatch { entry, matched, synonym }));
        }
        if synonym.is_some() {
            return Some(((2, 0, Reverse(entry.name.len())), PaletteMatch { entry, matched: Vec::new(), synonym }));
        }
        let score = fuzzy.fuzzy_match(entry.help, &typed.replace('-', " ")).filter(|_| !is_deletion)?;
        Some(((0, score, Reverse(0)), PaletteMatch { entry, matched: Vec::new(), synonym: None }))
    };
    let mut matches: Vec<_> = offered(is_demo).filter_map(rate).collect();
    sort::by_key(&mut matches, |(rank, _)| Reverse(*rank));
    matches.into_iter().map(|(_, found)| found).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_find_actions_by_name_then_by_help() {
        let first = |typed: &str| find(typed, false).first().map(|found| found.entry.name);
        assert_eq!(first("nxer"), Some("next-error"));
        assert_eq!(first("Next Err"), Some("next-error"));
        assert_eq!(first("quit"), Some("quit"));
        assert_eq!(first("unmark"), Some("clear-marks"));
        assert_eq!(first("zzzz"), None);
        assert_eq!((find("", true).len(), find("", false).len()), (ENTRIES.len(), ENTRIES.len() - 1));
        let finds_replay = |is_demo| find("again", is_demo).iter().any(|found| found.entry.action == Action::Replay);
        assert_eq!([true, false].map(finds_replay), [true, false], "only the demo can be played again");
    }

    #[test]
    fn synonyms_find_actions_first() {
        let first = |typed: &str| find(typed, true).first().map(|found| found.entry.name);
        for (words, name) in [
            ("search", "filter"),
            ("find", "filter"),
            ("diff", "compare"),
            ("save", "export"),
            ("prompt", "detail"),
            ("color", "theme"),
            ("collapse", "fold"),
            ("slow", "slowest"),
            ("longest", "slowest"),
            ("cache", "detail"),
            ("cached", "view-models"),
            ("exit", "quit"),
            ("EXPAND", "unfold"),
        ] {
            assert_eq!(first(words), Some(name), "{words}");
        }
        for entry in ENTRIES {
            assert_eq!(first(entry.name), Some(entry.name), "a name comes before synonyms");
        }
    }

    #[test]
    fn nothing_deletes_and_the_commands_that_do_are_named() {
        for words in ["delete", "Remove", "del"] {
            assert!(find(words, true).is_empty(), "{words}");
            assert!(reason_for_nothing(words).contains("archive"), "{words}");
        }
        assert_eq!(reason_for_nothing("zzzz"), "no such action");
        assert_eq!(reason_for_nothing("archive"), "in the shell: agno-top archive");
    }

    #[test]
    fn an_empty_palette_begins_with_what_users_look_for() {
        let all = find("", true);
        assert_eq!(all.iter().map(|found| found.entry.action).take(FIRST.len()).collect::<Vec<_>>(), FIRST);
        assert_eq!(all.len(), ENTRIES.len());
    }
}
