#![allow(clippy::panic, clippy::unwrap_used)]

use super::*;
use crate::model::{Batch, Origin, PayloadRef, SourceId, Span, SpanFacts, SpanId, SpanType, Status, Text, TraceId};
use crate::store::Limits;
use crate::tui::app::Keymap;

/// Returns a list of these agents with the numbers of their runs.
fn agents(line: &str, counts: Vec<(String, u64)>) -> Picker {
    let mut picker = Picker { field: "agent", counted: "runs", filtered: values_of(line, "agent"), ..Picker::default() };
    picker.add(counts);
    picker.narrow(false);
    picker
}

fn open(line: &str) -> Picker {
    let counts = [("Researcher", 9), ("Writer", 5), ("Refund Desk", 2)];
    agents(line, counts.map(|(name, count)| (name.to_owned(), count)).into())
}

/// Returns the same list, without values that are still being collected.
fn copy(picker: &Picker) -> Picker {
    let &Picker { field, counted, cursor, selected, is_fixed, is_touched, .. } = picker;
    let (typed, filtered, choices) = (picker.typed.clone(), picker.filtered.clone(), picker.choices.clone());
    let (shown, narrowing) = (picker.shown.clone(), picker.narrowing.clone());
    Picker { field, counted, typed, cursor, choices, gathering: None, filtered, selected, shown, narrowing, is_fixed, is_touched }
}

fn press(picker: &mut Picker, keys: &str) -> ControlFlow<Option<Vec<String>>> {
    let mut last = ControlFlow::Continue(());
    for c in keys.chars() {
        let code = match c {
            '\n' => KeyCode::Enter,
            '<' => KeyCode::Backspace,
            'V' => KeyCode::Down,
            'E' => KeyCode::End,
            c => KeyCode::Char(c),
        };
        let key = KeyEvent::new(code, KeyModifiers::NONE);
        last = picker.key(key, Keymap::default().action(key));
    }
    last
}

fn names(picker: &Picker) -> Vec<&str> {
    picker.shown().map(|choice| choice.value.as_str()).collect()
}

fn chosen(names: &[&str]) -> ControlFlow<Option<Vec<String>>> {
    ControlFlow::Break(Some(names.iter().map(|&name| name.to_owned()).collect()))
}

#[test]
fn typed_text_narrows_the_list() {
    let mut picker = open("");
    let _ = press(&mut picker, "ref");
    assert_eq!(names(&picker)[0], "Refund Desk");
    assert!(!names(&picker).contains(&"Writer"));
    let _ = press(&mut picker, "zz");
    assert_eq!(names(&picker).len(), 0);
    assert_eq!(press(&mut copy(&picker), "\n"), chosen(&[]), "nothing is under the cursor");
    let _ = press(&mut picker, "<<<<<");
    assert_eq!(names(&picker), ["Researcher", "Writer", "Refund Desk"]);
}

#[test]
fn hidden_values_stay_selected() {
    let mut picker = open("");
    let _ = press(&mut picker, "V writ ");
    assert_eq!(picker.selected_count(), 0, "selected and deselected");
    let _ = press(&mut picker, " <<<<desk ");
    assert_eq!(press(&mut picker, "\n"), chosen(&["Writer", "Refund Desk"]));
}

#[test]
fn enter_alone_toggles_the_value_under_the_cursor() {
    assert_eq!(press(&mut open(""), "VV\n"), chosen(&["Refund Desk"]));
    assert_eq!(press(&mut open(""), "E\n"), chosen(&["Refund Desk"]));
    let mut picker = open("agent:\"refund desk\"");
    assert_eq!(names(&picker), ["Refund Desk", "Researcher", "Writer"], "selected values come first");
    assert_eq!(press(&mut copy(&picker), "\n"), chosen(&[]), "Enter deselects it");
    assert_eq!(press(&mut picker, "V\n"), chosen(&["Researcher"]));
}

