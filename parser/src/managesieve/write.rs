//! The words of responses, straight into an output buffer (RFC 5804 §1.3, §4).
//!
//! A string is quoted where that can be, else a literal: line breaks, which reports about scripts
//! are full of, need one (pitfall 125).

use alloc::vec::Vec;

use super::ScriptName;
use crate::imap::{Charset, write};

/// How a command went (RFC 5804 §1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is done.
    Ok,
    /// It is not.
    No,
    /// It is not, and the server closes the connection.
    Bye,
}

/// A response code (RFC 5804 §1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code<'a> {
    /// Policy forbids the mechanism.
    AuthTooWeak,
    /// Policy wants encryption.
    EncryptNeeded,
    /// Over quota.
    Quota,
    /// Too many scripts.
    QuotaMaxScripts,
    /// Too large a script.
    QuotaMaxSize,
    /// A `sieve:` URL of the server to go to; percent-encoded, so without spaces and quotes.
    Referral(&'a str),
    /// The last data of the server, in base64.
    Sasl(&'a [u8]),
    /// The account has no credentials for the mechanism yet.
    TransitionNeeded,
    /// We could not; it is our fault.
    TryLater,
    /// Not with the active script.
    Active,
    /// No such script.
    NonExistent,
    /// There is such a script.
    AlreadyExists,
    /// The text holds warnings about the script.
    Warnings,
    /// What NOOP wants repeated (RFC 5804 §2.13).
    Tag(&'a [u8]),
}

/// `("OK" / "NO" / "BYE") [SP "(" resp-code ")"] [SP string] CRLF` — RFC 5804 §4.
///
/// No string is written if `text` is empty.
pub fn response(out: &mut Vec<u8>, status: Status, code: Option<Code<'_>>, text: &str) {
    out.extend_from_slice(match status {
        Status::Ok => b"OK",
        Status::No => b"NO",
        Status::Bye => b"BYE",
    });
    if let Some(code) = code {
        out.extend_from_slice(b" (");
        resp_code(out, code);
        out.push(b')');
    }
    if !text.is_empty() {
        out.push(b' ');
        string(out, text.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// `resp-code` — RFC 5804 §4.
fn resp_code(out: &mut Vec<u8>, code: Code<'_>) {
    let (name, value): (&[u8], _) = match code {
        Code::AuthTooWeak => (b"AUTH-TOO-WEAK", None),
        Code::EncryptNeeded => (b"ENCRYPT-NEEDED", None),
        Code::Quota => (b"QUOTA", None),
        Code::QuotaMaxScripts => (b"QUOTA/MAXSCRIPTS", None),
        Code::QuotaMaxSize => (b"QUOTA/MAXSIZE", None),
        // Deviation: as a string, because `extension-data` has no URL, and clients read strings.
        Code::Referral(url) => (b"REFERRAL", Some(url.as_bytes())),
        Code::Sasl(data) => (b"SASL", Some(data)),
        Code::TransitionNeeded => (b"TRANSITION-NEEDED", None),
        Code::TryLater => (b"TRYLATER", None),
        Code::Active => (b"ACTIVE", None),
        Code::NonExistent => (b"NONEXISTENT", None),
        Code::AlreadyExists => (b"ALREADYEXISTS", None),
        Code::Warnings => (b"WARNINGS", None),
        Code::Tag(tag) => (b"TAG", Some(tag)),
    };
    out.extend_from_slice(name);
    if let Some(value) = value {
        out.push(b' ');
        string(out, value);
    }
}

/// `single-capability = capability-name [SP string] CRLF` — RFC 5804 §4.
pub fn capability(out: &mut Vec<u8>, name: &str, value: Option<&str>) {
    string(out, name.as_bytes());
    if let Some(value) = value {
        out.push(b' ');
        string(out, value.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// One line of `response-listscripts = *(sieve-name [SP "ACTIVE"] CRLF)` — RFC 5804 §4.
pub fn listed(out: &mut Vec<u8>, name: &ScriptName<'_>) {
    line(out, name.as_str().as_bytes());
}

/// The line of the one script that is active (RFC 5804 §2.7).
pub fn listed_active(out: &mut Vec<u8>, name: &ScriptName<'_>) {
    string(out, name.as_str().as_bytes());
    out.extend_from_slice(b" ACTIVE\r\n");
}

/// `string CRLF`: a challenge of AUTHENTICATE, or the script that GETSCRIPT answers — RFC 5804 §4.
pub fn line(out: &mut Vec<u8>, value: &[u8]) {
    string(out, value);
    out.extend_from_slice(b"\r\n");
}

/// `string = quoted / literal-s2c` — RFC 5804 §4: quoted if it is UTF-8 of at most 1024 bytes
/// without CR, LF and NUL.
pub fn string(out: &mut Vec<u8>, value: &[u8]) {
    write::string(out, value, Charset::Utf8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::borrow::Cow;
    use alloc::string::String;

    #[track_caller]
    fn check(write: impl FnOnce(&mut Vec<u8>), want: &str) {
        let mut out = Vec::new();
        write(&mut out);
        assert_eq!(String::from_utf8_lossy(&out), want);
    }

    #[test] // pitfall 125
    fn responses() {
        check(|out| response(out, Status::Ok, None, ""), "OK\r\n");
        check(
            |out| response(out, Status::No, None, "say \"x\\y\""),
            "NO \"say \\\"x\\\\y\\\"\"\r\n",
        );
        check(
            |out| response(out, Status::No, None, "line 1: a\r\nline 2: \"b\""),
            "NO {22}\r\nline 1: a\r\nline 2: \"b\"\r\n",
        );
        check(|out| response(out, Status::Bye, None, "gr\u{fc}n"), "BYE \"gr\u{fc}n\"\r\n");
        let long = "x".repeat(1_025);
        check(
            |out| response(out, Status::No, None, &long),
            &alloc::format!("NO {{1025}}\r\n{long}\r\n"),
        );
    }

    #[test] // pitfall 125
    fn codes() {
        #[track_caller]
        fn code(code: Code<'_>, want: &str) {
            check(
                |out| response(out, Status::No, Some(code), "x"),
                &alloc::format!("NO ({want}) \"x\"\r\n"),
            );
        }
        code(Code::AuthTooWeak, "AUTH-TOO-WEAK");
        code(Code::EncryptNeeded, "ENCRYPT-NEEDED");
        code(Code::Quota, "QUOTA");
        code(Code::QuotaMaxScripts, "QUOTA/MAXSCRIPTS");
        code(Code::QuotaMaxSize, "QUOTA/MAXSIZE");
        code(Code::Referral("sieve://example.org"), "REFERRAL \"sieve://example.org\"");
        code(Code::Sasl(b"cnNwYXV0aA=="), "SASL \"cnNwYXV0aA==\"");
        code(Code::TransitionNeeded, "TRANSITION-NEEDED");
        code(Code::TryLater, "TRYLATER");
        code(Code::Active, "ACTIVE");
        code(Code::NonExistent, "NONEXISTENT");
        code(Code::AlreadyExists, "ALREADYEXISTS");
        code(Code::Warnings, "WARNINGS");
        code(Code::Tag(b"SYNC-42"), "TAG \"SYNC-42\"");
        code(Code::Tag(b") \r\nOK"), "TAG {6}\r\n) \r\nOK");
        code(Code::Tag(b"\xff"), "TAG {1}\r\n\u{fffd}");
    }

    #[test]
    fn lines() {
        check(|out| capability(out, "STARTTLS", None), "\"STARTTLS\"\r\n");
        check(|out| capability(out, "SASL", Some("")), "\"SASL\" \"\"\r\n");
        check(|out| capability(out, "VERSION", Some("1.0")), "\"VERSION\" \"1.0\"\r\n");
        let name = ScriptName::new(Cow::Borrowed(b"a\"b")).unwrap();
        check(|out| listed(out, &name), "\"a\\\"b\"\r\n");
        check(|out| listed_active(out, &name), "\"a\\\"b\" ACTIVE\r\n");
        check(|out| line(out, b"keep;\r\n"), "{7}\r\nkeep;\r\n\r\n");
        check(|out| line(out, b""), "\"\"\r\n");
    }
}
