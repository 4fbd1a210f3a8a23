//! MAIL and RCPT: a path, and the parameters that extensions have added.
//!
//! A parameter stands once at most (RFC 3461 §4.5 says so of its own; nothing good says otherwise),
//! and one with a wrong value is an error, whether it was offered or not.

use core::fmt;

use super::path::{path, reverse_path};
use super::{CommandError, Path, Xtext};
use crate::cursor::Cursor;

/// Characters of ENVID (RFC 3461 §4.4).
const ENVID_BYTES_MAX: usize = 100;
/// Characters of ORCPT (RFC 3461 §4.2).
const ORCPT_BYTES_MAX: usize = 500;

/// `MAIL FROM:` and its parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mail<'a> {
    /// Who; null for `<>` (pitfall 1).
    pub from: Path<'a>,
    /// SIZE: bytes the client means to send; the largest number there is for more than that (RFC
    /// 1870 §6).
    pub size: Option<u64>,
    /// BODY (RFC 6152 §2, RFC 3030 §3).
    pub body: Option<BodyType>,
    /// SMTPUTF8 (RFC 6531 §3.4).
    pub utf8: bool,
    /// RET (RFC 3461 §4.3).
    pub ret: Option<Ret>,
    /// ENVID (RFC 3461 §4.4).
    pub envid: Option<Xtext<'a>>,
    /// BY (RFC 2852 §4).
    pub by: Option<DeliverBy>,
    /// AUTH: who handed the message in, or `<>`; to be believed of trusted relays only (RFC 4954
    /// §5).
    pub auth: Option<Xtext<'a>>,
}

/// `RCPT TO:` and its parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rcpt<'a> {
    /// To whom; never null.
    pub to: Path<'a>,
    /// NOTIFY (RFC 3461 §4.1).
    pub notify: Option<Notify>,
    /// ORCPT (RFC 3461 §4.2).
    pub orcpt: Option<OriginalRecipient<'a>>,
}

/// What BODY= announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BodyType {
    /// 7BIT
    SevenBit,
    /// 8BITMIME
    EightBitMime,
    /// BINARYMIME, possible with BDAT only
    BinaryMime,
}

/// What a report of failure is to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ret {
    /// The message.
    Full,
    /// Its header.
    Headers,
}

/// When the sender wants a report; never, if nothing is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Notify {
    /// When it was delivered.
    pub success: bool,
    /// When it could not be delivered.
    pub failure: bool,
    /// When it is late.
    pub delay: bool,
}

/// Whom a message was for, before anyone forwarded it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OriginalRecipient<'a> {
    /// What kind of address it is: `rfc822` as a rule, `utf-8` by RFC 6533 §3.
    pub kind: &'a str,
    /// The address.
    pub address: Xtext<'a>,
}

/// Until when a message should be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeliverBy {
    /// Seconds from now; at most nine digits. Above 0 if late mail is to be returned.
    pub seconds: i32,
    /// What is to happen then.
    pub late: Late,
    /// Whoever relays it is to tell the sender.
    pub trace: bool,
}

/// What happens to mail that comes too late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Late {
    /// The sender is told; delivery goes on.
    Notify,
    /// It is returned.
    Return,
}

/// `"FROM:" Reverse-path [SP Mail-parameters]` — RFC 5321 §4.1.1.2.
pub(super) fn mail(rest: &[u8]) -> Result<Mail<'_>, CommandError> {
    let mut cursor = Cursor::new(rest);
    if !cursor.eat_word("FROM:") {
        return Err(CommandError::Syntax("FROM:<address>"));
    }
    let mut mail = Mail { from: reverse_path(&mut cursor)?, ..Mail::default() };
    while let Some((name, value)) = parameter(&mut cursor)? {
        let is = |word: &str| name.eq_ignore_ascii_case(word);
        match value {
            Some(value) if is("SIZE") => set(&mut mail.size, size(value), "SIZE=bytes, once")?,
            Some(value) if is("BODY") => {
                set(&mut mail.body, BodyType::parse(value), "a BODY type, once")?;
            }
            None if is("SMTPUTF8") => mail.utf8 = true,
            Some(value) if is("RET") => {
                set(&mut mail.ret, Ret::parse(value), "RET=FULL or RET=HDRS, once")?;
            }
            Some(value) if is("ENVID") => {
                let envid = Some(value).filter(|value| value.len() <= ENVID_BYTES_MAX);
                set(&mut mail.envid, envid.and_then(Xtext::new), "ENVID=xtext, once")?;
            }
            Some(value) if is("BY") => {
                set(&mut mail.by, DeliverBy::parse(value), "BY=seconds;mode, once")?;
            }
            Some(value) if is("AUTH") => {
                let auth = Some(value).filter(|value| !value.is_empty());
                set(&mut mail.auth, auth.and_then(Xtext::new), "AUTH=mailbox, once")?;
            }
            _ => return Err(CommandError::Parameter),
        }
    }
    Ok(mail)
}

