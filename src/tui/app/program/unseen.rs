//! Output that has left the terminal, and what is kept of it, before anyone can see it. Of a program that writes faster than a terminal can take
//! it, only what can still be read costs time.

/// The bytes that the terminal always takes first: a sequence that an earlier piece began ends in them.
const BEGINNING: usize = 4096;

/// Returns the part of the output that no line of the last `lines` shows, and that changes nothing else: whole lines of plain text.
pub(super) fn range(bytes: &[u8], lines: usize) -> std::ops::Range<usize> {
    let none = 0..0;
    let Some(first) = bytes.iter().skip(BEGINNING).position(|byte| *byte == b'\n') else { return none };
    let from = BEGINNING + first + 1;
    let Some(last) = memchr::memrchr_iter(b'\n', bytes).nth(lines) else { return none };
    let is_plain = |byte: &u8| matches!(byte, b'\n' | b'\r' | b'\t' | b' '..=b'~' | 0x80..);
    // After a line feed alone the column is that of the line before.
    let is_whole = last > from && bytes[last - 1] == b'\r';
    if is_whole && bytes[from..last].iter().all(is_plain) { from..last + 1 } else { none }
}

#[cfg(test)]
mod tests {
    use super::super::{Program, SCROLLBACK};

    /// Returns what the terminal and its kept lines show after the output, taken in pieces.
    fn shown(pieces: &[&[u8]]) -> (String, bool) {
        let mut program = Program::new("x".to_owned());
        for piece in pieces {
            program.receive(piece);
        }
        program.into_output()
    }

    #[test]
    fn what_nobody_can_see_is_left_out_and_the_rest_is_as_if_it_were_not() {
        let lines =
            |count: usize| (0..count).flat_map(|line| format!("{line} é{}\r\n", "x".repeat(line % 90)).into_bytes()).collect::<Vec<u8>>();
        let many = lines(4 * SCROLLBACK);
        let left_out = |bytes: &[u8]| super::range(bytes, SCROLLBACK + 10).len();
        assert!(left_out(&many) > many.len() / 2);
        let part = many.len() * 9 / 10;
        let coloured = [&many[..part], b"\x1b[31m", &many[part..]].concat();
        assert!(left_out(&coloured) > 0 && left_out(&coloured[coloured.len() / 3..]) > 0);
        // Colours before, a title that is not complete, and sequences among what could be left out.
        let red = [b"\x1b[31m".as_slice(), &many].concat();
        let among = [&many[..part / 2], b"\x1b[32mgreen", &many[part / 2..]].concat();
        for output in [&many, &coloured, &red, &among, &lines(100)] {
            let small: Vec<&[u8]> = output.chunks(1000).collect();
            assert!(shown(&[output]) == shown(&small), "{} bytes", output.len());
        }
        let title = [b"\x1b]0;title".as_slice(), &many].concat();
        assert!(shown(&[&title[..5], &title[5..]]) == shown(&title.chunks(1000).collect::<Vec<_>>()));
        assert_eq!(left_out(&among), 0, "a sequence may change what comes later");
        assert_eq!(left_out("staircase\n".repeat(4 * SCROLLBACK).as_bytes()), 0);
    }
}
