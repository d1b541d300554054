//! The guide through the demo: what to try next, and what to do at its end.

use super::{Action, Keymap};

/// What to try, each with the actions that count as tried: the text names their keys by `{}`.
const STEPS: [(Action, &str); 6] = [
    (Action::NextError, "{} goes to the step that failed"),
    (Action::Detail, "{} reads it: arguments, messages, error"),
    (Action::Back, "{} goes back to the traces"),
    (Action::ViewTools, "{} lists the tools with their times, {traces} the traces again"),
    (Action::Filter, "{} filters while you type: agent:research, cost>0.01, refund"),
    (Action::Help, "{} shows all keys"),
];

/// The guide.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tour {
    step: usize,
    is_over: bool,
}

impl Tour {
    /// Notes that the user did something. A step that was tried is left behind, and so are those before it.
    pub(super) fn note(&mut self, action: Action) {
        if let Some(step) = STEPS.iter().position(|(tried, _)| *tried == action).filter(|step| *step >= self.step) {
            self.step = step + 1;
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
        if self.is_over {
            return format!("The demo is over: {} plays it again; agno-top tmp/traces.db watches your own agents", hint(Action::Replay));
        }
        match STEPS.get(self.step) {
            Some((action, text)) => {
                let text = text.replace("{}", &hint(*action)).replace("{traces}", &hint(Action::ViewTraces));
                format!("Demo, {} of {}: {text}", self.step + 1, STEPS.len())
            }
            None => "Demo: agno-top tmp/traces.db watches your own agents".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_leads_to_the_next_and_the_end_offers_to_play_again() {
        let keymap = Keymap::default();
        let mut tour = Tour::default();
        assert_eq!(tour.line(&keymap), "Demo, 1 of 6: e goes to the step that failed");
        tour.note(Action::Down);
        tour.note(Action::NextError);
        assert_eq!(tour.line(&keymap), "Demo, 2 of 6: ⏎ reads it: arguments, messages, error");
        tour.note(Action::ViewTools);
        tour.note(Action::Back);
        assert!(tour.line(&keymap).starts_with("Demo, 5 of 6: / filters"), "steps are not repeated");
        tour.note(Action::Help);
        assert_eq!(tour.line(&keymap), "Demo: agno-top tmp/traces.db watches your own agents");
        tour.set_over(true);
        assert!(tour.line(&keymap).starts_with("The demo is over: r plays it again"));
        assert!(STEPS.iter().all(|(_, text)| text.len() < 70), "a line fits into 80 columns");
    }
}
