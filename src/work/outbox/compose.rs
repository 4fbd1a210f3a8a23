//! What a script's action sends, byte by byte: a message sent on, an answer, a refusal, a
//! notification. Pure: the same action and [`Origin`] give the same message.
//!
//! What people read is encoded so that any server takes it. What came from outside cannot begin a
//! field of its own: it goes through the same encoders as what scripts add to headers.

use parser::message::header::{self, Fields, message_ids};
use parser::sieve::tree::{ByMode, DsnNotify, DsnReturn, Importance};

use super::entity::{entity, report, text};
use crate::job::{EnvelopeDsn, RecipientDsn};
use crate::mail::text::decode_header;
use crate::model::Timestamp;
use crate::sieve::compose::{address_field, field};
use crate::sieve::{Action, DeliverBy, Notify, Redirect, RedirectTo, Vacation};
use crate::store::{NewOutgoing, OutgoingKind, OutgoingOptions};
use crate::work::trace::{clean, date_time, origination_fields, path};

/// Bytes of a header that go back to a sender.
const HEADER_BYTES_MAX: usize = 64 * 1024;
/// RFC 3461 §4.2.
const ORCPT_BYTES_MAX: usize = 500;

/// The delivery that an action comes from.
#[derive(Clone, Copy, Debug)]
pub(in crate::work) struct Origin<'a> {
    /// This moment.
    pub(in crate::work) now: Timestamp,
    /// Our name.
    pub(in crate::work) hostname: &'a str,
    /// What tells this message from every other: the delivery's number, and the action's in it.
    pub(in crate::work) unique: &'a str,
    /// The address that the script's owner writes from.
    pub(in crate::work) owner: &'a str,
    /// MAIL FROM without its brackets; "" for the null sender.
    pub(in crate::work) sender: &'a str,
    /// RCPT TO without its brackets.
    pub(in crate::work) recipient: &'a str,
    /// `ORCPT`, its xtext undone (RFC 3461 §4.2).
    pub(in crate::work) original_recipient: Option<&'a str>,
    /// What the sender asked for, if it is passed on: see [`passed_on`].
    pub(in crate::work) asked: Option<&'a OutgoingOptions>,
    /// The message came with `SMTPUTF8` (RFC 6531 §3.4).
    pub(in crate::work) utf8: bool,
    /// The message as the script saw it, with or without our trace lines.
    pub(in crate::work) message: &'a [u8],
}

/// What leaves for `action`. `None` if nothing does: for it stays here, is a refusal of a message
/// without a sender (RFC 5429 §2.1.2 and §2.2.1), or goes to a list that nobody has looked up.
pub(in crate::work) fn compose(action: &Action, origin: &Origin<'_>) -> Option<NewOutgoing> {
    match action {
        Action::Redirect(redirect) => send_on(redirect, origin),
        Action::Vacation(vacation) => Some(answer(vacation, origin)),
        Action::Reject { extended, reason } => refuse(*extended, reason, origin),
        Action::Notify(notify) => Some(notification(notify, origin)),
        Action::Keep { .. } | Action::FileInto { .. } => None,
    }
}

/// A message sent on (RFC 5228 §4.2): nothing of it changes, and what stands in front makes the count
/// of its Received fields larger.
///
/// Our own Return-Path is left out: the next server that delivers writes its own (RFC 5321 §4.4).
fn send_on(redirect: &Redirect, origin: &Origin<'_>) -> Option<NewOutgoing> {
    let RedirectTo::Address(to) = &redirect.to else { return None };
    let recipients = vec![to.clone()];
    Some(sent_on(redirect, recipients, Some(to), origin))
}

/// A message sent on to the members of a list (RFC 6134 §2.3), once for all. None of them is named in
/// it: they need not know of each other.
pub(in crate::work) fn send_on_to_all(
    redirect: &Redirect,
    members: Vec<String>,
    origin: &Origin<'_>,
) -> NewOutgoing {
    sent_on(redirect, members, None, origin)
}