#[test]
fn in_a_list_of_statuses_letters_move_the_cursor() {
    let mut picker = Picker { is_fixed: true, ..open("") };
    let _ = press(&mut picker, "jjk");
    assert_eq!((picker.cursor, picker.typed.as_str(), names(&picker).len()), (1, "", 3));
    let _ = press(&mut picker, "Gx");
    assert_eq!((picker.cursor, names(&picker).len()), (2, 3));
    assert_eq!(press(&mut copy(&picker), "\n"), chosen(&["Refund Desk"]));
    assert_eq!(press(&mut picker, "q"), ControlFlow::Break(None));
}

/// Returns a store with runs of so many agents, each in two traces and in a session of its own.
fn runs(agents: u64) -> Store {
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    for (trace, number) in (1_u128..).zip((0..agents).chain(0..agents)) {
        let [agent, session] = [batch.intern(&format!("agent {number}")), batch.intern(&format!("session {number}"))];
        batch.spans.push(Span {
            trace: TraceId::new(trace.to_be_bytes()).unwrap(),
            id: SpanId::new([1; 8]).unwrap(),
            parent: None,
            start: 1_000_000,
            end: Some(2_000_000),
            status: Status::Ok,
            name: agent,
            facts: SpanFacts { span_type: SpanType::Agent, agent, session, ..SpanFacts::default() },
            error: Text::default(),
            payload_ref: PayloadRef(0),
            retained_bytes: 0,
        });
    }
    let mut store = Store::new(Limits::default());
    store.apply(&batch, 0);
    store
}

#[test]
fn the_values_are_collected_in_slices_and_enter_takes_what_the_whole_list_holds() {
    let store = runs(3000);
    let agents = || Gathering::Labels(By::Agent, 0);
    let sessions = || Gathering::sessions(&store);
    for (gathering, last) in [(&agents as &dyn Fn() -> Gathering, "agent 2999"), (&sessions, "session 2999")] {
        let filtered = vec!["agent 7".to_owned(), "session 7".to_owned()];
        let mut picker = Picker { gathering: Some(gathering()), filtered, ..Picker::default() };
        assert!(picker.advance(&store, Slice::of(Duration::ZERO)), "more work than a slice has time for");
        let _ = press(&mut picker, "2999");
        assert_eq!((picker.is_gathering(), names(&picker).len()), (true, 0));
        while picker.advance(&store, Slice::of(Duration::ZERO)) {}
        assert_eq!((picker.count(), picker.selected_count(), picker.shown().next().unwrap().count), (3000, 1, 2));
        let mut quick = Picker { gathering: Some(gathering()), ..Picker::default() };
        assert!(quick.advance(&store, Slice::of(Duration::ZERO)));
        let _ = press(&mut quick, "2999");
        quick.finish_gathering(&store);
        let ControlFlow::Break(Some(values)) = press(&mut quick, "\n") else { panic!("the list closes") };
        assert_eq!(values, [last], "nothing else matches");
    }
    let mut statuses = Picker { gathering: Some(Gathering::Statuses(None, Default::default())), is_fixed: true, ..Picker::default() };
    assert!(statuses.advance(&store, Slice::of(Duration::ZERO)), "more work than a slice has time for");
    while statuses.advance(&store, Slice::of(Duration::ZERO)) {}
    let mut found: Vec<(&str, u64)> = statuses.shown().map(|choice| (choice.value.as_str(), choice.count)).collect();
    found.retain(|(_, count)| *count > 0);
    assert_eq!(found, [("ok", 6000)]);
}

#[test]
fn a_long_list_is_narrowed_in_slices_and_enter_takes_what_the_whole_text_finds() {
    let names: Vec<(String, u64)> = (0..20_000).map(|number| (format!("agent {number}"), 1)).collect();
    let mut picker = agents("", names);
    picker.finish_narrowing();
    for c in "19999".chars() {
        picker.typed.push(c);
        picker.narrowing = Some(Narrowing::new((0..picker.choices.len()).collect()));
        assert!(picker.advance_narrowing(&mut Slice::of(Duration::ZERO)), "more work than a slice has time for");
    }
    assert_eq!(picker.shown().len(), 20_000, "the list stays until the matches are known");
    assert_eq!(press(&mut copy(&picker), "\n"), chosen(&["agent 19999"]));
    while picker.advance_narrowing(&mut Slice::of(Duration::ZERO)) {}
    assert_eq!(picker.shown().next().map(|choice| choice.value.as_str()), Some("agent 19999"));
}
