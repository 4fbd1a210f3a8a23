//! IMAP URLs (RFC 5092 §11), as CATENATE names messages and their parts by them (RFC 4469 §3).
//!
//! Read are absolute and relative URLs of servers, mailboxes, searches, messages and parts, with
//! `;PARTIAL=` (RFC 5550 §5.7.1). Not read are those with `;URLAUTH=` (RFC 5092 §6.1): an extension
//! that this crate does not know. What a relative URL is relative to is for the session to say.
//!
//! ```
//! use parser::imap::url::ImapUrl;
//!
//! let url = ImapUrl::parse(b"/Drafts%20b;UIDVALIDITY=385759045/;UID=20/;SECTION=1.2")?;
//! assert_eq!(url.mailbox.unwrap().decode(), &b"Drafts b"[..]);
//! assert_eq!((url.uid_validity, url.uid), (Some(385_759_045), Some(20)));
//! assert!(url.section.unwrap().bytes().eq(*b"1.2"));
//! # Ok::<(), parser::Error>(())
//! ```

use super::number::{number64, nz_number, nz_number64};
use super::strings::some;
use crate::cursor::{Cursor, Error};
use crate::steps;
use alloc::borrow::Cow;
use core::fmt;

/// An IMAP URL, proved right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImapUrl<'a> {
    /// Where its path starts.
    pub base: UrlBase<'a>,
    /// `enc-mailbox`: a mailbox's name in UTF-8, never in modified UTF-7 (RFC 5092 §8).
    pub mailbox: Option<Encoded<'a>>,
    /// `;UIDVALIDITY=`
    pub uid_validity: Option<u32>,
    /// `;UID=`
    pub uid: Option<u32>,
    /// `;SECTION=`: a `section-spec`, to be decoded and read by [`section_spec`](super::section_spec).
    pub section: Option<Encoded<'a>>,
    /// `;PARTIAL=`
    pub partial: Option<UrlPartial>,
    /// `?`: a `search-program`.
    pub search: Option<Encoded<'a>>,
}

/// What the path of a URL starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlBase<'a> {
    /// `imap://…` or `//…`: another server, or this one by its name.
    Server(UrlServer<'a>),
    /// `/…`: the server at hand. The form that CATENATE is for (RFC 4469 §3).
    Root,
    /// Neither: the mailbox, message or part at hand. RFC 5092 §7.2 forbids to make or accept it,
    /// although its grammar has it; that is for the session to decide.
    Here,
}

/// `iserver` (RFC 5092 §11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UrlServer<'a> {
    /// `enc-user`
    pub user: Option<Encoded<'a>>,
    /// `;AUTH=`: a mechanism, or `*` for any.
    pub auth: Option<Encoded<'a>>,
    /// Name or address, which has its brackets if it is an IPv6 one.
    pub host: &'a str,
    /// 143 if absent (§1).
    pub port: Option<u16>,
}

/// `partial-range` (RFC 5092 §11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UrlPartial {
    /// First byte wanted.
    pub offset: u64,
    /// At most this many, never 0; `None` for all that is there.
    pub count: Option<u64>,
}

/// Percent-encoded bytes (RFC 3986 §2.1), each triplet proved right.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Encoded<'a> {
    raw: &'a [u8],
}

impl<'a> Encoded<'a> {
    /// The bytes meant.
    pub fn bytes(&self) -> impl Iterator<Item = u8> + use<'a> {
        let mut rest = self.raw.iter();
        core::iter::from_fn(move || {
            steps::took(1);
            match *rest.next()? {
                b'%' => Some(hex(*rest.next()?)? << 4 | hex(*rest.next()?)?),
                byte => Some(byte),
            }
        })
    }

    /// The bytes meant, in one piece; borrowed if nothing was encoded.
    pub fn decode(&self) -> Cow<'a, [u8]> {
        match steps::find(b'%', self.raw) {
            None => Cow::Borrowed(self.raw),
            Some(_) => Cow::Owned(self.bytes().collect()),
        }
    }

    /// As it stands in the URL.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.raw
    }
}