fn sent_on(
    redirect: &Redirect,
    recipients: Vec<String>,
    named: Option<&str>,
    origin: &Origin<'_>,
) -> NewOutgoing {
    let received_for = named.map_or(String::new(), |to| format!("\r\n\tfor <{}>", path(to)));
    let (host, unique, date) = (clean(origin.hostname), origin.unique, date_time(origin.now));
    let mut message =
        format!("Received: by {host} (Sora) with local id {unique}{received_for}; {date}\r\n")
            .into_bytes();
    // RFC 5322 §3.6.6: one block, in front of those of others before us.
    message.extend(address_field("Resent-From", &path(origin.owner)));
    if let Some(to) = named {
        message.extend(address_field("Resent-To", &path(to)));
    }
    for line in origination_fields(origin.now, unique, &host).split_inclusive('\n') {
        message.extend_from_slice(b"Resent-");
        message.extend_from_slice(line.as_bytes());
    }
    message.extend_from_slice(without_return_path(redirect.version.bytes(origin.message)));
    let own = OutgoingOptions {
        notify: redirect.notify.map(dsn_notify),
        ret: redirect.ret.map(dsn_return),
        by: redirect.deliver_by.map(|by| deliver_by(by, origin.now)),
        ..OutgoingOptions::default()
    };
    // RFC 3461 §5.2.7.3 (b): of many at most one is asked to report; of the members of a list none.
    let asked = origin.asked.filter(|_| named.is_some() && is_plain(redirect)).cloned();
    NewOutgoing {
        kind: OutgoingKind::Redirect,
        sender: redirect.sender.clone().unwrap_or_else(|| origin.sender.to_owned()),
        recipients,
        options: OutgoingOptions {
            utf8: origin.utf8 || !origin.owner.is_ascii() || named.is_some_and(|to| !to.is_ascii()),
            ..asked.unwrap_or(own)
        },
        message,
    }
}

/// True if the script asked nothing of the next servers, and their reports go to the message's sender:
/// what that one asked holds, as for an alias (RFC 3461 §5.2.7.2). Reports to the script's owner are
/// none of the sender's business (§5.2.7.1).
pub(in crate::work) fn is_plain(redirect: &Redirect) -> bool {
    let Redirect { sender, notify, ret, deliver_by, .. } = redirect;
    sender.is_none() && notify.is_none() && ret.is_none() && deliver_by.is_none()
}

/// What MAIL and RCPT asked for, as a plain redirect asks it of the next server. `None`: nothing.
pub(in crate::work) fn passed_on(
    mail: Option<&EnvelopeDsn>,
    rcpt: Option<&RecipientDsn>,
) -> Option<OutgoingOptions> {
    let notify = rcpt.and_then(|rcpt| rcpt.notify);
    let notify = notify.map(|[success, failure, delay]| DsnNotify { success, failure, delay });
    let full = mail.and_then(|mail| mail.full);
    let options = OutgoingOptions {
        notify: notify.map(dsn_notify),
        ret: full.map(|full| dsn_return(if full { DsnReturn::Full } else { DsnReturn::Headers })),
        original_recipient: rcpt.and_then(|rcpt| orcpt(rcpt.original.as_deref()?)),
        id: mail.and_then(|mail| mail.id.as_deref()).map(xtext),
        ..OutgoingOptions::default()
    };
    (options != OutgoingOptions::default()).then_some(options)
}

/// `original-recipient-address` (RFC 3461 §4.2). What is longer than it may be is not passed on.
fn orcpt(original: &str) -> Option<String> {
    let (kind, address) = original.split_once(';')?;
    let whole = format!("{kind};{}", xtext(&ascii(address)));
    (whole.len() <= ORCPT_BYTES_MAX && kind.bytes().all(|byte| byte.is_ascii_graphic()))
        .then_some(whole)
}

/// `xtext` (RFC 3461 §4).
fn xtext(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'+' | b'=' => out.push_str(&format!("+{byte:02X}")),
            b'!'..=b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("+{byte:02X}")),
        }
    }
    out
}

/// RFC 3461 §4.3.
fn dsn_return(ret: DsnReturn) -> String {
    match ret {
        DsnReturn::Full => "FULL".to_owned(),
        DsnReturn::Headers => "HDRS".to_owned(),
    }
}

