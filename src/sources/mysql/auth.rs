//! How a user proves a password.

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};

use super::error::Error;

const NATIVE: &str = "mysql_native_password";
const CACHING: &str = "caching_sha2_password";
const CLEAR: &str = "mysql_clear_password";

/// What follows a message of the server.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The server says more.
    Wait,
    /// This is sent.
    Send(Vec<u8>),
}

/// Returns the proof that a plugin asks for. The password itself is only sent if the connection `is_private`.
pub(super) fn answer(plugin: &str, password: &[u8], nonce: &[u8], is_private: bool) -> Result<Vec<u8>, Error> {
    match plugin {
        _ if password.is_empty() => Ok(Vec::new()),
        NATIVE => {
            let sha1 = |parts: &[&[u8]]| digest(&SHA1_FOR_LEGACY_USE_ONLY, &parts.concat());
            let hashed = sha1(&[password]);
            let stored = sha1(&[hashed.as_ref()]);
            Ok(xor(hashed.as_ref(), sha1(&[nonce, stored.as_ref()]).as_ref()))
        }
        CACHING => {
            let sha256 = |parts: &[&[u8]]| digest(&SHA256, &parts.concat());
            let hashed = sha256(&[password]);
            let stored = sha256(&[sha256(&[hashed.as_ref()]).as_ref(), nonce]);
            Ok(xor(hashed.as_ref(), stored.as_ref()))
        }
        CLEAR if is_private => Ok(clear(password)),
        CLEAR => Err(Error::NotPrivate),
        other => Err(Error::Plugin(other.to_owned())),
    }
}

/// Goes on after what a plugin says.
pub(super) fn go_on(plugin: &str, said: &[u8], password: &[u8], is_private: bool) -> Result<Step, Error> {
    match (plugin, said) {
        (CACHING, [3]) => Ok(Step::Wait),
        // The server does not know the password yet.
        (CACHING, [4]) if is_private => Ok(Step::Send(clear(password))),
        (CACHING, [4]) => Err(Error::NotPrivate),
        _ => Err(Error::Plugin(plugin.to_owned())),
    }
}

fn clear(password: &[u8]) -> Vec<u8> {
    [password, b"\0"].concat()
}

fn xor(left: &[u8], right: &[u8]) -> Vec<u8> {
    left.iter().zip(right).map(|(left, right)| left ^ right).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn hex(bytes: &[u8]) -> String {
        use std::fmt::Write;
        bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    #[test]
    fn a_password_is_only_sent_where_nobody_else_reads_it() {
        assert_eq!(answer(CLEAR, b"secret", b"", false), Err(Error::NotPrivate));
        assert_eq!(answer(CLEAR, b"secret", b"", true).unwrap(), b"secret\0");
        assert_eq!(go_on(CACHING, &[4], b"secret", false), Err(Error::NotPrivate));
        assert_eq!(go_on(CACHING, &[4], b"secret", true), Ok(Step::Send(b"secret\0".to_vec())));
        assert_eq!(go_on(CACHING, &[3], b"secret", false), Ok(Step::Wait));
        // A server that asks for the password by another name does not get it.
        assert_eq!(go_on(NATIVE, &[4], b"secret", true), Err(Error::Plugin(NATIVE.to_owned())));
        assert_eq!(answer("dialog", b"secret", b"", true), Err(Error::Plugin("dialog".to_owned())));
    }

    #[test]
    fn proofs_depend_on_password_and_nonce() {
        let nonce = *b"0123456789abcdefghij";
        // Computed with Python's hashlib.
        for (plugin, length, expected) in [
            (NATIVE, 20, "f5cac3f3b3df2133feb57db682c71e6ed433a988"),
            (CACHING, 32, "7e4adda2f2d5ef09b4147518becb0cee2939376203650a8c2bb2815959364bd0"),
        ] {
            let proof = answer(plugin, b"secret", &nonce, false).unwrap();
            assert_eq!((proof.len(), hex(&proof).as_str()), (length, expected));
            assert_ne!(proof, answer(plugin, b"secret", b"another nonce of them", false).unwrap());
            assert_ne!(proof, answer(plugin, b"Secret", &nonce, false).unwrap());
            assert_eq!(answer(plugin, b"", &nonce, false).unwrap(), Vec::<u8>::new());
        }
    }
}
