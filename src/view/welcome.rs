//! The screen before the first span: what is watched, and how to make an agent trace into it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::header::beside_name;
use super::put;
use super::theme::Theme;
use crate::app::{App, SourceView};
use crate::source::State;

pub(super) fn draw(buffer: &mut Buffer, area: Rect, app: &App, theme: Theme) {
    let (plain, dim, key) = (Style::new(), theme.dim(), theme.key());
    let mut lines = vec![("No traces yet.".to_owned(), theme.title()), (String::new(), plain)];
    for source in &app.sources {
        let (what, style) = match &source.state {
            State::Waiting(why) => (beside_name(source, why), theme.running()),
            State::Failing(why) => (beside_name(source, why), theme.error()),
            State::Loading { .. } => ("loading".to_owned(), theme.running()),
            State::Watching { .. } => ("watching; it holds no spans yet".to_owned(), theme.good()),
            State::Ended => ("read; it holds no spans".to_owned(), dim),
        };
        lines.push((format!("{}  {what}", source.name), style));
    }
    let file = app.sources.iter().find(|source| is_database(source)).map(|source| source.name.as_str());
    if let Some(file) = file {
        lines.push((String::new(), plain));
        lines.push(("To trace into it, say this in Python before you make the agent:".to_owned(), dim));
        lines.push((String::new(), plain));
        lines.push(("from agno.db.sqlite import SqliteDb".to_owned(), key));
        lines.push(("from agno.tracing import setup_tracing".to_owned(), key));
        lines.push((format!("setup_tracing(db=SqliteDb(db_file={file:?}))"), key));
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

/// Whether Agno may be told to write there.
fn is_database(source: &SourceView) -> bool {
    let is_named_so = [".db", ".sqlite", ".sqlite3"].iter().any(|ending| source.name.ends_with(ending));
    is_named_so && !matches!(source.state, State::Failing(_) | State::Ended)
}