impl fmt::Debug for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.raw.escape_ascii())
    }
}

/// `HEXDIG` — RFC 5234 §B.1, in either case.
const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit.wrapping_sub(b'0')),
        b'a'..=b'f' => Some(digit.wrapping_sub(b'a').wrapping_add(10)),
        b'A'..=b'F' => Some(digit.wrapping_sub(b'A').wrapping_add(10)),
        _ => None,
    }
}

/// `achar = uchar / "&" / "="`, `uchar = unreserved / sub-delims-sh / pct-encoded` — RFC 5092 §11,
/// but for `%`, which [`encoded`] looks at.
const fn is_achar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'&' | b'=')
        || matches!(byte, b'!' | b'$' | b'\'' | b'(' | b')' | b'*' | b'+' | b',')
}

/// `bchar = achar / ":" / "@" / "/"` — RFC 5092 §11.
const fn is_bchar(byte: u8) -> bool {
    is_achar(byte) || matches!(byte, b':' | b'@' | b'/')
}

/// `1*achar` or `1*bchar` — RFC 5092 §11.
fn encoded<'a>(
    cursor: &mut Cursor<'a>,
    wanted: impl Fn(u8) -> bool,
    expected: &'static str,
) -> Result<Encoded<'a>, Error> {
    let before = *cursor;
    loop {
        cursor.take_while(&wanted);
        let escape = *cursor;
        if !cursor.eat(b'%') {
            break;
        }
        match cursor.take(2, "pct-encoded")? {
            [high, low] if hex(*high).is_some() && hex(*low).is_some() => {}
            _ => return Err(escape.error("pct-encoded")),
        }
    }
    match cursor.since(before) {
        b"" => Err(before.error(expected)),
        raw => Ok(Encoded { raw }),
    }
}

impl<'a> ImapUrl<'a> {
    /// `imapurl = "imap://" iserver ipath-query`,
    /// `imapurl-rel = inetwork-path / iabsolute-path / irelative-path / ipath-empty` — RFC 5092 §11:
    /// all of `input`.
    ///
    /// # Errors
    /// It is not that: NO `[BADURL]` (RFC 4469 §4.1).
    pub fn parse(input: &'a [u8]) -> Result<Self, Error> {
        let mut cursor = Cursor::new(input);
        let url = if cursor.eat_word("imap://") || cursor.eat_word("//") {
            let base = UrlBase::Server(iserver(&mut cursor)?);
            match cursor.eat(b'/') {
                true => icommand(&mut cursor, base)?,
                false => ImapUrl::of(base),
            }
        } else {
            let base = if cursor.eat(b'/') { UrlBase::Root } else { UrlBase::Here };
            icommand(&mut cursor, base)?
        };
        if cursor.is_empty() { Ok(url) } else { Err(cursor.error("end of the URL")) }
    }

    const fn of(base: UrlBase<'a>) -> Self {
        Self {
            base,
            mailbox: None,
            uid_validity: None,
            uid: None,
            section: None,
            partial: None,
            search: None,
        }
    }
}

/// `iserver = [iuserinfo "@"] host [":" port]`,
/// `iuserinfo = enc-user [iauth] / [enc-user] iauth` — RFC 5092 §11.
fn iserver<'a>(cursor: &mut Cursor<'a>) -> Result<UrlServer<'a>, Error> {
    let mut ahead = *cursor;
    ahead.take_while(|byte| is_achar(byte) || matches!(byte, b'%' | b';'));
    let (mut user, mut auth) = (None, None);
    if ahead.peek() == Some(b'@') {
        if cursor.peek() != Some(b';') {
            user = Some(encoded(cursor, is_achar, "enc-user")?);
        }
        if cursor.eat_word(";AUTH=") {
            auth = Some(encoded(cursor, is_achar, "enc-auth-type")?);
        }
        if user.is_none() && auth.is_none() {
            return Err(cursor.error("iuserinfo"));
        }
        cursor.expect(b'@', "\"@\"")?;
    }
    let host = host(cursor)?;
    let mut port = None;
    if cursor.eat(b':') && matches!(cursor.peek(), Some(b'0'..=b'9')) {
        let before = *cursor;
        port = Some(u16::try_from(number64(cursor)?).map_err(|_| before.error("port"))?);
    }
    Ok(UrlServer { user, auth, host, port })
}

