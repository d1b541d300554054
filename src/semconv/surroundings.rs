//! Where a step ran, how its command ended, and which attempt it was.

use super::keys::Field;
use crate::model::{Attribute, Value};

/// The key that counts how often a request was sent again.
const RESENDS: &str = "http.request.resend_count";

/// Returns the directory that a step worked in, as its attributes or those of its resource state it, also under a prefix.
#[must_use]
pub fn directory<'a>(attributes: &'a [Attribute], resource: &'a [Attribute]) -> Option<&'a str> {
    let is = |key: &str, end: &str| key.strip_suffix(end).is_some_and(|before| before.is_empty() || before.ends_with('.'));
    let stated = |end: &&str| {
        attributes.iter().chain(resource).find_map(|(key, value)| match value {
            Value::Text(path) if is(key, end) && !path.trim().is_empty() => Some(path.as_str()),
            _ => None,
        })
    };
    Field::Directory.keys().iter().find_map(stated)
}

/// Returns the exit status of the command that a step ran.
#[must_use]
pub fn exit_status(attributes: &[Attribute]) -> Option<i64> {
    Field::ExitStatus.keys().iter().find_map(|key| whole(attributes, key))
}

/// Returns the number of the attempt that a step was, from 2 on.
#[must_use]
pub fn attempt(attributes: &[Attribute]) -> Option<i64> {
    let resent = whole(attributes, RESENDS).map(|count| count.saturating_add(1));
    Field::Attempt.keys().iter().find_map(|key| whole(attributes, key)).or(resent).filter(|attempt| *attempt > 1)
}

/// Returns the last part of a path.
#[must_use]
pub(super) fn last_part(path: &str) -> &str {
    path.rsplit(['/', '\\']).find(|part| !part.trim().is_empty()).unwrap_or_default()
}

fn whole(attributes: &[Attribute], key: &str) -> Option<i64> {
    match &attributes.iter().find(|(name, _)| name == key)?.1 {
        Value::Int(number) => Some(*number),
        Value::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(key: &str, text: &str) -> Attribute {
        (key.to_owned(), Value::Text(text.to_owned()))
    }

    #[test]
    fn the_directory_is_that_of_the_step_or_of_its_program() {
        let resource = [text("process.working_directory", "/of/program")];
        assert_eq!(directory(&[text("cwd", " ")], &resource), Some("/of/program"));
        assert_eq!(directory(&[text("turn.cwd", "/of/step")], &[]), Some("/of/step"));
        assert_eq!(directory(&[text("working_directory", "/of/step")], &resource), Some("/of/step"));
        assert_eq!(directory(&[text("oldcwd", "/x"), text("workspace_id", "7"), ("cwd".to_owned(), Value::Int(1))], &[]), None);
    }

    #[test]
    fn the_last_part_of_a_path_names_the_project() {
        let parts = ["/home/ann/shop", "/home/ann/shop/", r"C:\work\shop", "shop", "/", ""].map(last_part);
        assert_eq!(parts, ["shop", "shop", "shop", "shop", "", ""]);
    }

    #[test]
    fn exit_statuses_and_attempts_are_whole_numbers() {
        let int = |key: &str, number| (key.to_owned(), Value::Int(number));
        assert_eq!(exit_status(&[int("process.exit.code", 3)]), Some(3));
        assert_eq!(exit_status(&[text("exit_code", "0")]), Some(0));
        assert_eq!(exit_status(&[text("exit_code", "soon")]), None);
        assert_eq!((attempt(&[int("attempt", 1)]), attempt(&[text("attempt", "3")])), (None, Some(3)));
        assert_eq!((attempt(&[int("http.request.resend_count", 1)]), attempt(&[])), (Some(2), None));
    }
}
