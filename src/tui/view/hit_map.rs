//! Which part of the screen answers the mouse, recorded while a frame is drawn.

use ratatui::layout::{Position, Rect};

use crate::tui::app::HitTarget;

/// The mouse targets of one frame. Later targets cover earlier ones, like the drawing itself.
#[derive(Clone, Debug, Default)]
pub struct HitMap {
    targets: Vec<(Rect, HitTarget)>,
}

impl HitMap {
    /// Returns the topmost target at a position.
    #[must_use]
    pub fn at(&self, position: Position) -> HitTarget {
        let topmost = self.targets.iter().rev().find(|(area, _)| area.contains(position));
        topmost.map_or(HitTarget::Nothing, |&(_, target)| target)
    }

    /// Removes all targets; their memory is reused by the next frame.
    pub(super) fn clear(&mut self) {
        self.targets.clear();
    }

    /// Records that `area` shows `target`.
    pub(super) fn add(&mut self, area: Rect, target: HitTarget) {
        self.targets.push((area, target));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_topmost_target_is_hit() {
        let mut hits = HitMap::default();
        hits.add(Rect::new(0, 0, 10, 5), HitTarget::Traces);
        hits.add(Rect::new(2, 1, 3, 1), HitTarget::Line(7));
        let at = |hits: &HitMap, x, y| hits.at(Position::new(x, y));
        assert_eq!([at(&hits, 2, 1), at(&hits, 5, 1), at(&hits, 10, 0)], [HitTarget::Line(7), HitTarget::Traces, HitTarget::Nothing]);
        hits.clear();
        assert_eq!(at(&hits, 2, 1), HitTarget::Nothing);
    }
}
