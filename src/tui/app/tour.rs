//! The guide through the demo: what to try next, and what to do at its end.

use super::{Action, Keymap};

/// What to try, each with the actions that count as tried: the text names their keys by `{}`.
const STEPS: [(Action, &str); 7] = [
    (Action::NextError, "{} goes to the step that failed"),
    (Action::Detail, "{} reads it: arguments, messages, error"),
    (Action::Back, "{} goes back to the traces"),
    (Action::Slowest, "{} goes to the slowest step, then to the next"),
    (Action::ViewTools, "{} lists the tools, {traces} the traces again"),
    (Action::Filter, "{} filters: agent:research, cost>0.01, refund"),
    (Action::Help, "{} shows all keys"),
];

/// The guide.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tour {
    /// The steps that were tried.
    tried: [bool; STEPS.len()],
    is_over: bool,
}

impl Tour {
    /// Notes that the user did something. A step that was tried is not shown again, and no other is left out.
    pub(super) fn note(&mut self, action: Action) {
        for (tried, (step, _)) in self.tried.iter_mut().zip(STEPS) {
            *tried |= step == action;
        }
    }

    /// Notes whether the recording has ended.
    pub fn set_over(&mut self, is_over: bool) {
        self.is_over = is_over;
    }

    /// Whether the recording has ended.
    #[must_use]
    pub fn is_over(self) -> bool {
        self.is_over
    }

    /// Returns the line to show.
    #[must_use]
    pub fn line(self, keymap: &Keymap) -> String {
        let hint = |action| keymap.hint(action);
        let replay = hint(Action::Replay);
        let Some(step) = self.tried.iter().position(|tried| !tried) else {
            let over = if self.is_over { format!(" is over: {replay} plays it again;") } else { ":".to_owned() };
            return format!("The demo{over} agno-top tmp/traces.db watches your own");
        };
        let (action, text) = STEPS[step];
        // The guide goes on after the end of the recording: the runs are still there to look at.
        let over = if self.is_over { format!(" over ({replay}: again)") } else { String::new() };
        let text = text.replace("{}", &hint(action)).replace("{traces}", &hint(Action::ViewTraces));
        format!("Demo{over}, {} of {}: {text}", step + 1, STEPS.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_leads_to_the_next() {
        let keymap = Keymap::default();
        let mut tour = Tour::default();
        assert_eq!(tour.line(&keymap), "Demo, 1 of 7: e goes to the step that failed");
        tour.note(Action::Down);
        tour.note(Action::NextError);
        assert_eq!(tour.line(&keymap), "Demo, 2 of 7: ⏎ reads it: arguments, messages, error");
        tour.note(Action::Filter);
        assert!(tour.line(&keymap).starts_with("Demo, 2 of 7: "), "no step is left out");
        for action in [Action::Detail, Action::Back, Action::Slowest, Action::ViewTools] {
            tour.note(action);
        }
        assert!(tour.line(&keymap).starts_with("Demo, 7 of 7: "), "steps are not repeated");
        tour.note(Action::Help);
        assert_eq!(tour.line(&keymap), "The demo: agno-top tmp/traces.db watches your own");
    }

    #[test]
    fn the_guide_goes_on_at_the_end_of_the_recording_and_offers_to_play_it_again() {
        let keymap = Keymap::default();
        let mut tour = Tour { is_over: true, ..Tour::default() };
        tour.note(Action::NextError);
        assert_eq!(tour.line(&keymap), "Demo over (r: again), 2 of 7: ⏎ reads it: arguments, messages, error");
        for (action, _) in STEPS {
            tour.note(action);
        }
        assert_eq!(tour.line(&keymap), "The demo is over: r plays it again; agno-top tmp/traces.db watches your own");
    }

    #[test]
    fn every_line_fits_into_80_columns() {
        for (steps, is_over) in (0..=STEPS.len()).flat_map(|steps| [(steps, false), (steps, true)]) {
            let mut tour = Tour { is_over, ..Tour::default() };
            for (action, _) in &STEPS[..steps] {
                tour.note(*action);
            }
            let line = tour.line(&Keymap::default());
            assert!(crate::format::width(&line) <= 78, "{line}");
        }
    }
}
