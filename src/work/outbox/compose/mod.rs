//! What a script's action sends, byte by byte: a message sent on, an answer, a refusal, a
//! notification. Pure: the same action and [`Origin`] give the same message.
//!
//! What people read is encoded so that any server takes it. What came from outside cannot begin a
//! field of its own: it goes through the same encoders as what scripts add to headers.

mod reports;

use std::borrow::Cow;

use parser::message::header::{self, Fields, message_ids};
use parser::sieve::tree::{ByMode, DsnNotify, DsnReturn, Importance};

use super::entity::text;
use crate::job::{EnvelopeDsn, RecipientDsn};
use crate::model::Timestamp;
use crate::sieve::compose::{address_field, field};
use crate::sieve::{Action, DeliverBy, Notify, Redirect, RedirectTo, Vacation};
use crate::store::{NewOutgoing, OutgoingKind, OutgoingOptions};
use crate::work::trace::{clean, date_time, origination_fields, path};

/// RFC 3461 §4.2.
const ORCPT_BYTES_MAX: usize = 500;

pub(super) use reports::undelivered;

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
/// without a sender (RFC 5429 §2.2.1) or one for the dialogue (§2.1.1), or goes to a list that nobody has looked up.
pub(in crate::work) fn compose(action: &Action, origin: &Origin<'_>) -> Option<NewOutgoing> {
    match action {
        Action::Redirect(redirect) => send_on(redirect, origin),
        Action::Vacation(vacation) => Some(answer(vacation, origin)),
        Action::Reject { extended: false, reason } => reports::refuse(reason, origin),
        Action::Notify(notify) => Some(notification(notify, origin)),
        Action::Reject { .. } | Action::Keep { .. } | Action::FileInto { .. } => None,
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

/// A report or an answer to what was sent on with a rewritten sender, on its way to whoever wrote that:
/// as it came.
pub(in crate::work) fn send_back(
    to: &str,
    sender: &str,
    message: &[u8],
    utf8: bool,
) -> NewOutgoing {
    NewOutgoing {
        kind: OutgoingKind::Redirect,
        sender: sender.to_owned(),
        recipients: vec![to.to_owned()],
        options: OutgoingOptions { utf8: utf8 || !to.is_ascii(), ..OutgoingOptions::default() },
        message: without_return_path(message).into_owned(),
    }
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
    message.extend_from_slice(&without_return_path(redirect.version.bytes(origin.message)));
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

/// What `xtext` was made of.
fn xtext_undone(xtext: &str) -> String {
    let mut out = Vec::with_capacity(xtext.len());
    let mut rest = xtext.as_bytes();
    while let [byte, tail @ ..] = rest {
        let hex = tail.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let escaped =
            hex.filter(|_| *byte == b'+').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(escaped.unwrap_or(*byte));
        rest = if escaped.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// RFC 3461 §4.3.
fn dsn_return(ret: DsnReturn) -> String {
    match ret {
        DsnReturn::Full => "FULL".to_owned(),
        DsnReturn::Headers => "HDRS".to_owned(),
    }
}

/// A message without its Return-Path fields, wherever a script has put others in front.
fn without_return_path(message: &[u8]) -> Cow<'_, [u8]> {
    let is_one = |field: &header::Field<'_>| field.is(b"Return-Path");
    if !Fields::new(message).any(|field| is_one(&field)) {
        return Cow::Borrowed(message);
    }
    let mut rest = message;
    let mut out = Vec::with_capacity(message.len());
    while let Some(field) = Fields::new(rest).find(is_one) {
        let at = field.raw.as_ptr().addr().saturating_sub(rest.as_ptr().addr());
        let (before, after) = rest.split_at(at.min(rest.len()));
        out.extend_from_slice(before);
        rest = after.get(field.raw.len()..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    Cow::Owned(out)
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
    // RFC 5230 §5.1, RFC 3461 §6.1: what has no sender is not reported on.
    let notify = sender.is_empty().then(|| "NEVER".to_owned());
    let utf8 = !header.is_ascii();
    let options = OutgoingOptions { utf8, notify, ..OutgoingOptions::default() };
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
mod tests;
