//! Script names: what RFC 5804 §1.6 lets a script be called.

use alloc::borrow::Cow;
use core::fmt;

/// Characters of a script name: "servers MUST allow names of up to 128 Unicode characters" (RFC
/// 5804 §1.6), and need not allow more.
pub const NAME_CHARS_MAX: usize = 128;

/// The name of a script: UTF-8, 1 to [`NAME_CHARS_MAX`] characters, none of them for control.
///
/// Nothing is changed, so nothing is lost: normalising is for whoever compares names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptName<'a>(Cow<'a, str>);

/// Why it is no script name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// It has no characters. In SETACTIVE that means no script (RFC 5804 §2.8).
    Empty,
    /// It has more than [`NAME_CHARS_MAX`] characters; it must not be cut (RFC 5804 §1.6).
    TooLong,
    /// It is not UTF-8.
    NotUtf8,
    /// It holds a control character, or a line or paragraph separator.
    Control,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "a script name is not empty",
            Self::TooLong => "a script name has at most 128 characters",
            Self::NotUtf8 => "a script name is UTF-8",
            Self::Control => "a script name has no control characters",
        })
    }
}

impl core::error::Error for NameError {}

impl<'a> ScriptName<'a> {
    /// `sieve-name = string`, with the prohibitions of RFC 5804 §1.6.
    pub fn new(bytes: Cow<'a, [u8]>) -> Result<Self, NameError> {
        // Longer than this in bytes, it is longer in characters: the rest need not be looked at.
        if bytes.len() > NAME_CHARS_MAX.saturating_mul(4) {
            return Err(NameError::TooLong);
        }
        let name = match bytes {
            Cow::Borrowed(bytes) => core::str::from_utf8(bytes).map(Cow::Borrowed).ok(),
            Cow::Owned(bytes) => alloc::string::String::from_utf8(bytes).map(Cow::Owned).ok(),
        };
        let name = name.ok_or(NameError::NotUtf8)?;
        // U+0000 to U+001F and U+007F to U+009F; then the two separators.
        if name.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
            return Err(NameError::Control);
        }
        match name.chars().count() {
            0 => Err(NameError::Empty),
            count if count > NAME_CHARS_MAX => Err(NameError::TooLong),
            _ => Ok(Self(name)),
        }
    }

    /// As the client wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Itself, without what it borrowed.
    pub fn into_owned(self) -> alloc::string::String {
        self.0.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &[u8], want: Result<&str, NameError>) {
        let told = ScriptName::new(Cow::Borrowed(name));
        assert_eq!(told.as_ref().map(ScriptName::as_str).map_err(|error| *error), want);
        let owned = ScriptName::new(Cow::Owned(name.to_vec()));
        assert_eq!(told, owned);
    }

    #[test] // pitfall 127
    fn names() {
        check(b"a", Ok("a"));
        check(b" a/b.\"\\ ", Ok(" a/b.\"\\ "));
        check("\u{fc}\u{a0}\u{1f4e7}".as_bytes(), Ok("\u{fc}\u{a0}\u{1f4e7}"));
        check(b"", Err(NameError::Empty));
        check(b"\xff", Err(NameError::NotUtf8));
        check(b"a\xe2\x80", Err(NameError::NotUtf8));
        for control in [
            "a\0", "\n", "a\rb", "\t", "\u{1f}", "\u{7f}", "\u{80}", "\u{9f}", "\u{2028}",
            "\u{2029}",
        ] {
            check(control.as_bytes(), Err(NameError::Control));
        }
        check("\u{2027}\u{202a}".as_bytes(), Ok("\u{2027}\u{202a}"));
    }

    #[test]
    fn long_names() {
        for c in ["x", "\u{fc}", "\u{1f4e7}"] {
            let name = c.repeat(NAME_CHARS_MAX);
            check(name.as_bytes(), Ok(&name));
            let name = c.repeat(NAME_CHARS_MAX + 1);
            check(name.as_bytes(), Err(NameError::TooLong));
        }
    }
}
