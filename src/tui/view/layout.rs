//! The layout of the panes for a size of the screen.

use ratatui::layout::{Constraint, Layout, Rect};

use crate::tui::app::Focus;

/// The areas of the panes; a pane without room is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PaneLayout {
    pub(super) header: Rect,
    pub(super) traces: Rect,
    /// Tokens by model.
    pub(super) tokens: Rect,
    /// Cost by model.
    pub(super) cost: Rect,
    /// Time breakdown and percentiles.
    pub(super) latency: Rect,
    pub(super) detail: Rect,
    pub(super) footer: Rect,
}

/// The smallest height, in lines, that shows an unfocused detail below the traces.
const DETAIL_MIN_HEIGHT: u16 = 16;

/// The smallest width that shows the totals beside the traces.
const TOTALS_MIN_WIDTH: u16 = 120;

/// The width of the totals beside the traces.
const TOTALS_WIDTH: u16 = 34;

/// The smallest size, columns and lines, that shows the detail beside the traces, under the totals: short lines read better, and the
/// traces get the whole height.
const BESIDE_MIN_SIZE: (u16, u16) = (160, 36);

/// The smallest height of a pane with totals.
const TOTALS_MIN_HEIGHT: u16 = 4;

/// The height of the latency pane: its frame, a heading, three lines, and the time breakdown, which is the first to go.
const LATENCY_HEIGHT: u16 = 7;

/// The smallest height of the traces pane that has a heading, with its frame.
const HEADING_MIN_HEIGHT: u16 = 6;

impl PaneLayout {
    /// Lays out the panes in `area`.
    #[must_use]
    pub fn new(area: Rect, focus: Focus) -> Self {
        let [header, body, footer] = area.layout(&Layout::vertical([
            Constraint::Length(u16::from(area.height > 3)),
            Constraint::Fill(1),
            Constraint::Length(u16::from(area.height > 1)),
        ]));
        let layout = Self { header, footer, ..Self::default() };
        if focus == Focus::FullDetail {
            Self { detail: body, ..layout }
        } else if area.width >= BESIDE_MIN_SIZE.0 && area.height >= BESIDE_MIN_SIZE.1 {
            layout.with_detail_beside(body)
        } else {
            layout.with_detail_below(body, focus, area.height)
        }
    }

    fn with_detail_beside(self, body: Rect) -> Self {
        let right = (body.width * 2 / 5).clamp(64, 100);
        let [traces, right] = body.layout(&Layout::horizontal([Constraint::Fill(1), Constraint::Length(right)]));
        let rows = [Constraint::Length(body.height / 5), Constraint::Length(LATENCY_HEIGHT), Constraint::Fill(1)];
        let [totals, latency, detail] = right.layout(&Layout::vertical(rows));
        let [tokens, cost] = totals.layout(&Layout::horizontal([Constraint::Fill(1); 2]));
        Self { traces, tokens, cost, latency, detail, ..self }
    }

    fn with_detail_below(self, body: Rect, focus: Focus, screen: u16) -> Self {
        let height = match focus {
            Focus::Traces if screen < DETAIL_MIN_HEIGHT => 0,
            Focus::Traces => (body.height * 2 / 5).max(6),
            _ => (body.height * 3 / 5).max(6).min(body.height),
        };
        let [upper, detail] = body.layout(&Layout::vertical([Constraint::Fill(1), Constraint::Length(height)]));
        if body.width < TOTALS_MIN_WIDTH || upper.height < TOTALS_MIN_HEIGHT {
            return Self { traces: upper, detail, ..self };
        }
        let [traces, right] = upper.layout(&Layout::horizontal([Constraint::Fill(1), Constraint::Length(TOTALS_WIDTH)]));
        let [tokens, cost, latency] = right.layout(&Layout::vertical(totals_rows(right.height)));
        Self { traces, tokens, cost, latency, detail, ..self }
    }

    /// Returns the area of the traces with that of the totals beside them, unless the detail is there too.
    pub(super) fn wide_traces(&self) -> Rect {
        // A pane without room has no place either.
        let totals = [self.tokens, self.cost, self.latency].into_iter().filter(|pane| !pane.is_empty());
        let wide = totals.fold(self.traces, Rect::union);
        if wide.intersects(self.detail) { self.traces } else { wide }
    }

    /// Returns the number of lines below the heading of the traces or of a table.
    #[must_use]
    pub fn trace_lines(&self) -> usize {
        usize::from(self.traces.height.saturating_sub(2 + heading_lines(self.traces.height)))
    }

