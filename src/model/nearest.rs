//! "Did you mean …?"

/// Returns the candidate that `name` most likely misspells, ignoring case; `None` if no candidate is similar.
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let (name, length) = (name.to_lowercase(), name.chars().count());
    let distance = |candidate: &str| strsim::damerau_levenshtein(&name, &candidate.to_lowercase());
    let (distance, candidate) = candidates.into_iter().map(|candidate| (distance(candidate), candidate)).min()?;
    (distance <= 1 + length / 3 && distance < length).then_some(candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_name_has_a_nearest_candidate() {
        let candidates = ["status", "session", "since", "Up"];
        for (name, expected) in [
            ("staus", Some("status")),
            ("Status", Some("status")),
            ("sesions", Some("session")),
            ("sicne", Some("since")),
            ("UP", Some("Up")),
            ("colour", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, candidates), expected, "{name:?}");
        }
    }
}
