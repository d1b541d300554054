//! Normalized error messages: messages that differ only in variable parts become equal.

/// Replaces numbers, ids, quoted texts, paths and URLs by `*` and line breaks by blanks: `Timeout after * ms for *`.
#[must_use]
pub fn normalize(message: &str) -> String {
    let mut normalized = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(c) = rest.chars().next() {
        let before = normalized.chars().next_back();
        if c.is_whitespace() {
            rest = rest.trim_start();
            if !normalized.is_empty() && !rest.is_empty() {
                normalized.push(' ');
            }
        } else if let Some(length) = quoted_length(rest, before) {
            push_star(&mut normalized);
            rest = &rest[length..];
        } else {
            let length =
                rest.find(|c: char| c.is_whitespace() || QUOTES.iter().any(|(open, _)| *open == c && c != '\'')).unwrap_or(rest.len());
            let length = length.max(c.len_utf8());
            normalize_word(&rest[..length], &mut normalized);
            rest = &rest[length..];
        }
    }
    normalized
}

/// Opening and closing quotes.
const QUOTES: [(char, char); 5] = [('"', '"'), ('\'', '\''), ('`', '`'), ('“', '”'), ('‘', '’')];

/// The maximum length of a quoted text in bytes. Beyond it, the quote is an ordinary character.
const MAX_QUOTED: usize = 200;

/// The minimum length of an id.
const MIN_ID_LENGTH: usize = 8;

/// Returns the length in bytes of the quoted text at the start of `text`. An apostrophe within a word is not a quote.
fn quoted_length(text: &str, before: Option<char>) -> Option<usize> {
    let open = text.chars().next()?;
    let &(_, close) = QUOTES.iter().find(|(other, _)| *other == open)?;
    if open == '\'' && before.is_some_and(char::is_alphanumeric) {
        return None;
    }
    let body = &text[open.len_utf8()..];
    let is_end = |&(index, c): &(usize, char)| {
        let next = body[index + c.len_utf8()..].chars().next();
        c == close && (close != '\'' || next.is_none_or(|next| !next.is_alphanumeric()))
    };
    let (end, _) = body.char_indices().take_while(|(index, _)| *index <= MAX_QUOTED).find(is_end)?;
    Some(open.len_utf8() + end + close.len_utf8())
}

/// Normalizes a word, which contains no blanks.
fn normalize_word(word: &str, normalized: &mut String) {
    let core = word.trim_start_matches(['(', '[', '<', '{']);
    normalized.push_str(&word[..word.len() - core.len()]);
    let core_length = core.trim_end_matches([')', ']', '>', '}', ',', ';', ':', '.', '!', '?']).len();
    let (core, tail) = core.split_at(core_length);
    if is_http_status(core, normalized) {
        normalized.push_str(core);
    } else if is_path_or_url(core) || is_id(core) {
        push_star(normalized);
    } else {
        normalize_parts(core, normalized);
    }
    normalized.push_str(tail);
}

/// Returns whether a word is an HTTP status according to the word before it: `HTTP 404`, `Error code: 429`. A status is meaningful.
fn is_http_status(word: &str, before: &str) -> bool {
    let label = before.trim_end().trim_end_matches([':', '=']).rsplit([' ', '_', '-', '(']).next().unwrap_or_default();
    let is_status = word.len() == 3 && matches!(word.as_bytes()[0], b'1'..=b'5') && word.bytes().all(|byte| byte.is_ascii_digit());
    is_status && ["http", "http/*", "code", "status"].iter().any(|name| label.eq_ignore_ascii_case(name))
}

/// Returns whether a word is a URL or a path.
fn is_path_or_url(word: &str) -> bool {
    let bytes = word.as_bytes();
    let has_drive = bytes.len() > 3 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' && matches!(bytes[2], b'\\' | b'/');
    let has_root = ["/", "./", "../", "~/"].iter().any(|root| word.len() > root.len() && word.starts_with(root));
    word.contains("://") || has_drive || has_root
}

/// Returns whether a word is long and contains several digits, like an id and unlike a name.
fn is_id(word: &str) -> bool {
    let is_id_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    word.len() >= 2 * MIN_ID_LENGTH && digits >= 4 && word.bytes().all(is_id_byte)
}

/// Replaces the numbers and ids within a word.
fn normalize_parts(word: &str, normalized: &mut String) {
    let mut rest = word;
    while let Some(c) = rest.chars().next() {
        if !c.is_ascii_alphanumeric() {
            normalized.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        }
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let (part, after) = rest.split_at(length);
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        if part.bytes().any(|byte| byte.is_ascii_digit()) && part.len() >= MIN_ID_LENGTH {
            push_star(normalized);
        } else if digits > 0 {
            // Keeps the unit after a number, but not the letters of an ISO 8601 time.
            let unit = part[digits..].trim_start_matches('T').trim_start_matches(|c: char| c.is_ascii_digit());
            push_star(normalized);
            normalized.push_str(if unit == "Z" { "" } else { unit });
        } else {
            normalized.push_str(part);
        }
        rest = after;
    }
}

/// Appends `*`. Numbers joined by a punctuation character, as in a time or an IP address, share one.
fn push_star(normalized: &mut String) {
    let is_joined = normalized.strip_suffix(['.', ':', ',', '-', '+', '/']).is_some_and(|before| before.ends_with('*'));
    if is_joined {
        normalized.pop();
    } else if !normalized.ends_with('*') {
        normalized.push('*');
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn variable_parts_are_replaced_and_meaningful_ones_kept() {
        for (message, normalized) in [
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
            assert_eq!(normalize(message), normalized, "{message}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_normalized_regardless_of_numbers(text in ".{0,80}", one in 0_u32..9999, other in 0_u32..9999) {
            let _ = normalize(&text);
            prop_assert_eq!(normalize(&format!("failed after {one} tries")), normalize(&format!("failed after {other} tries")));
        }
    }
}
