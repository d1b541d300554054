//! Error messages that differ only in what varies from one time to the next.

/// `message` with numbers, ids, quoted texts, paths and URLs replaced by `*`, on one line: `Timeout after * ms for *`.
#[must_use]
pub fn normalize(message: &str) -> String {
    let mut folded = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(c) = rest.chars().next() {
        let before = folded.chars().next_back();
        if c.is_whitespace() {
            rest = rest.trim_start();
            if !folded.is_empty() && !rest.is_empty() {
                folded.push(' ');
            }
        } else if let Some(length) = quoted(rest, before) {
            star(&mut folded);
            rest = &rest[length..];
        } else {
            let length =
                rest.find(|c: char| c.is_whitespace() || QUOTES.iter().any(|(open, _)| *open == c && c != '\'')).unwrap_or(rest.len());
            let length = length.max(c.len_utf8());
            word(&rest[..length], &mut folded);
            rest = &rest[length..];
        }
    }
    folded
}

/// Quotes that open, and those that close them.
const QUOTES: [(char, char); 5] = [('"', '"'), ('\'', '\''), ('`', '`'), ('“', '”'), ('‘', '’')];

/// How far a quoted text reaches at most, in bytes: beyond it the quote is a character like others.
const LONGEST: usize = 200;

/// Letters and digits of an id, at least.
const ID: usize = 8;

/// Bytes of the quoted text that `text` begins with. An apostrophe within a word opens nothing.
fn quoted(text: &str, before: Option<char>) -> Option<usize> {
    let open = text.chars().next()?;
    let &(_, close) = QUOTES.iter().find(|(mark, _)| *mark == open)?;
    if open == '\'' && before.is_some_and(char::is_alphanumeric) {
        return None;
    }
    let body = &text[open.len_utf8()..];
    let ends = |&(at, c): &(usize, char)| {
        let behind = body[at + c.len_utf8()..].chars().next();
        c == close && (close != '\'' || behind.is_none_or(|behind| !behind.is_alphanumeric()))
    };
    let (at, _) = body.char_indices().take_while(|(at, _)| *at <= LONGEST).find(ends)?;
    Some(open.len_utf8() + at + close.len_utf8())
}

/// Folds a word, which holds no blank.
fn word(word: &str, folded: &mut String) {
    let core = word.trim_start_matches(['(', '[', '<', '{']);
    folded.push_str(&word[..word.len() - core.len()]);
    let end = core.trim_end_matches([')', ']', '>', '}', ',', ';', ':', '.', '!', '?']).len();
    let (core, tail) = core.split_at(end);
    if is_code(core, folded) {
        folded.push_str(core);
    } else if is_place(core) || is_id(core) {
        star(folded);
    } else {
        parts(core, folded);
    }
    folded.push_str(tail);
}

/// Whether a word is a status of HTTP, going by the one before: `HTTP 404`, `Error code: 429`. It says what happened.
fn is_code(word: &str, before: &str) -> bool {
    let named = before.trim_end().trim_end_matches([':', '=']).rsplit([' ', '_', '-', '(']).next().unwrap_or_default();
    let is_status = word.len() == 3 && matches!(word.as_bytes()[0], b'1'..=b'5') && word.bytes().all(|byte| byte.is_ascii_digit());
    is_status && ["http", "http/*", "code", "status"].iter().any(|name| named.eq_ignore_ascii_case(name))
}

/// Whether a word is a URL or a path.
fn is_place(word: &str) -> bool {
    let bytes = word.as_bytes();
    let drive = bytes.len() > 3 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' && matches!(bytes[2], b'\\' | b'/');
    let rooted = ["/", "./", "../", "~/"].iter().any(|root| word.len() > root.len() && word.starts_with(root));
    word.contains("://") || drive || rooted
}

/// Whether a word is long and mixed of letters and digits, as ids are and no names.
fn is_id(word: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    word.len() >= 2 * ID && digits >= 4 && word.bytes().all(plain)
}

/// Folds the numbers and short ids in a word; what is joined to them by a sign goes with them.
fn parts(word: &str, folded: &mut String) {
    let mut rest = word;
    while let Some(c) = rest.chars().next() {
        if !c.is_ascii_alphanumeric() {
            folded.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        }
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let (part, behind) = rest.split_at(length);
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        if part.bytes().any(|byte| byte.is_ascii_digit()) && part.len() >= ID {
            star(folded);
        } else if digits > 0 {
            // A number with its unit; what follows the day and the time of day in a moment is none.
            let unit = part[digits..].trim_start_matches('T').trim_start_matches(|c: char| c.is_ascii_digit());
            star(folded);
            folded.push_str(if unit == "Z" { "" } else { unit });
        } else {
            folded.push_str(part);
        }
        rest = behind;
    }
}

/// Adds a `*`; numbers that one sign joins, as in a time or an address, are one.
fn star(folded: &mut String) {
    let joined = folded.strip_suffix(['.', ':', ',', '-', '+', '/']).is_some_and(|before| before.ends_with('*'));
    if joined {
        folded.pop();
    } else if !folded.ends_with('*') {
        folded.push('*');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_varies_is_folded_and_what_says_something_is_not() {
        for (message, folded) in [
            ("Timeout after 30 ms for 'alice'", "Timeout after * ms for *"),
            ("Timeout after 1500ms for \"bob's cat\"", "Timeout after *ms for *"),
            ("can't open /var/data/17.db: it's locked", "can't open *: it's locked"),
            ("GET https://api.example.com/v1/x?id=7 -> 503", "GET * -> *"),
            ("no run 3f2b8c1e-aa00-4d5e-9b1f-0123456789ab", "no run *"),
            ("req_8dk3mvp0q refused (deadbeef01)", "req_* refused (*)"),
            ("connect to 127.0.0.1:5432 at 07:59:04.229", "connect to * at *"),
            ("model gpt-4o not found, utf8 only", "model gpt-*o not found, utf8 only"),
            ("ModelProviderError: upstream\n  exploded", "ModelProviderError: upstream exploded"),
            ("KeyError: 'a' and 'b', -3.5 of 1,000", "KeyError: * and *, -* of *"),
            ("C:\\temp\\x.txt: ../up and ~/home missing", "*: * and * missing"),
            ("retry at 2026-11-22T10:00:00Z", "retry at *"),
            ("retry at 2026-11-22T12:00:00.123+00:00, or 2026-11-22 12:00:00", "retry at *, or * *"),
            ("HTTP 502 Bad Gateway after 502 ms", "HTTP 502 Bad Gateway after * ms"),
            ("Error code: 429 - status=500, status_code 404", "Error code: 429 - status=*, status_code 404"),
            ("an \"open quote", "an \"open quote"),
            ("", ""),
        ] {
            assert_eq!(normalize(message), folded, "{message}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_folded_and_numbers_never_matter(text in ".{0,80}", one in 0_u32..9999, other in 0_u32..9999) {
            let _ = normalize(&text);
            prop_assert_eq!(normalize(&format!("failed after {one} tries")), normalize(&format!("failed after {other} tries")));
        }
    }
}
