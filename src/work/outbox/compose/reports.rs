//! What a sender is told of a message that nobody gets: refused by a script, or by the relay.

use parser::message::header;

use super::super::entity::{entity, is_plain, report, text};
use super::{Letter, Origin, ascii, message_id, outgoing, without_return_path, xtext_undone};
use crate::mail::text::decode_header;
use crate::model::Timestamp;
use crate::store::{NewOutgoing, Outgoing, OutgoingKind};
use crate::work::trace::{clean, date_time, path};

/// Bytes of a header that go back to a sender.
const HEADER_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a whole message that do, where that was asked for.
const WHOLE_BYTES_MAX: usize = 256 * 1024;
/// Bytes of a relay's words that do.
const WHY_BYTES_MAX: usize = 400;

/// A refusal by `reject`, as a disposition notification (RFC 5429 §2.2.1); it is not sent to nobody.
/// `ereject` is always answered in the dialogue that brings the message (§2.1.1).
pub(super) fn refuse(reason: &str, origin: &Origin<'_>) -> Option<NewOutgoing> {
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
    let header = header.get(..HEADER_BYTES_MAX).unwrap_or(&header);
    let header = entity("text/rfc822-headers", header);
    let facts = entity("message/disposition-notification", disposition(origin).as_bytes());
    let mut letter = Letter::new(origin);
    letter.addresses("From", &path(origin.recipient)); // RFC 8098 §3: for whom it speaks
    letter.addresses("To", &path(origin.sender));
    let subject = header::find(origin.message, b"Subject").map(decode_header).unwrap_or_default();
    letter.field("Subject", format!("Rejected: {subject}").trim_end());
    letter.ids("In-Reply-To", message_id(origin.message).as_deref());
    letter.ids("References", message_id(origin.message).as_deref());
    letter.field("Auto-Submitted", "auto-replied (rejected)");
    let message = letter.finish(report("disposition-notification", &[told, facts, header]));
    Some(outgoing(OutgoingKind::Reject, "", vec![origin.sender.to_owned()], message))
}

/// `disposition-notification-content` (RFC 8098 §3.1), as RFC 5429 §2.2.1 wants it.
fn disposition(origin: &Origin<'_>) -> String {
    let mut out = format!("Reporting-UA: {}; Sora\r\n", clean(origin.hostname));
    if let Some(original) = origin.original_recipient {
        out.push_str(&format!("Original-Recipient: {}\r\n", ascii(&clean(original))));
    }
    let address = path(origin.recipient);
    let kind = if address.is_ascii() { "rfc822" } else { "utf-8" };
    out.push_str(&format!("Final-Recipient: {kind}; {}\r\n", ascii(&address)));
    if let Some(id) = message_id(origin.message) {
        out.push_str(&format!("Original-Message-ID: {id}\r\n"));
    }
    out.push_str("Disposition: automatic-action/MDN-sent-automatically; deleted\r\n");
    out
}

/// What its sender is told of a message that was sent on and cannot be (RFC 5321 §3.6.3), unless he
/// asked not to be (RFC 3461 §4.1). `failed`: to whom, and why.
pub(in crate::work::outbox) fn undelivered(
    sent_on: &Outgoing,
    failed: &[(String, String)],
    message: &[u8],
    hostname: &str,
    now: Timestamp,
) -> Option<NewOutgoing> {
    let wanted = |notify: &String| notify.split(',').any(|word| word == "FAILURE");
    let unwanted = sent_on.options.notify.as_ref().is_some_and(|notify| !wanted(notify));
    if sent_on.kind != OutgoingKind::Redirect || sent_on.sender.is_empty() || unwanted {
        return None;
    }
    let failed: Vec<(String, String)> =
        failed.iter().map(|(to, why)| (path(to), ascii(&clean(cut(why))))).collect();
    let mut told = String::from("Your message was sent on, and could not be delivered to:\r\n");
    let host = clean(hostname);
    let mut facts = format!("Reporting-MTA: dns; {host}\r\n");
    if let Some(id) = &sent_on.options.id {
        facts.push_str(&format!("Original-Envelope-Id: {}\r\n", ascii(&clean(&xtext_undone(id)))));
    }
    facts.push_str(&format!("Arrival-Date: {}\r\n", date_time(sent_on.queued_at)));
    for (to, why) in &failed {
        told.push_str(&format!("\r\n<{to}>:\r\n{why}\r\n"));
        let kind = if to.is_ascii() { "rfc822" } else { "utf-8" };
        facts.push_str("\r\n");
        if let Some(original) = &sent_on.options.original_recipient {
            // RFC 3461 §6.2 (d)
            let original = ascii(&clean(&xtext_undone(original)));
            facts.push_str(&format!("Original-Recipient: {original}\r\n"));
        }
        facts.push_str(&format!(
            "Final-Recipient: {kind}; {}\r\nAction: failed\r\nStatus: {}\r\n\
             Diagnostic-Code: smtp; {why}\r\n",
            ascii(to),
            status(why),
        ));
    }
    let header = message.get(..header::header_len(message)).unwrap_or_default();
    let header = header.get(..HEADER_BYTES_MAX).unwrap_or(header);
    let unique = format!("{}.{}.undelivered", sent_on.id, now.0);
    let origin = Origin {
        now,
        hostname,
        unique: &unique,
        owner: "",
        sender: &sent_on.sender,
        recipient: "",
        original_recipient: None,
        asked: None,
        utf8: false,
        message,
    };
    let mut letter = Letter::new(&origin);
    letter.addresses("From", &format!("Mail Delivery System <MAILER-DAEMON@{host}>"));
    letter.addresses("To", &path(&sent_on.sender));
    letter.field("Subject", "Undelivered mail returned to sender");
    letter.ids("In-Reply-To", message_id(message).as_deref());
    letter.ids("References", message_id(message).as_deref());
    letter.field("Auto-Submitted", "auto-replied"); // RFC 3834 §5
    // RFC 3461 §4.3; a message within another cannot be encoded (RFC 2046 §5.2.1).
    let is_wanted = sent_on.options.ret.as_deref() == Some("FULL");
    let returned = match is_wanted && message.len() <= WHOLE_BYTES_MAX && is_plain(message) {
        true => entity("message/rfc822", message),
        false => entity("text/rfc822-headers", header),
    };
    let facts = entity("message/delivery-status", facts.as_bytes());
    let parts = [text(&told), facts, returned];
    let message = letter.finish(report("delivery-status", &parts));
    Some(outgoing(OutgoingKind::Reject, "", vec![sent_on.sender.clone()], message))
}

fn cut(why: &str) -> &str {
    why.get(..why.floor_char_boundary(WHY_BYTES_MAX)).unwrap_or(why)
}

/// The relay's own status (RFC 2034 §4) if it refused for good; otherwise that it took too long, or
/// nothing that is known (RFC 3463 §3.1, §3.5).
fn status(why: &str) -> &str {
    let mut words = why.split(' ');
    let code = words.next().unwrap_or_default();
    let is_status = |word: &&str| {
        let parts: Vec<&str> = word.split('.').collect();
        let is_number = |part: &&str| {
            (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        parts.len() == 3 && parts[0] == "5" && parts.iter().all(is_number)
    };
    match words.next().filter(is_status) {
        Some(status) => status,
        None if code.starts_with('4') => "5.4.7",
        None => "5.0.0",
    }
}
