//! Access control: the bearer token and the origins of web pages.

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HeaderValue, ORIGIN};
use subtle::ConstantTimeEq;

use super::options::Options;
use super::response::Rejection;

impl Options {
    /// Checks the bearer token, in constant time.
    pub(super) fn check_token(&self, headers: &HeaderMap) -> Result<(), Rejection> {
        let Some(token) = &self.token else { return Ok(()) };
        let value = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
        // Headers in an environment variable are percent-encoded, and some exporters send them as they are there.
        let with_scheme = |scheme: &str| {
            let (begin, credentials) = value.split_at_checked(scheme.len())?;
            begin.eq_ignore_ascii_case(scheme.as_bytes()).then_some(credentials)
        };
        let credentials = with_scheme("Bearer ").or_else(|| with_scheme("Bearer%20"));
        let is_allowed = credentials.is_some_and(|credentials| bool::from(credentials.ct_eq(token.as_bytes())));
        if is_allowed { Ok(()) } else { Err(Rejection::Unauthenticated) }
    }

    /// Checks the origin and returns it, if the request has one. A CORS preflight has an origin, but no token.
    pub(super) fn check_origin<'a>(&self, headers: &'a HeaderMap) -> Result<Option<&'a HeaderValue>, Rejection> {
        let Some(origin) = headers.get(ORIGIN) else { return Ok(None) };
        let matches = |allowed: &String| allowed == "*" || allowed.trim_end_matches('/').as_bytes().eq_ignore_ascii_case(origin.as_bytes());
        if self.origins.iter().any(matches) {
            return Ok(Some(origin));
        }
        Err(Rejection::ForbiddenOrigin(String::from_utf8_lossy(origin.as_bytes()).into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn only_the_exact_token_is_accepted() {
        let policy = Options { token: Some("s3cret".to_owned()), ..Options::default() };
        assert!(policy.check_token(&headers(&[("authorization", "Bearer s3cret")])).is_ok());
        assert!(policy.check_token(&headers(&[("authorization", "bearer s3cret")])).is_ok());
        assert!(policy.check_token(&headers(&[("authorization", "Bearer%20s3cret")])).is_ok());
        for wrong in ["Bearer%20", "Bearer%20s3cre", "Bearer s3cre", "Bearer s3cret ", "Basic s3cret", "s3cret", "", "Bearer"] {
            assert_eq!(policy.check_token(&headers(&[("authorization", wrong)])), Err(Rejection::Unauthenticated), "{wrong}");
        }
        assert_eq!(policy.check_token(&HeaderMap::new()), Err(Rejection::Unauthenticated));
    }

    #[test]
    fn web_pages_are_rejected_unless_their_origin_is_allowed() {
        let page = headers(&[("origin", "http://localhost:3000")]);
        assert!(matches!(Options::default().check_origin(&page), Err(Rejection::ForbiddenOrigin(_))));
        assert!(matches!(Options::default().check_origin(&headers(&[("origin", "null")])), Err(Rejection::ForbiddenOrigin(_))));
        for allowed in ["http://localhost:3000/", "*"] {
            let policy = Options { origins: vec![allowed.to_owned()], ..Options::default() };
            assert_eq!(policy.check_origin(&page).unwrap().unwrap(), "http://localhost:3000");
        }
        let policy = Options { origins: vec!["http://localhost:300".to_owned()], ..Options::default() };
        assert!(policy.check_origin(&page).is_err());
    }
}
