//! The lines a delivery puts in front of a message: Return-Path, Delivered-To and Received
//! (RFC 5321 §4.4), one set for each recipient.
//!
//! What came from the peer is cleaned first: a trace line never has a CR, LF, NUL or other control
//! character from outside in it, and never more of it than [`ADDRESS_BYTES_MAX`].

use crate::job::Envelope;
use crate::limits::ADDRESS_BYTES_MAX;
use crate::model::Timestamp;

/// Received fields after which a message is going round in circles (RFC 5321 §6.3 asks for at least
/// 100).
const RECEIVED_FIELDS_MAX: usize = 100;

/// How the message came.
#[derive(Clone, Copy, Debug)]
pub(super) enum Via<'a> {
    /// By LMTP.
    Lmtp(&'a Envelope),
    /// By somebody on this machine, with no session.
    Local,
}

/// What the trace lines tell beside the envelope.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trace<'a> {
    /// Our name.
    pub(super) hostname: &'a str,
    /// The delivery's number in our log.
    pub(super) queue_id: &'a str,
    /// Now.
    pub(super) at: Timestamp,
}

impl Trace<'_> {
    /// The lines for one recipient, each with its CRLF.
    pub(super) fn lines(&self, via: Via<'_>, sender: &str, recipient: &str) -> String {
        let sender = path(sender);
        let (recipient, us) = (mailbox(recipient), clean(self.hostname));
        let (from, with) = match via {
            Via::Lmtp(envelope) => (from(envelope), protocol(envelope)),
            Via::Local => (String::new(), "local"),
        };
        let (id, date) = (self.queue_id, date_time(self.at));
        format!(
            "Return-Path: <{sender}>\r\nDelivered-To: {recipient}\r\nReceived: {from}by {us} (Sora) \
             with {with} id {id}\r\n\tfor <{recipient}>; {date}\r\n"
        )
    }
}

/// `From-domain` with the peer's address as `TCP-info` (RFC 5321 §4.4), and a fold.
fn from(envelope: &Envelope) -> String {
    let helo = host(&envelope.helo, envelope.utf8);
    match envelope.peer.map(|peer| peer.to_canonical()) {
        Some(std::net::IpAddr::V4(peer)) => format!("from {helo} ([{peer}])\r\n\t"),
        Some(std::net::IpAddr::V6(peer)) => format!("from {helo} ([IPv6:{peer}])\r\n\t"),
        None => format!("from {helo}\r\n\t"),
    }
}

/// RFC 3848 and RFC 6531 §4.3.
fn protocol(envelope: &Envelope) -> &'static str {
    match (envelope.utf8, envelope.tls) {
        (false, false) => "LMTP",
        (false, true) => "LMTPS",
        (true, false) => "UTF8LMTP",
        (true, true) => "UTF8LMTPS",
    }
}

/// Printable, bounded, and on one line. A space stays: a quoted local part may have one (RFC 5321
/// §4.1.2).
pub(super) fn clean(text: &str) -> String {
    let fits = text.floor_char_boundary(ADDRESS_BYTES_MAX);
    let text = text.get(..fits).unwrap_or_default();
    text.chars().filter(|c| !c.is_control() && (!c.is_whitespace() || *c == ' ')).collect()
}

/// A `Domain` or `address-literal`: whatever else a peer calls itself by, such as a parenthesis that
/// begins a comment and never ends it, is a question mark.
fn host(name: &str, utf8: bool) -> String {
    let right = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    let right = |c: char| right(c) || (utf8 && !c.is_ascii());
    let name = clean(name);
    let name: String = name.chars().map(|c| if right(c) { c } else { '?' }).collect();
    if name.is_empty() { "unknown".to_owned() } else { name }
}

/// What stands between the brackets of MAIL and RCPT, whether or not the local part has its quotes.
pub(super) fn path(address: &str) -> String {
    if is_quoted(address) { clean(address) } else { mailbox(address) }
}

/// An address whose local part has no quotes any more, as a `Mailbox`: with quotes again where its
/// characters need them (RFC 5321 §4.1.2).
fn mailbox(address: &str) -> String {
    let address = clean(address);
    let (local, domain) =
        address.rsplit_once('@').map_or((address.as_str(), None), |(l, d)| (l, Some(d)));
    let atext =
        |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let mut out = String::with_capacity(address.len());
    if local.chars().all(atext) {
        out.push_str(local);
    } else {
        out.push('"');
        for c in local.chars() {
            if matches!(c, '"' | '\\') {
                out.push('\\');
            }
            out.push(c);
        }
        out.push('"');
    }
    if let Some(domain) = domain {
        out.push('@');
        out.extend(domain.chars().filter(|c| !"<>() \"".contains(*c)));
    }
    out
}