/// What follows the Return-Path fields that a message begins with.
fn without_return_path(message: &[u8]) -> &[u8] {
    let is_one = |field: &header::Field<'_>| field.is(b"Return-Path");
    let mut rest = message;
    while let Some(field) = Fields::new(rest).next().filter(is_one) {
        rest = rest.get(field.raw.len()..).unwrap_or_default();
    }
    rest
}

/// RFC 3461 §4.1.
fn dsn_notify(notify: DsnNotify) -> String {
    let wanted =
        [("SUCCESS", notify.success), ("FAILURE", notify.failure), ("DELAY", notify.delay)];
    let wanted: Vec<&str> = wanted.iter().filter(|(_, on)| *on).map(|(name, _)| *name).collect();
    if wanted.is_empty() { "NEVER".to_owned() } else { wanted.join(",") }
}

/// The moment, and RFC 2852 §4's `by-mode` and `by-trace`.
fn deliver_by(by: DeliverBy, now: Timestamp) -> (Timestamp, String) {
    let mode = match by.mode {
        ByMode::Notify => "N",
        ByMode::Return => "R",
    };
    let at = Timestamp(now.0.saturating_add(by.seconds.saturating_mul(1_000_000)));
    (at, format!("{mode}{}", if by.trace { "T" } else { "" }))
}

/// An answer while the user is away (RFC 5230 §5): nobody answers it, and nobody is told that it could
/// not be sent, for it has no sender (§5.1).
fn answer(vacation: &Vacation, origin: &Origin<'_>) -> NewOutgoing {
    let mut letter = Letter::new(origin);
    letter.addresses("From", &vacation.from); // §5.2
    letter.addresses("To", &path(&vacation.to)); // §5.5
    letter.field("Subject", &vacation.subject); // §5.3
    // §5.8
    letter.ids("In-Reply-To", vacation.in_reply_to.as_deref());
    letter.ids("References", vacation.references.as_deref());
    letter.field("Auto-Submitted", "auto-replied (vacation)"); // §5.6
    let body = if vacation.mime { given(&vacation.reason) } else { text(&vacation.reason) };
    let message = letter.finish(body);
    outgoing(OutgoingKind::Vacation, "", vec![vacation.to.clone()], message)
}

