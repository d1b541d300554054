use ratatui::style::{Color, Modifier};

use super::*;

/// Every role in the order of the enum.
const ROLES: [Role; ROLE_NAMES.len()] = [
    Role::Screen,
    Role::Agent,
    Role::Team,
    Role::Step,
    Role::Model,
    Role::Tool,
    Role::Other,
    Role::Title,
    Role::Dim,
    Role::Frame,
    Role::Focus,
    Role::Key,
    Role::Good,
    Role::Running,
    Role::Error,
    Role::Mark,
    Role::Cursor,
    Role::Tab,
    Role::Lit,
    Role::Found,
    Role::Current,
];

fn theme(name: &str) -> Theme {
    Themes::load(name, None, ColorSupport::True).0.current().clone()
}

/// Returns the contrast of two colours according to WCAG 2, from 1 to 21.
fn contrast(a: [u8; 3], b: [u8; 3]) -> f64 {
    let (a, b) = (background::luminance(a), background::luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// Returns the default value of a colour.
fn rgb(colour: Color) -> [u8; 3] {
    match colour {
        Color::Rgb(r, g, b) => [r, g, b],
        Color::Indexed(index) => color::rgb(index),
        named => color::SIXTEEN.iter().find(|(known, _)| *known == named).expect("a colour with a value").1,
    }
}

/// Returns the letters and the background of a style over another one.
fn painted(style: Style, over: Style) -> ([u8; 3], [u8; 3]) {
    let patched = over.patch(style);
    let (letters, background) = (rgb(patched.fg.expect("letters")), rgb(patched.bg.expect("a background")));
    if patched.add_modifier.contains(Modifier::REVERSED) { (background, letters) } else { (letters, background) }
}

#[test]
fn every_theme_is_readable_on_every_terminal() {
    let all = BUILT_IN.map(|(name, _)| name);
    let supports = [(ColorSupport::True, &all[..]), (ColorSupport::Indexed, &all[..]), (ColorSupport::Sixteen, &["16-colour"])];
    for (support, names) in supports {
        for name in names {
            let themes = Themes::load(name, None, support).0;
            let style = |role| themes.current().style(role);
            // The screen is painted below everything, and the cursor's line over it.
            let screen = style(Role::Screen);
            let cursor = Style { fg: None, ..style(Role::Cursor) };
            for (role, key) in ROLES.into_iter().zip(ROLE_NAMES).filter(|(role, _)| *role != Role::Cursor) {
                let least = if role == Role::Frame { 3.0 } else { 4.5 };
                let (letters, background) = painted(style(role), screen);
                let plain = contrast(letters, background);
                assert!(plain >= least, "{name} with {support:?}: {key} has {plain:.2}");
                let (letters, background) = painted(cursor, screen.patch(style(role)));
                let under_cursor = contrast(letters, background);
                // Tabs are in no line with a cursor.
                assert!(
                    matches!(role, Role::Frame | Role::Tab) || under_cursor >= 4.5,
                    "{name} with {support:?}: {key} has {under_cursor:.2} under the cursor"
                );
            }
        }
    }
}

#[test]
fn high_contrast_has_a_high_contrast() {
    let theme = theme("high-contrast");
    for role in ROLES {
        let (letters, background) = painted(theme.style(role), theme.style(Role::Screen));
        assert!(contrast(letters, background) >= 7.0, "{role:?}");
    }
}

#[test]
fn every_built_in_theme_defines_every_role() {
    let (mut themes, problems) = Themes::load(AUTO, None, ColorSupport::True);
    assert_eq!(problems, Vec::<String>::new());
    let names: Vec<String> = (0..4).map(|_| themes.select_next().to_owned()).collect();
    assert_eq!(names, ["light", "high-contrast", "16-colour", "dark"]);
    for (name, text) in BUILT_IN {
        let table: toml::Table = text.parse().unwrap();
        let mut keys: Vec<&str> = table.keys().map(String::as_str).collect();
        let mut known = ROLE_NAMES;
        keys.sort_unstable();
        known.sort_unstable();
        assert_eq!(keys, known, "{name}");
    }
    for (at, (role, name)) in ROLES.into_iter().zip(ROLE_NAMES).enumerate() {
        assert_eq!((role as usize, format!("{role:?}").to_lowercase().as_str()), (at, name));
    }
}

#[test]
fn auto_selects_a_theme_by_the_supported_colours() {
    assert_eq!(Themes::load(AUTO, None, ColorSupport::Sixteen).0.current().name, "16-colour");
    let mut themes = Themes::load(AUTO, None, ColorSupport::Indexed).0;
    assert_eq!(themes.current().name, "dark");
    themes.set_background(Background::Light);
    assert_eq!(themes.current().name, "light");
    themes.set_background(Background::Dark);
    assert_eq!(themes.current().name, "dark");
    themes.select_next();
    assert!(!themes.follows_background(), "the user chose a theme");
    themes.set_background(Background::Dark);
    assert_eq!(themes.current().name, "light");
    for (name, support) in [("dark", ColorSupport::True), (AUTO, ColorSupport::Sixteen), (AUTO, ColorSupport::None)] {
        let mut themes = Themes::load(name, None, support).0;
        let before = themes.current().name.clone();
        themes.set_background(Background::Light);
        assert_eq!(themes.current().name, before, "{name} {support:?}");
    }
    let (themes, _) = Themes::load("light", None, ColorSupport::None);
    assert!(ROLES.iter().all(|&role| themes.current().style(role).fg.is_none() && themes.current().style(role).bg.is_none()));
}

#[test]
fn a_custom_theme_overrides_its_base() {
    let directory = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &[u8]| std::fs::write(directory.path().join(name), text).unwrap();
    put("mine.toml", b"base = 'light'\nerror = { fg = 'bright-red', bold = true }\n");
    put("notes.txt", b"not a theme");
    let (themes, problems) = Themes::load("mine", Some(directory.path()), ColorSupport::True);
    assert_eq!((problems, themes.current().name.as_str()), (Vec::new(), "mine"));
    assert_eq!(themes.current().style(Role::Error).fg, Some(Color::LightRed));
    assert_eq!(themes.current().style(Role::Agent), theme("light").style(Role::Agent));
    assert_eq!(names(Some(directory.path())), ["auto", "dark", "light", "high-contrast", "16-colour", "mine"]);
}

#[test]
fn an_invalid_file_gives_one_message_and_the_dark_theme() {
    let directory = tempfile::tempdir().unwrap();
    let problem_with = |text: &[u8]| {
        std::fs::write(directory.path().join("bad.toml"), text).unwrap();
        let (themes, problems) = Themes::load("bad", Some(directory.path()), ColorSupport::True);
        assert_eq!(themes.current().name, "dark");
        let [problem] = problems.as_slice() else { panic!("one line: {problems:?}") };
        assert!(!problem.contains('\n'), "{problem}");
        problem.replace(&directory.path().display().to_string(), "")
    };
    assert_eq!(problem_with(b"\nagnet = {}"), "/bad.toml, line 2: unknown role \"agnet\"; did you mean \"agent\"?");
    assert!(problem_with(b"agent = { fg = 300 }").starts_with("/bad.toml, line 1: 300 is not a colour"));
    assert!(problem_with(b"dim = {}\nagent = { fg = 'blau' }").starts_with("/bad.toml, line 2: \"blau\" is not a colour"));
    assert!(problem_with(b"agent = { fgg = 3 }").starts_with("/bad.toml, line 1: unknown field `fgg`"));
    assert!(problem_with(b"agent = 3").starts_with("/bad.toml, line 1: invalid type"));
    assert!(problem_with(b"base = 'mine'").starts_with("/bad.toml, line 1: there is no theme \"mine\""));
    assert!(problem_with(b"agent = {").starts_with("/bad.toml, line 1: "));
    assert!(problem_with(b"\xff\xfe").starts_with("can't read the theme /bad.toml: "));
    assert!(problem_with(&vec![b'#'; 70_000]).ends_with("larger than 64 KiB"));
}

#[test]
fn every_color_name_is_a_color_of_its_own() {
    let color = |name: &str| {
        let spec = format!("agent = {{ fg = {name:?} }}");
        file::parse("x", &spec, &[]).map(|theme| theme.style(Role::Agent).fg)
    };
    for (name, expected) in [
        ("default", Color::Reset),
        ("black", Color::Black),
        ("red", Color::Red),
        ("green", Color::Green),
        ("yellow", Color::Yellow),
        ("blue", Color::Blue),
        ("magenta", Color::Magenta),
        ("cyan", Color::Cyan),
        ("white", Color::Gray),
        ("bright-black", Color::DarkGray),
        ("bright-red", Color::LightRed),
        ("bright-green", Color::LightGreen),
        ("bright-yellow", Color::LightYellow),
        ("bright-blue", Color::LightBlue),
        ("bright-magenta", Color::LightMagenta),
        ("bright-cyan", Color::LightCyan),
        ("bright-white", Color::White),
        ("#5fafff", Color::Rgb(0x5f, 0xaf, 0xff)),
    ] {
        assert_eq!(color(name), Ok(Some(expected)), "{name}");
    }
    for name in ["reset", "gray", "#fff", "#gggggg", "12", "#é1234"] {
        assert!(color(name).is_err(), "{name}");
    }
}
