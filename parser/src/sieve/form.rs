//! The forms that strings must have by what they are for.

use crate::managesieve::ScriptName;

/// `URI = scheme ":" hier-part [ "?" query ] [ "#" fragment ]` — RFC 3986 §3, as far as its
/// characters go.
pub(super) fn uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    scheme.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && scheme.bytes().all(letter)
        && !rest.is_empty()
        && uri_characters(rest)
}

/// `pchar / "/" / "?" / "#" / "[" / "]"`, with every `%` before two digits.
fn uri_characters(text: &str) -> bool {
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = match (byte, after) {
            (b'%', [one, two, after @ ..])
                if one.is_ascii_hexdigit() && two.is_ascii_hexdigit() =>
            {
                after
            }
            (b'%' | b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}', _) => {
                return false;
            }
            _ if byte.is_ascii_graphic() => after,
            _ => return false,
        };
    }
    true
}

/// The name of an external list: a URI, or `:` for `urn:ietf:params:sieve:` — RFC 6134 §2.5.
pub(super) fn list_name(text: &str) -> bool {
    match text.strip_prefix(':') {
        Some(rest) => !rest.is_empty() && uri_characters(rest),
        None => uri(text),
    }
}

/// `field-name = 1*ftext` — RFC 5322 §3.6.8.
pub(super) fn field_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':')
}

/// What could be the name of a mailbox anywhere.
pub(super) fn mailbox(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}

/// `objectid = 1*255(ALPHA / DIGIT / "_" / "-")` — RFC 8474 §7.
pub(super) fn object_id(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// `use-attr`, which is `"\" atom` — RFC 6154 §6.
pub(super) fn special_use(text: &str) -> bool {
    text.strip_prefix('\\').is_some_and(atom)
}

/// `atom = 1*ATOM-CHAR` — RFC 9051 §9.
fn atom(text: &str) -> bool {
    let special = |byte| b"(){%*\"\\]".contains(&byte);
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && !special(byte))
}

/// A flag that can be set: a keyword, or a system flag but `\Recent` — RFC 5232 §2.
pub(super) fn flag(text: &str) -> bool {
    match text.strip_prefix('\\') {
        Some(name) => {
            let known = ["answered", "flagged", "deleted", "seen", "draft"];
            known.iter().any(|flag| name.eq_ignore_ascii_case(flag))
        }
        None => atom(text),
    }
}

/// `"<optionname>=<value>"` — RFC 5435 §3.5.
pub(super) fn option(text: &str) -> bool {
    let Some((name, value)) = text.split_once('=') else { return false };
    name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
        && !value.bytes().any(|byte| matches!(byte, 0 | b'\r' | b'\n'))
}

/// RFC 6609 §3.2: a name as RFC 5804 §1.6 wants it, and nothing that is a way up in a file system
/// (§4 calls that hostile).
pub(super) fn script_name(text: &str) -> bool {
    let up = text.split('/').any(|part| matches!(part, "." | ".."));
    !up && ScriptName::new(text.as_bytes().into()).is_ok()
}

/// `date-time` — RFC 3339 §5.6.
pub(super) fn date_time(text: &str) -> bool {
    let Some((date, time)) = text.split_once(['T', 't']) else { return false };
    let Some(clock) = time.get(..8) else { return false };
    let mut rest = time.get(8..).unwrap_or_default();
    if let Some(fraction) = rest.strip_prefix('.') {
        let after = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
        if after.len() == fraction.len() {
            return false;
        }
        rest = after;
    }
    let zone = |text: &str| {
        matches!(text, "Z" | "z")
            || text
                .strip_prefix(['+', '-'])
                .is_some_and(|text| fields(text, ':', &[(2, 0, 23), (2, 0, 59)]))
    };
    fields(date, '-', &[(4, 0, 9999), (2, 1, 12), (2, 1, 31)])
        && fields(clock, ':', &[(2, 0, 23), (2, 0, 59), (2, 0, 60)])
        && zone(rest)
}

/// Numbers of so many digits, from one value to another, with a mark between.
fn fields(text: &str, mark: char, want: &[(usize, u32, u32)]) -> bool {
    let mut given = text.split(mark);
    let right = want.iter().all(|&(digits, least, most)| {
        given.next().is_some_and(|field| {
            field.len() == digits
                && field.bytes().all(|byte| byte.is_ascii_digit())
                && field.parse().is_ok_and(|number: u32| (least..=most).contains(&number))
        })
    });
    right && given.next().is_none()
}

/// Fields that hold addresses: RFC 5228 §5.1 lists some; the rest are of RFC 5322 §3.6 and its
/// relatives.
pub fn holds_addresses(field: &str) -> bool {
    let known = [
        "from",
        "to",
        "cc",
        "bcc",
        "sender",
        "reply-to",
        "resent-from",
        "resent-to",
        "resent-cc",
        "resent-bcc",
        "resent-sender",
        "resent-reply-to",
        "return-path",
        "delivered-to",
        "errors-to",
        "disposition-notification-to",
        "mail-followup-to",
        "mail-reply-to",
        "apparently-to",
        "return-receipt-to",
        "abuse-reports-to",
        "approved",
        "original-from",
        "list-id",
    ];
    let extension = field.get(..2).is_some_and(|head| head.eq_ignore_ascii_case("x-"));
    extension || known.iter().any(|known| field.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(form: fn(&str) -> bool, right: &[&str], wrong: &[&str]) {
        for text in right {
            assert!(form(text), "{text:?}");
        }
        for text in wrong {
            assert!(!form(text), "{text:?}");
        }
    }

    #[test]
    fn forms() {
        check(
            uri,
            &[
                "mailto:a@b.example?subject=%20x",
                "tel:+14085551212",
                "xmpp:a@b?message;subject=SIEVE",
            ],
            &["", "mailto", "mailto:", "1a:b", "a b:c", "a:b c", "a:%2", "a:<b>", "a:\u{e9}", ":b"],
        );
        check(
            list_name,
            &[":addrbook:default", "tag:example.com,2009-05-28:Locals"],
            &["", ":", "Locals"],
        );
        check(field_name, &["Subject", "x-!"], &["", "Subject:", "a b", "\u{e9}"]);
        check(mailbox, &["INBOX", "\u{e9}/x", " "], &["", "a\nb", "a\0"]);
        check(object_id, &["F6352ae03-b7f5_4"], &["", "a b", "\u{e9}"]);
        check(special_use, &["\\Archive"], &["Archive", "\\", "\\a b", ""]);
        check(
            flag,
            &["\\seen", "$MDNSent", "a:b"],
            &["\\Recent", "\\x", "a b", "\u{e9}", "", "a*"],
        );
        check(option, &["a=", "a.b-c_d=e=f"], &["", "=a", ".a=b", "a b=c", "a=b\n"]);
        check(
            script_name,
            &["spam_tests", "a/b", "\u{e9}"],
            &["", "./../..//etc/passwd", "..", "a\n"],
        );
    }

    #[test]
    fn dates() {
        check(
            date_time,
            &["2007-02-26T09:00:00-05:00", "2007-02-26t09:00:60.25z"],
            &[
                "",
                "2007-02-26",
                "2007-02-26T09:00:00",
                "2007-13-26T09:00:00Z",
                "2007-02-26T24:00:00Z",
                "2007-02-26T09:00:00.Z",
                "2007-02-26T09:00:00+0500",
                "2007-2-26T09:00:00Z",
                "2007-02-26T09:00:\u{e9}0Z",
            ],
        );
    }
}