/// `host = IP-literal / IPv4address / reg-name` — RFC 3986 §3.2.2, here never empty.
fn host<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str, Error> {
    let before = *cursor;
    if cursor.eat(b'[') {
        let is_literal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'.');
        some(cursor, is_literal, "IP-literal")?;
        cursor.expect(b']', "\"]\"")?;
    } else {
        encoded(cursor, is_achar, "host")?;
    }
    core::str::from_utf8(cursor.since(before)).map_err(|_| before.error("host"))
}

/// `icommand = imessagelist / imessagepart`, `imessagelist = imailbox-ref ["?" enc-search]`,
/// `imessagepart = imailbox-ref iuid [isection] [ipartial]`, and
/// `irelative-path = imessagelist / imsg-or-part`, which may begin with any of them — RFC 5092 §11.
/// Nothing is right, too.
fn icommand<'a>(cursor: &mut Cursor<'a>, base: UrlBase<'a>) -> Result<ImapUrl<'a>, Error> {
    let mut url = ImapUrl::of(base);
    if cursor.is_empty() {
        return Ok(url);
    }
    if cursor.peek() != Some(b';') || base != UrlBase::Here {
        imailbox_ref(cursor, &mut url)?;
        if cursor.is_empty() {
            return Ok(url);
        }
        if cursor.eat(b'?') {
            url.search = Some(encoded(cursor, is_bchar, "enc-search")?);
            return Ok(url);
        }
        cursor.expect(b'/', "iuid")?;
        url.uid = Some(iuid_only(cursor)?.ok_or_else(|| cursor.error("iuid"))?);
    } else {
        url.uid = iuid_only(cursor)?;
    }
    // In `;SECTION=1/;PARTIAL=2` a slash goes before all but the first.
    let slash = |cursor: &mut Cursor<'a>, first: bool| first || cursor.eat(b'/');
    let mut first = url.uid.is_none();
    let mut ahead = *cursor;
    if slash(&mut ahead, first) && ahead.eat_word(";SECTION=") {
        *cursor = ahead;
        url.section = Some(before_parameter(cursor, "enc-section")?);
        first = false;
    }
    if cursor.is_empty() && !first {
        return Ok(url);
    }
    if !(slash(cursor, first) && cursor.eat_word(";PARTIAL=")) {
        return Err(cursor.error("isection or ipartial"));
    }
    url.partial = Some(partial_range(cursor)?);
    Ok(url)
}

/// `imailbox-ref = enc-mailbox [uidvalidity]`, `uidvalidity = ";UIDVALIDITY=" nz-number` —
/// RFC 5092 §11.
fn imailbox_ref<'a>(cursor: &mut Cursor<'a>, url: &mut ImapUrl<'a>) -> Result<(), Error> {
    let before = *cursor;
    let mailbox = before_parameter(cursor, "enc-mailbox")?;
    // Otherwise the URL of another scheme would be a mailbox (RFC 3986 §4.2 `path-noscheme`).
    let first = mailbox.raw.split(|&byte| byte == b'/').next().unwrap_or_default();
    if url.base == UrlBase::Here && steps::find(b':', first).is_some() {
        return Err(before.error("path without a scheme"));
    }
    url.mailbox = Some(mailbox);
    if cursor.eat_word(";UIDVALIDITY=") {
        url.uid_validity = Some(nz_number(cursor)?);
    }
    Ok(())
}

