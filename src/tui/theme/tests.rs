use ratatui::style::Color;

use super::*;

fn look(name: &str) -> Theme {
    Themes::load(name, None, ColorSupport::True).0.current().clone()
}

/// The contrast of two colours as WCAG 2 reckons it: from 1 to 21.
fn contrast(a: [u8; 3], b: [u8; 3]) -> f64 {
    let light = |colour: [u8; 3]| {
        let [r, g, b] = colour.map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    };
    let (a, b) = (light(a), light(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

fn rgb(colour: Option<Color>) -> [u8; 3] {
    let Some(Color::Rgb(r, g, b)) = colour else { panic!("a colour by its parts: {colour:?}") };
    [r, g, b]
}

#[test]
fn themes_with_a_background_of_their_own_can_be_read_on_it() {
    for (name, text, frame, cursor) in [("light", 4.5, 3.0, 4.5), ("high-contrast", 7.0, 7.0, 7.0)] {
        let look = look(name);
        let [paper, line] = [Role::Screen, Role::Cursor].map(|role| rgb(look.style(role).bg));
        for (role, called) in ROLES {
            let Some(ink) = look.style(role).fg.map(|colour| rgb(Some(colour))) else { continue };
            if look.style(role).bg.is_some() && role != Role::Screen {
                assert!(contrast(ink, rgb(look.style(role).bg)) >= text, "{name}: {called} on its own background");
                continue;
            }
            let least = if role == Role::Frame { frame } else { text };
            assert!(contrast(ink, paper) >= least, "{name}: {called} has {:.1}", contrast(ink, paper));
            if !matches!(role, Role::Frame) {
                assert!(contrast(ink, line) >= cursor, "{name}: {called} has {:.1} under the cursor", contrast(ink, line));
            }
        }
    }
}

#[test]
fn every_built_in_theme_is_read_and_says_every_role() {
    let (mut looks, troubles) = Themes::load(AUTO, None, ColorSupport::True);
    assert_eq!(troubles, Vec::<String>::new());
    let names: Vec<String> = (0..4).map(|_| looks.turn().to_owned()).collect();
    assert_eq!(names, ["light", "high-contrast", "16-colour", "dark"]);
    for (name, text) in BUILT_IN {
        let table: toml::Table = text.parse().unwrap();
        let mut said: Vec<&str> = table.keys().map(String::as_str).collect();
        let mut known = ROLES.map(|(_, name)| name);
        said.sort_unstable();
        known.sort_unstable();
        assert_eq!(said, known, "{name}");
    }
    for (at, (role, _)) in ROLES.iter().enumerate() {
        assert_eq!(*role as usize, at);
    }
}

#[test]
fn auto_is_what_suits_the_terminal() {
    assert_eq!(Themes::load(AUTO, None, ColorSupport::Sixteen).0.current().name, "16-colour");
    assert_eq!(Themes::load(AUTO, None, ColorSupport::Indexed).0.current().name, "dark");
    let (looks, _) = Themes::load("light", None, ColorSupport::None);
    assert!(ROLES.iter().all(|(role, _)| looks.current().style(*role).fg.is_none() && looks.current().style(*role).bg.is_none()));
}

#[test]
fn a_theme_of_ones_own_says_what_differs() {
    let directory = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &[u8]| std::fs::write(directory.path().join(name), text).unwrap();
    put("mine.toml", b"base = 'light'\nerror = { fg = 'bright-red', bold = true }\n");
    put("notes.txt", b"not a theme");
    let (looks, troubles) = Themes::load("mine", Some(directory.path()), ColorSupport::True);
    assert_eq!((troubles, looks.current().name.as_str()), (Vec::new(), "mine"));
    assert_eq!(looks.current().style(Role::Error).fg, Some(Color::LightRed));
    assert_eq!(looks.current().style(Role::Agent), look("light").style(Role::Agent));
    assert_eq!(names(Some(directory.path())), ["auto", "dark", "light", "high-contrast", "16-colour", "mine"]);
}

#[test]
fn a_bad_file_is_told_in_a_line_and_another_theme_is_on() {
    let directory = tempfile::tempdir().unwrap();
    let told = |text: &[u8]| {
        std::fs::write(directory.path().join("bad.toml"), text).unwrap();
        let (looks, troubles) = Themes::load("bad", Some(directory.path()), ColorSupport::True);
        assert_eq!(looks.current().name, "dark");
        let [trouble] = troubles.as_slice() else { panic!("one line: {troubles:?}") };
        assert!(!trouble.contains('\n'), "{trouble}");
        trouble.replace(&directory.path().display().to_string(), "")
    };
    assert_eq!(told(b"\nagnet = {}"), "/bad.toml, line 2: unknown role \"agnet\"; did you mean \"agent\"?");
    assert!(told(b"agent = { fg = 300 }").starts_with("/bad.toml, line 1: 300 is no colour"));
    assert!(told(b"dim = {}\nagent = { fg = 'blau' }").starts_with("/bad.toml, line 2: \"blau\" is no colour"));
    assert!(told(b"agent = { fgg = 3 }").starts_with("/bad.toml, line 1: unknown field `fgg`"));
    assert!(told(b"agent = 3").starts_with("/bad.toml, line 1: invalid type"));
    assert!(told(b"base = 'mine'").starts_with("/bad.toml, line 1: there is no theme \"mine\""));
    assert!(told(b"agent = {").starts_with("/bad.toml, line 1: "));
    assert!(told(b"\xff\xfe").starts_with("can't read the theme /bad.toml: "));
    assert!(told(&vec![b'#'; 70_000]).ends_with("it is larger than 64 KB"));
}