/// `"TO:" Forward-path [SP Rcpt-parameters]` — RFC 5321 §4.1.1.3.
pub(super) fn rcpt(rest: &[u8]) -> Result<Rcpt<'_>, CommandError> {
    let mut cursor = Cursor::new(rest);
    if !cursor.eat_word("TO:") {
        return Err(CommandError::Syntax("TO:<address>"));
    }
    let mut rcpt = Rcpt { to: path(&mut cursor)?, ..Rcpt::default() };
    while let Some((name, value)) = parameter(&mut cursor)? {
        match value {
            Some(value) if name.eq_ignore_ascii_case("NOTIFY") => {
                set(&mut rcpt.notify, Notify::parse(value), "NOTIFY=events, once")?;
            }
            Some(value) if name.eq_ignore_ascii_case("ORCPT") => {
                let orcpt = OriginalRecipient::parse(value);
                set(&mut rcpt.orcpt, orcpt, "ORCPT=type;xtext, once")?;
            }
            _ => return Err(CommandError::Parameter),
        }
    }
    Ok(rcpt)
}

/// Keeps what a parameter says; `expected` was not there if it says nothing or stood before.
fn set<T>(
    place: &mut Option<T>,
    value: Option<T>,
    expected: &'static str,
) -> Result<(), CommandError> {
    if value.is_none() || place.is_some() {
        return Err(CommandError::Syntax(expected));
    }
    *place = value;
    Ok(())
}

/// `esmtp-keyword ["=" esmtp-value]` — RFC 5321 §4.1.2; `None` at the end of the line.
pub(super) fn parameter<'a>(
    cursor: &mut Cursor<'a>,
) -> Result<Option<(&'a str, Option<&'a str>)>, CommandError> {
    cursor.take_while(|byte| byte == b' ');
    if cursor.is_empty() {
        return Ok(None);
    }
    let word = cursor.take_while(|byte| byte != b' ');
    let clean = word.iter().all(|byte| !byte.is_ascii_control());
    let word = core::str::from_utf8(word).ok().filter(|_| clean);
    let word = word.ok_or(CommandError::Syntax("a parameter"))?;
    Ok(Some(word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)))))
}

/// `size-value = 1*20DIGIT` — RFC 1870 §4; what is beyond 64 bits is the largest number there is.
fn size(value: &str) -> Option<u64> {
    number(value.as_bytes()).filter(|_| value.len() <= 20)
}

/// `1*DIGIT`; what is beyond 64 bits is the largest number there is.
pub(super) fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0u64, |number, digit| {
        number.saturating_mul(10).saturating_add(u64::from(digit.saturating_sub(b'0')))
    }))
}

impl BodyType {
    /// As it is sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SevenBit => "7BIT",
            Self::EightBitMime => "8BITMIME",
            Self::BinaryMime => "BINARYMIME",
        }
    }

    /// `body-value = "7BIT" / "8BITMIME" / "BINARYMIME"` — RFC 3030 §3.
    fn parse(value: &str) -> Option<Self> {
        let types = [Self::SevenBit, Self::EightBitMime, Self::BinaryMime];
        types.into_iter().find(|is| is.as_str().eq_ignore_ascii_case(value))
    }
}

impl Ret {
    /// As it is sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Headers => "HDRS",
        }
    }

    /// `ret-value = "FULL" / "HDRS"` — RFC 3461 §4.3.
    fn parse(value: &str) -> Option<Self> {
        [Self::Full, Self::Headers].into_iter().find(|is| is.as_str().eq_ignore_ascii_case(value))
    }
}

impl Notify {
    /// NEVER: not even when it fails.
    pub const NEVER: Self = Self { success: false, failure: false, delay: false };

    /// `notify-esmtp-value = "NEVER" / 1#notify-list-element` — RFC 3461 §4.1.
    fn parse(value: &str) -> Option<Self> {
        if value.eq_ignore_ascii_case("NEVER") {
            return Some(Self::NEVER);
        }
        let mut notify = Self::NEVER;
        for element in value.split(',') {
            let is = |word: &str| element.eq_ignore_ascii_case(word);
            notify.success |= is("SUCCESS");
            notify.failure |= is("FAILURE");
            notify.delay |= is("DELAY");
            if !is("SUCCESS") && !is("FAILURE") && !is("DELAY") {
                return None; // NEVER has to stand alone
            }
        }
        Some(notify)
    }
}