/// A MIME entity as a script has it (RFC 5230 §4.4), as the rest of a message: of its header only what
/// is of MIME means anything there (RFC 2045 §3), and the rest might be there already.
fn given(reason: &str) -> Vec<u8> {
    let reason = reason.as_bytes();
    let mut out = Vec::with_capacity(reason.len());
    for field in Fields::new(reason) {
        if field.name.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"Content-")) {
            out.extend_from_slice(field.raw.trim_ascii_end());
            out.extend_from_slice(b"\r\n");
        }
    }
    let body = reason.get(header::header_len(reason)..).unwrap_or_default();
    let is_encoded = header::find(&out, b"Content-Transfer-Encoding").is_some();
    if !body.is_ascii() && !is_encoded {
        out.extend_from_slice(b"Content-Transfer-Encoding: 8bit\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
    out
}

/// A refusal: `reject` as a disposition notification (RFC 5429 §2.2.1), `ereject` as a delivery status
/// notification (RFC 5429 §2.1.2). Neither is sent to nobody.
fn refuse(extended: bool, reason: &str, origin: &Origin<'_>) -> Option<NewOutgoing> {
    if origin.sender.is_empty() {
        return None;
    }
    let told = text(&format!(
        "Your message to {} was refused by the recipient's mail filtering program.\r\nThe reason \
         given is as follows:\r\n\r\n{reason}\r\n",
        path(origin.recipient),
    ));
    let header = origin.message.get(..header::header_len(origin.message)).unwrap_or_default();
    let header = without_return_path(header);
    let header = header.get(..HEADER_BYTES_MAX).unwrap_or(header);
    let header = entity("text/rfc822-headers", header);
    let (from, kind, facts) = if extended {
        let system = format!("Mail Delivery System <MAILER-DAEMON@{}>", clean(origin.hostname));
        let facts = entity("message/delivery-status", delivery_status(origin).as_bytes());
        (system, "delivery-status", facts)
    } else {
        // RFC 8098 §3: from whoever the notification speaks for.
        let facts = entity("message/disposition-notification", disposition(origin).as_bytes());
        (path(origin.recipient), "disposition-notification", facts)
    };
    let mut letter = Letter::new(origin);
    letter.addresses("From", &from);
    letter.addresses("To", &path(origin.sender));
    let subject = header::find(origin.message, b"Subject").map(decode_header).unwrap_or_default();
    letter.field("Subject", format!("Rejected: {subject}").trim_end());
    letter.ids("In-Reply-To", message_id(origin.message).as_deref());
    letter.ids("References", message_id(origin.message).as_deref());
    letter.field("Auto-Submitted", "auto-replied (rejected)");
    let message = letter.finish(report(kind, &[told, facts, header]));
    Some(outgoing(OutgoingKind::Reject, "", vec![origin.sender.to_owned()], message))
}

/// `delivery-status-content` (RFC 3464 §2.1).
fn delivery_status(origin: &Origin<'_>) -> String {
    let (host, date) = (clean(origin.hostname), date_time(origin.now));
    let mut out = format!("Reporting-MTA: dns; {host}\r\nArrival-Date: {date}\r\n\r\n");
    recipients(origin, &mut out);
    // RFC 3463 §3.8: refused by a rule, not for want of a mailbox.
    out.push_str("Action: failed\r\nStatus: 5.7.1\r\n");
    out
}

/// `disposition-notification-content` (RFC 8098 §3.1), as RFC 5429 §2.2.1 wants it.
fn disposition(origin: &Origin<'_>) -> String {
    let mut out = format!("Reporting-UA: {}; Sora\r\n", clean(origin.hostname));
    recipients(origin, &mut out);
    if let Some(id) = message_id(origin.message) {
        out.push_str(&format!("Original-Message-ID: {id}\r\n"));
    }
    out.push_str("Disposition: automatic-action/MDN-sent-automatically; deleted\r\n");
    out
}

/// `original-recipient-field` and `final-recipient-field`, which both reports have in this order
/// (RFC 3464 §2.3, RFC 8098 §3.1).
fn recipients(origin: &Origin<'_>, out: &mut String) {
    if let Some(original) = origin.original_recipient {
        out.push_str(&format!("Original-Recipient: {}\r\n", ascii(&clean(original))));
    }
    let address = path(origin.recipient);
    let kind = if address.is_ascii() { "rfc822" } else { "utf-8" };
    out.push_str(&format!("Final-Recipient: {kind}; {}\r\n", ascii(&address)));
}

/// `utf-8-addr-xtext` (RFC 6533 §3), which is ASCII.
fn ascii(address: &str) -> String {
    let mut out = String::with_capacity(address.len());
    for c in address.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            out.push_str(&format!("\\x{{{:X}}}", u32::from(c)));
        }
    }
    out
}

/// The first id of its Message-ID field, with its brackets.
fn message_id(message: &[u8]) -> Option<String> {
    let value = header::unfold(header::find(message, b"Message-ID")?);
    let id = message_ids(&value).next()?;
    Some(String::from_utf8_lossy(id).into_owned())
}

/// A notification (RFC 5436 §2.7).
fn notification(notify: &Notify, origin: &Origin<'_>) -> NewOutgoing {
    let mut letter = Letter::new(origin);
    letter.addresses("From", &notify.from);
    letter.addresses("To", &notify.to.join(", "));
    let copies = notify.recipients.iter().filter(|address| !notify.to.contains(address));
    let copies: Vec<&str> = copies.map(String::as_str).collect();
    if !copies.is_empty() {
        letter.addresses("Cc", &copies.join(", "));
    }
    letter.field("Subject", &notify.subject);
    // §2.7.1: this field, and who sends.
    let owner = clean(&notify.owner).replace('\\', "\\\\").replace('"', "\\\"");
    let by = if owner.is_ascii() {
        format!("owner-email=\"{owner}\"")
    } else {
        format!("owner-token={}", origin.unique)
    };
    letter.field("Auto-Submitted", &format!("auto-notified; {by}"));
    letter.ids("References", message_id(origin.message).as_deref());
    match notify.importance {
        Importance::High => letter.field("Importance", "high"),
        Importance::Normal => {}
        Importance::Low => letter.field("Importance", "low"),
    }
    for (name, value) in &notify.headers {
        letter.field(name, value);
    }
    let message = letter.finish(text(&notify.body));
    outgoing(OutgoingKind::Notify, &notify.sender, notify.recipients.clone(), message)
}

