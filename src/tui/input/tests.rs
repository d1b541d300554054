use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEventKind};

use super::*;

/// Parses chunks, and gives up what is left after each if `is_slow`.
fn parse_chunks(chunks: &[&[u8]], is_slow: bool) -> Vec<Input> {
    let (mut parser, mut parsed) = (Parser::default(), VecDeque::new());
    for chunk in chunks {
        parser.parse(chunk, &mut parsed);
        if is_slow {
            parser.give_up(&mut parsed);
        }
    }
    parser.give_up(&mut parsed);
    parsed.into()
}

fn parse(bytes: &[u8]) -> Vec<Input> {
    parse_chunks(&[bytes], false)
}

fn key(code: KeyCode, modifiers: KeyModifiers) -> Input {
    Input::Event(Event::Key(KeyEvent::new(code, modifiers)))
}

fn plain(c: char) -> Input {
    key(KeyCode::Char(c), KeyModifiers::NONE)
}

#[test]
fn keys_of_every_encoding() {
    use KeyModifiers as M;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    for (bytes, code, modifiers) in [
        (&b"j"[..], KeyCode::Char('j'), M::NONE),
        (b"J", KeyCode::Char('J'), M::SHIFT),
        ("é".as_bytes(), KeyCode::Char('é'), M::NONE),
        ("谢".as_bytes(), KeyCode::Char('谢'), M::NONE),
        (b"\x03", KeyCode::Char('c'), M::CONTROL),
        (b"\x00", KeyCode::Char(' '), M::CONTROL),
        (b"\r", KeyCode::Enter, M::NONE),
        (b"\n", KeyCode::Char('j'), M::CONTROL),
        (b"\t", KeyCode::Tab, M::NONE),
        (b"\x7f", KeyCode::Backspace, M::NONE),
        (b"\x1b", KeyCode::Esc, M::NONE),
        (b"\x1bx", KeyCode::Char('x'), M::ALT),
        ("\u{1b}é".as_bytes(), KeyCode::Char('é'), M::ALT),
        (b"\x1b]", KeyCode::Char(']'), M::ALT),
        (b"\x1b[", KeyCode::Char('['), M::ALT),
        (b"\x1bO", KeyCode::Char('O'), M::ALT.union(M::SHIFT)),
        (b"\x1b[A", KeyCode::Up, M::NONE),
        (b"\x1bOB", KeyCode::Down, M::NONE),
        (b"\x1b[1;5C", KeyCode::Right, M::CONTROL),
        (b"\x1b[1;4D", KeyCode::Left, M::SHIFT.union(M::ALT)),
        (b"\x1b[Z", KeyCode::BackTab, M::SHIFT),
        (b"\x1bOP", KeyCode::F(1), M::NONE),
        (b"\x1b[[E", KeyCode::F(5), M::NONE),
        (b"\x1b[15~", KeyCode::F(5), M::NONE),
        (b"\x1b[24;2~", KeyCode::F(12), M::SHIFT),
        (b"\x1b[5~", KeyCode::PageUp, M::NONE),
        (b"\x1b[7~", KeyCode::Home, M::NONE),
        (b"\x1b[3~", KeyCode::Delete, M::NONE),
    ] {
        assert_eq!(parse(bytes), [key(code, modifiers)], "{:?}", text(bytes));
        let each: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(parse_chunks(&each, false), [key(code, modifiers)], "{:?} byte by byte", text(bytes));
    }
    assert_eq!(parse(b"\x1b\x1b[A"), [key(KeyCode::Esc, M::NONE), key(KeyCode::Up, M::NONE)]);
    assert_eq!(parse_chunks(&[b"\x1b", b"j"], true), [key(KeyCode::Esc, M::NONE), plain('j')]);
}

#[test]
fn mouse_events_in_both_encodings() {
    for bytes in [&b"\x1b[<0;10;3M"[..], b"\x1b[M\x20\x2a\x23"] {
        let [Input::Event(Event::Mouse(mouse))] = parse(bytes)[..] else { panic!("{bytes:?}") };
        assert_eq!((mouse.kind, mouse.column, mouse.row), (MouseEventKind::Down(MouseButton::Left), 9, 2));
    }
    let kinds = |bytes: &[u8]| match parse(bytes)[..] {
        [Input::Event(Event::Mouse(mouse))] => Some(mouse.kind),
        _ => None,
    };
    assert_eq!(kinds(b"\x1b[<65;1;1M"), Some(MouseEventKind::ScrollDown));
    assert_eq!(kinds(b"\x1b[<0;1;1m"), Some(MouseEventKind::Up(MouseButton::Left)));
    assert_eq!([&b"\x1b[<0;0;0M"[..], b"\x1b[<0;1M", b"\x1b[<;;M"].map(kinds), [None; 3]);
}

