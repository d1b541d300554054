//! The values that follow one another in a text, or in a list.

use super::cursor::{Cursor, Token};
use super::{JsonError, Scalar};

/// Visits the values of a text that follow one another, with or without blanks between them.
///
/// # Errors
///
/// Returns an error where a value is invalid, after the visits of the values before it.
pub fn values<'a>(text: &'a [u8], mut visit: impl FnMut(&'a [u8])) -> Result<(), JsonError> {
    let mut cursor = Cursor::new(text);
    while !cursor.is_at_end() {
        visit(value(&mut cursor)?);
    }
    Ok(())
}

/// Visits the items of a list.
///
/// # Errors
///
/// Returns an error where an item is invalid, after the visits of the items before it, or if the text is no list.
pub fn items<'a>(text: &'a [u8], mut visit: impl FnMut(&'a [u8])) -> Result<(), JsonError> {
    let mut cursor = Cursor::new(text);
    let Token::List(_) = cursor.token()? else { return Err(JsonError { at: 0, what: "not a list" }) };
    while cursor.item()? {
        visit(value(&mut cursor)?);
    }
    Ok(())
}

/// Visits the fields of an object, as [`scan`](super::scan) does, with lists and maps that live as long as the text.
///
/// # Errors
///
/// Returns an error for invalid JSON, after the visits of the fields before it.
pub fn fields<'a>(text: &'a [u8], mut visit: impl FnMut(&'a [u8], &'a [u8])) -> Result<(), JsonError> {
    entries(text, |key, value| {
        if let Scalar::Text(key) = key {
            visit(key, value);
        }
    })
}

/// Visits the fields of an object, as [`fields`] does, also those whose names have escapes.
///
/// # Errors
///
/// Returns an error for invalid JSON, after the visits of the fields before it.
pub fn entries<'a>(text: &'a [u8], mut visit: impl FnMut(Scalar<'a>, &'a [u8])) -> Result<(), JsonError> {
    let mut cursor = Cursor::new(text);
    let Token::Map(_) = cursor.token()? else { return Err(JsonError { at: 0, what: "not an object" }) };
    while let Some(key) = cursor.key()? {
        visit(key, value(&mut cursor)?);
    }
    Ok(())
}

/// Skips a value and returns its text.
fn value<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], JsonError> {
    let from = cursor.skip_blanks();
    if let Token::List(_) | Token::Map(_) = cursor.token()? {
        cursor.skip_rest()?;
    }
    Ok(cursor.since(from))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn collected(text: &str) -> (Vec<String>, Option<usize>) {
        let mut found = Vec::new();
        let outcome = values(text.as_bytes(), |value| found.push(String::from_utf8_lossy(value).into_owned()));
        (found, outcome.err().map(|error| error.at))
    }

    #[test]
    fn values_follow_one_another() {
        let text = |parts: &[&str]| parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>();
        assert_eq!(collected(" {\"a\":\n[NaN]}\n{} 5\"x\" "), (text(&["{\"a\":\n[NaN]}", "{}", "5", "\"x\""]), None));
        assert_eq!(collected("{}\n{\"a\" 5}"), (text(&["{}"]), Some(8)));
        assert_eq!(collected(""), (vec![], None));
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(collected(&deep), (vec![deep.clone()], None));
        assert_eq!(collected(&deep[..150_000]).1, Some(150_000));
    }

    #[test]
    fn items_and_fields_are_visited_up_to_an_error() {
        let mut found = Vec::new();
        assert!(items(b"[{\"a\": 1}, [], 2, x]", |item| found.push(item)).is_err());
        assert_eq!(found, [&b"{\"a\": 1}"[..], b"[]", b"2"]);
        let mut found = Vec::new();
        fields(b"{\"a\": {\"b\": [1]}, \"c\": \"d\"}", |name, value| found.push((name, value))).unwrap();
        assert_eq!(found, [(&b"a"[..], &b"{\"b\": [1]}"[..]), (b"c", b"\"d\"")]);
        assert!(items(b"{}", |_| ()).is_err() && fields(b"[]", |_, _| ()).is_err());
    }
}