fn outgoing(
    kind: OutgoingKind,
    sender: &str,
    recipients: Vec<String>,
    message: Vec<u8>,
) -> NewOutgoing {
    // What people read is encoded; addresses are not.
    let header = message.get(..header::header_len(&message)).unwrap_or_default();
    let options = OutgoingOptions { utf8: !header.is_ascii(), ..OutgoingOptions::default() };
    NewOutgoing { kind, sender: sender.to_owned(), recipients, options, message }
}

/// The header of a message of our own.
struct Letter(Vec<u8>);

impl Letter {
    fn new(origin: &Origin<'_>) -> Self {
        let fields = origination_fields(origin.now, origin.unique, origin.hostname);
        Self(fields.into_bytes())
    }

    fn field(&mut self, name: &str, value: &str) {
        self.0.extend(field(name, value));
    }

    fn addresses(&mut self, name: &str, value: &str) {
        self.0.extend(address_field(name, value));
    }

    /// Ids that are ASCII, as all should be: others would be encoded, and mean nothing.
    fn ids(&mut self, name: &str, ids: Option<&str>) {
        if let Some(ids) = ids.filter(|ids| ids.is_ascii()) {
            self.field(name, ids);
        }
    }

    /// With what follows: the fields of MIME, a blank line and the body.
    fn finish(mut self, entity: Vec<u8>) -> Vec<u8> {
        self.0.extend_from_slice(b"MIME-Version: 1.0\r\n");
        self.0.extend(entity);
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::sieve::Version;
    use parser::message::MessageMap;

    const MESSAGE: &[u8] = b"Return-Path: <ann@example.com>\r\nDelivered-To: bob@example.org\r\n\
        Received: by mx (Sora) with LMTP id 1\r\n\tfor <bob@example.org>; now\r\n\
        Message-ID: <1@example.com>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\n\
        The body\r\n";

    fn origin() -> Origin<'static> {
        Origin {
            now: Timestamp::from_seconds(1_795_347_034),
            hostname: "mail.example.org",
            unique: "4Q7.1",
            owner: "bob@example.org",
            sender: "ann@example.com",
            recipient: "bob+x@example.org",
            original_recipient: None,
            asked: None,
            utf8: false,
            message: MESSAGE,
        }
    }

    #[track_caller]
    fn check(new: &NewOutgoing, want: &str) {
        let made = String::from_utf8(new.message.clone()).unwrap();
        assert_eq!(made.matches('\n').count(), made.matches("\r\n").count());
        assert_eq!(made.replace("\r\n", "\n"), want);
    }

    fn redirect(to: &str) -> Redirect {
        Redirect {
            to: RedirectTo::Address(to.to_owned()),
            sender: None,
            notify: None,
            ret: None,
            deliver_by: None,
            version: Version::AsReceived,
        }
    }

