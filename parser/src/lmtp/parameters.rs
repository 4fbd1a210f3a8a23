//! Parameters of MAIL and RCPT.

use super::path::path;
use super::{CommandError, Path};
use crate::cursor::Cursor;

/// `MAIL FROM:` and its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mail<'a> {
    /// Who; empty for `<>` (pitfall 1).
    pub from: Path<'a>,
    /// SIZE: bytes the client means to send (RFC 1870 §6).
    pub size: Option<u64>,
    /// BODY (RFC 6152 §2, RFC 3030 §3).
    pub body: BodyType,
    /// SMTPUTF8 (RFC 6531 §3.4).
    pub utf8: bool,
    /// RET (RFC 3461 §4.3).
    pub ret: Option<&'a str>,
    /// ENVID in xtext (RFC 3461 §4.4).
    pub envid: Option<&'a str>,
}

/// `RCPT TO:` and its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rcpt<'a> {
    /// To whom; never empty.
    pub to: Path<'a>,
    /// NOTIFY (RFC 3461 §4.1).
    pub notify: Option<&'a str>,
    /// ORCPT in xtext (RFC 3461 §4.2).
    pub orcpt: Option<&'a str>,
}

/// What BODY= announces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyType {
    /// 7BIT
    #[default]
    SevenBit,
    /// 8BITMIME
    EightBitMime,
    /// BINARYMIME, possible with BDAT only
    BinaryMime,
}

/// `FROM:` Reverse-path [SP Mail-parameters] — RFC 5321 §4.1.1.2.
pub(super) fn mail(rest: &[u8]) -> Result<Mail<'_>, CommandError> {
    let mut cursor = Cursor::new(rest);
    if !cursor.eat_word("FROM:") {
        return Err(CommandError::Syntax("FROM:<address>"));
    }
    let mut mail = Mail { from: path(&mut cursor)?, ..Mail::default() };
    while let Some((name, value)) = parameter(&mut cursor)? {
        match value {
            Some(value) if name.eq_ignore_ascii_case("SIZE") => {
                let size = number(value.as_bytes()).ok_or(CommandError::Syntax("SIZE=bytes"))?;
                mail.size = Some(size);
            }
            Some(value) if name.eq_ignore_ascii_case("BODY") => {
                mail.body = body_type(value).ok_or(CommandError::Syntax("a BODY type"))?;
            }
            None if name.eq_ignore_ascii_case("SMTPUTF8") => mail.utf8 = true,
            Some(value) if name.eq_ignore_ascii_case("RET") => mail.ret = Some(value),
            Some(value) if name.eq_ignore_ascii_case("ENVID") => mail.envid = Some(value),
            // A trusted relay may name whom it authenticated (RFC 4954 §5).
            Some(_) if name.eq_ignore_ascii_case("AUTH") => {}
            _ => return Err(CommandError::Parameter),
        }
    }
    Ok(mail)
}

/// `TO:` Forward-path [SP Rcpt-parameters] — RFC 5321 §4.1.1.3.
pub(super) fn rcpt(rest: &[u8]) -> Result<Rcpt<'_>, CommandError> {
    let mut cursor = Cursor::new(rest);
    if !cursor.eat_word("TO:") {
        return Err(CommandError::Syntax("TO:<address>"));
    }
    let mut rcpt = Rcpt { to: path(&mut cursor)?, ..Rcpt::default() };
    if rcpt.to.is_null() {
        return Err(CommandError::Address("empty"));
    }
    while let Some((name, value)) = parameter(&mut cursor)? {
        match value {
            Some(value) if name.eq_ignore_ascii_case("NOTIFY") => rcpt.notify = Some(value),
            Some(value) if name.eq_ignore_ascii_case("ORCPT") => rcpt.orcpt = Some(value),
            _ => return Err(CommandError::Parameter),
        }
    }
    Ok(rcpt)
}

/// `esmtp-keyword ["=" esmtp-value]` — RFC 5321 §4.1.2; `None` at the end of the line.
fn parameter<'a>(
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

fn body_type(value: &str) -> Option<BodyType> {
    let types = [
        ("7BIT", BodyType::SevenBit),
        ("8BITMIME", BodyType::EightBitMime),
        ("BINARYMIME", BodyType::BinaryMime),
    ];
    types.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(value)).map(|(_, is)| is)
}

pub(super) fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    core::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lmtp::{Command, command};
    #[track_caller]
    fn check(line: &str, want: Result<Command<'_>, CommandError>) {
        assert_eq!(command(line.as_bytes()), want, "{line}");
    }

    #[test]
    fn parameters() {
        let line = b"MAIL FROM:<a@b> SIZE=1000 BODY=8bitmime SMTPUTF8 RET=HDRS ENVID=QQ314";
        let Ok(Command::Mail(mail)) = command(line) else { panic!() };
        assert_eq!((mail.size, mail.body, mail.utf8), (Some(1000), BodyType::EightBitMime, true));
        assert_eq!((mail.ret, mail.envid), (Some("HDRS"), Some("QQ314")));
        let line = b"RCPT TO:<a@b> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a@b";
        let Ok(Command::Rcpt(rcpt)) = command(line) else { panic!() };
        assert_eq!((rcpt.notify, rcpt.orcpt), (Some("SUCCESS,DELAY"), Some("rfc822;a@b")));
        check("MAIL FROM:<> FOO=1", Err(CommandError::Parameter));
        check("MAIL FROM:<> SIZE", Err(CommandError::Parameter));
        check("MAIL FROM:<> SIZE=x", Err(CommandError::Syntax("SIZE=bytes")));
        check("MAIL FROM:<> BODY=9BIT", Err(CommandError::Syntax("a BODY type")));
        check("RCPT TO:<a@b> SIZE=1", Err(CommandError::Parameter));
    }
}
