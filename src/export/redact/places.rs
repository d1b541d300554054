//! Places where a secret stands: behind a name, in a header, in a URL, on a command line. And which values there are none.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::keys::is_wordy;

/// What tells a secret from another text in the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// Nothing: every value is a secret.
    None,
    /// It does not consist of words.
    Key,
    /// It is an e-mail address, not the `git@host` of a repository.
    Email,
    /// It looks like what follows `Bearer` or `Basic` in a header.
    Token,
    /// It is not a text of several words.
    Header,
    /// It is a value, not an option of `fetch`.
    Quoted,
    /// It is a value, not a type, a placeholder, an expression or the next word of a sentence.
    Value,
    /// It is not a directory.
    NotPath,
    /// It is not a port or the id of a user.
    NotNumber,
}

/// Patterns of three groups: the text before a secret, the secret, and the text after it. `ESCAPE` is an escape of JSON, whose last letter
/// would otherwise be the first one of the secret; `NAME` is the name of a secret, `NAMED` a name up to its value, and `VALUE` a value without
/// quotes.
pub(super) const PLACES: &[(&str, Check)] = &[
    // Passwords in URLs. Those of databases and servers are often written without percent signs.
    (
        r#"((?i-u:postgres(?:ql)?|mysql|mariadb|mongodb|rediss?|valkeys?|amqps?|mssql|sqlserver|oracle|clickhouse|cockroachdb|snowflake|neo4j|bolt|s?ftps?|smtps?|ldaps?|mqtts?|nats|kafka)(?-u:\+[A-Za-z0-9_.+-]+)?://[^/\s:@"'\\]*:)([^\s"'\\<>]+)(@)"#,
        Check::NotNumber,
    ),
    (r#"(://[^/\s:@"'\\]*:)([^/\s"'\\]+)(@)"#, Check::NotNumber),
    (r"(ESCAPE)([A-Za-z0-9_.%+-]*@[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.[A-Za-z]{2,})()", Check::Email),
    (r"()([A-Za-z0-9_.%+-]+@[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.[A-Za-z]{2,})()", Check::Email),
    (r#"((?i-u:authorization)\\*["']?[ \t]*(?:=>|[:=])[ \t]*\\*["']?)([^"'\\\r\n,}]+)()"#, Check::Header),
    (r"((?i-u:(?:\b|ESCAPE)(?:bearer|basic|apikey|ssws)[ \t]+))([A-Za-z0-9._~+/=-]{8,})()", Check::Token),
    // In quotes, up to the closing quote: plain, inside JSON text, and deeper, where escapes are not followed.
    (r#"(NAMED(?:"")?")((?s:\\.|[^"\\])+)()"#, Check::Quoted),
    (r#"(NAMED(?:'')?')((?s:\\.|[^"'\\])+)()"#, Check::Quoted),
    (r#"(NAMED`)((?s:\\.|[^"`\\])+)()"#, Check::Quoted),
    (r#"(NAMED\\")((?s:\\\\(?:\\.|[^"\\])|[^"\\])+)()"#, Check::Quoted),
    (r#"(NAMED(?:\\'|\\{2,}["']))([^"'\\]+)()"#, Check::Quoted),
    // Pairs: ('x-api-key', 'value'), ["authorization", "value"], {"name": "x-api-key", "value": "value"}.
    (
        r#"(\([ \t]*b?\\*["'][A-Za-z0-9_-]*(?i-u:NAME|authorization)\\*["'][ \t]*,[ \t]*b?\\*["'])([^"'\\]+)(\\*["'][ \t]*\))"#,
        Check::Quoted,
    ),
    (
        r#"(\[[ \t]*\\*["'](?i-u:(?:proxy-)?authorization|(?:set-)?cookie|[a-z-]*-(?:key|token|secret))\\*["'][ \t]*,[ \t]*\\*["'])([^"'\\]+)(\\*["'][ \t]*\])"#,
        Check::None,
    ),
    (
        r#"((?i-u:\\*["']?(?:name|key)\\*["']?[ \t]*:[ \t]*\\*["'][a-z0-9_-]*(?:NAME|authorization)\\*["'][ \t]*,[ \t]*\\*["']?value\\*["']?[ \t]*:[ \t]*\\*["']))([^"'\\]+)()"#,
        Check::Quoted,
    ),
    (
        r#"((?i-u:api[_-]?key|password|passwd|passphrase|client[_-]?secret|secret[_-]?key|(?:access|auth|refresh|id|session|bearer|api|security)[_-]?token|(?:access|private|account|signing|encryption|master|subscription|functions?)[_-]?key|shared[_-]?access[_-]?key)\\*["']?\]?(?:[ \t]+is)?[ \t]*(?:=>|:=|[:=])[ \t]*)VALUE()"#,
        Check::Value,
    ),
    (r"((?i-u:(?:\b|_|ESCAPE)(?:pwd|passcode))[ \t]*=[ \t]*)VALUE()", Check::NotPath),
    (r"((?-u:[A-Z0-9]_(?:PASS|SECRET|CREDENTIALS?))[ \t]*=[ \t]*)VALUE()", Check::Value),
    (r"((?i-u:secret)[ \t]*=[ \t]*)VALUE()", Check::Value),
    (
        r#"((?i-u:\bmy[ \t]+(?:api[ _-]?key|password|passwd|passphrase|token|secret)[ \t]+is[ \t]+)\\*["']?)([^\s"'`\\,;&}\])\[:=][^\s"'`\\,;&}\])]*)()"#,
        Check::Value,
    ),
    (
        r#"((?i-u:\b(?:the|your|our|this|its|their|his|her)[ \t]+(?:[a-z]+[ \t]+)?(?:api[ _-]?key|password|passwd|passphrase|client[ _-]?secret|secret|(?:access|auth|bearer|api)[ _-]?token|token)[ \t]+is[ \t]+)\\*["']?)([^\s"'`\\,;&}\])\[:=]*[A-Za-z][^\s"'`\\,;&}\])]{3,})()"#,
        Check::Key,
    ),
    // Passwords in other languages, names of two words, and a colon of full width.
    (
        r#"((?i:passwort|kennwort|contraseña|senha|mot de passe|пароль|密码|密碼|口令|パスワード|비밀번호|(?:api|access|secret|auth) (?:key|token))\\*["']?[ \t]*(?:[:=]|：)[ \t]*\\*["']?)([^\s"'`\\,;&}\])：]{6,})()"#,
        Check::Key,
    ),
    (r#"((?i-u:NAME)\\*["']?[ \t]*：[ \t]*\\*["']?)([^\s"'`\\,;&}\])：]{6,})()"#, Check::Key),
    // Rows of tables, YAML lists of names and values.
    (r"(\|[ \t]*(?i-u:[a-z0-9_ -]*(?:NAME))[ \t]*\|[ \t]*)([^\s|]{8,})([ \t]*\|)", Check::Key),
    (
        r#"(\b(?i-u:name:[ \t]*\\*["']?[a-z0-9_-]*(?:NAME)\\*["']?[ \t]*(?:\r?\n|\\n)[ \t]*value:[ \t]*\\*["']?))([^\s"'\\]+)()"#,
        Check::Value,
    ),
    // JSON web keys, and Wi-Fi.
    (r#"(\\*"(?:d|p|q|dp|dq|qi|k)\\*"[ \t]*:[ \t]*\\*")([A-Za-z0-9_-]{40,})()"#, Check::Key),
    // XML: elements, and pairs of attributes.
    (r"(<(?i-u:[a-z0-9_.:-]*(?:NAME))>)([^<>\r\n]+)(</)", Check::Value),
    (r#"((?i-u:(?:name|key)=\\*["'][a-z0-9_.:-]*(?:NAME)\\*["'][ \t]+value=\\*["']))([^"'\\<>]+)()"#, Check::Quoted),
    // Forms and queries that are encoded once more.
    (r"((?i-u:(?:NAME)%3d))((?i-u:[a-z0-9._~+-]|%(?:2[0-57-9a-f]|[013-9a-f][0-9a-f]))+)()", Check::Value),
    // Command lines.
    (
        r#"((?i-u:--(?:[a-z-]+-)?(?:api-?key|access-?key|secret-?key|password|passwd|passphrase|token|secret)(?:[ \t]+|=)\\*["']?))([^\s"'`\\,;&}\])-][^\s"'`\\,;&}\])]*)()"#,
        Check::Value,
    ),
    (
        r#"((?i-u:\bcurl\b)[^\r\n|;]{0,300}?[ \t](?:-u|--user|--proxy-user)[ \t=]*\\*["']?[^\s:"'\\]*:)(/?[^\s"'\\/][^\s"'\\]*)()"#,
        Check::NotNumber,
    ),
    (r#"((?i-u:\b(?:mysql(?:dump|admin)?|mariadb(?:-dump)?)\b)[^\r\n|;]{0,200}?[ \t]-p)([^\s"'\\]+)()"#, Check::None),
    (
        r#"((?:(?i-u:\bsshpass)[ \t]+-p[ \t]*|(?i-u:\bredis-cli\b)[^\r\n|;]{0,200}?[ \t]-a[ \t]+|(?i-u:\b(?:docker|podman|nerdctl|buildah|skopeo|oras|az|registry)[ \t]+login\b)[^\r\n|;]{0,200}?[ \t]-p[ \t]+|(?i-u:\bldap[a-z]+\b)[^\r\n|;]{0,200}?[ \t]-w[ \t]+|\bzip\b[^\r\n|;]{0,200}?[ \t]-P[ \t]+|[ \t]-pass(?:in|out)?[ \t]+pass:|\bhtpasswd[ \t]+-[A-Za-z]*b[A-Za-z]*[ \t]+\S+[ \t]+\S+[ \t]+|\bmc[ \t]+alias[ \t]+set[ \t]+\S+[ \t]+\S+[ \t]+\S+[ \t]+|\b(?:smbclient|rpcclient)\b[^\r\n|;]{0,200}?[ \t]-U[ \t]*[^\s%]*%)\\*["']?)([^\s"'\\]+)()"#,
        Check::None,
    ),
    (r"((?i-u:\baws_(?:secret_access_key|session_token)[ \t]+))([A-Za-z0-9/+=]{16,})()", Check::Key),
    (
        r#"((?:\bopenssl\b[^\r\n|;]{0,200}?[ \t]-[kK][ \t]+|\bvault[ \t]+login[ \t]+|\bgh[ \t]+secret[ \t]+set\b[^\r\n|;]{0,200}?[ \t](?:-b|--body)[ \t=]+|\b(?:sqlcmd|bcp|osql)\b[^\r\n|;]{0,200}?[ \t]-P[ \t]+|\bnet[ \t]+use\b[^\r\n|;]{0,200}?[ \t]/user:\S+[ \t]+)\\*["']?)([^\s"'\\<-][^\s"'\\]*)()"#,
        Check::Key,
    ),
    (r#"(\b(?:ENV|(?i-u:setx|setenv|config:set))[ \t]+(?-u:[A-Z0-9_]*)(?i-u:NAME)[ \t]+\\*["']?)([^\s"'\\=]+)()"#, Check::Value),
    // Arguments in a list: ["--password", "value"].
    (
        r#"(["']--?(?i-u:(?:[a-z-]+-)?(?:api-?key|access-?key|secret-?key|password|passwd|passphrase|token|secret))\\*["'][ \t]*,\s*\\*["'])([^"'\\]+)()"#,
        Check::Quoted,
    ),
    // The files of credentials of FTP and PostgreSQL.
    (r"(\b(?:machine\s+\S+|default)\s+login\s+\S+\s+password\s+)(\S+)()", Check::Value),
    (r#"((?:^|[\s"'])[A-Za-z0-9_.*-]+:(?:5432|5433|6432|\*):[A-Za-z0-9_*-]+:[A-Za-z0-9_.@-]+:)([^\s:"'\\]+)()"#, Check::None),
    (r#"(\bresponse=\\*")([A-Za-z0-9+/=]{14,})(\\*")"#, Check::Key),
    // The signature of a shared access URL, and the code of a sign-in or of a function.
    (r"((?i-u:[?&;](?:sig|[a-z-]*signature)=))([A-Za-z0-9%+/=_-]{20,})()", Check::None),
    (r"((?i-u:[?&;]key=))([A-Za-z0-9_-]{24,})()", Check::Key),
    (r"((?i-u:[?&;]code=))([A-Za-z0-9%+/=_.-]{40,})()", Check::Key),
    // The password in the address of an Oracle database.
    (r#"((?i-u:jdbc:oracle:[a-z]+:)[^/\s@"'\\]+/)([^\s@"'\\]+)(@)"#, Check::None),
    // Keys in the environment, of services that are not known.
    (r"((?i-u:\b[a-z_]*(?:ssh|become|sudo|db|user|admin|root|smtp|mail|ftp|proxy|login)_pass)[ \t]*=[ \t]*)VALUE()", Check::Value),
    (r"((?-u:\b[A-Z0-9_]*(?:SECRET|PASSWORD|APIKEY|API_KEY)_[A-Z0-9_]+)[ \t]*=[ \t]*)([A-Za-z0-9+=_-][A-Za-z0-9/+=_-]{15,})()", Check::Key),
    (r"((?-u:[A-Z0-9]_(?:KEY|PAT|PW))[ \t]*=[ \t]*)([A-Za-z0-9+/=_-]{16,})()", Check::Key),
    // A token, but not a count of tokens, which is a number, nor prose, which has words after a colon.
    (r#"((?i-u:token)\\*["']?\]?[ \t]*=[ \t]*)([0-9.]*[^\s"'`\\,;&}\])0-9.][^\s"'`\\,;&}\])]*)()"#, Check::Value),
    (r#"((?i-u:token|\bsecret)[ \t]*:[ \t]*)((?:[A-Za-z_.~+/=-]+[0-9]|[0-9]+[A-Za-z_~+/=-])[^\s"'`\\,;&}\])]{4,})()"#, Check::None),
    // Cookies, up to the end of the line or the closing quote.
    (r#"((?i-u:cookie)[ \t]*:[ \t]*)([A-Za-z0-9_.%-]+=[^"'\\\r\n]+)()"#, Check::None),
];

/// An escape of JSON.
pub(super) const ESCAPE: &str = r"(?-u:\\(?:[bfnrt]|u[0-9A-Fa-f]{4}))";

/// The name of a secret in a text.
pub(super) const NAME: &str = r"api[_-]?key|password|passwd|passphrase|passcode|(?:\b|_)(?:pwd|pass)|[a-z0-9]pwd|secret(?:[_-]?key|(?:[_-][a-z]+)*)|token|cookie|jwt|credentials?|(?:access|private|account|signing|encryption|decryption|master|subscription|functions?|auth|admin|ssh|hmac|storage|license|activation)[_-]?key|shared[_-]?access[_-]?signature|connection[_-]?string|(?:\b|_)(?:otp|pw|bearer|psk)|mnemonic|seed[_-]?phrase|recovery[_-]?codes?|security[_-]?answer";

/// A name up to its value, which is in quotes.
///
/// Between them may stand a type (`password: str = "…"`), a wrapper (`SecretStr("…")`) or the beginning of a list.
pub(super) const NAMED: &str = r#"(?i-u:NAME)\\*["']?\]?(?:[ \t]+is)?[ \t]*(?:=>|:=|:(?:[ \t]*[A-Za-z_][A-Za-z0-9_.|\[\] ]{0,40}=)?|={1,3})[ \t]*(?:(?:[A-Za-z]+\.)?(?:SecretStr|SecretBytes|SecretString|Secret|String|str|bytes)\(|\[)?[ \t]*[bfru]?"#;

/// A value without quotes.
pub(super) const VALUE: &str = r#"([^\s"'`\\,;&}\])]+)"#;

/// Names of attributes whose values are always redacted. The shorter words must be separated by a character or begin with a capital.
pub(super) const NAMES: &str = r"(?i)(?:authorization|api[_-]?key|passw(?:or)?d|passphrase|passcode|(?:access|secret|private|account|signing|encryption|subscription|admin|ssh|hmac|storage)[_-]?key|connection[_-]?string|client[_-]?secret|set-cookie|(?:^|[._-])(?:pwd|pass|jwt|secret|token|(?:access|auth|refresh|id|session|bearer|api)[_-]?token|cookie|credentials?)|(?-i:[a-z0-9](?:Secret|Token|Cookie|Credentials?|Pwd)))$";

/// Words that stand for a type, or for nothing, where a value would be.
const NO_VALUES: [&str; 28] = [
    "string",
    "str",
    "bytes",
    "number",
    "int",
    "bool",
    "boolean",
    "any",
    "object",
    "optional",
    "required",
    "none",
    "null",
    "nil",
    "undefined",
    "true",
    "false",
    "empty",
    "missing",
    "invalid",
    "expired",
    "wrong",
    "incorrect",
    "correct",
    "not",
    "too",
    "secretstr",
    "redacted",
];

impl Check {
    /// Returns whether `value` is a secret, between the texts `before` and `after`.
    pub(super) fn holds(self, before: &str, value: &str, after: &str) -> bool {
        match self {
            Self::None => true,
            Self::Key => !is_wordy(value),
            Self::Email => !(value.starts_with("git@") && after.starts_with([':', '/'])),
            Self::Token => !is_wordy(value.trim_end_matches(['.', '='])) || is_basic(value),
            Self::Header => value.trim().is_empty() || !value.split_whitespace().all(is_wordy),
            Self::Quoted => !matches!(value, "include" | "omit" | "same-origin") && !is_mark(value),
            // A letter before a quote is a prefix of the quoted text, which other rules see.
            Self::Value if value.len() == 1 && after.starts_with(['"', '\'']) => false,
            Self::Value => !is_placeholder(value) && !is_same_name(before, value) && !continues(before, value, after),
            Self::NotPath => !value.starts_with(['/', '~', '.', '$']) && value.as_bytes().get(1).is_none_or(|byte| *byte != b':'),
            Self::NotNumber => {
                let rest = value.trim_start_matches(|c: char| c.is_ascii_digit());
                rest.len() == value.len() || !(rest.is_empty() || rest.starts_with(['/', '?', '#']))
            }
        }
    }
}

/// Whether a text is what `Basic` is followed by: a name and a password in base64.
fn is_basic(text: &str) -> bool {
    STANDARD_NO_PAD.decode(text.trim_end_matches('=')).is_ok_and(|bytes| bytes.is_ascii() && bytes.contains(&b':'))
}

/// Whether a text stands for a value: a type, a variable, a call that reads it, or a mark.
fn is_placeholder(value: &str) -> bool {
    let word = value.split(['[', '(', '|']).next().unwrap_or_default().trim_end_matches(['.', '!', '?', ':']).to_ascii_lowercase();
    let reads = [
        "os.environ",
        "os.getenv",
        "getenv(",
        "process.env",
        "env(",
        "env.",
        "env[",
        "getpass.",
        "getpass(",
        "input(",
        "secrets.",
        "config.",
    ];
    NO_VALUES.contains(&&*word)
        || value.starts_with(['<', '{', '%', '='])
        || value == ">"
        || is_call(value)
        || value.starts_with("${")
        || value.starts_with("$(")
        || value.strip_prefix('$').is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'))
        || value.bytes().all(|byte| byte == b'*' || byte == b'.')
        || reads.iter().any(|start| value.starts_with(start))
}

/// Whether a value is the variable of the same name: `token=token`, `password = self.password`, `api_key=settings.openai_api_key`.
fn is_same_name(before: &str, value: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let name = before.trim_end_matches(|c: char| !is_name(c));
    let name = &name[name.trim_end_matches(is_name).len()..];
    let Some((object, last)) = value.rsplit_once('.') else { return !name.is_empty() && value.eq_ignore_ascii_case(name) };
    let names = [name, "authorization"].map(str::to_ascii_lowercase);
    let is_object = object.chars().all(|c| is_name(c) || c == '.');
    !name.is_empty() && is_object && names.iter().any(|name| last.to_ascii_lowercase().ends_with(name))
}

/// Whether a quoted text only stands for a value: `<your key>`, `[REDACTED]`, `${KEY}`, `{{ key }}`, `***`.
fn is_mark(value: &str) -> bool {
    let is_between = |start: &str, end: &str| value.starts_with(start) && value.ends_with(end);
    let is_reference = is_between("${", "}") || is_between("{{", "}}") || is_between("<", ">");
    is_reference || value.eq_ignore_ascii_case("[redacted]") || value.bytes().all(|byte| byte == b'*' || byte == b'.')
}

/// Whether a value begins like a call in a program: `lexer.next(`.
fn is_call(value: &str) -> bool {
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic() || b"_.:".contains(&byte));
    value.split_once('(').is_some_and(|(name, _)| is_name(name))
}

/// Whether a value is the next word of a sentence: `Reset your password: click here`.
fn continues(before: &str, value: &str, after: &str) -> bool {
    let name = before.trim_end();
    let is_sentence = name.len() < before.len() && name.ends_with([':', '=']) && !name.trim_end_matches([':', ' ']).ends_with(" is");
    let mut rest = after.chars();
    is_sentence && is_wordy(value) && rest.next() == Some(' ') && rest.next().is_some_and(char::is_alphabetic)
}
