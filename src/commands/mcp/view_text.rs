//! What the user of a screen looks at, as text.

use std::fmt::Write as _;
use std::path::Path;

use super::answers;
use crate::model::Nanos;
use crate::model::sort;
use crate::store::{ShortIds, Store};
use crate::tui::app::{App, Overlay, View};
use crate::tui::display;
use crate::why;

/// The most marked traces and sources that are named.
const MAX_NAMED: usize = 20;

/// Returns the view, the filter, and the selected and marked traces of a screen that was started in `folder`.
pub(super) fn current_view(app: &App, store: &Store, folder: &Path, now: Nanos) -> String {
    let ids = ShortIds::new(store);
    let mut text = String::new();
    let mut fact = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "{name}: {value}");
        }
    };
    fact("screen", &format!("process {} in {}", std::process::id(), folder.display()));
    fact("sources", &named(app.sources.iter().map(|source| source.place.clone()).collect()));
    fact("view", app.view().name());
    fact("filter", &app.filter);
    fact("paused", if app.held_back_spans().is_some() { "yes" } else { "" });
    let line = app.table.as_ref().and_then(|table| table.line(store, &app.aggregates));
    fact("selected line", &line.map(|line| line.key.name().to_owned()).unwrap_or_default());
    // The other views hide the traces, but the cursor stays where it was.
    if let Some(row) = app.tree.cursor() {
        let data = store.row(row);
        let hidden = if app.view() == View::Traces { "" } else { " (behind this view)" };
        fact(&format!("selected trace{hidden}"), &answers::trace_line(store, &ids, store.main_of(data.trace()), now));
        let span = format!("#{} {} {}", data.id, why::name(store, row), display::time(store, row, now));
        fact(&format!("selected span{hidden}"), &format!("{span}, in trace {}", ids.id(store, data.trace())));
        fact(&format!("tab{hidden}"), app.detail.tab.name());
    }
    if let Some(Overlay::Compare(compare)) = &app.overlay {
        let compared = compare.traces.iter().filter(|&&trace| store.is_trace_held(trace));
        fact("compared traces", &named(compared.map(|&trace| ids.id(store, trace)).collect()));
    }
    let mut marks: Vec<_> = app.marks.iter().copied().collect();
    sort::by_key(&mut marks, |&trace| (store.trace(trace).start, store.trace(trace).id));
    fact("marked traces", &named(marks.into_iter().map(|trace| ids.id(store, trace)).collect()));
    text
}

fn named(mut names: Vec<String>) -> String {
    let rest = names.len().saturating_sub(MAX_NAMED);
    names.truncate(MAX_NAMED);
    if rest > 0 {
        names.push(format!("and {rest} more"));
    }
    names.join(", ")
}
