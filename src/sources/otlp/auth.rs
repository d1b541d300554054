//! Who may send: the token, and web pages.

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HeaderValue, ORIGIN};

use super::response::Rejection;

/// What a request must bear, and what it must not.
#[derive(Clone, Debug, Default)]
pub(super) struct AccessPolicy {
    /// The token that every request must bear, if there is one.
    pub(super) token: Option<String>,
    /// Origins of web pages that may send; `*` stands for all.
    pub(super) origins: Vec<String>,
}

impl AccessPolicy {
    /// Lets a request in, or says why not. The origin that is given back is one that may read the answer.
    pub(super) fn admit<'a>(&self, headers: &'a HeaderMap) -> Result<Option<&'a HeaderValue>, Rejection> {
        let origin = self.origin(headers)?;
        if let Some(token) = &self.token {
            let stated = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
            let (scheme, stated) = stated.split_at_checked("Bearer ".len()).unwrap_or_default();
            if !scheme.eq_ignore_ascii_case(b"bearer ") || !equal(stated, token.as_bytes()) {
                return Err(Rejection::Token);
            }
        }
        Ok(origin)
    }

    /// Looks at the origin alone: a browser asks whether it may send before it sends, and bears no token then.
    pub(super) fn origin<'a>(&self, headers: &'a HeaderMap) -> Result<Option<&'a HeaderValue>, Rejection> {
        let Some(origin) = headers.get(ORIGIN) else { return Ok(None) };
        let allowed = |allowed: &String| allowed == "*" || allowed.trim_end_matches('/').as_bytes().eq_ignore_ascii_case(origin.as_bytes());
        if self.origins.iter().any(allowed) {
            return Ok(Some(origin));
        }
        Err(Rejection::Origin(String::from_utf8_lossy(origin.as_bytes()).into_owned()))
    }
}

/// Compares in a time that does not tell how much of it is right.
fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_token_must_be_the_token() {
        let door = AccessPolicy { token: Some("s3cret".to_owned()), origins: Vec::new() };
        assert!(door.admit(&headers(&[("authorization", "Bearer s3cret")])).is_ok());
        assert!(door.admit(&headers(&[("authorization", "bearer s3cret")])).is_ok());
        for wrong in ["Bearer s3cre", "Bearer s3cret ", "Basic s3cret", "s3cret", "", "Bearer"] {
            assert_eq!(door.admit(&headers(&[("authorization", wrong)])), Err(Rejection::Token), "{wrong}");
        }
        assert_eq!(door.admit(&HeaderMap::new()), Err(Rejection::Token));
    }

    #[test]
    fn web_pages_stay_out_unless_allowed() {
        let page = headers(&[("origin", "http://localhost:3000")]);
        assert!(matches!(AccessPolicy::default().admit(&page), Err(Rejection::Origin(_))));
        assert!(matches!(AccessPolicy::default().admit(&headers(&[("origin", "null")])), Err(Rejection::Origin(_))));
        for allowed in ["http://localhost:3000/", "*"] {
            let door = AccessPolicy { token: None, origins: vec![allowed.to_owned()] };
            assert_eq!(door.admit(&page).unwrap().unwrap(), "http://localhost:3000");
        }
        let door = AccessPolicy { token: None, origins: vec!["http://localhost:300".to_owned()] };
        assert!(door.admit(&page).is_err());
    }
}