    #[test] // RFC 5228 §4.2, RFC 5322 §3.6.6
    fn sent_on() {
        let new = compose(&Action::Redirect(Box::new(redirect("c@x"))), &origin()).unwrap();
        assert_eq!((&*new.sender, &*new.recipients), ("ann@example.com", &["c@x".to_owned()][..]));
        assert_eq!(new.options, OutgoingOptions::default());
        check(
            &new,
            "Received: by mail.example.org (Sora) with local id 4Q7.1\n\tfor <c@x>; \
             Sun, 22 Nov 2026 11:30:34 +0000\nResent-From: bob@example.org\nResent-To: c@x\n\
             Resent-Date: Sun, 22 Nov 2026 11:30:34 +0000\n\
             Resent-Message-ID: <4Q7.1@mail.example.org>\nDelivered-To: bob@example.org\n\
             Received: by mx (Sora) with LMTP id 1\n\tfor <bob@example.org>; now\n\
             Message-ID: <1@example.com>\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n\nThe body\n",
        );
        let null = Origin { sender: "", ..origin() };
        let bytes = b"Return-path: <>\r\nRETURN-PATH:\r\n <a>\r\nX: y\r\n\r\nz".to_vec();
        let edited = Version::Edited(Arc::new(bytes));
        let edited = Redirect { version: edited, ..redirect("c@x") };
        let new = compose(&Action::Redirect(Box::new(edited)), &null).unwrap();
        assert_eq!(new.sender, "");
        assert!(new.message.ends_with(b"org>\r\nX: y\r\n\r\nz"));
        let list = Redirect { to: RedirectTo::List("tag:list".into()), ..redirect("") };
        assert_eq!(compose(&Action::Redirect(Box::new(list)), &null), None);
    }

    #[test] // RFC 6009 §6 and §7
    fn sent_on_with_parameters() {
        let by = DeliverBy { seconds: 60, mode: ByMode::Return, trace: true };
        let some = DsnNotify { success: true, failure: false, delay: true };
        let redirect = Redirect {
            sender: Some("bob@example.org".into()),
            notify: Some(some),
            ret: Some(DsnReturn::Headers),
            deliver_by: Some(by),
            ..redirect("c@x")
        };
        let new = compose(&Action::Redirect(Box::new(redirect)), &origin()).unwrap();
        assert_eq!(new.sender, "bob@example.org");
        let at = Timestamp::from_seconds(1_795_347_094);
        let want = OutgoingOptions {
            notify: Some("SUCCESS,DELAY".into()),
            ret: Some("HDRS".into()),
            by: Some((at, "RT".into())),
            ..OutgoingOptions::default()
        };
        assert_eq!(new.options, want);
        assert_eq!(dsn_notify(DsnNotify::default()), "NEVER");
    }

    #[test] // RFC 3461 §5.2.7.1 and §5.2.7.2
    fn what_the_sender_asked() {
        let mail = EnvelopeDsn { full: Some(false), id: Some("a+b=c d".into()) };
        let rcpt = RecipientDsn {
            notify: Some([true, true, false]),
            original: Some("rfc822;bob+x@example.org".into()),
        };
        let asked = passed_on(Some(&mail), Some(&rcpt)).unwrap();
        let want = OutgoingOptions {
            notify: Some("SUCCESS,FAILURE".into()),
            ret: Some("HDRS".into()),
            original_recipient: Some("rfc822;bob+2Bx@example.org".into()),
            id: Some("a+2Bb+3Dc+20d".into()),
            ..OutgoingOptions::default()
        };
        assert_eq!(asked, want);
        let origin = Origin { asked: Some(&asked), ..origin() };
        let sent = |redirect| compose(&Action::Redirect(Box::new(redirect)), &origin).unwrap();
        assert_eq!(sent(redirect("c@x")).options, asked);
        let by_script = Redirect { ret: Some(DsnReturn::Full), ..redirect("c@x") };
        let own = OutgoingOptions { ret: Some("FULL".into()), ..OutgoingOptions::default() };
        assert_eq!(sent(by_script).options, own);
        let owners = Redirect { sender: Some("bob@example.org".into()), ..redirect("c@x") };
        assert_eq!(sent(owners).options, OutgoingOptions::default());
        assert_eq!(passed_on(None, None), None);
        assert_eq!(passed_on(Some(&EnvelopeDsn::default()), Some(&RecipientDsn::default())), None);
        assert_eq!(orcpt("utf-8;b\u{f6}b@x").as_deref(), Some("utf-8;b\\x{F6}b@x"));
        assert_eq!(orcpt("bob@x"), None);
        assert_eq!(orcpt(&format!("rfc822;{}", "=".repeat(170))), None);
    }