impl fmt::Display for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NEVER {
            return f.write_str("NEVER");
        }
        let elements =
            [(self.success, "SUCCESS"), (self.failure, "FAILURE"), (self.delay, "DELAY")];
        let wanted = elements.into_iter().filter(|(is, _)| *is);
        for (place, (_, element)) in wanted.enumerate() {
            f.write_str(if place > 0 { "," } else { "" })?;
            f.write_str(element)?;
        }
        Ok(())
    }
}

impl<'a> OriginalRecipient<'a> {
    /// `original-recipient-address = addr-type ";" xtext` — RFC 3461 §4.2; `addr-type = atom`.
    fn parse(value: &'a str) -> Option<Self> {
        let (kind, address) = value.split_once(';')?;
        let in_atom =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
        let is_kind = !kind.is_empty() && kind.bytes().all(in_atom);
        let fits = value.len() <= ORCPT_BYTES_MAX;
        Some(Self { kind, address: Xtext::new(address).filter(|_| is_kind && fits)? })
    }
}

impl fmt::Display for OriginalRecipient<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};{}", self.kind, self.address)
    }
}

impl DeliverBy {
    /// `by-value = by-time ";" by-mode [by-trace]`, `by-time = ["-" / "+"] 1*9DIGIT` — RFC 2852 §4.
    fn parse(value: &str) -> Option<Self> {
        let (time, mode) = value.split_once(';')?;
        let digits = time.strip_prefix(['-', '+']).unwrap_or(time);
        let number = number(digits.as_bytes()).filter(|_| digits.len() <= 9)?;
        let number = i32::try_from(number).ok()?;
        let seconds = if time.starts_with('-') { number.saturating_neg() } else { number };
        let (late, trace) = mode.split_at_checked(1)?;
        let late = match late {
            "N" | "n" => Late::Notify,
            "R" | "r" if seconds > 0 => Late::Return, // "a zero or negative by-time is a syntax error"
            _ => return None,
        };
        let trace = match trace {
            "" => false,
            "T" | "t" => true,
            _ => return None,
        };
        Some(Self { seconds, late, trace })
    }
}

impl fmt::Display for DeliverBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let late = if self.late == Late::Notify { "N" } else { "R" };
        let trace = if self.trace { "T" } else { "" };
        write!(f, "{};{late}{trace}", self.seconds)
    }
}