#[test]
fn answers_are_no_keys() {
    for (answer, expected) in [
        (&b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\"[..], vec![Input::Background(Background::Light)]),
        (b"\x1b]11;rgb:00/2b/36\x07", vec![Input::Background(Background::Dark)]),
        (b"\x1b]11;rgba:f/f/f/f\x07", vec![Input::Background(Background::Light)]),
        (b"\x1b]11;#fdf6e3\x07", vec![Input::Background(Background::Light)]),
        (b"\x1b[?997;1n", vec![Input::Scheme(Background::Dark)]),
        (b"\x1b[?997;2n", vec![Input::Scheme(Background::Light)]),
        (b"\x1b[?62;22c", vec![Input::Answered]),
        (b"\x1b]11;rgb:zz/0/0\x07", vec![]),
        (b"\x1b]11;rgb:+f/0/0\x07", vec![]),
        ("\u{1b}]11;#é\u{7}".as_bytes(), vec![]),
        (b"\x1b]10;rgb:0/0/0\x07", vec![]),
        (b"\x1bP1$r0m\x1b\\", vec![]),
        (b"\x1b_Gi=1;OK\x1b\\", vec![]),
        (b"\x1b[24;80R", vec![]),
        (b"\x1b[I", vec![]),
        (b"\x1b[>1;2;3c", vec![]),
    ] {
        let mut input = answer.to_vec();
        input.push(b'j');
        let mut expected = expected;
        expected.push(plain('j'));
        let text = String::from_utf8_lossy(answer).into_owned();
        assert_eq!(parse(&input), expected, "{text:?}");
        let each: Vec<&[u8]> = input.chunks(1).collect();
        assert_eq!(parse_chunks(&each, false), expected, "{text:?} byte by byte");
        // Whatever part of it is late.
        for at in 3..answer.len() {
            assert_eq!(parse_chunks(&[&input[..at], &input[at..]], true), expected, "{text:?} in two parts");
        }
    }
}

#[test]
fn an_unfinished_sequence_holds_no_keys_back_for_long() {
    let long = [b"\x1b]11;".to_vec(), vec![b'f'; 1000], b"j".to_vec()].concat();
    assert_eq!(parse(&long).last(), None);
    assert_eq!(parse_chunks(&[&long, b"k"], true), [plain('k')]);
    assert_eq!(parse_chunks(&[b"\x1b]jj", b"\r", b"k"], true), [key(KeyCode::Enter, KeyModifiers::NONE), plain('k')]);
    assert_eq!(parse_chunks(&[b"\x1b[5\x1b[A"], true), [key(KeyCode::Up, KeyModifiers::NONE)]);
}

#[test]
fn pasted_text_is_one_event() {
    let pasted = |text: &str| vec![Input::Event(Event::Paste(text.to_owned())), plain('j')];
    let bytes = "\u{1b}[200~a é\n\u{1b}[A\u{1b}[201~j".as_bytes();
    assert_eq!(parse(bytes), pasted("a é\n\u{1b}[A"));
    let each: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(parse_chunks(&each, false), pasted("a é\n\u{1b}[A"));
    let large = "x".repeat(3 << 20);
    let bytes = format!("\u{1b}[200~{large}\u{1b}[201~j");
    let chunks: Vec<&[u8]> = bytes.as_bytes().chunks(4096).collect();
    assert_eq!(parse_chunks(&chunks, true), pasted(&large[..1 << 20]));
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_parsed_whole(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
        let (mut parser, mut parsed) = (Parser::default(), VecDeque::new());
        parser.parse(&bytes, &mut parsed);
        // The end of any string, then a key.
        parser.parse(b"\x1b[201~\x07", &mut parsed);
        parser.parse(b"\x1b\\\x1b\\", &mut parsed);
        parser.give_up(&mut parsed);
        parser.parse(b"AAAAq", &mut parsed);
        parser.give_up(&mut parsed);
        proptest::prop_assert_eq!(parsed.back(), Some(&plain('q')));
    }
}