    fn vacation() -> Vacation {
        Vacation {
            to: "ann@example.com".into(),
            handle: String::new(),
            seconds: 0,
            from: "B\u{f6}b <bob@example.org>".into(),
            subject: "Auto: Gr\u{fc}\u{df}e".into(),
            mime: false,
            reason: "I am away.\r\nB.".into(),
            in_reply_to: Some("<1@example.com>".into()),
            references: Some("<0@example.com> <1@example.com>".into()),
            fcc: None,
        }
    }

    #[test] // RFC 5230 §5
    fn answers() {
        let new = compose(&Action::Vacation(Box::new(vacation())), &origin()).unwrap();
        assert_eq!((&*new.sender, &*new.recipients), ("", &["ann@example.com".to_owned()][..]));
        check(
            &new,
            "Date: Sun, 22 Nov 2026 11:30:34 +0000\nMessage-ID: <4Q7.1@mail.example.org>\n\
             From: =?utf-8?b?QsO2Yg==?= <bob@example.org>\nTo: ann@example.com\n\
             Subject: =?utf-8?b?QXV0bzogR3LDvMOfZQ==?=\nIn-Reply-To: <1@example.com>\n\
             References: <0@example.com> <1@example.com>\n\
             Auto-Submitted: auto-replied (vacation)\nMIME-Version: 1.0\n\
             Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 7bit\n\n\
             I am away.\nB.\n",
        );
    }