impl fmt::Display for Mail<'_> {
    /// The arguments of MAIL, as a client sends them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FROM:{}", self.from)?;
        if let Some(size) = self.size {
            write!(f, " SIZE={size}")?;
        }
        if let Some(body) = self.body {
            write!(f, " BODY={}", body.as_str())?;
        }
        if self.utf8 {
            f.write_str(" SMTPUTF8")?;
        }
        if let Some(ret) = self.ret {
            write!(f, " RET={}", ret.as_str())?;
        }
        if let Some(envid) = self.envid {
            write!(f, " ENVID={envid}")?;
        }
        if let Some(by) = self.by {
            write!(f, " BY={by}")?;
        }
        if let Some(auth) = self.auth {
            write!(f, " AUTH={auth}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Rcpt<'_> {
    /// The arguments of RCPT, as a client sends them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TO:{}", self.to)?;
        if let Some(notify) = self.notify {
            write!(f, " NOTIFY={notify}")?;
        }
        if let Some(orcpt) = self.orcpt {
            write!(f, " ORCPT={orcpt}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lmtp::{Command, command};
    use alloc::format;
    use alloc::string::ToString;

    /// What was understood, or what was expected.
    #[track_caller]
    fn check(line: &str, want: &str) {
        let told = match command(line.as_bytes()) {
            Ok(command) => command.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(told, want, "{line}");
    }

    #[track_caller]
    fn from(parameters: &str, want: &str) {
        check(&format!("MAIL FROM:<a@b> {parameters}"), &format!("MAIL FROM:<a@b> {want}"));
    }

    #[track_caller]
    fn to(parameters: &str, want: &str) {
        check(&format!("RCPT TO:<a@b> {parameters}"), &format!("RCPT TO:<a@b> {want}"));
    }

    #[track_caller]
    fn wrong(line: &str, want: &str) {
        check(line, want);
    }

    #[test] // RFC 1870 §6
    fn sizes() {
        from("SIZE=1000", "SIZE=1000");
        from("size=0", "SIZE=0");
        from("SIZE=18446744073709551615", "SIZE=18446744073709551615");
        from("SIZE=99999999999999999999", "SIZE=18446744073709551615");
        for size in ["", "x", "-1", "+1", "1 SIZE=1", "999999999999999999999"] {
            wrong(&format!("MAIL FROM:<> SIZE={size}"), "expected SIZE=bytes, once");
        }
        wrong("MAIL FROM:<> SIZE", "unknown parameter");
        wrong("RCPT TO:<a@b> SIZE=1", "unknown parameter");
    }

    #[test] // RFC 6152 §2, RFC 3030 §3, RFC 6531 §3.4
    fn bodies() {
        from("BODY=7bit", "BODY=7BIT");
        from("body=8bitmime smtputf8", "BODY=8BITMIME SMTPUTF8");
        from("BODY=BINARYMIME", "BODY=BINARYMIME");
        wrong("MAIL FROM:<> BODY=9BIT", "expected a BODY type, once");
        wrong("MAIL FROM:<> BODY=7BIT BODY=7BIT", "expected a BODY type, once");
        wrong("MAIL FROM:<> SMTPUTF8=1", "unknown parameter");
    }

    #[test] // RFC 3461 §4
    fn reports() {
        from("RET=hdrs ENVID=QQ+2B314", "RET=HDRS ENVID=QQ+2B314");
        from("RET=FULL", "RET=FULL");
        wrong("MAIL FROM:<> RET=SOME", "expected RET=FULL or RET=HDRS, once");
        wrong("MAIL FROM:<> RET=FULL RET=FULL", "expected RET=FULL or RET=HDRS, once");
        wrong("MAIL FROM:<> ENVID=+2", "expected ENVID=xtext, once");
        let long = "x".repeat(ENVID_BYTES_MAX);
        from(&format!("ENVID={long}"), &format!("ENVID={long}"));
        wrong(&format!("MAIL FROM:<> ENVID={long}x"), "expected ENVID=xtext, once");

        to("NOTIFY=delay,SUCCESS", "NOTIFY=SUCCESS,DELAY");
        to("NOTIFY=Failure", "NOTIFY=FAILURE");
        to("NOTIFY=never", "NOTIFY=NEVER");
        for events in ["", "NEVER,DELAY", "SUCCESS,", "ALWAYS", "DELAY NOTIFY=DELAY"] {
            wrong(&format!("RCPT TO:<a@b> NOTIFY={events}"), "expected NOTIFY=events, once");
        }
        to("ORCPT=rfc822;a+2Bb@c", "ORCPT=rfc822;a+2Bb@c");
        to("ORCPT=utf-8;gr\u{fc}n@c", "ORCPT=utf-8;gr\u{fc}n@c"); // RFC 6533 §3
        to("ORCPT=rfc822;a=b@c", "ORCPT=rfc822;a=b@c");
        to("ORCPT=x;", "ORCPT=x;");
        let long = "x".repeat(ORCPT_BYTES_MAX - 1);
        for orcpt in ["", "a@b", ";a@b", "rfc 822;a", "rfc822;+", &format!("a;{long}")] {
            let line = format!("RCPT TO:<a@b> ORCPT={orcpt}");
            assert!(command(line.as_bytes()).is_err(), "{orcpt}");
        }
    }

    #[test] // RFC 2852 §4
    fn deadlines() {
        from("BY=120;R", "BY=120;R");
        from("by=-42;nt", "BY=-42;NT");
        from("BY=+999999999;RT", "BY=999999999;RT");
        from("BY=0;N", "BY=0;N");
        for by in [
            "",
            "1",
            "1;",
            "1;X",
            "1;RX",
            "1;NTT",
            "0;R",
            "-1;R",
            "1000000000;N",
            "--1;N",
            ";N",
            "1;\u{fc}",
        ] {
            wrong(&format!("MAIL FROM:<> BY={by}"), "expected BY=seconds;mode, once");
        }
    }

    #[test] // RFC 4954 §5
    fn who_handed_it_in() {
        from("AUTH=e+3Dmc2@example.com", "AUTH=e+3Dmc2@example.com");
        from("AUTH=<>", "AUTH=<>");
        wrong("MAIL FROM:<> AUTH=", "expected AUTH=mailbox, once");
        wrong("MAIL FROM:<> AUTH=+zz", "expected AUTH=mailbox, once");
        wrong("MAIL FROM:<> AUTH=<> AUTH=<>", "expected AUTH=mailbox, once");
        let Ok(Command::Mail(mail)) = command(b"MAIL FROM:<> AUTH=e+3Dmc2@x") else { panic!() };
        assert_eq!(mail.auth.unwrap().decoded().as_ref(), b"e=mc2@x");
    }

    #[test]
    fn others() {
        wrong("MAIL FROM:<> FOO=1", "unknown parameter");
        wrong("MAIL FROM:<> =", "unknown parameter");
        wrong("MAIL FROM:<> FOO\0", "expected a parameter");
        assert_eq!(command(b"MAIL FROM:<> \xff"), Err(CommandError::Syntax("a parameter")));
    }
}