/// A `Quoted-string` stands before the last `@`, and ends there: it may stay as it is.
fn is_quoted(address: &str) -> bool {
    let Some((local, domain)) = address.rsplit_once('@') else { return false };
    let inside = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let mut escaped = false;
    let whole = inside.is_some_and(|inside| {
        inside.chars().all(|c| {
            let is_bare_quote = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            !is_bare_quote
        })
    });
    whole && !escaped && !domain.contains(['<', '>', '(', ')', ' ', '"'])
}

/// What every message has, and tells it from all others (RFC 5322 §3.6.1, §3.6.4); each line with its
/// CRLF.
pub(super) fn origination_fields(at: Timestamp, unique: &str, hostname: &str) -> String {
    let host: String = clean(hostname).chars().filter(|c| !" <>".contains(*c)).collect();
    format!("Date: {}\r\nMessage-ID: <{unique}@{host}>\r\n", date_time(at))
}

/// `date-time` in UTC (RFC 5322 §3.3).
pub(super) fn date_time(at: Timestamp) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (days, second) = (at.seconds().div_euclid(86_400), at.seconds().rem_euclid(86_400));
    let (year, month, day) = at.civil();
    let name = |names: &[&'static str], at: i64| {
        usize::try_from(at).ok().and_then(|at| names.get(at).copied()).unwrap_or_default()
    };
    format!(
        "{}, {day} {} {year} {:02}:{:02}:{:02} +0000",
        name(&DAYS, days.rem_euclid(7)),
        name(&MONTHS, month - 1),
        second / 3_600,
        second / 60 % 60,
        second % 60,
    )
}

/// Delivered-To fields that are looked at.
const DELIVERED_TO_FIELDS_MAX: usize = 100;

/// What the header of a message tells about where it has been.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Journey<'a> {
    received: usize,
    delivered_to: Vec<&'a [u8]>,
}

impl<'a> Journey<'a> {
    /// Reads the header of `message`, as far as its blank line.
    pub(super) fn of(message: &'a [u8]) -> Self {
        let mut journey = Self::default();
        for line in message.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end) {
            if line.is_empty() {
                break;
            }
            if value_of(line, b"received:").is_some() {
                journey.received += 1;
            } else if let Some(to) = value_of(line, b"delivered-to:")
                && journey.delivered_to.len() < DELIVERED_TO_FIELDS_MAX
            {
                journey.delivered_to.push(to);
            }
        }
        journey
    }

    /// For this recipient it has been here, or it has been everywhere (pitfall 14).
    pub(super) fn is_a_loop(&self, recipient: &str) -> bool {
        let recipient = mailbox(recipient); // as it is written there
        let same = |to: &&[u8]| to.eq_ignore_ascii_case(recipient.as_bytes());
        self.has_been_everywhere() || self.delivered_to.iter().any(same)
    }

    /// It has passed more servers than any way has (RFC 5321 §6.3).
    pub(super) const fn has_been_everywhere(&self) -> bool {
        self.received > RECEIVED_FIELDS_MAX
    }

    /// A Received field makes a retry recognisable: without one, equal mail was meant to come twice
    /// (pitfall 146).
    pub(super) fn has_received(&self) -> bool {
        self.received > 0
    }
}

