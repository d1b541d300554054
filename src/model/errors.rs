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

/// The number of words in a row that two texts of one failure share.
const SHARED_WORDS: usize = 3;

/// Returns whether two error messages report the same failure, though one may be wrapped in the other: they share three words in a row, or
/// the shorter one has fewer words and all of them are in the other. Numbers and letter case do not matter. Costs the product of their lengths.
#[must_use]
pub fn is_same(one: &str, other: &str) -> bool {
    let words = |text: &str| -> Vec<String> {
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words.map(|word| if word.bytes().all(|byte| byte.is_ascii_digit()) { "0".to_owned() } else { word.to_lowercase() }).collect()
    };
    let (one, other) = (words(one), words(other));
    let shared = SHARED_WORDS.min(one.len()).min(other.len());
    shared > 0 && one.windows(shared).any(|run| other.windows(shared).any(|words| words == run))
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
    if is_http_status(core, normalized) || core.split('/').all(is_name) {
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

/// Returns whether a word is a name, also one with a version or a date, such as that of a model: `gpt-4o`, `claude-3-5-sonnet-20241022`.
/// It begins with a letter that is no hexadecimal digit's only, and its numbers are short unless a version precedes them.
fn is_name(word: &str) -> bool {
    let mut has_version = false;
    word.split(['-', '.']).enumerate().all(|(at, part)| {
        let digits = part.bytes().filter(u8::is_ascii_digit).count();
        let begins_with_letter = part.starts_with(|c: char| c.is_ascii_alphabetic());
        let is_hexadecimal = part.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_of_name = match (at, digits) {
            (0, 0..=2) => begins_with_letter && !is_hexadecimal,
            (1.., 0) => !part.is_empty(),
            (1.., 1 | 2) => part.len() <= 4,
            (1.., 3 | 4 | 8) => has_version && part.len() <= digits + 1,
            _ => false,
        };
        has_version |= digits > 0;
        is_of_name && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
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
            ("model gpt-4o not found, utf8 only", "model gpt-4o not found, utf8 only"),
            ("no gpt-4.1-mini, o4-mini or llama-3.1-405b", "no gpt-4.1-mini, o4-mini or llama-3.1-405b"),
            ("openai/gpt-4o-2024-08-06: no claude-3-5-sonnet-20241022", "openai/gpt-4o-2024-08-06: no claude-3-5-sonnet-20241022"),
            ("order-12345 of deadbeef-1 after 3-4 tries", "order-* of deadbeef-* after * tries"),
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

    #[test]
    fn a_failure_is_recognized_in_its_wrapper() {
        for (one, other) in [
            ("RuntimeError: tool exploded", "tool exploded"),
            ("Error in agent run: {'error': 'payment gateway refused order 7'}", "Payment gateway refused order 12"),
            ("api_error", "Error code: 500 - {'type': 'api_error'}"),
        ] {
            assert!(is_same(one, other) && is_same(other, one), "{one}");
        }
        for (one, other) in [("quota exceeded", "connection refused"), ("run status: error", "upstream model exploded"), ("", "x")] {
            assert!(!is_same(one, other), "{one}");
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
