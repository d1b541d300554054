use ratatui::style::Color;

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
    let luminance = |colour: [u8; 3]| {
        let [r, g, b] = colour.map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

fn rgb(colour: Option<Color>) -> [u8; 3] {
    let Some(Color::Rgb(r, g, b)) = colour else { panic!("not an RGB colour: {colour:?}") };
    [r, g, b]
}

#[test]
fn themes_with_their_own_background_are_readable() {
    for (name, text, frame, cursor) in [("light", 4.5, 3.0, 4.5), ("high-contrast", 7.0, 7.0, 7.0)] {
        let theme = theme(name);
        let [background, cursor_line] = [Role::Screen, Role::Cursor].map(|role| rgb(theme.style(role).bg));
        for (role, key) in ROLES.into_iter().zip(ROLE_NAMES) {
            let Some(text_color) = theme.style(role).fg.map(|colour| rgb(Some(colour))) else { continue };
            if theme.style(role).bg.is_some() && role != Role::Screen {
                assert!(contrast(text_color, rgb(theme.style(role).bg)) >= text, "{name}: {key} on its own background");
                continue;
            }
            let least = if role == Role::Frame { frame } else { text };
            assert!(contrast(text_color, background) >= least, "{name}: {key} has {:.1}", contrast(text_color, background));
            if !matches!(role, Role::Frame) {
                assert!(
                    contrast(text_color, cursor_line) >= cursor,
                    "{name}: {key} has {:.1} under the cursor",
                    contrast(text_color, cursor_line)
                );
            }
        }
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
    assert_eq!(Themes::load(AUTO, None, ColorSupport::Indexed).0.current().name, "dark");
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
