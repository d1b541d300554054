//! Keyboard and mouse: the palette, key bindings, sorting, themes, copying, clicking and comparing.

mod stage;

use agno_top::tui::app::{Effect, Focus, HitTarget, Tab};
use agno_top::tui::theme::{ColorSupport, Themes};
use stage::{Stage, fixture};

fn open(size: (u16, u16)) -> Stage {
    let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), size);
    // Fold the newest trace, which following unfolded.
    stage.keys("gh");
    stage
}

/// Compares the screen with a snapshot, without times of day, which depend on the time zone.
fn assert_screen(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\b\d\d:\d\d:\d\d\b", "hh:mm:ss");
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn the_palette_performs_the_chosen_action() {
    let mut stage = open((100, 30));
    stage.keys(":");
    assert_screen("palette", &stage.text());
    stage.keys("err");
    assert_screen("palette-typed", &stage.text());
    stage.keys("<Down><Down><Down><Up><Up><Up><Enter>");
    assert_eq!((stage.app.overlay.is_none(), stage.app.filter.as_str()), (true, "status:error"));
    stage.keys(":errors only<Enter>");
    assert_eq!(stage.app.filter, "");
    assert_eq!(stage.keys(":quit<Enter>"), [Effect::Quit]);
}

#[test]
fn ctrl_z_and_ctrl_c_hold_wherever_keys_are_text() {
    for prompt in ["/", ":", "x<Tab>", "a", "?", "s", "<Enter>/"] {
        let mut stage = open((100, 30));
        stage.keys(prompt);
        let before = stage.text();
        assert_eq!(stage.keys("<Ctrl-z>"), [Effect::Suspend], "{prompt}");
        assert_eq!(stage.text(), before, "{prompt}: the prompt is still there");
        assert_eq!(stage.keys("<Ctrl-c>"), [Effect::Quit], "{prompt}");
    }
    // No other control key leaves the line or closes it.
    let mut stage = open((100, 30));
    stage.keys("/");
    for letter in ('a'..='y').filter(|letter| *letter != 'c') {
        assert_eq!(stage.keys(&format!("<Ctrl-{letter}>")), [], "{letter}");
    }
    stage.keys("<Ctrl-u>gpt<Enter>");
    assert_eq!(stage.app.filter, "gpt");
}

#[test]
fn custom_key_bindings_show_in_help_and_footer() {
    let mut stage = open((100, 40));
    let bindings = [("next-error", vec!["F3"]), ("filter", vec!["Ctrl-f", "/"]), ("page-down", vec!["PageDown"]), ("mark", vec![])];
    let bindings: Vec<_> =
        bindings.into_iter().map(|(name, keys)| (name.to_owned(), keys.into_iter().map(str::to_owned).collect())).collect();
    stage.app.keymap.bind(&bindings).expect("bindings");
    let footer = stage.text().lines().last().map(str::to_owned).expect("a line");
    assert!(footer.contains("^f filter  F3 next error  JK trace  : actions  x export"), "{footer}");
    stage.keys("?");
    let help = stage.text();
    assert!(help.contains("F3  go to the next error") && help.contains("^f /  filter as you type"), "{help}");
    assert_eq!(stage.keys("<Esc>em").len(), 0);
    assert_eq!((stage.app.tree.rank(&stage.store), stage.app.marks.len()), (Some(0), 0), "e and m are unbound");
}

#[test]
fn the_help_scrolls_to_its_end_and_back() {
    let mut stage = open((80, 24));
    stage.keys("?");
    let start = stage.text();
    assert!(start.contains("time of the steps") && start.contains("lines more"), "{start}");
    stage.keys("GG");
    let end = stage.text();
    assert!(end.contains("leaked context") && !end.contains("time of the steps") && !end.contains("more"), "{end}");
    stage.keys("k");
    let above = stage.text();
    assert!(above != end && !above.contains("leaked context") && above.contains("1 line more"), "{above}");
    stage.keys("g");
    assert!(stage.text().contains("time of the steps"));
}

#[test]
fn the_help_is_searched() {
    let mut stage = open((80, 24));
    stage.keys("?/COMP");
    let found = stage.text();
    assert!(found.contains("compare this trace") && !found.contains("time of the steps"), "{found}");
    stage.keys("zzz");
    assert!(stage.text().contains("nothing found"));
    stage.keys("<Esc>");
    assert!(stage.text().contains("time of the steps"), "the first esc ends the search");
    stage.keys("<Esc>");
    assert!(stage.app.overlay.is_none());
}

#[test]
fn the_sort_key_is_chosen_from_a_list() {
    let sorting = |stage: &Stage| (stage.app.tree.sorting().by.name(), stage.app.tree.sorting().is_reversed);
    let column = |stage: &Stage| stage.app.table.as_ref().map(|table| (table.columns()[table.sorted].title(table.view), table.is_reversed));
    let mut stage = open((100, 30));
    stage.keys("O");
    assert_screen("sort-by", &stage.text());
    stage.keys("jjk<Down><Enter>");
    assert_eq!((sorting(&stage), stage.app.overlay.is_none()), (("tokens", false), true));
    stage.keys("O<Enter>");
    assert_eq!(sorting(&stage), ("tokens", true), "choosing it again reverses the order");
    stage.keys("OG<Enter>");
    assert_eq!(sorting(&stage), ("name", false));
    stage.keys("OkO");
    assert_eq!((sorting(&stage), stage.app.overlay.is_none()), (("name", false), true), "closing changes nothing");
    stage.keys("3O");
    let (x, y) = stage.find("Sort by");
    assert_eq!((stage.target_at(x, y + 6), stage.target_at(0, 0)), (HitTarget::Item(5), HitTarget::Overlay));
    stage.app.click(&stage.store, HitTarget::Item(5));
    stage.keys("<Enter>");
    assert_eq!(column(&stage), Some(("P95", false)));
    stage.keys("O<Enter>");
    assert_eq!((column(&stage), sorting(&stage)), (Some(("P95", true)), ("name", false)));
}

#[test]
fn themes_change_the_colours() {
    let mut stage = open((80, 24));
    for (theme, name) in [("dark", "colours-dark"), ("light", "colours-light")] {
        stage.app.themes = Themes::load(theme, None, ColorSupport::True).0;
        let text = stage.colours(10);
        assert_screen(name, &text);
    }
    stage.app.themes = Themes::load("auto", None, ColorSupport::None).0;
    let text = stage.colours(24);
    let coloured = text.lines().any(|line| line.split('[').skip(1).any(|part| !part.starts_with("Reset on Reset")));
    assert!(!coloured, "without colours:\n{text}");
    assert!(text.contains("REVERSED") && text.contains("BOLD"), "attributes stay:\n{text}");
    stage.keys("T");
    assert_eq!(stage.app.message.as_ref().map(|message| message.text.as_str()), Some("theme = \"light\" in config.toml keeps it"));
}

#[test]
fn copy_takes_the_value_on_the_screen() {
    let mut stage = open((120, 36));
    let copied = |stage: &mut Stage, keys: &str| match stage.keys(keys).pop() {
        Some(Effect::Copy { what, text }) => (what, text),
        other => panic!("{keys} copied nothing: {other:?}, {:?}", stage.app.message),
    };
    let row = stage.app.tree.cursor().expect("a row");
    let trace = stage.store.trace(stage.store.row(row).trace()).id.to_string();
    assert_eq!(copied(&mut stage, "y"), (format!("trace id {trace}"), trace));
    stage.keys("<Right><Right>");
    let id = stage.store.row(stage.app.tree.cursor().expect("a row")).id.to_string();
    assert_eq!(copied(&mut stage, "y"), (format!("span id {id}"), id));
    let row = stage.app.tree.cursor().expect("a row");
    assert_eq!(stage.keys("Y"), [Effect::CopySpan(row)]);
    stage.keys("g<Enter>");
    let (what, text) = copied(&mut stage, "y");
    assert!(what.starts_with("overview, ") && text.contains("span id  ") && text.lines().count() > 4, "{what}: {text}");
    stage.keys("]]]]");
    let (what, text) = copied(&mut stage, "y");
    assert!(what.starts_with("input, ") && !text.is_empty(), "{what}: {text}");
    stage.keys("]]");
    stage.resize(120, 18);
    let (first, _) = copied(&mut stage, "y");
    let (second, _) = copied(&mut stage, "jy");
    assert_ne!(first, second, "the top attribute differs");
    let (found, value) = copied(&mut stage, "/openinference.span.kind<Enter>y");
    assert_eq!((found.as_str(), value.as_str()), ("openinference.span.kind, 5 B", "AGENT"));
}

#[test]
fn the_mouse_selects_folds_and_scrolls() {
    let mut stage = open((120, 36));
    let click = |stage: &mut Stage, (x, y): (u16, u16)| {
        let target = stage.target_at(x, y);
        stage.app.click(&stage.store, target);
        target
    };
    let position = stage.find("▸");
    let line = position.1;
    assert!(matches!(click(&mut stage, position), HitTarget::Fold(_)));
    assert_eq!(stage.find("▾").1, line, "the row keeps its line");
    let (x, _) = stage.find("▾");
    assert!(matches!(click(&mut stage, (x + 4, line + 1)), HitTarget::Row(_)));
    assert_eq!(stage.find("▎").1, line + 1);
    let tab = stage.find("Attributes");
    assert_eq!(click(&mut stage, tab), HitTarget::Tab(Tab::Attributes));
    assert_eq!((stage.app.detail.tab, stage.app.focus), (Tab::Attributes, Focus::Traces));
    for (position, target) in [((3, 0), HitTarget::Nothing), ((3, 35), HitTarget::Nothing), ((0, 1), HitTarget::Traces)] {
        assert_eq!(click(&mut stage, position), target, "{position:?}");
    }
    let (x, y) = (tab.0, tab.1 + 2);
    assert_eq!(stage.target_at(x, y), HitTarget::Detail);
    stage.text();
    stage.app.wheel(&stage.store, HitTarget::Detail, 1);
    assert!(stage.app.detail.pager.progress().0 > 0);
    assert_eq!(click(&mut stage, (x, y)), HitTarget::Detail);
    assert_eq!(stage.app.focus, Focus::Detail);
    stage.keys("<Esc>Zg");
    let before = stage.app.tree.window(&stage.store, 10).0;
    let target = stage.target_at(5, 5);
    stage.app.wheel(&stage.store, target, 1);
    let after = stage.app.tree.window(&stage.store, 10).0;
    assert_eq!(before[3..], after[..7], "the rows move up by three");
    stage.keys(":");
    let (x, y) = stage.find("next-error");
    assert!(matches!(click(&mut stage, (x, y)), HitTarget::Item(_)));
    stage.keys("<Enter>");
    assert!(stage.app.overlay.is_none());
    stage.keys("?");
    assert_eq!(click(&mut stage, (5, 5)), HitTarget::Overlay, "the panes are covered");
}

#[test]
fn two_traces_are_compared_step_by_step() {
    let mut stage = open((120, 40));
    stage.keys("d");
    assert_eq!(
        stage.app.message.as_ref().map(|message| message.text.as_str()),
        Some("mark a trace with m, go to another one and press d to compare them")
    );
    stage.keys("jjjjjjjjmjd");
    assert_screen("compare", &stage.text());
    stage.keys("n");
    assert_screen("compare-next", &stage.text());
    stage.resize(60, 16);
    assert_screen("compare-60x16", &stage.text());
    stage.keys("<Enter>");
    assert!(stage.app.overlay.is_none());
    stage.keys("gMmjmjmd");
    assert_eq!(stage.app.message.as_ref().map(|message| message.text.as_str()), Some("3 traces are marked; mark two to compare them"));
}

#[test]
fn parameters_of_model_calls_are_shown_and_compared() {
    let mut stage = Stage::open(&fixture("parameters.json"), (120, 40));
    stage.keys("gj<Enter>");
    let text = stage.text();
    assert!(text.contains(" parameters     temperature 0.9 · reasoning_effort high "), "{text}");
    stage.keys("<Esc>gmGd");
    let text = stage.text();
    assert!(text.contains("Compare · A is the earlier run · 3 of 3 steps differ"), "{text}");
    assert!(text.lines().any(|line| line.contains("≠") && line.matches(" parameters ").count() == 2), "{text}");
    stage.keys("j");
    let colours = stage.colours(40);
    let lit = |line: &str| line.contains("UNDERLINED]0.2[") && line.contains("UNDERLINED]0.9[");
    assert!(colours.lines().any(lit) && !colours.contains("UNDERLINED]temperature"), "only the words that differ: {colours}");
}

#[test]
fn a_key_without_effect_says_why() {
    for (size, message) in [((80, 24), Some("the panes that this changes need 120 columns and 24 lines")), ((120, 36), None)] {
        let mut stage = open(size);
        stage.keys("p");
        assert_eq!(stage.app.message.as_ref().map(|message| message.text.as_str()), message);
    }
}

#[test]
fn the_name_of_a_source_leaves_room_for_tokens_and_cost() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("production-of-the-shop-in-europe-2026.sqlite");
    std::fs::copy(fixture("agno-3.1.10.sqlite"), &path).unwrap();
    let header = Stage::open(&path, (80, 24)).text().lines().next().unwrap().to_owned();
    assert!(header.contains("produ…") && header.contains(".sqlite") && header.contains(" 4.2k tok  ≥$0.0068"), "{header}");
}