    /// Returns the size of the detail's text: columns and lines.
    #[must_use]
    pub fn detail_size(&self) -> (u16, u16) {
        (self.detail.width.saturating_sub(2), self.detail.height.saturating_sub(1))
    }
}

/// Returns the lines of the heading in the traces pane of this height with its frame.
fn heading_lines(height: u16) -> u16 {
    u16::from(height >= HEADING_MIN_HEIGHT)
}

/// Divides the inside of the traces pane with this height into the heading, perhaps empty, and the lines.
pub(super) fn split_heading(inner: Rect, height: u16) -> (Rect, Rect) {
    let lines = heading_lines(height).min(inner.height);
    (Rect { height: lines, ..inner }, Rect { y: inner.y + lines, height: inner.height - lines, ..inner })
}

/// Returns the heights of the tokens, the cost and the latency. The cost comes first, then a latency pane with its heading.
fn totals_rows(height: u16) -> [Constraint; 3] {
    let (none, rest) = (Constraint::Length(0), Constraint::Fill(1));
    // The cost has the lists of two groupings.
    let tokens = |rest: u16| Constraint::Length((rest * 2 / 5).max(TOTALS_MIN_HEIGHT));
    // Without the time breakdown.
    let low = LATENCY_HEIGHT - 1;
    if height >= 2 * TOTALS_MIN_HEIGHT + low {
        let latency = LATENCY_HEIGHT.min(height - 2 * TOTALS_MIN_HEIGHT);
        [tokens(height - latency), rest, Constraint::Length(latency)]
    } else if height >= TOTALS_MIN_HEIGHT + low {
        [none, rest, Constraint::Length(LATENCY_HEIGHT.min(height - TOTALS_MIN_HEIGHT))]
    } else if height >= 2 * TOTALS_MIN_HEIGHT {
        [rest, rest, none]
    } else {
        [none, rest, none]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_panes_fill_any_screen_and_never_overlap() {
        let widths = (1..=260).step_by(5).chain([79, 80, 119, 120, 199, 200]);
        let sizes = widths.flat_map(|width| [1, 2, 3, 4, 5, 7, 10, 12, 15, 16, 17, 23, 24, 35, 36, 60, 100].map(|height| (width, height)));
        for (width, height) in sizes {
            for focus in [Focus::Traces, Focus::Detail, Focus::FullDetail] {
                let area = Rect::new(0, 0, width, height);
                let PaneLayout { header, traces, tokens, cost, latency, detail, footer } = PaneLayout::new(area, focus);
                let panes = [header, traces, tokens, cost, latency, detail, footer].map(Rect::area);
                assert_eq!(panes.iter().sum::<u32>(), area.area(), "{width}x{height} {focus:?}");
                for pane in [header, traces, tokens, cost, latency, detail, footer] {
                    assert_eq!(area.intersection(pane).area(), pane.area(), "{width}x{height} {focus:?}");
                }
            }
        }
    }

    #[test]
    fn panes_appear_as_the_width_allows() {
        let panes = |width, height| PaneLayout::new(Rect::new(0, 0, width, height), Focus::Traces);
        assert_eq!((panes(119, 36).tokens.area(), panes(80, 15).detail.height), (0, 0));
        let wide = panes(120, 36);
        assert_eq!((wide.traces.width, wide.cost.width, wide.detail.width), (86, 34, 120));
        let large = panes(200, 60);
        assert_eq!((large.traces.width, large.traces.height, large.detail.width), (120, 58, 80));
        assert!(large.detail.height > 35 && large.latency.height >= TOTALS_MIN_HEIGHT);
    }

    #[test]
    fn the_latency_has_its_heading_and_all_lines_wherever_it_is_shown() {
        for (width, height, focus) in (120..=260)
            .step_by(20)
            .flat_map(|width| (5..100).flat_map(move |height| [Focus::Traces, Focus::Detail].map(|focus| (width, height, focus))))
        {
            let panes = PaneLayout::new(Rect::new(0, 0, width, height), focus);
            assert!(panes.latency.is_empty() || panes.latency.height >= LATENCY_HEIGHT - 1, "{width}x{height} {focus:?}");
            assert!(panes.tokens.is_empty() || panes.tokens.height >= TOTALS_MIN_HEIGHT, "{width}x{height} {focus:?}");
            if height >= 36 {
                assert!(!panes.latency.is_empty(), "{width}x{height} {focus:?}");
            }
        }
    }
}