    #[test] // RFC 6531 §3.4
    fn what_is_for_smtputf8() {
        let sent = |to: &str, origin: &Origin<'_>| {
            compose(&Action::Redirect(Box::new(redirect(to))), origin).unwrap().options.utf8
        };
        let raw = Origin { message: b"Subject: \xfc\r\n\r\n", ..origin() };
        assert!(!sent("c@x", &raw), "an old message, not one for SMTPUTF8");
        assert!(sent("c@x", &Origin { utf8: true, ..raw }));
        assert!(sent("c@x", &Origin { owner: "b\u{f6}b@x", ..origin() }), "Resent-From");
        assert!(sent("c\u{f6}@x", &origin()), "Resent-To");
        let away = |to: &str| {
            let vacation = Vacation { to: to.into(), ..vacation() };
            compose(&Action::Vacation(Box::new(vacation)), &origin()).unwrap().options.utf8
        };
        assert!(!away("ann@example.com"), "names are encoded");
        assert!(away("\u{e4}nn@example.com"));
    }

    #[test] // RFC 5230 §4.4
    fn entities_given_by_the_script() {
        let entity = |reason: &str| String::from_utf8(given(reason)).unwrap();
        let html = "Content-Type: text/html\r\n charset=utf-8\r\nBcc: x@y\r\n\r\n<p>\u{e4}";
        let coded = "Content-Transfer-Encoding: 8bit\r\n";
        let want = format!("Content-Type: text/html\r\n charset=utf-8\r\n{coded}\r\n<p>\u{e4}");
        assert_eq!(entity(html), want);
        assert_eq!(entity("\r\nplain"), "\r\nplain");
        assert_eq!(entity("Content-Type: text/plain"), "Content-Type: text/plain\r\n\r\n");
    }

    fn reject(extended: bool, origin: &Origin<'_>) -> Option<NewOutgoing> {
        compose(&Action::Reject { extended, reason: "No, not n\u{f6}w".into() }, origin)
    }

    #[track_caller]
    fn parts_of(new: &NewOutgoing, kind: &str, media: &str) -> [String; 3] {
        let map = MessageMap::parse(&new.message);
        let parts: Vec<_> = map.parts().collect();
        let types: Vec<_> = parts
            .iter()
            .map(|part| {
                let (main, sub) = part.media_type();
                format!("{}/{}", main.escape_ascii(), sub.escape_ascii()).to_lowercase()
            })
            .collect();
        assert_eq!(types, ["multipart/report", "text/plain", media, "text/rfc822-headers"]);
        assert_eq!(parts[0].param("report-type"), Some(kind.as_bytes()));
        let body = |at: usize| {
            let (from, bytes) = parts[at].body();
            let raw = &new.message[from as usize..][..bytes as usize];
            let encoding = String::from_utf8_lossy(parts[at].encoding()).into_owned();
            let plain = crate::mail::text::undo_encoding(&encoding, raw).unwrap();
            String::from_utf8(plain.into_owned()).unwrap().replace("\r\n", "\n")
        };
        assert!(new.message.is_ascii());
        [body(1), body(2), body(3)]
    }

    #[test] // RFC 5429 §2.2.1, RFC 8098 §3
    fn rejected() {
        let new = reject(false, &origin()).unwrap();
        assert_eq!((&*new.sender, &*new.recipients), ("", &["ann@example.com".to_owned()][..]));
        let header = String::from_utf8_lossy(&new.message).into_owned();
        assert!(header.contains("\r\nFrom: bob+x@example.org\r\nTo: ann@example.com\r\n"));
        assert!(header.contains("\r\nAuto-Submitted: auto-replied (rejected)\r\n"));
        assert!(header.contains("\r\nIn-Reply-To: <1@example.com>\r\n"));
        let [told, facts, headers] =
            parts_of(&new, "disposition-notification", "message/disposition-notification");
        assert!(told.contains("The reason given is as follows:\n\nNo, not n\u{f6}w\n"), "{told}");
        assert_eq!(
            facts,
            "Reporting-UA: mail.example.org; Sora\n\
             Final-Recipient: rfc822; bob+x@example.org\nOriginal-Message-ID: <1@example.com>\n\
             Disposition: automatic-action/MDN-sent-automatically; deleted\n",
        );
        assert!(headers.starts_with("Delivered-To: bob@example.org\nReceived:"), "{headers}");
        assert!(!headers.contains("The body"));
    }

    #[test] // RFC 5429 §2.1.2, RFC 3464 §2
    fn refused_as_a_bounce() {
        let original = Some("rfc822;rob@example.org");
        let recipient = "b\u{f6}b@example.org";
        let new =
            reject(true, &Origin { original_recipient: original, recipient, ..origin() }).unwrap();
        let header = String::from_utf8_lossy(&new.message).into_owned();
        let from = "From: Mail Delivery System <MAILER-DAEMON@mail.example.org>\r\n";
        assert!(header.contains(from), "{header}");
        let [_, facts, _] = parts_of(&new, "delivery-status", "message/delivery-status");
        assert_eq!(
            facts,
            "Reporting-MTA: dns; mail.example.org\n\
             Arrival-Date: Sun, 22 Nov 2026 11:30:34 +0000\n\n\
             Original-Recipient: rfc822;rob@example.org\n\
             Final-Recipient: utf-8; b\\x{F6}b@example.org\nAction: failed\nStatus: 5.7.1\n",
        );
        for extended in [false, true] {
            assert_eq!(reject(extended, &Origin { sender: "", ..origin() }), None);
        }
    }

    #[test] // RFC 5436 §2.7
    fn notified() {
        let notify = Notify {
            method: "mailto:a@b?cc=c@d".into(),
            recipients: vec!["a@b".into(), "c@d".into()],
            to: vec!["a@b".into()],
            from: "bob@example.org".into(),
            sender: "bob@example.org".into(),
            importance: Importance::High,
            subject: "You have got mail".into(),
            headers: vec![("X-Pager".into(), "1\r\nBcc: x@y".into())],
            body: "From: Ann\r\n".into(),
            owner: "bob@example.org".into(),
            fcc: None,
        };
        let new = compose(&Action::Notify(Box::new(notify)), &origin()).unwrap();
        assert_eq!(new.recipients, ["a@b", "c@d"]);
        check(
            &new,
            "Date: Sun, 22 Nov 2026 11:30:34 +0000\nMessage-ID: <4Q7.1@mail.example.org>\n\
             From: bob@example.org\nTo: a@b\nCc: c@d\nSubject: You have got mail\n\
             Auto-Submitted: auto-notified; owner-email=\"bob@example.org\"\n\
             References: <1@example.com>\nImportance: high\nX-Pager: 1 Bcc: x@y\n\
             MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\
             Content-Transfer-Encoding: 7bit\n\nFrom: Ann\n",
        );
    }
}