/// `1*bchar`, without the slash that belongs to the parameter behind it.
fn before_parameter<'a>(
    cursor: &mut Cursor<'a>,
    expected: &'static str,
) -> Result<Encoded<'a>, Error> {
    let before = *cursor;
    let whole = encoded(cursor, is_bchar, expected)?;
    let is_parameter = cursor.peek() == Some(b';') && !cursor.clone().eat_word(";UIDVALIDITY=");
    let Some(raw) = whole.raw.strip_suffix(b"/").filter(|_| is_parameter) else {
        return Ok(whole);
    };
    if raw.is_empty() {
        return Err(before.error(expected));
    }
    *cursor = before;
    cursor.take(raw.len(), expected)?;
    Ok(Encoded { raw })
}

/// `iuid-only = ";UID=" nz-number` — RFC 5092 §11, if it is there.
fn iuid_only(cursor: &mut Cursor<'_>) -> Result<Option<u32>, Error> {
    if cursor.eat_word(";UID=") { nz_number(cursor).map(Some) } else { Ok(None) }
}

/// `partial-range = number ["." nz-number]` — RFC 5092 §11.
fn partial_range(cursor: &mut Cursor<'_>) -> Result<UrlPartial, Error> {
    let offset = number64(cursor)?;
    let count = if cursor.eat(b'.') { Some(nz_number64(cursor)?) } else { None };
    Ok(UrlPartial { offset, count })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::{String, ToString};

    /// Base, mailbox, and what else is there.
    fn told(input: &str) -> String {
        let url = match ImapUrl::parse(input.as_bytes()) {
            Ok(url) => url,
            Err(error) => return error.to_string(),
        };
        let mut told = match url.base {
            UrlBase::Server(UrlServer { user, auth, host, port }) => {
                format!("{user:?} {auth:?} {host} {port:?}")
            }
            base => format!("{base:?}"),
        };
        let fields = [
            ("mailbox", url.mailbox.map(|name| name.decode().escape_ascii().to_string())),
            ("validity", url.uid_validity.map(|number| number.to_string())),
            ("uid", url.uid.map(|number| number.to_string())),
            ("section", url.section.map(|text| text.decode().escape_ascii().to_string())),
            ("partial", url.partial.map(|range| format!("{} {:?}", range.offset, range.count))),
            ("search", url.search.map(|text| text.decode().escape_ascii().to_string())),
        ];
        for (name, value) in fields {
            if let Some(value) = value {
                told.push_str(&format!("; {name} {value}"));
            }
        }
        told
    }

    #[track_caller]
    fn check(input: &str, want: &str) {
        assert_eq!(told(input), want, "from {input:?}");
    }

    #[test]
    fn messages_and_parts() {
        // RFC 4469 §3, its example
        check(
            "/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER",
            "Root; mailbox Drafts; validity 385759045; uid 20; section HEADER",
        );
        check("/a/b/;UID=20", "Root; mailbox a/b; uid 20");
        check("/a/;uid=1/;Partial=0", "Root; mailbox a; uid 1; partial 0 None");
        check(
            "/a;UIDVALIDITY=1/;UID=4294967295/;SECTION=1.2.MIME/;PARTIAL=5.10",
            "Root; mailbox a; validity 1; uid 4294967295; section 1.2.MIME; partial 5 Some(10)",
        );
        check(
            "/a/;UID=1/;SECTION=HEADER.FIELDS%20(%22a/b%22)",
            "Root; mailbox a; uid 1; section HEADER.FIELDS (\\\"a/b\\\")",
        );
        check("/%C3%a4%20&-/;UID=1", "Root; mailbox \\xc3\\xa4 &-; uid 1");
        check("/a//;UID=1", "Root; mailbox a/; uid 1");
        check("/a;UIDVALIDITY=1", "Root; mailbox a; validity 1");
        check("/a/", "Root; mailbox a/");
        check("/a?SUBJECT%20x", "Root; mailbox a; search SUBJECT x");
        check("/", "Root");
    }

    #[test]
    fn servers() {
        check("imap://h", "None None h None");
        check("IMAP://h/", "None None h None");
        check("imap://h:1430/a", "None None h Some(1430); mailbox a");
        check("imap://h:/a", "None None h None; mailbox a"); // RFC 3986 §3.2.3: port = *DIGIT
        check("imap://[::1]:143/a", "None None [::1] Some(143); mailbox a");
        check(
            "imap://michael%40x;AUTH=*@minbari.example.org/users.*;uidvalidity=385759045",
            "Some(\"michael%40x\") Some(\"*\") minbari.example.org None; \
             mailbox users.*; validity 385759045",
        );
        check("imap://;AUTH=GSSAPI@h/a@b", "None Some(\"GSSAPI\") h None; mailbox a@b");
        check("//bester@h/a/;UID=7", "Some(\"bester\") None h None; mailbox a; uid 7");
        check("imap:///a", "expected host at byte 7");
        check("imap://@h/a", "expected enc-user at byte 7");
        check("imap://u;FOO=1@h/a", "expected \"@\" at byte 8");
        check("imap://h:65536/a", "expected port at byte 9");
        check("imap://[::1/a", "expected \"]\" at byte 11");
        check("imap://h?x", "expected end of the URL at byte 8");
        check("imaps://h/a", "expected path without a scheme at byte 0");
        check("http:a b", "expected path without a scheme at byte 0");
    }

    #[test]
    fn relative() {
        check("", "Here");
        check("a/b", "Here; mailbox a/b");
        check("a/;UID=3", "Here; mailbox a; uid 3");
        check(";UID=20/;SECTION=1.2", "Here; uid 20; section 1.2");
        check(";UID=20", "Here; uid 20");
        check(";SECTION=TEXT", "Here; section TEXT");
        check(";SECTION=TEXT/;PARTIAL=1.2", "Here; section TEXT; partial 1 Some(2)");
        check(";PARTIAL=1", "Here; partial 1 None");
        check(";UIDVALIDITY=1/;UID=2", "expected isection or ipartial at byte 0");
    }

    #[test]
    fn what_is_no_url() {
        check("/;UID=20", "expected enc-mailbox at byte 1");
        check("//;UID=20", "expected host at byte 2");
        check("/a;UID=20", "expected iuid at byte 2");
        check("/a/;SECTION=1", "expected iuid at byte 3");
        check("/a/;PARTIAL=1", "expected iuid at byte 3");
        check("/a/;UID=0", "expected nz-number at byte 8");
        check("/a/;UID=4294967296", "expected nz-number at byte 8");
        check("/a/;UID=1x", "expected isection or ipartial at byte 9");
        check("/a/;UID=1/", "expected isection or ipartial at byte 10");
        check("/a/;UID=1/;SECTION=", "expected enc-section at byte 19");
        check("/a/;UID=1/;PARTIAL=1/;SECTION=1", "expected end of the URL at byte 20");
        check("/a/;UID=1/;PARTIAL=1.0", "expected nz-number64 at byte 21");
        check("/a;UIDVALIDITY=x", "expected nz-number at byte 15");
        check("/a;UIDVALIDITY=1?ALL/;UID=1", "expected end of the URL at byte 21");
        check("/a?", "expected enc-search at byte 3");
        check("/a%2", "expected pct-encoded at byte 3");
        check("/a%2g", "expected pct-encoded at byte 2");
        check("/a b", "expected iuid at byte 2");
        check("/\u{e4}", "expected enc-mailbox at byte 1");
        check("/a#b", "expected iuid at byte 2");
        // RFC 5092 §6.1 is not known here.
        check(
            "/a/;UID=1;URLAUTH=anonymous:INTERNAL:91354a",
            "expected isection or ipartial at byte 9",
        );
    }

    #[test]
    fn decoding_borrows_where_it_can() {
        let plain = ImapUrl::parse(b"/ab").unwrap().mailbox.unwrap();
        assert!(matches!(plain.decode(), Cow::Borrowed(b"ab")));
        let all: String = (0..=255).map(|byte| format!("%{byte:02x}")).collect();
        let input = format!("/{all}");
        let name = ImapUrl::parse(input.as_bytes()).unwrap().mailbox.unwrap();
        assert!(name.bytes().eq(0..=255));
        assert_eq!(name.as_bytes(), all.as_bytes());
    }
}