/// The value of a field if `line` is one of that name, given in lower case with its colon.
fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (start, value) = line.split_at_checked(name.len())?;
    start.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(envelope: &Envelope, recipient: &str, want: &str) {
        let at = Timestamp::from_seconds(1_795_347_034);
        let trace = Trace { hostname: "mail.example.org", queue_id: "4Q7", at };
        let lines = trace.lines(Via::Lmtp(envelope), &envelope.sender, recipient);
        assert_eq!(lines.replace("\r\n", "\n"), want);
        assert_eq!(lines.matches('\n').count(), lines.matches("\r\n").count());
    }

    #[test] // RFC 5321 §4.4, RFC 3848, RFC 6531 §4.3
    fn trace_lines() {
        let envelope = Envelope {
            sender: "ann@example.com".into(),
            helo: "mx.example.com".into(),
            peer: Some([192, 0, 2, 7].into()),
            ..Envelope::default()
        };
        check(
            &envelope,
            "Bob+x@example.org",
            "Return-Path: <ann@example.com>\nDelivered-To: Bob+x@example.org\n\
             Received: from mx.example.com ([192.0.2.7])\n\tby mail.example.org (Sora) with LMTP id \
             4Q7\n\tfor <Bob+x@example.org>; Sun, 22 Nov 2026 11:30:34 +0000\n",
        );
        let peer = Some("2001:db8::1".parse().unwrap());
        check(
            &Envelope { tls: true, utf8: true, peer, ..Envelope::default() },
            "bøb@example.org",
            "Return-Path: <>\nDelivered-To: bøb@example.org\n\
             Received: from unknown ([IPv6:2001:db8::1])\n\tby mail.example.org (Sora) with \
             UTF8LMTPS id 4Q7\n\tfor <bøb@example.org>; Sun, 22 Nov 2026 11:30:34 +0000\n",
        );
    }

    #[test]
    fn a_local_delivery_has_no_from() {
        let trace = Trace { hostname: "here", queue_id: "1", at: Timestamp(0) };
        assert_eq!(
            trace.lines(Via::Local, "", "b@x"),
            "Return-Path: <>\r\nDelivered-To: b@x\r\nReceived: by here (Sora) with local id 1\r\n\t\
             for <b@x>; Thu, 1 Jan 1970 00:00:00 +0000\r\n",
        );
    }

    #[test]
    fn nothing_from_outside_makes_a_line_or_a_long_one() {
        let envelope = Envelope {
            sender: "a>\r\nX-Evil: yes\0".into(),
            helo: "h\nBcc: all".into(),
            peer: None,
            ..Envelope::default()
        };
        check(
            &envelope,
            "b\r\n\r\n",
            "Return-Path: <\"a>X-Evil: yes\">\nDelivered-To: b\n\
             Received: from hBcc:?all\n\tby mail.example.org (Sora) with LMTP id 4Q7\n\tfor <b>; \
             Sun, 22 Nov 2026 11:30:34 +0000\n",
        );
        assert_eq!(clean(&"é".repeat(400)).len(), ADDRESS_BYTES_MAX);
    }

    #[test] // RFC 5322 §3.6
    fn what_is_written_here_has_a_date_and_an_identity() {
        let fields = origination_fields(Timestamp(0), "4q7", "a\r\n <b");
        assert_eq!(fields, "Date: Thu, 1 Jan 1970 00:00:00 +0000\r\nMessage-ID: <4q7@ab>\r\n");
    }

    #[test] // RFC 5321 §4.4
    fn a_name_from_outside_opens_no_comment() {
        let check = |helo, utf8, want| assert_eq!(host(helo, utf8), want, "{helo}");
        check("mx_1.example.com", false, "mx_1.example.com");
        check("[IPv6:2001:db8::1]", false, "[IPv6:2001:db8::1]");
        check("mx(", false, "mx?");
        check("a;b<c>\"d\\\t", false, "a?b?c??d?");
        check("bücher.example", false, "b?cher.example");
        check("bücher.example", true, "bücher.example");
        check("\u{7}", false, "unknown");
    }

    #[test] // RFC 5321 §4.1.2
    fn addresses_have_quotes_where_they_need_them() {
        let check = |address, want| assert_eq!(mailbox(address), want);
        check("", "");
        check("Postmaster", "Postmaster");
        check("ann.o'hara+x@example.com", "ann.o'hara+x@example.com");
        check("bøb@example.org", "bøb@example.org");
        check("user+a>b@example.org", "\"user+a>b\"@example.org");
        check("two words@example.org", "\"two words\"@example.org");
        check("a\"\\@b@example.org", "\"a\\\"\\\\@b\"@example.org");
        check("a@b>c", "a@bc");
        for (address, want) in [
            ("\"a>b\"@x", true),
            ("\"a\\\"b\"@x", true),
            ("\"a\"b\"@x", false),
            ("\"a\\\"@x", false),
            ("\"a\"@x>", false),
            ("a@x", false),
        ] {
            assert_eq!(is_quoted(address), want, "{address}");
        }
        let seen = b"Delivered-To: \"user+a>b\"@example.org\r\n\r\n";
        assert!(Journey::of(seen).is_a_loop("user+a>b@example.org"));
    }

    #[test]
    fn dates() {
        let check = |seconds, want: &str| {
            assert_eq!(date_time(Timestamp::from_seconds(seconds)), want);
        };
        check(0, "Thu, 1 Jan 1970 00:00:00 +0000");
        check(951_782_399, "Mon, 28 Feb 2000 23:59:59 +0000");
        check(951_782_400, "Tue, 29 Feb 2000 00:00:00 +0000");
        check(951_868_800, "Wed, 1 Mar 2000 00:00:00 +0000");
        check(4_107_542_400, "Mon, 1 Mar 2100 00:00:00 +0000");
        check(-1, "Wed, 31 Dec 1969 23:59:59 +0000");
    }

    #[test] // pitfall 14
    fn journeys() {
        let check = |header: &str, is_a_loop: bool, has_received: bool| {
            let journey = Journey::of(header.as_bytes());
            let told = (journey.is_a_loop("bob@example.org"), journey.has_received());
            assert_eq!(told, (is_a_loop, has_received), "{header}");
        };
        check("", false, false);
        check("Subject: Delivered-To: bob@example.org\r\n\r\n", false, false);
        check("Received: from x\r\n\tby y\r\n\r\n", false, true);
        check("\r\nReceived: from x\r\n", false, false); // in the body
        check("delivered-to:  BOB@example.org \nX: y\n\n", true, false);
        check("Delivered-To: carol@example.org\r\n\r\n", false, false);
        check(&"Received: x\r\n".repeat(100), false, true);
        check(&"Received: x\r\n".repeat(101), true, true);
    }
}
