//! Secrets in URLs: they are never shown, and do not belong into the arguments of a program, which other users of the machine can read.

/// What the names of secret parameters of database URLs hold. Those of web addresses may all be secret.
const SECRET_PARAMETERS: [&str; 5] = ["pass", "pwd", "secret", "token", "key"];

/// Returns a URL without passwords and keys: of the user part, the password; of a web address also the name of the user, which may be a
/// token, and the values of all parameters. Other texts are returned as they are.
#[must_use]
pub fn hide_secrets(text: &str) -> String {
    if let Some((before, _)) = connection_string_password(text) {
        // The value may be quoted and hold spaces, so that nothing behind it is shown.
        return format!("{before}=***");
    }
    let Some(Parts { scheme, is_web, authority, path, query }) = split(text) else { return text.to_owned() };
    let authority = match authority.rsplit_once('@') {
        Some((_, host)) if is_web => format!("***@{host}"),
        Some((user, host)) => user.split_once(':').map_or_else(|| authority.to_owned(), |(user, _)| format!("{user}:***@{host}")),
        None => authority.to_owned(),
    };
    let hide = |parameter: &str| match parameter.split_once('=') {
        Some((name, _)) if is_web || is_secret(name) => format!("{name}=***"),
        None if is_web => "***".to_owned(),
        _ => parameter.to_owned(),
    };
    let query = query.map(|query| format!("?{}", query.split('&').map(hide).collect::<Vec<_>>().join("&"))).unwrap_or_default();
    format!("{scheme}://{authority}{path}{query}")
}

/// Whether a text is a URL with a password, or with a parameter that holds one by its name.
#[must_use]
pub fn has_password(text: &str) -> bool {
    if let Some((_, password)) = connection_string_password(text) {
        return !password.trim().is_empty();
    }
    let Some(Parts { authority, query, .. }) = split(text) else { return false };
    let has_user = |user: &str| user.split_once(':').is_some_and(|(_, password)| !password.is_empty());
    let is_password = |parameter: &str| parameter.split_once('=').is_some_and(|(name, value)| is_secret(name) && !value.is_empty());
    authority.rsplit_once('@').is_some_and(|(user, _)| has_user(user)) || query.is_some_and(|query| query.split('&').any(is_password))
}

/// Splits a connection string of libpq, `host=h password=p`, around the equals sign of its password.
fn connection_string_password(text: &str) -> Option<(&str, &str)> {
    let at = text.find("password")?;
    let is_word = at == 0 || text[..at].contains('=') && text[..at].ends_with(char::is_whitespace);
    let value = text[at + "password".len()..].trim_start().strip_prefix('=')?;
    (is_word && !text.contains("://")).then_some((&text[..at + "password".len()], value))
}

struct Parts<'a> {
    scheme: &'a str,
    is_web: bool,
    authority: &'a str,
    path: &'a str,
    query: Option<&'a str>,
}

fn split(text: &str) -> Option<Parts<'_>> {
    let (scheme, rest) = text.split_once("://")?;
    let is_web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    let (place, query) = rest.split_once('?').map_or((rest, None), |(place, query)| (place, Some(query)));
    // A password may hold a slash and an at sign; hosts hold neither.
    let end = if is_web { place.find('/').unwrap_or(place.len()) } else { place.len() };
    let (authority, path) = place.split_at(end);
    Some(Parts { scheme, is_web, authority, path, query })
}

/// Whether the name of a parameter says that its value is secret. Files and modes of libpq have such names, too.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let is_public = ["sslkey", "passfile"].contains(&name.as_str());
    !is_public && SECRET_PARAMETERS.iter().any(|secret| name.contains(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_show_no_secret() {
        for (url, shown) in [
            ("http://u:pw@h:1/x?key=q&a", "http://***@h:1/x?key=***&***"),
            ("https://token@h", "https://***@h"),
            ("https://u:p@w@h/x", "https://***@h/x"),
            ("postgres://u:p/w@h/d?sslmode=require&password=q", "postgres://u:***@h/d?sslmode=require&password=***"),
            ("postgres://u@h/d?sslkey=/a&SSLPASSWORD=q", "postgres://u@h/d?sslkey=/a&SSLPASSWORD=***"),
            ("http://h:4318", "http://h:4318"),
            ("tmp/a@b.db", "tmp/a@b.db"),
            ("host=h password='a b' dbname=d", "host=h password=***"),
            ("password = x", "password=***"),
            ("my password=x.db", "my password=x.db"),
        ] {
            assert_eq!(hide_secrets(url), shown);
        }
    }

    #[test]
    fn a_password_is_noticed() {
        for url in [
            "postgres://u:p@h/d",
            "postgres://u:p/w@h",
            "https://u:p@h/x",
            "http://h/v1?api_key=1",
            "postgres:///d?password=x",
            "user=u password=x",
        ] {
            assert!(has_password(url), "{url}");
        }
        for text in [
            "postgres://u@h/d",
            "postgres://u:@h/d",
            "http://h:4318/a:b@c",
            "http://h?tenant=1&key=",
            "a:b@c",
            "tmp/a.db",
            "@url",
            "user=u password= ",
        ] {
            assert!(!has_password(text), "{text}");
        }
    }
}
