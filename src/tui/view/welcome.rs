//! The screen before the first span: the sources, and how to write traces to them.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::header::without_name;
use super::put;
use super::styling::Styling;
use crate::sources::State;
use crate::tui::app::{App, SourceView};

pub(super) fn draw(buffer: &mut Buffer, area: Rect, app: &App, styling: Styling) {
    let (plain, dim, key) = (Style::new(), styling.dim(), styling.key());
    let mut lines = vec![("No traces yet.".to_owned(), styling.title()), (String::new(), plain)];
    for source in &app.sources {
        let (state, style) = match &source.state {
            State::Waiting(reason) => (without_name(source, reason), styling.running()),
            State::Failing(reason) => (without_name(source, reason), styling.error()),
            State::Loading { .. } => ("loading".to_owned(), styling.running()),
            State::Watching { .. } => ("watching; no spans yet".to_owned(), styling.good()),
            State::Ended => ("read; no spans".to_owned(), dim),
        };
        lines.push((format!("{}  {state}", source.name), style));
    }
    if let Some([import, database]) = app.sources.iter().find_map(database) {
        lines.push((String::new(), plain));
        lines.push(("To write traces to it, run this in Python before you create the agent:".to_owned(), dim));
        lines.push((String::new(), plain));
        lines.push((import, key));
        lines.push(("from agno.tracing import setup_tracing".to_owned(), key));
        lines.push((format!("setup_tracing(db={database})"), key));
        lines.push((String::new(), plain));
        lines.push(("No agent at hand? `agno-top demo` plays a recorded run.".to_owned(), dim));
    }
    let top = area.y + area.height.saturating_sub(lines.len() as u16) / 3;
    let width = lines.iter().map(|(text, _)| crate::format::width(text)).max().unwrap_or_default() as u16;
    let left = area.x + area.width.saturating_sub(width) / 2;
    for (y, (text, style)) in (top..area.bottom()).zip(&lines) {
        put(buffer, left, y, area.right().saturating_sub(left), text, *style);
    }
}

/// Returns the Python import and the expression of Agno's database for a source; `None` for a source that Agno can't write to.
fn database(source: &SourceView) -> Option<[String; 2]> {
    if matches!(source.state, State::Failing(_) | State::Ended) {
        return None;
    }
    if let Some(rest) = source.name.strip_prefix("postgres://") {
        // SQLAlchemy needs its driver in the URL.
        let url = format!("postgresql+psycopg://{rest}");
        return Some(["from agno.db.postgres import PostgresDb".to_owned(), format!("PostgresDb(db_url={url:?})")]);
    }
    let is_named_so = [".db", ".sqlite", ".sqlite3"].iter().any(|ending| source.name.ends_with(ending));
    is_named_so.then(|| ["from agno.db.sqlite import SqliteDb".to_owned(), format!("SqliteDb(db_file={:?})", source.name)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::Traffic;

    #[test]
    fn the_python_code_names_the_watched_database() {
        let value =
            |name: &str, state| database(&SourceView { name: name.to_owned(), state, traffic: Traffic::default() }).map(|[_, value]| value);
        let waiting = || State::Waiting(String::new());
        assert_eq!(value("tmp/x.db", waiting()).as_deref(), Some("SqliteDb(db_file=\"tmp/x.db\")"));
        assert_eq!(value("postgres://u@h/d", waiting()).as_deref(), Some("PostgresDb(db_url=\"postgresql+psycopg://u@h/d\")"));
        assert_eq!(value("x.json", waiting()), None);
        assert_eq!(value("postgres://u@h/d", State::Failing(String::new())), None);
    }
}
