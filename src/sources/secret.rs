//! Passwords in texts from outside.

/// Replaces a secret by stars. A secret of a few letters is replaced only as a whole word, because stars within words would reveal it.
pub(super) fn mask(text: &str, secret: &str) -> String {
    const SHORT: usize = 4;
    if secret.len() >= SHORT {
        return text.replace(secret, "***");
    }
    let (mut masked, mut from) = (String::new(), 0);
    for (at, _) in text.match_indices(secret) {
        let in_a_word = |char: Option<char>| char.is_some_and(char::is_alphanumeric);
        let end = at + secret.len();
        if at >= from && !in_a_word(text[..at].chars().next_back()) && !in_a_word(text[end..].chars().next()) {
            masked.push_str(&text[from..at]);
            masked.push_str("***");
            from = end;
        }
    }
    masked + &text[from..]
}