#[test]
fn windows_fit_on_any_screen_size() {
    let mut stage = open((80, 24));
    stage.keys("mjm");
    for (width, height) in (1..30).flat_map(|height| [1, 2, 5, 20, 33, 57, 101].map(|width| (width, height))) {
        for keys in [":", "xyz<Esc>", "d", "jn<Esc>", "?", "<Esc>"] {
            stage.resize(width, height);
            stage.keys(keys);
            stage.text();
            for (x, y) in [(0, 0), (width / 2, height / 2), (width - 1, height - 1)] {
                let target = stage.target_at(x, y);
                stage.app.wheel(&stage.store, target, 1);
            }
        }
    }
}

#[test]
fn a_click_on_a_row_that_has_left_the_screen_does_nothing() {
    let mut stage = open((120, 36));
    let (x, y) = stage.find("Customer Service Agent");
    let target = stage.target_at(x, y);
    assert!(matches!(target, HitTarget::Row(_)));
    stage.keys("/status:error<Enter>");
    let cursor = stage.app.tree.cursor();
    stage.app.click(&stage.store, target);
    assert_eq!(stage.app.tree.cursor(), cursor);
}

#[test]
fn the_heads_of_a_comparison_state_the_same_of_both_sides() {
    let mut forms = std::collections::BTreeSet::new();
    for width in 40..120 {
        let mut stage = Stage::open(&fixture("agno-3.1.10.sqlite"), (width, 24));
        stage.keys("zmJJd");
        let text = stage.text();
        let head = text.lines().find(|line| line.contains("A ") && line.contains(" B ")).unwrap_or_else(|| panic!("no heads: {text}"));
        forms.insert(head.matches(':').count());
    }
    assert!(forms.len() == 2 && forms.contains(&0) && !forms.contains(&2), "colons of the times of no side or of both: {forms:?}");
}
