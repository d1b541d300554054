//! The status of a span.

/// The status that the sender set. Most frameworks leave the status of a successful span unset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// Not set; counts as success.
    #[default]
    Unset,
    /// Success.
    Ok,
    /// Failure.
    Error,
}

/// What a span states about how it ended, beside its [`Status`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ending {
    /// As its status says.
    #[default]
    Plain,
    /// It failed, whatever its status: an exception ended it, or its finish reason is an error.
    Failed,
    /// As its status says, but nothing but the name of a tool tells what it does: below a call of that tool it is no call of its own.
    Watching,
    /// It failed because a check refused its input or output.
    Refused,
    /// It waits for a person. It may be continued later.
    Paused,
    /// It was stopped from outside: cancelled, timed out, or its reader went away.
    Cut,
    /// It handed over to another step by an exception, which may look like an error and is none.
    HandedOver,
}

impl Ending {
    /// Returns whether a span with this ending and this status failed.
    #[must_use]
    pub fn has_failed(self, status: Status) -> bool {
        match self {
            Self::Plain | Self::Watching => status == Status::Error,
            Self::Failed | Self::Refused => true,
            Self::Paused | Self::Cut | Self::HandedOver => false,
        }
    }
}

impl Status {
    /// Every status, indexed by its code.
    const ALL: [Self; 3] = [Self::Unset, Self::Ok, Self::Error];

    /// Returns the status with this code of OTLP's `Status.StatusCode`, or `None` for a code that OTLP does not define.
    #[must_use]
    pub fn from_code(code: u64) -> Option<Self> {
        usize::try_from(code).ok().and_then(|code| Self::ALL.get(code).copied())
    }

    /// Parses a code or a name in either case, with or without the prefix of its enum: `2`, `ERROR`, `STATUS_CODE_ERROR` (OTLP) or
    /// `StatusCode.ERROR` (Python).
    ///
    /// ```
    /// use agno_top::model::Status;
    ///
    /// assert_eq!(Status::parse("StatusCode.ERROR"), Some(Status::Error));
    /// assert_eq!(Status::parse("1"), Some(Status::Ok));
    /// assert_eq!(Status::parse("failed"), None);
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let name = text.rsplit('.').next().unwrap_or_default();
        let name = strip_prefix_ignore_case(name, "STATUS_CODE_");
        name.parse().map_or_else(|_| Self::ALL.into_iter().find(|status| status.name().eq_ignore_ascii_case(name)), Self::from_code)
    }

    /// Returns the code in OTLP's `Status.StatusCode`.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// Returns the name in upper case, as Agno's tables store it: `ERROR`.
    #[must_use]
    pub fn name(self) -> &'static str {
        ["UNSET", "OK", "ERROR"][usize::from(self.code())]
    }
}

/// Removes an ASCII prefix in either case.
pub(super) fn strip_prefix_ignore_case<'a>(name: &'a str, prefix: &str) -> &'a str {
    let has_prefix = name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    if has_prefix { &name[prefix.len()..] } else { name }
}

#[cfg(test)]
mod tests {
    use super::Status;

    #[test]
    fn codes_and_names_are_read_back() {
        for status in Status::ALL {
            assert_eq!(Status::from_code(u64::from(status.code())), Some(status));
            for text in [status.name().to_owned(), status.name().to_lowercase(), status.code().to_string()] {
                assert_eq!(Status::parse(&text), Some(status), "{text}");
            }
            for prefix in ["STATUS_CODE_", "status_code_", "StatusCode."] {
                assert_eq!(Status::parse(&format!("{prefix}{}", status.name())), Some(status), "{prefix}");
            }
        }
        assert_eq!(Status::from_code(3), None);
        for text in ["", "3", "-1", "ERR", "STATUS_CODE_", "é"] {
            assert_eq!(Status::parse(text), None, "{text}");
        }
    }
}
